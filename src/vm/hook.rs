//! The hook: the eval loop's events, as a Rust trait, and the trampolines between both.  The rules that a hook obeys stand in
//! cpython-2.7-patch/bctrace_hook.h.

use std::ffi::{CStr, c_char, c_int};
use std::sync::Mutex;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::ffi;
use super::gil::Gil;
use super::memory::Span;
use super::object::{CodeRef, Exception};
use super::shared::{Control, Mode, Slot};
use super::value::ObjectRef;

/// What happens after a hook has returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Flow {
    Continue = 0,
    /// The process ends here and now.
    Stop = 1,
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

/// Where a frame is about to fetch.  Only this module's parent makes one, of a frame that is alive.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub(super) frame: FrameAddress,
    pub(super) first: usize,
    pub(super) instruction: usize,
}

impl Place {
    #[inline]
    pub fn frame(&self) -> FrameAddress {
        self.frame
    }

    /// The address that the frame's offsets count from.
    #[inline]
    pub fn first(&self) -> usize {
        self.first
    }

    /// The address of the unit that is fetched next.
    #[inline]
    pub fn instruction(&self) -> usize {
        self.instruction
    }

    /// The offset of the unit that is fetched next; outside the code where a program jumped there.
    #[inline]
    pub fn offset(&self) -> i64 {
        self.instruction.wrapping_sub(self.first).cast_signed() as i64
    }

    /// Returns whether the bytes that the VM executes from `offset` on are these.
    ///
    /// The caller vouches that `offset + described.len()` is within the length that [`CodeRef::length`] gave for this string.
    #[inline]
    pub fn holds(&self, _gil: Gil, offset: usize, described: &[u8]) -> bool {
        let running = (self.first + offset) as *const u8;
        // SAFETY: the frame that the hook was called for executes this string, so it is alive, and the range is inside it.
        unsafe { std::slice::from_raw_parts(running, described.len()) == described }
    }

    /// Reads the opcode that the unit ends with and its operand, as the VM will; a chain of prefixes is followed for 64 of them.
    #[inline]
    pub fn opcode(&self, _gil: Gil) -> (u8, i32) {
        use crate::bytecode::opcode::{EXTENDED_ARG, has_argument};
        // SAFETY: the VM reads the same bytes right after the hook.
        let byte = |at: usize| unsafe { ((self.instruction + at) as *const u8).read() };
        let argument = |at: usize| i32::from(u16::from_le_bytes([byte(at + 1), byte(at + 2)]));
        let (mut at, mut prefix) = (0, 0i32);
        while at < 64 * 3 && byte(at) == EXTENDED_ARG {
            prefix = prefix.wrapping_shl(16) | argument(at);
            at += 3;
        }
        let opcode = byte(at);
        (opcode, if has_argument(opcode) { prefix.wrapping_shl(16) | argument(at) } else { 0 })
    }

    /// The low bits of the number of a frame that is left out; 0 where it has none.
    pub fn number(&self, _gil: Gil) -> u32 {
        // SAFETY: the hook was called for this frame, or it is on the stack, so it is alive.
        unsafe { ffi::vm_frame_number(self.frame.0 as *const ffi::_frame) }
    }

    /// Gives the frame that is entered a number, and its code object the mark of what is left out.
    pub fn leave_out(&self, _gil: Gil, number: u64, mark: u32) {
        let frame = self.frame.0 as *mut ffi::_frame;
        // SAFETY: as above; the field is the hook's.
        unsafe { ffi::vm_set_frame_number(frame, number as u32) };
        // SAFETY: as above, and so is this one.
        unsafe { ffi::vm_mark_code(frame, mark) };
    }

    /// The frame's code object.
    pub fn code(&self, _gil: Gil) -> CodeRef {
        // SAFETY: the hook was called for this frame, so it is alive.
        let code = unsafe { ffi::vm_frame_code(self.frame.0 as *const ffi::_frame) };
        // SAFETY: the frame keeps its code object alive.
        unsafe { CodeRef::new(code) }
    }

