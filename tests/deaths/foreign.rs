//! Deaths and forks by C code that the program calls through ctypes: nothing of the VM sees them come.

use super::{Whole, assert_dies, deeds};
use crate::live::{self, Program};

/// Deeds that need the C library, as a dictionary's entries.
fn foreign(table: &str) -> Program {
    deeds(&format!("}}; import ctypes; libc = ctypes.CDLL(None); DEEDS = {{'nothing': (id, (0,)), {table}"))
}

#[test]
fn a_crash_in_c_ends_the_trace_at_the_call() {
    let program = foreign(
        "'strlen': (libc.strlen, (0,)), 'exit': (libc._exit, (6,)),
'raise': (libc['raise'], (15,)), 'kill': (libc.kill, (me, 9))",
    );
    let whole = Whole::of(&program);
    assert_dies(&program, &whole, "strlen", 139, "bctrace: killed by SIGSEGV HERE\n");
    assert_dies(&program, &whole, "exit", 6, "");
    assert_dies(&program, &whole, "raise", 143, "bctrace: killed by SIGTERM HERE\n");
    assert_dies(&program, &whole, "kill", 137, "bctrace: killed by SIGKILL HERE\n");
}

#[test]
fn a_crash_below_a_python_function_of_the_library_is_placed_there() {
    let program = Program::new(
        "import ctypes, resource\nresource.setrlimit(resource.RLIMIT_CORE, (0, 0))\nctypes.string_at(0)\n",
    );
    let ran = program.trace(&[], "t.txt", &[]);
    let text = program.read("t.txt");
    let last = text.lines().last().unwrap();
    assert!(last.starts_with("string_at> ") && last.contains(" CALL_FUNCTION "), "{last}");
    let place = last.strip_suffix(" (2)").unwrap().replace("> ", " at ");
    assert_eq!((ran.status, ran.stderr()), (139, format!("bctrace: killed by SIGSEGV in {place}\n")));
}

#[test]
fn a_process_forked_by_c_code_is_not_traced() {
    // The grandchild runs on after the call, as the program does; 57 is fork's number on x86-64, 220 is clone's elsewhere.
    let raw = if cfg!(target_arch = "x86_64") { "(57,)" } else { "(220, 17, 0, 0, 0, 0)" };
    let program = foreign(&format!("'fork': (libc.fork, ()), 'raw': (libc.syscall, {raw})"));
    let whole = Whole::of(&program);
    for deed in ["fork", "raw"] {
        for trace in ["t.txt", "t.bct"] {
            let ran = program.trace(&[], trace, &[deed]);
            assert_eq!((ran.status, ran.stderr().as_str()), (0, ""), "{deed} {trace}");
        }
        live::assert_prefix(&program.read("t.txt"), &whole.text, deed);
        assert_eq!(program.read("t.txt").len(), whole.text.len(), "{deed}");
        assert_eq!(program.show(&[], "t.bct"), whole.text, "{deed}");
    }
}

#[test]
fn threads_of_a_killed_process_end_with_it() {
    let program = Program::new(
        "import os, signal, thread
def spin():
    while 1:
        pass
for i in range(3):
    thread.start_new_thread(spin, ())
def f():
    os.kill(os.getpid(), signal.SIGKILL)
f()
",
    );
    for trace in ["t.txt", "t.bct"] {
        let ran = program.trace(&[], trace, &[]);
        assert_eq!(ran.status, 137, "{}", ran.stderr());
        assert!(ran.stderr().starts_with("bctrace: killed by SIGKILL in "), "{}", ran.stderr());
    }
    assert!(program.read("t.txt").contains("f> "));
    assert!(program.show(&[], "t.bct").contains("f> "));
}
