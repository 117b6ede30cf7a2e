//! Installs a hook: the functions of C that the eval loop calls, each of which calls a method of it.

mod values;

use std::ffi::{CStr, c_char, c_int};
use std::sync::Mutex;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::place::frames;
use super::{Bytes, Called, Flow, FrameAddress, Hook, LaneHook, Leave, Lookup, Maker, Place, ThreadAddress};
use crate::vm::ffi;
use crate::vm::gil::Gil;
use crate::vm::memory::Span;
use crate::vm::object::{CodeRef, Exception};
use crate::vm::program::{Interpreter, Loaded};
use crate::vm::shared::{Control, Mode, Slot};
use crate::vm::stand_ins::StoodIn;
use crate::vm::value::ObjectRef;

pub use values::install_with_values;

/// The installed hook; its type is the one that the trampolines were made for.
static HOOK: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

/// Thread states that died: they may do so without the GIL, so the hook hears of them at the next change of threads.
static DEAD_THREADS: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// The functions that call a hook of this type.
fn hooks<H: Hook>() -> ffi::bctrace_hooks {
    ffi::bctrace_hooks {
        jump: Some(jump::<H>),
        unit: None,
        enter: Some(enter::<H>),
        leave: Some(leave::<H>),
        raised: Some(raised::<H>),
        thread: Some(thread::<H>),
        foreign: Some(foreign::<H>),
        thread_gone: Some(thread_gone),
        frame_gone: Some(frame_gone::<H>),
        code_gone: Some(code_gone::<H>),
        made: Some(made::<H>),
        read_from_library: Some(read_from_library::<H>),
        text: Some(text::<H>),
        created: Some(created::<H>),
        blob: Some(blob::<H>),
        claimed: Some(claimed::<H>),
        input: Some(input::<H>),
        lookup: Some(lookup::<H>),
        refused: Some(refused::<H>),
        shutdown: Some(shutdown::<H>),
        forked: Some(forked::<H>),
        stand_in: Some(stand_in::<H>),
    }
}

/// The thread that has the GIL.
fn current_thread(_gil: Gil) -> ThreadAddress {
    // SAFETY: a thread that has the GIL has a state.
    ThreadAddress(unsafe { ffi::vm_current_thread() } as usize)
}

/// Installs a hook behind the lane for the rest of the process and has the eval loop call it from now on, on this thread, which runs the
/// interpreter, and has loaded the program's own code if there is any.
pub fn install_behind_lane<H: LaneHook + 'static>(hook: H, program: &[Loaded], interpreter: &Interpreter) {
    let lane = ffi::bctrace_hooks {
        jump: Some(ffi::bctrace_lane_jump),
        enter: Some(ffi::bctrace_lane_enter),
        leave: Some(ffi::bctrace_lane_leave),
        ..hooks::<H>()
    };
    install(hook, lane, Mode::Runs, program, interpreter);
}

fn install<H: LaneHook + 'static>(
    mut hook: H,
    hooks: ffi::bctrace_hooks,
    mode: Mode,
    program: &[Loaded],
    _interpreter: &Interpreter,
) {
    let general = ffi::bctrace_general {
        jump: Some(jump::<H>),
        enter: Some(enter::<H>),
        leave: Some(leave::<H>),
        word: Some(word::<H>),
        pause: Some(pause::<H>),
    };
    // SAFETY: no hook is called before a mode is set, and the process has one thread.
    unsafe { ffi::bctrace_general = general };
    // SAFETY: the interpreter runs on this thread, so the thread has the GIL.
    let gil = unsafe { Gil::assume() };
    let current = current_thread(gil);
    // SAFETY: the interpreter has started.
    unsafe { ffi::vm_prepare_memory() };
    // SAFETY: as above.
    unsafe { ffi::vm_prepare_objects() };
    let _ = hook.thread(gil, current);
    program.iter().for_each(|script| hook.loaded(gil, script.code(gil)));
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
    crate::vm::memory::forget(gil);
    call(hook, gil)
}

/// Ends the process where the hook wants that.
#[inline]
fn go_on(flow: Flow) {
    if flow == Flow::Stop {
        // SAFETY: no call of the hook is on the stack any more; it does not return.
        unsafe { ffi::vm_stop() }
    }
}

/// The place that the eval loop gives.
#[inline(always)]
fn place(frame: *mut ffi::_frame, first: *const u8, instruction: *const u8) -> Place {
    Place { frame: FrameAddress(frame as usize), first: first as usize, instruction: instruction as usize }
}

extern "C" fn jump<H: Hook>(frame: *mut ffi::_frame, first: *const u8, instruction: *const u8) {
    let at = place(frame, first, instruction);
    Slot::get().count_hooked();
    // SAFETY: called by ceval.c, which holds the GIL; a hook never re-enters the eval loop.
    go_on(unsafe { with(|hook: &mut H, gil| hook.jump(gil, at)) })
}

extern "C" fn word<H: LaneHook>(start: *const u8, word: u64, first: *const u8) {
    Slot::get().count_hooked();
    // SAFETY: as in `jump`; lane.c calls it as the last thing it does.
    if unsafe { !with(|hook: &mut H, _| hook.try_word(word, first as usize, start as usize)) } {
        rare_word::<H>(start, word, first)
    }
}