    /// Copies the unit that is fetched next, byte by byte as the VM will, wherever it lies.  A chain of prefixes is followed for 64
    /// of them.
    pub fn fetch(&self, _gil: Gil) -> Vec<u8> {
        use crate::bytecode::opcode::{EXTENDED_ARG, has_argument};
        // SAFETY: the VM reads the same bytes right after the hook; where they are not mapped it dies the same way.
        let byte = |at: usize| unsafe { ((self.instruction + at) as *const u8).read() };
        let mut bytes = vec![byte(0)];
        while bytes.len() < 64 * 3 && bytes[bytes.len() - 1] == EXTENDED_ARG {
            let at = bytes.len();
            bytes.extend([byte(at), byte(at + 1), byte(at + 2)]);
        }
        let opcode = bytes[bytes.len() - 1];
        if has_argument(opcode) || bytes.len() > 1 {
            let at = bytes.len();
            bytes.extend([byte(at), byte(at + 1)]);
        }
        bytes
    }
}

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
    /// `top` is the address after the topmost entry of the value stack.
    fn unit(&mut self, gil: Gil, at: Place, top: usize) -> Flow;
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
    /// This text is about to be compiled for code of this file name; returns a number for `made`.
    fn text(&mut self, gil: Gil, text: Span<u8>, by: Maker, filename: &[u8]) -> u32;
    /// The program gets these code objects, which were made just now.
    fn created(&mut self, gil: Gil, codes: &[CodeRef]);
    /// A C function had this: 0 as the object whose method it is, 1 as an argument, 2 as its result.
    fn blob(&mut self, gil: Gil, called: Called, role: u8, bytes: Bytes);
    /// The program has set a function's code object to the one at this address, or the default arguments of a function that has it.
    fn claimed(&mut self, code: usize);
    /// The program has read these bytes from standard input.
    fn input(&mut self, gil: Gil, bytes: &[u8]);
    /// The C library is about to look up the host of this name.
    fn lookup(&mut self, gil: Gil, name: &[u8]);
    /// The unit at `at`, which a frame executes, ends with an opcode that 2.7 does not define, while a map of opcodes is set; `top` as in
    /// `unit`.
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
    /// The lane has made a word that was not expected and opens the run at `start`, in code that begins at `first`.
    fn word(&mut self, word: u64, first: usize, start: usize) -> Flow;
    /// The lane has come to the position that was set.
    fn pause(&mut self) -> Flow;
}

/// The installed hook; its type is the one that the trampolines were made for.
static HOOK: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

/// Thread states that died: they may do so without the GIL, so the hook hears of them at the next change of threads.
static DEAD_THREADS: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// The functions that call a hook of this type.
fn hooks<H: Hook>() -> ffi::bctrace_hooks {
    ffi::bctrace_hooks {
        jump: Some(jump::<H>),
        unit: Some(unit::<H>),
        enter: Some(enter::<H>),
        leave: Some(leave::<H>),
        raised: Some(raised::<H>),
        thread: Some(thread::<H>),
        foreign: Some(foreign::<H>),
        thread_gone: Some(thread_gone),
        frame_gone: Some(frame_gone::<H>),
        code_gone: Some(code_gone::<H>),
        made: Some(made::<H>),
        text: Some(text::<H>),
        created: Some(created::<H>),
        blob: Some(blob::<H>),
        claimed: Some(claimed::<H>),
        input: Some(input::<H>),
        lookup: Some(lookup::<H>),
        refused: Some(refused::<H>),
        shutdown: Some(shutdown::<H>),
        forked: Some(forked::<H>),
    }
}

/// The thread that has the GIL.
fn current_thread(_gil: Gil) -> ThreadAddress {
    // SAFETY: a thread that has the GIL has a state.
    ThreadAddress(unsafe { ffi::vm_current_thread() } as usize)
}

/// Installs a hook behind the lane; otherwise as [`install`].
pub fn install_behind_lane<H: LaneHook + 'static>(hook: H, interpreter: &super::program::Interpreter) {
    let general = ffi::bctrace_general {
        jump: Some(jump::<H>),
        enter: Some(enter::<H>),
        leave: Some(leave::<H>),
        word: Some(word::<H>),
        pause: Some(pause::<H>),
    };
    // SAFETY: no hook is called before a mode is set, and the process has one thread.
    unsafe { ffi::bctrace_general = general };
    let lane = ffi::bctrace_hooks {
        jump: Some(ffi::bctrace_lane_jump),
        enter: Some(ffi::bctrace_lane_enter),
        leave: Some(ffi::bctrace_lane_leave),
        ..hooks::<H>()
    };
    install_hooks(hook, lane, Mode::Off, interpreter);
    Control::get().set_mode(Mode::Runs);
}

/// Installs a hook for the rest of the process and has the eval loop call it from now on, in this mode, on this thread, which runs
/// the interpreter.
pub fn install<H: Hook + 'static>(hook: H, mode: Mode, interpreter: &super::program::Interpreter) {
    install_hooks(hook, hooks::<H>(), mode, interpreter);
}

