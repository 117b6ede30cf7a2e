//! Runs a program on the VM in this process, which it may end.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::io;
use std::ptr::NonNull;

use super::ffi;
use super::gil::Gil;
use super::object::CodeRef;

/// An interpreter that has started, with no program running yet.  One per process.
#[derive(Debug)]
pub struct Interpreter {
    /// The strings that sys.argv is made of; C keeps pointers into them.
    _argv: Vec<CString>,
}

/// What is made the same in every run of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fixed {
    /// Sleeps take no time, and advance the clocks.
    Sleeps,
    /// Everything else too: the clocks, the turns of threads, the numbers of processes, random bytes, the order of folders.
    All,
}

impl Fixed {
    /// Fixes it for this process and those that it forks.  The process must have one thread, and no interpreter yet.
    pub fn apply(self) -> io::Result<()> {
        // SAFETY: the process has one thread, which starts the interpreter later.
        match unsafe { ffi::vm_fix((self == Fixed::All).into()) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// A script that was checked: marshalled code, and what its `__file__` is.
#[derive(Clone, Debug)]
pub struct Script {
    pub marshalled: Vec<u8>,
    pub path: CString,
}

/// A loaded script of the main program.
#[derive(Debug)]
pub struct Loaded {
    code: NonNull<ffi::_object>,
    path: CString,
}

impl Loaded {
    /// Its code object.
    pub(super) fn code(&self, _gil: Gil) -> CodeRef {
        // SAFETY: `vm_load` has made it, and this keeps it.
        unsafe { CodeRef::new(self.code.as_ptr()) }
    }
}

impl Interpreter {
    /// Starts the interpreter as `python2.7 argv[0] …` does, with `path` on sys.path after the program's folder and
    /// `executable` for sys.executable.  The process must have one thread.
    pub fn start(argv: Vec<CString>, path: &[CString], executable: &CStr) -> Interpreter {
        super::library::embed(executable, false);
        let (mut pointers, mut path) = (pointers(&argv), self::pointers(path));
        // SAFETY: the process has one thread and no interpreter; argv's strings live as long as the process, below, and the VM copies
        // those of path.
        unsafe { ffi::vm_initialize(argv.len() as c_int, pointers.as_mut_ptr(), path.as_mut_ptr()) };
        std::mem::forget(pointers);
        Interpreter { _argv: argv }
    }

    /// Loads a script; None if the VM refuses it, which it has then said on stderr.
    pub fn load(&self, script: &Script) -> Option<Loaded> {
        let Script { marshalled, path } = script;
        // SAFETY: the interpreter has started, on this thread, which holds the GIL; the VM copies what it keeps.
        let code = unsafe { ffi::vm_load(marshalled.as_ptr().cast(), marshalled.len().cast_signed()) };
        NonNull::new(code).map(|code| Loaded { code, path: path.clone() })
    }

    /// Runs the scripts one after the other as `__main__` and finalizes the interpreter; returns the exit status, unless the program
    /// ends the process.
    pub fn run(self, program: Vec<Loaded>) -> i32 {
        let scripts: Vec<ffi::vm_script> = program
            .iter()
            .map(|script| ffi::vm_script { code: script.code.as_ptr(), path: script.path.as_ptr() })
            .collect();
        // SAFETY: the interpreter has started, on this thread; the code objects are handed over, and the paths outlive the call.
        let status = unsafe { ffi::vm_run_main(scripts.as_ptr(), scripts.len()) };
        std::mem::forget(self);
        status
    }
}

impl Interpreter {
    /// Imports the program as a module of this name, calls a function of it and prints what that returns, and finalizes the interpreter;
    /// returns the exit status, unless the program ends the process.  The arguments are the constants of the other code object.
    pub fn call(self, program: Loaded, module: &CStr, function: &CStr, arguments: Loaded) -> i32 {
        let (code, path, arguments) = (program.code.as_ptr(), program.path.as_ptr(), arguments.code.as_ptr());
        // SAFETY: the interpreter has started, on this thread; both code objects are handed over, and the path outlives the call.
        let status = unsafe { ffi::vm_call(code, path, module.as_ptr(), function.as_ptr(), arguments) };
        std::mem::forget(self);
        status
    }
}

/// Compiles source as `python2.7 path` does; returns the marshalled code object, or None if the VM refuses it, which it has then said
/// on stderr.  The process must have one thread, and runs no program after it.
pub fn compile(source: &[u8], path: &CStr, executable: &CStr) -> Option<Vec<u8>> {
    super::library::embed(executable, false);
    let mut length = 0;
    // SAFETY: the process has one thread and no interpreter; the VM keeps neither the source nor the path.
    let marshalled = unsafe { ffi::vm_compile(source.as_ptr().cast(), source.len(), path.as_ptr(), &mut length) };
    if marshalled.is_null() {
        return None;
    }
    // SAFETY: it has that many bytes, and nothing frees it.
    Some(unsafe { std::slice::from_raw_parts(marshalled, length) }.to_vec())
}

/// Runs the interpreter's own command line, `argv[0]` being its name and `executable` sys.executable; calls `begins` where its program begins, unless there is none to
/// run; returns the exit status, unless the program ends the process.
pub fn python<F: FnOnce(&Interpreter)>(argv: Vec<CString>, executable: &CStr, begins: F) -> i32 {
    super::library::embed(executable, true);
    let mut pointers = pointers(&argv);
    let mut begins = Some(begins);
    let context = (&raw mut begins).cast();
    // SAFETY: the process has one thread and no interpreter; the strings live until the end of the process, and `begins`, which
    // has the type that the trampoline takes, until the call returns.
    let status =
        unsafe { ffi::vm_python_main(argv.len() as c_int, pointers.as_mut_ptr(), Some(program_begins::<F>), context) };
    std::mem::forget((argv, pointers));
    status
}

extern "C" fn program_begins<F: FnOnce(&Interpreter)>(context: *mut c_void) {
    // SAFETY: `python::<F>` passed the address of its own option, which nothing else refers to during the call.
    let begins = unsafe { &mut *context.cast::<Option<F>>() };
    if let Some(begins) = begins.take() {
        begins(&Interpreter { _argv: Vec::new() });
    }
}

/// An argument vector as C wants it, with the NULL at its end.
fn pointers(argv: &[CString]) -> Vec<*mut c_char> {
    argv.iter().map(|argument| argument.as_ptr().cast_mut()).chain([std::ptr::null_mut()]).collect()
}

/// Flushes C's stdio and ends the process without running any more of the program.
pub fn exit(status: i32) -> ! {
    // SAFETY: exit may be called at any time; the interpreter is finalized or was never started.
    unsafe { libc::exit(status) }
}
