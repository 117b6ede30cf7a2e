//! --follow-forks: every process that the program forks has a trace of its own, each as right as that of the first.

use std::path::PathBuf;

use crate::live::{self, Live, Program};

impl Program {
    /// The traces beside `t.bct` that --follow-forks has made.
    fn descendants(&self) -> Vec<String> {
        let names = self.path(".").read_dir().unwrap().map(|entry| PathBuf::from(entry.unwrap().file_name()));
        let names = names.filter_map(|name| Some(name.to_str()?.to_owned()));
        names.filter(|name| name.starts_with("t.") && name.ends_with(".bct") && name != "t.bct").collect()
    }

    /// Traces to `t.bct` with --follow-forks; returns what was printed, and the other traces, of which there must be this many.
    #[track_caller]
    pub fn follow(&self, options: &[&str], others: usize) -> (String, Vec<String>) {
        let ran = self.trace(&[options, &["--follow-forks"]].concat(), "t.bct", &[]);
        assert_eq!((ran.status, ran.stderr().as_str()), (0, ""));
        let found = self.descendants();
        assert_eq!(found.len(), others, "{found:?}");
        (ran.stdout(), found)
    }

    /// How a trace ended, by `bctrace info`: the words before the place.
    fn end(&self, trace: &str) -> String {
        let info = live::run(self.command(["info", trace])).succeeded();
        let end =
            info.lines().find_map(|line| line.strip_prefix("end")).expect("the trace has an end").trim().to_owned();
        end.split(" in ").next().unwrap_or_default().to_owned()
    }
}

/// The child does something else than its parent and ends with status 7.
const TWO: &str = "import os, sys
def child(n):
    return [i + n for i in (1, 2)]
def parent(n):
    return n + 1
def numbers():
    yield 1
    yield 2
def split(begun):
    if os.fork() == 0:
        child(3)
        next(begun)
        sys.exit(7)
    os.wait()
    return parent(1)
begun = numbers()
next(begun)
split(begun)
next(begun)
";

/// The lines of a trace without what stands in the library.
fn show(program: &Program, trace: &str) -> Vec<String> {
    program.show(&["-r", "--no-stdlib", "--depth"], trace).lines().map(str::to_string).collect()
}

#[test]
fn parent_and_child_have_a_trace_each() {
    let program = Program::new(TWO);
    let (_, others) = program.follow(&[], 1);
    let (parent, child) = (show(&program, "t.bct"), show(&program, &others[0]));
    // The child's begins after the fork, in the frames that were there, and ends as it did.
    let fork = parent.iter().position(|line| line.ends_with("COMPARE_OP (==)")).unwrap() - 1;
    assert_eq!(child[..3], parent[fork..fork + 3]);
    assert_eq!(child[3].trim(), "split> 18 LOAD_GLOBAL (child)");
    let names = |lines: &[String]| {
        let mut names: Vec<_> = lines.iter().map(|line| line.split('>').next().unwrap().trim().to_string()).collect();
        names.dedup();
        names
    };
    assert_eq!(names(&child), ["split", "child", "split", "numbers", "split"]);
    assert_eq!(names(&parent)[..2], ["<module", "numbers"]);
    assert!(!names(&parent).contains(&"child".to_string()));
    assert!(child[0].starts_with("  split"), "{:?}", child[0]);
    assert!(child.last().unwrap().ends_with("CALL_FUNCTION (1)"));
    assert_eq!(
        (program.end("t.bct").as_str(), program.end(&others[0]).as_str()),
        ("exited with status 0", "exited with status 7")
    );
}

#[test]
fn what_a_child_executes_is_what_it_would_execute_alone() {
    const WORK: &str = "def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
def risky(n):
    try:
        return [1][n]
    except IndexError:
        return list(i for i in xrange(n))
def work():
    for n in xrange(200):
        repr(risky(n % 3))
    return fib(12)
";
    let alone = Program::new(&format!("{WORK}work()\n"));
    let alone = alone.text(&["-n", "fib", "-n", "risky", "-n", "work", "-n", "<genexpr>"], &[]);
    let source = format!("import os\n{WORK}if os.fork():\n    os.wait()\nelse:\n    work()\n    os._exit(0)\n");
    let program = Program::new(&source);
    for options in [&[][..], &["--values"]] {
        let others = program.follow(options, 1).1;
        let filter = ["-n", "fib", "-n", "risky", "-n", "work", "-n", "<genexpr>", "--no-values"];
        assert_eq!(program.show(&filter, &others[0]), alone, "{options:?}");
        std::fs::remove_file(program.path(&others[0])).unwrap();
    }
}

#[test]
fn the_first_trace_is_the_same_with_and_without() {
    let program = Program::new(TWO);
    program.follow(&[], 1);
    let followed = program.show(&[], "t.bct");
    assert_eq!(program.text(&[], &[]), followed);
}