fn install_hooks<H: Hook + 'static>(
    mut hook: H,
    hooks: ffi::bctrace_hooks,
    mode: Mode,
    _interpreter: &super::program::Interpreter,
) {
    // SAFETY: the interpreter runs on this thread, so the thread has the GIL.
    let gil = unsafe { Gil::assume() };
    let current = current_thread(gil);
    // SAFETY: the interpreter has started.
    unsafe { ffi::vm_prepare_memory() };
    // SAFETY: as above.
    unsafe { ffi::vm_prepare_objects() };
    let _ = hook.thread(gil, current);
    HOOK.store(Box::into_raw(Box::new(hook)).cast(), Ordering::Release);
    // SAFETY: no hook is called before a mode is set, and the process has one thread.
    unsafe { ffi::bctrace_hooks = hooks };
    // SAFETY: the handler is a function that returns.
    unsafe { libc::atexit(finished::<H>) };
    Control::get().set_thread(current);
    Control::get().set_mode(mode);
}

/// Runs `call` on the installed hook.
///
/// # Safety
/// The GIL is held, `H` is the type that was installed, and no call of the hook is on this process's stack.
#[inline]
unsafe fn with<H: Hook, T>(call: impl FnOnce(&mut H, Gil) -> T) -> T {
    let hook = HOOK.load(Ordering::Relaxed).cast::<H>();
    // SAFETY: the pointer is the box that `install::<H>` leaked; the GIL makes this the only reference.
    let hook = unsafe { &mut *hook };
    // SAFETY: by this function's contract.
    let gil = unsafe { Gil::assume() };
    super::memory::forget(gil);
    call(hook, gil)
}

#[inline]
fn status(flow: Flow) -> c_int {
    flow as c_int
}

extern "C" fn jump<H: Hook>(frame: *mut ffi::_frame, first: *const u8, instruction: *const u8) -> c_int {
    let at = Place { frame: FrameAddress(frame as usize), first: first as usize, instruction: instruction as usize };
    Slot::get().count_hooked();
    // SAFETY: called by ceval.c, which holds the GIL; a hook never re-enters the eval loop.
    status(unsafe { with(|hook: &mut H, gil| hook.jump(gil, at)) })
}

extern "C" fn word<H: LaneHook>(word: u64, first: *const u8, start: *const u8) -> c_int {
    Slot::get().count_hooked();
    // SAFETY: as in `jump`; lane.c calls it as the last thing it does.
    status(unsafe { with(|hook: &mut H, _| hook.word(word, first as usize, start as usize)) })
}

extern "C" fn pause<H: LaneHook>() -> c_int {
    // SAFETY: as in `word`.
    status(unsafe { with(|hook: &mut H, _| hook.pause()) })
}

extern "C" fn unit<H: Hook>(
    frame: *mut ffi::_frame,
    first: *const u8,
    instruction: *const u8,
    top: *const *mut ffi::_object,
) -> c_int {
    let at = Place { frame: FrameAddress(frame as usize), first: first as usize, instruction: instruction as usize };
    // SAFETY: as in `jump`.
    status(unsafe { with(|hook: &mut H, gil| hook.unit(gil, at, top as usize)) })
}

extern "C" fn enter<H: Hook>(
    frame: *mut ffi::_frame,
    code: *mut ffi::_object,
    first: *const u8,
    instruction: *const u8,
) -> c_int {
    let at = Place { frame: FrameAddress(frame as usize), first: first as usize, instruction: instruction as usize };
    Slot::get().count_hooked();
    // SAFETY: ceval.c passes the frame's code object, which the frame keeps alive.
    let code = unsafe { CodeRef::new(code) };
    // SAFETY: as in `jump`.
    status(unsafe { with(|hook: &mut H, gil| hook.enter(gil, code, at)) })
}

extern "C" fn leave<H: Hook>(frame: *mut ffi::_frame, how: c_int) -> c_int {
    let how = match how as u32 {
        ffi::BCTRACE_RETURN => Leave::Return,
        ffi::BCTRACE_YIELD => Leave::Yield,
        _ => Leave::Exception,
    };
    Slot::get().count_hooked();
    // SAFETY: as in `jump`.
    status(unsafe { with(|hook: &mut H, gil| hook.leave(gil, FrameAddress(frame as usize), how)) })
}

