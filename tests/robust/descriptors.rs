//! The descriptors that a traced program finds, and systems on which /proc is not mounted.

use crate::live::{self, Live, Program};

#[test]
fn a_program_finds_the_descriptors_that_bctrace_was_started_with_and_no_others() {
    let program = Program::new(
        "import fcntl, os
found = []
for number in range(2000):
    try: fcntl.fcntl(number, fcntl.F_GETFD)
    except IOError: continue
    found.append(number)
print found, os.open('/dev/null', os.O_RDONLY)
",
    );
    for options in ["", "--follow-forks"] {
        let script = format!("exec \"$0\" --no-sandbox {options} p.pyc t.bct 5</dev/null 9</dev/null");
        let found = live::run(program.shell(&script)).succeeded();
        // What runs the tests may have left some open as well.
        let plain = live::run(program.shell("exec \"$0\" python p.pyc 5</dev/null 9</dev/null")).succeeded();
        assert!(plain.starts_with("[0, 1, 2, ") && plain.contains(" 5, ") && plain.contains(" 9"), "{plain}");
        assert_eq!(found, plain);
    }
}

#[test]
fn a_pipe_that_the_program_alone_has_ends_when_the_program_closes_it() {
    let program = Program::new("import os\nos.close(5)\nos.read(0, 1)\n");
    assert!(program.shell("/usr/bin/mkfifo fifo").status().unwrap().success());
    for options in ["", "--follow-forks"] {
        let live = Live::start(program.shell(&format!("exec \"$0\" --no-sandbox {options} p.pyc t.bct 5>fifo")));
        // Ends although the program still runs.
        assert_eq!(std::fs::read(program.path("fifo")).unwrap(), b"");
        assert_eq!(live.end().status, 0);
    }
}

/// Runs a script with nothing in /proc; None if this process may not arrange that.
fn without_proc(program: &Program, script: &str) -> Option<crate::running::Ran> {
    let hide = "mount -t tmpfs none /proc && test ! -e /proc/self";
    if !program.shell(&format!("unshare -m sh -c '{hide}' 2>/dev/null")).status().unwrap().success() {
        return None;
    }
    // In the inner shell `$0` is bctrace as well.
    Some(live::run(program.shell(&format!("unshare -m sh -c '{hide} && {script}' \"$0\""))))
}

#[test]
fn a_program_is_recorded_without_proc() {
    let program = Program::new(
        "import os, sys
def f(n):
    return n and f(n - 1)
print f(9), os.path.basename(sys.executable)
sys.stdout.flush()
os.execv('/bin/sh', ['sh', '-c', 'exit 4'])
",
    );
    for trace in ["t.txt", "t.bct", "t.txt.zst"] {
        let Some(ran) = without_proc(&program, &format!("exec \"$0\" --no-sandbox p.pyc {trace}")) else { return };
        assert_eq!((ran.status, ran.stdout().as_str()), (4, "0 python2.7\n"), "{}", ran.stderr());
        assert!(ran.stderr().starts_with("bctrace: the program was replaced by exec in "), "{}", ran.stderr());
    }
    assert!(program.read("t.txt").contains("f> 0 "));
    assert_eq!(program.show(&[], "t.bct"), program.read("t.txt"));
}

#[test]
fn following_without_proc_is_refused_by_name() {
    let program = Program::new("pass\n");
    let Some(ran) = without_proc(&program, "exec \"$0\" --follow-forks p.pyc t.bct") else { return };
    live::assert_failed(&ran, &["cannot follow", "/proc is not mounted"]);
}