#[test]
fn filters_and_limits_are_each_process_own() {
    let program = Program::new(TWO);
    let others = program.follow(&["-n", "child"], 1).1;
    let text = program.show(&[], &others[0]);
    assert!(text.lines().count() > 5 && text.lines().all(|line| line.starts_with("child> ")), "{text}");
    assert_eq!(program.show(&[], "t.bct"), "");
    let loops = Program::new("import os\nif os.fork():\n    os.wait()\nelse:\n    while 1: pass\n");
    let ran = loops.trace(&["--follow-forks", "--max-instructions", "1000"], "t.bct", &[]);
    assert_eq!(ran.status, 0);
    let other = &loops.descendants()[0];
    assert_eq!(loops.end(other), "stopped by --max-instructions");
    assert_eq!(loops.show(&[], other).lines().count(), 1000);
}

#[test]
fn rings_are_used_again() {
    let program = Program::new(
        "import os
for i in range(100):
    pid = os.fork()
    if pid == 0:
        os._exit(i)
    assert os.waitpid(pid, 0)[1] >> 8 == i
",
    );
    let mut ends: Vec<String> = program.follow(&[], 100).1.iter().map(|trace| program.end(trace)).collect();
    // An older kernel does not report the status of a process that its parent has reaped already.
    ends.retain(|end| end != "ended, and only its parent was told how");
    let statuses: std::collections::BTreeSet<_> = ends.iter().collect();
    assert_eq!(statuses.len(), ends.len());
    assert!(ends.iter().all(|end| end.starts_with("exited with status ")), "{ends:?}");
}

#[test]
fn more_processes_than_can_be_followed_run_untraced_and_are_counted() {
    let program = Program::new(
        "import os
go, hold = os.pipe()
pids = []
for i in range(40):
    pid = os.fork()
    if pid == 0:
        os.close(hold)
        os.read(go, 1)
        os._exit(0)
    pids.append(pid)
os.close(hold)
for pid in pids:
    os.waitpid(pid, 0)
print 'done'
",
    );
    let ran = program.trace(&["--follow-forks"], "t.bct", &[]);
    assert_eq!((ran.status, ran.stdout().as_str()), (0, "done\n"));
    let followed = program.descendants();
    assert!(followed.len() >= 32, "{followed:?}");
    if followed.len() < 40 {
        let untraced = format!("bctrace: {} processes could not be followed and ran untraced\n", 40 - followed.len());
        assert_eq!(ran.stderr(), untraced);
    }
    followed.iter().for_each(|trace| assert!(program.end(trace).starts_with("e"), "{trace}"));
}

#[test]
fn a_fork_in_a_thread_and_a_fork_of_a_fork_are_followed() {
    let program = Program::new(
        "import os, threading
def inner(n):
    return n * n
def work(n):
    pid = os.fork()
    if pid == 0:
        thread = threading.Thread(target=inner, args=(n,))
        thread.start()
        thread.join()
        if os.fork() == 0:
            inner(n)
            os._exit(0)
        os.wait()
        os._exit(0)
    os.waitpid(pid, 0)
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
",
    );
    for trace in program.follow(&[], 8).1 {
        let inner = program.show(&["-r", "-n", "inner"], &trace);
        assert_eq!(inner.lines().count(), 4, "{trace}: {inner}");
    }
    assert_eq!(program.show(&["-n", "inner"], "t.bct"), "");
}

#[test]
fn the_workers_of_a_pool_are_followed() {
    let program = Program::new(
        "import multiprocessing
def square(n):
    return n * n
pool = multiprocessing.Pool(3)
print sum(pool.map(square, range(100)))
pool.close()
pool.join()
",
    );
    let (printed, others) = program.follow(&[], 3);
    assert_eq!(printed, "328350\n");
    let lines: usize = others.iter().map(|trace| program.show(&["-n", "square"], trace).lines().count()).sum();
    assert_eq!(lines, 4 * 100);
}

#[test]
fn a_child_that_a_signal_kills_is_exact_and_reported() {
    let program = Program::new(
        "import os, signal
pid = os.fork()
if pid == 0:
    os.kill(os.getpid(), signal.SIGKILL)
print os.waitpid(pid, 0)[1]
",
    );
    let ran = program.trace(&["--follow-forks"], "t.bct", &[]);
    assert_eq!((ran.status, ran.stdout().as_str()), (0, "9\n"));
    let trace = &program.descendants()[0];
    let last = program.show(&[], trace);
    assert!(last.ends_with("CALL_FUNCTION (2)\n"), "{last}");
    let end = program.end(trace);
    assert!(end == "killed by signal 9" || end == "ended, and only its parent was told how", "{end}");
}