/// Stands apart, so that the usual word costs no saved register.
#[cold]
#[inline(never)]
extern "C" fn rare_word<H: LaneHook>(start: *const u8, word: u64, first: *const u8) {
    // SAFETY: as in `word`.
    go_on(unsafe { with(|hook: &mut H, _| hook.word(word, first as usize, start as usize)) })
}

extern "C" fn pause<H: LaneHook>() {
    // SAFETY: as in `word`.
    go_on(unsafe { with(|hook: &mut H, _| hook.pause()) })
}

extern "C" fn enter<H: Hook>(
    frame: *mut ffi::_frame,
    code: *mut ffi::_object,
    first: *const u8,
    instruction: *const u8,
) {
    let at = place(frame, first, instruction);
    Slot::get().count_hooked();
    // SAFETY: ceval.c passes the frame's code object, which the frame keeps alive.
    let code = unsafe { CodeRef::new(code) };
    // SAFETY: as in `jump`.
    go_on(unsafe { with(|hook: &mut H, gil| hook.enter(gil, code, at)) })
}

extern "C" fn leave<H: Hook>(frame: *mut ffi::_frame, how: c_int) {
    let how = match how as u32 {
        ffi::BCTRACE_RETURN => Leave::Return,
        ffi::BCTRACE_YIELD => Leave::Yield,
        _ => Leave::Exception,
    };
    Slot::get().count_hooked();
    // SAFETY: as in `jump`.
    go_on(unsafe { with(|hook: &mut H, gil| hook.leave(gil, FrameAddress(frame as usize), how)) })
}

extern "C" fn raised<H: Hook>(
    frame: *mut ffi::_frame,
    exception_type: *mut ffi::_object,
    value: *mut ffi::_object,
    propagated: c_int,
) {
    let frame = FrameAddress(frame as usize);
    let exception = Exception::new(ObjectRef::new(exception_type), ObjectRef::new(value), propagated != 0);
    // SAFETY: as in `jump`.
    go_on(unsafe { with(|hook: &mut H, gil| hook.raised(gil, frame, exception)) })
}

extern "C" fn thread<H: Hook>(thread: *const ffi::_ts) {
    let dead = std::mem::take(&mut *DEAD_THREADS.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
    Control::get().set_thread(ThreadAddress(thread as usize));
    // SAFETY: as in `jump`: PyThreadState_Swap has just been given the GIL for this thread state.
    go_on(unsafe {
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

extern "C" fn read_from_library<H: Hook>(code: *const ffi::_object, module: u32) {
    // SAFETY: the code object that import.c has just read, which it holds.
    let code = unsafe { CodeRef::new(code.cast_mut()) };
    // SAFETY: as in `jump`: import holds the GIL.
    unsafe { with(|hook: &mut H, gil| hook.read_from_library(gil, code, module)) }
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
            let running = by.frame.map(|(frame, _)| Place { frame, first: 0, instruction: 0 }.code(gil));
            hook.text(gil, Span::new(gil, text, length), by, running)
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
pub fn follow_calls(least: usize, _interpreter: &Interpreter) {
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

extern "C" fn lookup<H: Hook>(name: *const c_char, fake: *const c_char, error: c_int) {
    // SAFETY: the C string of the C function that calls.
    let name = unsafe { CStr::from_ptr(name) }.to_bytes();
    // SAFETY: a C string that lives as long as the process.
    let fake = (!fake.is_null()).then(|| unsafe { CStr::from_ptr(fake) }.to_bytes());
    let answer = fake.map_or(Lookup::Real(error), Lookup::Fake);
    // SAFETY: as in `input`.
    unsafe { with(|hook: &mut H, gil| hook.lookup(gil, name, answer)) }
}

extern "C" fn stand_in<H: Hook>(kind: c_int, what: *const u8, length: usize, named: usize) {
    let kind = match kind {
        0 => StoodIn::Import,
        1 => StoodIn::Attribute,
        2 => StoodIn::Call,
        _ => StoodIn::Use,
    };
    // SAFETY: the bytes of a string object that the C function that calls has made.
    let what = unsafe { std::slice::from_raw_parts(what, length) };
    // SAFETY: as in `input`.
    unsafe { with(|hook: &mut H, gil| hook.stand_in(gil, kind, what, named)) }
}

extern "C" fn refused<H: Hook>(frame: *mut ffi::_frame, top: *const *mut ffi::_object) {
    // SAFETY: the frame runs.
    let first = unsafe { ffi::vm_frame_first(frame) } as usize;
    // SAFETY: as above.
    let offset = unsafe { ffi::vm_frame_offset(frame) };
    let at =
        Place { frame: FrameAddress(frame as usize), first, instruction: first.wrapping_add_signed(offset as isize) };
    // SAFETY: as in `jump`.
    go_on(unsafe { with(|hook: &mut H, gil| hook.refused(gil, at, top as usize)) })
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

extern "C" fn finished<H: Hook>() {
    // SAFETY: the question needs no interpreter.
    let is_over = unsafe { ffi::vm_is_over() } != 0;
    if is_over && Control::get().is_on() {
        // SAFETY: the interpreter is finalized: this thread is the last one that could use the hook.
        unsafe { with(|hook: &mut H, _| hook.finished()) }
    }
}
