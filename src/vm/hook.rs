//! The hook: the eval loop's events, as a Rust trait.  The rules that a hook obeys stand in cpython-2.7-patch/bctrace_hook.h.

mod place;
mod trampolines;

pub use place::{Place, frames};
pub use trampolines::{follow_calls, install_behind_lane, install_with_values, running_frame};

use super::ffi;
use super::gil::Gil;
use super::memory::Span;
use super::object::{CodeRef, Exception};
use super::stand_ins::StoodIn;

/// What happens after a hook has returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    Continue,
    /// The process ends here and now.
    Stop,
}

/// How a frame was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    Return,
    Yield,
    Exception,
}

/// Names a frame by its address, which may be used again once `frame_gone` or the end of its only run was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct FrameAddress(pub(super) usize);

impl FrameAddress {
    /// No frame's.
    pub const NONE: FrameAddress = FrameAddress(0);
}

/// Names a thread by its state's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ThreadAddress(pub usize);

/// The numbers of [`Maker::how`]: C code without a name, import, exec, eval, execfile, compile, marshal.loads, types.CodeType.
pub const MAKERS: [u32; 8] = [
    ffi::BCTRACE_BY_C,
    ffi::BCTRACE_BY_IMPORT,
    ffi::BCTRACE_BY_EXEC,
    ffi::BCTRACE_BY_EVAL,
    ffi::BCTRACE_BY_EXECFILE,
    ffi::BCTRACE_BY_COMPILE,
    ffi::BCTRACE_BY_MARSHAL,
    ffi::BCTRACE_BY_CODE_TYPE,
];

/// What made a code object: one C function, working for the instruction that runs.
#[derive(Clone, Copy, Debug)]
pub struct Maker<'a> {
    /// One of [`MAKERS`].
    pub how: u8,
    /// The file that is imported; empty where none is.
    pub path: &'a [u8],
    /// The frame that runs, and the offset of its instruction.
    pub frame: Option<(FrameAddress, i32)>,
    /// What [`Hook::text`] has returned for the text that it was made of, or 0.
    pub making: u32,
}

/// A C function that bytecode has called.
#[derive(Clone, Copy, Debug)]
pub struct Called<'a> {
    pub name: &'a [u8],
    /// Its module, or the type that it is a method of.
    pub owner: &'a [u8],
    /// It is not in this program's image.
    pub is_foreign: bool,
}

/// What comes of a lookup of a host.
#[derive(Clone, Copy, Debug)]
pub enum Lookup<'a> {
    /// The C library's answer: an error of getaddrinfo, which is negative, or of Linux; 0 if it has found the host or is about to look.
    Real(i32),
    /// An address that was made up.
    Fake(&'a [u8]),
}

/// What a C function had.
#[derive(Clone, Copy, Debug)]
pub enum Bytes<'a> {
    Plain(Span<'a, u8>),
    /// Code points of a unicode.
    Unicode(Span<'a, u32>),
}

/// Receives what the eval loop does.  Called with the GIL held; must not panic (a panic ends the process), block for long, or run
/// anything of Python.
pub trait Hook {
    fn jump(&mut self, gil: Gil, at: Place) -> Flow;
    fn enter(&mut self, gil: Gil, code: CodeRef, at: Place) -> Flow;
    fn leave(&mut self, gil: Gil, frame: FrameAddress, how: Leave) -> Flow;
    fn raised(&mut self, gil: Gil, frame: FrameAddress, exception: Exception) -> Flow;
    fn thread(&mut self, gil: Gil, thread: ThreadAddress) -> Flow;
    fn foreign(&mut self, gil: Gil);
    fn thread_gone(&mut self, thread: ThreadAddress);
    fn frame_gone(&mut self, frame: FrameAddress);
    fn code_gone(&mut self, code: usize);
    /// The code object at this address has been made.
    fn made(&mut self, gil: Gil, code: usize, by: Maker);
    /// Before anything runs: this code object, with those in it, is one of the program's.
    fn loaded(&mut self, gil: Gil, code: CodeRef);
    /// This code object, which was made just now with those in it, is a module of the embedded library, by its place there; no place's if it
    /// was compiled just now.
    fn read_from_library(&mut self, gil: Gil, code: CodeRef, module: u32);
    /// This text is about to be compiled for the code that runs, if any does; returns a number for `made`.
    fn text(&mut self, gil: Gil, text: Span<u8>, by: Maker, running: Option<CodeRef>) -> u32;
    /// The program gets these code objects, which were made just now.
    fn created(&mut self, gil: Gil, codes: &[CodeRef]);
    /// A C function had this: 0 as the object whose method it is, 1 as an argument, 2 as its result.
    fn blob(&mut self, gil: Gil, called: Called, role: u8, bytes: Bytes);
    /// The program has set a function's code object to the one at this address, or the default arguments of a function that has it.
    fn claimed(&mut self, code: usize);
    /// The program has read these bytes from standard input.
    fn input(&mut self, gil: Gil, bytes: &[u8]);
    /// The C library is about to look up the host of this name, or has done so, or is not asked.
    fn lookup(&mut self, gil: Gil, name: &[u8], answer: Lookup);
    /// This was done with a stand-in for something that is missing; `named` bytes of the text name what is called.
    fn stand_in(&mut self, gil: Gil, kind: StoodIn, what: &[u8], named: usize);
    /// The unit at `at`, which a frame executes, ends with an opcode that 2.7 does not define, while a map of opcodes is set; `top` is the
    /// address after the topmost entry of the value stack.
    fn refused(&mut self, gil: Gil, at: Place, top: usize) -> Flow;
    /// The exit functions have run; the interpreter begins to clear itself.
    fn shutdown(&mut self);
    /// This process was forked just now, by this thread; it begins untraced, with these frames on the stack, the running one last.
    fn forked(&mut self, gil: Gil, thread: ThreadAddress, frames: Vec<Place>);
    /// The interpreter is finalized: no bytecode follows.
    fn finished(&mut self);
}

/// A hook behind the lane ([`super::lane`]), which takes the usual events.
pub trait LaneHook: Hook {
    /// The lane has made a word that was not expected and opens the run at `start`, in code that begins at `first`.  Returns false, and has
    /// done nothing, where anything rare is to be done; then `word` is called.
    fn try_word(&mut self, word: u64, first: usize, start: usize) -> bool;
    fn word(&mut self, word: u64, first: usize, start: usize) -> Flow;
    /// The lane has come to the position that was set.
    fn pause(&mut self) -> Flow;
}

/// A hook behind the lane that in [`Mode::Values`] hears of each unit that is not [quiet], and of each event before the lane does.
///
/// [`Mode::Values`]: super::shared::Mode::Values
/// [quiet]: super::quiet
pub trait ValueHook: LaneHook {
    /// The unit at `at` is fetched next; `top` is the address after the topmost entry of the value stack.  None where control may have come
    /// from elsewhere: the lane, or `jump`, is told of that, and then `arrived` is called.
    fn unit(&mut self, gil: Gil, at: Place, top: usize) -> Option<Flow>;
    fn arrived(&mut self, gil: Gil, at: Place, top: usize) -> Flow;
    fn entering(&mut self, gil: Gil, code: &CodeRef, at: &Place);
    fn leaving(&mut self, frame: FrameAddress);
}