#[test]
fn the_end_waits_for_a_child_that_outlives_the_program() {
    let program = Program::new(
        "import os
if os.fork() == 0:
    os.write(1, 'ready\\n')
    os.read(0, 1)
    [i for i in range(3)]
    os._exit(5)
",
    );
    let mut live = Live::start(program.tracing(&["--follow-forks"], "t.bct", &[]));
    assert_eq!(live.line(), "ready");
    live::until("the program's own trace has its end", || {
        let info = live::run(program.command(["info", "t.bct"]));
        (info.status == 0).then_some(())
    });
    // Only now does the child read the end of its input.
    assert_eq!(live.end().status, 0);
    let trace = &program.descendants()[0];
    assert_eq!(program.end(trace), "exited with status 5");
    assert_eq!(
        program.show(&["-r"], trace).matches("STORE_FAST").count()
            + program.show(&["-r"], trace).matches("(i)").count(),
        6
    );
}

#[test]
fn a_child_that_replaces_itself_has_a_trace_up_to_there() {
    let program = Program::free("import subprocess\nprint subprocess.call(['/bin/sh', '-c', 'exit 3'])\n");
    let (printed, others) = program.follow(&[], 1);
    assert_eq!(printed, "3\n");
    assert!(program.show(&["-r"], &others[0]).lines().last().unwrap().contains("> "));
    let info = live::run(program.command(["info", &others[0]])).succeeded();
    assert!(info.contains("another program"), "{info}");
}

#[test]
fn a_killed_front_takes_the_children_along_and_loses_nothing() {
    let program = Program::new(
        "import os
i = 0
if os.fork() == 0:
    os.write(1, '%d\\n' % os.getpid())
    while 1:
        try:
            raise ValueError
        except ValueError:
            i += 1
os.wait()
",
    );
    let mut live = Live::start(program.tracing(&["--follow-forks"], "t.bct", &[]));
    let child: u32 = live.line().parse().unwrap();
    live.kill();
    live::until("the child is dead", || live::is_gone(child).then_some(()));
    assert_eq!(live.end().status, 137);
    // Both traces are complete.
    for trace in program.descendants().into_iter().chain(["t.bct".into()]) {
        assert_eq!(program.end(&trace), "killed by signal 9", "{trace}");
    }
}

#[test]
fn a_process_that_kills_its_own_recorder_has_the_same_trace() {
    let program = Program::free(
        "import os, signal, sys
def work():
    for i in range(3):
        for j in range(i): str(j)
def recorders():
    for name in os.listdir('/proc'):
        try:
            stat = open('/proc/%s/stat' % name).read()
        except IOError:
            continue
        if '(bctrace-record)' in stat and stat.rsplit(') ')[1].split()[1] == front: yield int(name)
front = open('/proc/%d/stat' % os.getppid()).read().rsplit(') ')[1].split()[1]
kill = len(sys.argv) > 1
others = set(recorders()) if kill else set()
if os.fork() == 0:
    work()
    for pid in (set(recorders()) - others if kill else ()):
        os.kill(pid, signal.SIGKILL)
    work()
    os._exit(7)
os.wait()
work()
",
    );
    let work = |trace: &str| program.show(&["-r", "-n", "work"], trace);
    let mut whole = None;
    for arguments in [&[][..], &["kill"]] {
        let ran = program.trace(&["--follow-forks"], "t.bct", arguments);
        assert_eq!((ran.status, ran.stderr().as_str()), (0, ""));
        let others = program.descendants();
        assert_eq!(others.len(), 1);
        let end = program.end(&others[0]);
        // The process can have ended, and its parent can have taken its status, before the next recorder looks.
        let is_unknown = !arguments.is_empty() && end == "ended, and only its parent was told how";
        assert!(end == "exited with status 7" || is_unknown, "{end}");
        let found = (work("t.bct"), work(&others[0]));
        assert!(found.0.lines().count() > 30 && found.1.lines().count() == 2 * found.0.lines().count());
        assert_eq!(*whole.get_or_insert_with(|| found.clone()), found);
        std::fs::remove_file(program.path(&others[0])).unwrap();
    }
}

#[test]
fn the_time_is_over_for_all_of_them() {
    let program = Program::new("import os\nos.fork()\nos.fork()\nwhile 1: pass\n");
    let ran = program.trace(&["--follow-forks", "--timeout", "300ms"], "t.bct", &[]);
    assert_eq!(ran.status, 124, "{}", ran.stderr());
    let others = program.descendants();
    assert_eq!(others.len(), 3);
    others.iter().for_each(|trace| assert_eq!(program.end(trace), "stopped by --timeout"));
}

#[test]
fn a_trace_that_has_no_place_for_others_beside_it_is_refused() {
    let program = Program::new("import os\nos.fork()\n");
    for trace in ["-", "/dev/null"] {
        let ran = program.trace(&["--follow-forks"], trace, &[]);
        live::assert_failed(&ran, &["--follow-forks", "beside"]);
    }
    let ran = program.trace(&["--follow-forks", "--format", "null"], "/dev/null", &[]);
    assert_eq!((ran.status, ran.stderr().as_str()), (0, ""));
}