extern "C" fn raised<H: Hook>(
    frame: *mut ffi::_frame,
    exception_type: *mut ffi::_object,
    value: *mut ffi::_object,
    propagated: c_int,
) -> c_int {
    let frame = FrameAddress(frame as usize);
    let exception = Exception::new(ObjectRef::new(exception_type), ObjectRef::new(value), propagated != 0);
    // SAFETY: as in `jump`.
    status(unsafe { with(|hook: &mut H, gil| hook.raised(gil, frame, exception)) })
}

extern "C" fn thread<H: Hook>(thread: *const ffi::_ts) -> c_int {
    let dead = std::mem::take(&mut *DEAD_THREADS.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
    Control::get().set_thread(ThreadAddress(thread as usize));
    // SAFETY: as in `jump`: PyThreadState_Swap has just been given the GIL for this thread state.
    status(unsafe {
        with(|hook: &mut H, gil| {
            dead.into_iter().for_each(|thread| hook.thread_gone(ThreadAddress(thread)));
            hook.thread(gil, ThreadAddress(thread as usize))
        })
    })
}

extern "C" fn foreign<H: Hook>() {
    // SAFETY: as in `jump`: the import holds the GIL.
    unsafe { with(|hook: &mut H, gil| hook.foreign(gil)) }
}

extern "C" fn thread_gone(thread: *const ffi::_ts) {
    Control::get().forget_thread(ThreadAddress(thread as usize));
    DEAD_THREADS.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(thread as usize);
}

extern "C" fn frame_gone<H: Hook>(frame: *const ffi::_frame) {
    // SAFETY: as in `jump`: objects are freed with the GIL held, and a hook frees none.
    unsafe { with(|hook: &mut H, _| hook.frame_gone(FrameAddress(frame as usize))) }
}

extern "C" fn code_gone<H: Hook>(code: *const std::ffi::c_void) {
    // SAFETY: as in `frame_gone`.
    unsafe { with(|hook: &mut H, _| hook.code_gone(code as usize)) }
}

extern "C" fn made<H: Hook>(
    code: *const std::ffi::c_void,
    how: c_int,
    path: *const c_char,
    frame: *const ffi::_frame,
    making: u32,
) {
    // SAFETY: `path` is NULL or a C string of the function that makes the code object, which is still running.
    let path = if path.is_null() { &[][..] } else { unsafe { CStr::from_ptr(path) }.to_bytes() };
    let by = Maker { how: how as u8, path, frame: running(frame), making };
    // SAFETY: as in `jump`: PyCode_New is called with the GIL held, and a hook makes no code objects.
    unsafe { with(|hook: &mut H, gil| hook.made(gil, code as usize, by)) }
}

fn running(frame: *const ffi::_frame) -> Option<(FrameAddress, i32)> {
    (!frame.is_null()).then(|| {
        // SAFETY: the frame is the running one of the thread that holds the GIL.
        let offset = unsafe { ffi::vm_frame_offset(frame) };
        (FrameAddress(frame as usize), offset)
    })
}

/// The frame that runs, if there is one, and the offset of its instruction.
pub fn running_frame(_gil: Gil) -> Option<(FrameAddress, i32)> {
    // SAFETY: the GIL is held.
    running(unsafe { ffi::vm_current_frame() })
}

extern "C" fn text<H: Hook>(text: *const u8, length: usize, how: c_int, frame: *const ffi::_frame) -> u32 {
    let by = Maker { how: how as u8, path: &[], frame: running(frame), making: 0 };
    // SAFETY: as in `jump`: the function that compiles holds the GIL, and a hook compiles nothing.
    unsafe {
        with(|hook: &mut H, gil| {
            let place = by.frame.map(|(frame, _)| Place { frame, first: 0, instruction: 0 });
            let filename = place.map_or(&[][..], |place| place.code(gil).filename(gil));
            hook.text(gil, Span::new(gil, text, length), by, filename)
        })
    }
}

extern "C" fn created<H: Hook>(result: *const ffi::_object) {
    // SAFETY: as in `jump`: the function that returns this holds the GIL, and a hook creates nothing.
    unsafe { with(|hook: &mut H, gil| hook.created(gil, &CodeRef::held_by(gil, ObjectRef::new(result)))) }
}

extern "C" fn blob<H: Hook>(
    called: *const ffi::bctrace_called,
    role: c_int,
    bytes: *const u8,
    length: usize,
    unit: usize,
) {
    // SAFETY: contents.c passes the address of its own struct.
    let called = unsafe { &*called };
    // SAFETY: the name is a C string of the function that was called.
    let name = unsafe { CStr::from_ptr(called.name) }.to_bytes();
    // SAFETY: and so is the owner's.
    let owner = unsafe { CStr::from_ptr(called.owner) }.to_bytes();
    let called = Called { name, owner, is_foreign: called.is_foreign != 0 };
    // SAFETY: as in `jump`: bytecode that calls a function holds the GIL, and a hook calls none.
    unsafe {
        with(|hook: &mut H, gil| {
            let bytes = match unit {
                1 => Bytes::Plain(Span::new(gil, bytes, length)),
                _ => Bytes::Unicode(Span::new(gil, bytes.cast(), length)),
            };
            hook.blob(gil, called, role as u8, bytes);
        })
    }
}

/// Has [`Hook::blob`] called for contents of at least this many bytes or code points, of what bytecode calls.
pub fn follow_calls(least: usize, _interpreter: &super::program::Interpreter) {
    // SAFETY: the interpreter runs on this thread, which has the GIL.
    unsafe { ffi::vm_follow_calls(least) }
}

extern "C" fn claimed<H: Hook>(code: *const std::ffi::c_void) {
    // SAFETY: as in `jump`: an attribute is set with the GIL held, and a hook sets none.
    unsafe { with(|hook: &mut H, _| hook.claimed(code as usize)) }
}

extern "C" fn input<H: Hook>(bytes: *const u8, length: usize) {
    // SAFETY: so many bytes were read there just now, by the C function that calls.
    let bytes = unsafe { std::slice::from_raw_parts(bytes, length) };
    // SAFETY: as in `jump`: a C function gives notice with the GIL held, and a hook reads nothing.
    unsafe { with(|hook: &mut H, gil| hook.input(gil, bytes)) }
}

extern "C" fn lookup<H: Hook>(name: *const c_char) {
    // SAFETY: the C string of the C function that calls.
    let name = unsafe { CStr::from_ptr(name) }.to_bytes();
    // SAFETY: as in `input`.
    unsafe { with(|hook: &mut H, gil| hook.lookup(gil, name)) }
}

extern "C" fn refused<H: Hook>(frame: *mut ffi::_frame, top: *const *mut ffi::_object) -> c_int {
    // SAFETY: the frame runs.
    let first = unsafe { ffi::vm_frame_first(frame) } as usize;
    // SAFETY: as above.
    let offset = unsafe { ffi::vm_frame_offset(frame) };
    let at =
        Place { frame: FrameAddress(frame as usize), first, instruction: first.wrapping_add_signed(offset as isize) };
    // SAFETY: as in `jump`.
    unsafe { with(|hook: &mut H, gil| hook.refused(gil, at, top as usize)) as c_int }
}

extern "C" fn shutdown<H: Hook>() {
    // SAFETY: as in `jump`: Py_Finalize is called with the GIL held.
    unsafe { with(|hook: &mut H, _| hook.shutdown()) }
}

extern "C" fn forked<H: Hook>() {
    // SAFETY: the thread that forked has the GIL, as it had in the parent.
    let gil = unsafe { Gil::assume() };
    let thread = current_thread(gil);
    Control::get().set_thread(thread);
    // SAFETY: as in `jump`.
    unsafe { with(|hook: &mut H, _| hook.forked(gil, thread, frames(gil, 0, usize::MAX))) }
}

/// The last frames of the running thread, the running one last and without the `above` last ones of all.  Where a frame fetches next
/// is not known: each stands at its beginning.
pub fn frames(_gil: Gil, above: usize, most: usize) -> Vec<Place> {
    let mut frames = Vec::new();
    // SAFETY: the GIL is held.
    let mut frame = unsafe { ffi::vm_current_frame() };
    for _ in 0..above {
        if !frame.is_null() {
            // SAFETY: a frame on the stack is alive.
            frame = unsafe { ffi::vm_frame_back(frame) };
        }
    }
    while !frame.is_null() && frames.len() < most {
        // SAFETY: a frame on the stack is alive, and so is its code object.
        let first = unsafe { ffi::vm_frame_first(frame) } as usize;
        frames.push(Place { frame: FrameAddress(frame as usize), first, instruction: first });
        // SAFETY: as above.
        frame = unsafe { ffi::vm_frame_back(frame) };
    }
    frames.reverse();
    frames
}

extern "C" fn finished<H: Hook>() {
    // SAFETY: the question needs no interpreter.
    let is_over = unsafe { ffi::vm_is_over() } != 0;
    if is_over && Control::get().is_on() {
        // SAFETY: the interpreter is finalized: this thread is the last one that could use the hook.
        unsafe { with(|hook: &mut H, _| hook.finished()) }
    }
}