/// Starts the interpreter in the ways that programs do.
const STARTS: &str = "import os, subprocess, sys
command = [sys.executable, '-c', 'import sys\\ndef f(n): return n + 1\\nsys.exit(f(int(sys.argv[1])))']
print subprocess.call(command + ['2'])
print subprocess.call(command + ['3'], env={})
sys.stdout.flush()
os.execv(sys.executable, command + ['4'])
";

#[test]
fn an_interpreter_that_the_program_starts_is_followed() {
    let program = Program::free(STARTS);
    let ran = program.trace(&["--follow-forks", "-n", "f"], "t.bct", &[]);
    // The third has taken the place of the first process.
    assert_eq!((ran.status, ran.stdout().as_str()), (5, "3\n4\n"), "{}", ran.stderr());
    let started: Vec<String> =
        program.descendants().into_iter().filter(|trace| !program.show(&[], trace).is_empty()).collect();
    // An empty environment does not say where the recorder is.
    assert_eq!(started.len(), 2, "{started:?}");
    let mut arguments = Vec::new();
    for trace in &started {
        assert_eq!(program.show(&["-r"], trace).lines().count(), 4);
        let start = program.show(&["--format", "jsonl"], trace).lines().next().unwrap().to_string();
        assert!(start.contains("\"-c\""), "{start}");
        arguments.extend(["\"2\"", "\"4\""].into_iter().filter(|argument| start.contains(argument)));
    }
    arguments.sort_unstable();
    assert_eq!(arguments, ["\"2\"", "\"4\""]);
}

#[test]
fn a_recorded_interpreter_follows_as_well() {
    let program = Program::new(STARTS);
    std::fs::write(program.path("p.py"), STARTS.replace("os.execv", "subprocess.call([]) if 0 else str")).unwrap();
    let ran = live::run(program.command(["python", "--trace-to", "t.bct", "--no-sandbox", "--follow-forks", "p.py"]));
    assert_eq!((ran.status, ran.stdout().as_str()), (1, "3\n4\n"), "{}", ran.stderr());
    let with_f = |trace: &String| !program.show(&["-n", "f"], trace).is_empty();
    assert_eq!(program.descendants().iter().filter(|trace| with_f(trace)).count(), 1);
}

#[test]
fn without_follow_forks_nothing_shows_a_recorder() {
    let program = Program::new("import os\nprint [name for name in os.environ if 'BCTRACE' in name]\n");
    assert_eq!(program.trace(&[], "t.bct", &[]).succeeded(), "[]\n");
    let mut command = program.tracing(&[], "t.bct", &[]);
    for address in ["", ":", "1:3", "x:y", "99999999:3"] {
        let mut python = program.command(["python", "-c", "print 6 * 7"]);
        python.env("BCTRACE_FOLLOW", address);
        assert_eq!(live::run(python).succeeded(), "42\n", "{address}");
    }
    command.env("BCTRACE_FOLLOW", "1:3");
    assert_eq!(live::run(command).status, 0);
}

#[test]
fn a_child_that_writes_over_the_shared_memory_spoils_its_own_trace_alone() {
    let program = Program::free(
        "import ctypes, os
def work():
    return [i * i for i in range(50)]
for i in range(3):
    pid = os.fork()
    if pid == 0:
        work()
        if i == 1:
            maps = [line.split() for line in open('/proc/self/maps') if 'memfd:bctrace' in line]
            places = [(int(words[2], 16), int(words[0].split('-')[0], 16)) for words in maps]
            table = dict(places)[0]
            for offset, _ in places:
                ctypes.memset(table + offset, 255, offset and 1 << 20 or 4096)
            work()
        os._exit(0)
    # The recorder kills the second one, if that is not over before.
    assert os.waitpid(pid, 0)[1] in [0, 9 * (i == 1)]
work()
",
    );
    let ran = program.trace(&["--follow-forks"], "t.bct", &[]);
    assert_eq!(ran.status, 125, "{}", ran.stderr());
    assert!(ran.stderr().contains(": stream tampered"), "{}", ran.stderr());
    assert_eq!(program.end("t.bct"), "exited with status 0");
    let work = |trace: &str| live::run(program.command(["show", "-n", "work", trace])).stdout();
    let expected = work("t.bct");
    let mut right = 0;
    for trace in program.descendants() {
        let end = program.end(&trace);
        match end.starts_with("exited") {
            true => assert!(work(&trace) == expected, "{trace}"),
            false => assert!(end.starts_with("the stream was tampered with"), "{end}"),
        }
        right += u32::from(end.starts_with("exited"));
    }
    assert_eq!(right, 2);
}
