//! SIGKILL to each of bctrace's own processes: while one recorder or its standby lives, the trace is complete, whatever its form.

use crate::live::{self, Live, Program};
use crate::running;

/// The forms of a trace, each with the options that it is recorded with.
const FORMS: [(&str, &[&str]); 8] = [
    ("t.txt", &["-r"]),
    ("t.jsonl", &[]),
    ("t.bct", &[]),
    ("t.txt.zst", &[]),
    ("t.jsonl.gz", &[]),
    ("t.bct.zst", &["--values"]),
    ("t.txt", &["--values"]),
    ("t.bct", &["--dump-code", "code"]),
];

/// Jumps here and there as by chance, always in the same way, and prints dots, `ROUNDS` rounds long; ends when its input does.  Runs
/// new code now and then.
const WORK: &str = "import os
def step(state):
    state = (state * 1103515245 + 12345) & 0x7fffffff
    if state & 1 << 20:
        state ^= 1
    if state & 1 << 18:
        if state & 1 << 17: state += 2
        else: state += 4
    return state
state = 1
for number in xrange(ROUNDS):
    state = step(state)
    if number % EVERY == 0:
        exec 'state += %d' % (state & 7)
        os.write(1, '.')
os.read(0, 1)
";

fn work(rounds: u32, every: u32) -> Program {
    Program::new(&WORK.replace("ROUNDS", &rounds.to_string()).replace("EVERY", &every.to_string()))
}

/// What a recording has left: the trace, and the code objects if they were written.
fn left(program: &Program, trace: &str) -> Vec<(String, Vec<u8>)> {
    let mut files = vec![(trace.to_string(), running::read(&program.path(trace)))];
    if let Ok(folder) = program.path("code").read_dir() {
        let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        files.extend(names.map(|name| (name.clone(), running::read(&program.path("code").join(name)))));
        std::fs::remove_dir_all(program.path("code")).unwrap();
    }
    files.sort();
    files
}

/// Records, waiting for a number of dots before each kill of the process with this name; returns what is left.
fn recorded(program: &Program, form: (&str, &[&str]), kills: &[(usize, &str)]) -> Vec<(String, Vec<u8>)> {
    let (trace, options) = form;
    let mut live = Live::start(program.tracing(options, trace, &[]));
    for (dots, name) in kills {
        live.bytes(*dots);
        let process = live.own(name);
        live::signal("KILL", process);
        live::until("it is dead", || live::is_gone(process).then_some(()));
        // There is another standby before long.
        live.own("bctrace-standby");
    }
    let ran = live.end();
    assert_eq!((ran.status, ran.stderr().as_str()), (0, ""), "{form:?} {kills:?}");
    left(program, trace)
}

#[test]
fn a_trace_whose_recorder_is_killed_is_the_same_in_every_form() {
    let program = work(3000, 100);
    for form in FORMS {
        let whole = recorded(&program, form, &[]);
        for kills in [
            &[(0, "bctrace-record")][..],
            &[(3, "bctrace-record"), (5, "bctrace-record")],
            &[(30, "bctrace-record")],
            &[(7, "bctrace-standby"), (7, "bctrace-record")],
        ] {
            let found = recorded(&program, form, kills);
            assert!(found == whole, "{form:?} {kills:?}");
        }
    }
}

#[test]
fn a_recorder_that_is_killed_after_checkpoints_is_continued_from_the_last_one() {
    // Two million words, of which the ring holds as many, and half of them are released at each checkpoint.
    let program = work(500_000, 5000);
    for form in [("t.bct", &[][..]), ("t.txt.zst", &[])] {
        let whole = recorded(&program, form, &[]);
        let kills = [(60, "bctrace-record"), (20, "bctrace-record"), (20, "bctrace-record")];
        assert!(recorded(&program, form, &kills) == whole, "{form:?}");
    }
}

/// Kills its parent, says so, and goes on.
const PARRICIDE: &str = "import os, sys
def before():
    return [i for i in range(20)]
def after():
    while 1:
        pass
before()
os.kill(os.getppid(), int(sys.argv[1]))
after()
";

#[test]
fn a_program_that_kills_its_parent_loses_nothing_and_bctrace_ends_when_the_trace_is_complete() {
    let program = Program::free(PARRICIDE);
    let ran = program.trace(&["--stop-at", "after"], "t.txt", &["0"]);
    assert_eq!(ran.status, 123, "{}", ran.stderr());
    let until_kill = program.read("t.txt");
    let until_kill = &until_kill[..until_kill.rfind("CALL_FUNCTION (2)").unwrap()];
    for (trace, options) in FORMS {
        let ran = program.trace(options, trace, &["9"]);
        assert_eq!(ran.status, 137, "{trace}: {}", ran.stderr());
        assert!(ran.stderr().starts_with("bctrace: killed by SIGKILL in "), "{trace}: {}", ran.stderr());
        let bytes = running::read(&program.path(trace));
        let bytes = match trace.rsplit('.').next() {
            Some("zst") => zstd::decode_all(&bytes[..]).unwrap(),
            Some("gz") => std::io::read_to_string(flate2::read::MultiGzDecoder::new(&bytes[..])).unwrap().into_bytes(),
            _ => bytes,
        };
        if trace.contains(".bct") {
            let text = program.show(&["--no-values"], trace);
            live::assert_prefix(&text[..until_kill.len()], until_kill, trace);
        } else if trace.contains(".jsonl") {
            let text = String::from_utf8(bytes).unwrap();
            assert!(text.lines().last().unwrap().contains("\"signal\":9"), "{trace}: {:?}", text.lines().last());
        } else if options.is_empty() {
            live::assert_prefix(&String::from_utf8(bytes).unwrap()[..until_kill.len()], until_kill, trace);
        } else {
            assert!(bytes.ends_with(b"\n"), "{trace}");
        }
        left(&program, trace);
    }
}

/// Kills the recorder and its standby in the middle of a recording.
fn killed_at_once(program: &Program, trace: &str) -> running::Ran {
    let mut live = Live::start(program.tracing(&[], trace, &[]));
    live.bytes(90);
    let (recorder, standby) = (live.own("bctrace-record"), live.own("bctrace-standby"));
    // Stopped, the first can make no other standby.
    let kill = format!("kill -STOP {recorder}; kill -KILL {standby}; kill -KILL {recorder}");
    running::shell(&kill).status().unwrap();
    live.end()
}

#[test]
fn a_program_that_kills_all_of_bctrace_but_the_front_loses_at_most_the_open_block() {
    let program = work(500_000, 5000);
    let whole = recorded(&program, ("t.txt", &[]), &[]).remove(0).1;
    for trace in ["t.txt", "t.bct", "t.txt.zst"] {
        // A standby that is as quick as the second signal continues.
        let ran = (0..9)
            .map(|_| killed_at_once(&program, trace))
            .find(|ran| ran.status != 0)
            .expect("all standbys were quick");
        live::assert_failed(&ran, &[trace, "its recorders were killed", "holds what they had written"]);
        let text = match trace {
            "t.bct" => live::run(program.command(["show", trace])).stdout,
            "t.txt.zst" => {
                let mut text = Vec::new();
                // The frame has no end.
                let file = std::fs::File::open(program.path(trace)).unwrap();
                let _ = std::io::copy(&mut zstd::Decoder::new(file).unwrap(), &mut text);
                text
            }
            _ => running::read(&program.path(trace)),
        };
        assert!(whole.starts_with(&text), "{trace}: what is left is no prefix");
        assert!(text.len() > whole.len() / 10, "{trace}: {} of {} bytes are left", text.len(), whole.len());
    }
}

#[test]
fn a_pipe_ends_if_the_recorder_that_writes_it_is_killed() {
    let program = Program::new("while 1: pass\n");
    let mut live = Live::start(program.tracing(&[], "-", &[]));
    let recorder = live.own("bctrace-record");
    live::signal("KILL", recorder);
    let ran = live.end();
    assert_eq!(ran.status, 125);
    assert!(ran.stderr().contains("its recorder was killed, and only a file can be written on"), "{}", ran.stderr());
}

#[test]
fn no_process_outlives_bctrace_that_has_cleared_its_parent_death_signal() {
    let prctl = "import ctypes, os\nctypes.CDLL(None).prctl(1, 0)\n";
    for (what, end) in [
        ("computes", "while 1: pass\n"),
        ("sleeps in C", "ctypes.CDLL(None).pause()\n"),
        (
            "blocks signals",
            "libc = ctypes.CDLL(None)\nmask = (ctypes.c_uint64 * 16)(*[2 ** 64 - 1] * 16)\nlibc.sigprocmask(0, mask, None)\nwhile 1: libc.pause()\n",
        ),
    ] {
        let program = Program::new(&format!("{prctl}os.write(1, '%d\\n' % os.getpid())\n{end}"));
        for killed in ["front", "bctrace-parent"] {
            let mut live = Live::start(program.tracing(&[], "t.bct", &[]));
            let traced: u32 = live.line().parse().unwrap();
            match killed {
                "front" => live.kill(),
                name => {
                    let parent = live.own(name);
                    live::signal("KILL", parent);
                }
            }
            live::until("the program is gone", || live::is_gone(traced).then_some(()));
            assert_eq!(live.end().status, 137, "{what}, {killed}");
            let info = live::run(program.command(["info", "t.bct"])).succeeded();
            assert!(info.contains("killed by signal 9"), "{what}, {killed}: {info}");
        }
    }
}

#[test]
fn the_program_ends_though_all_of_bctrace_is_killed_at_once() {
    let program = Program::new(
        "import ctypes, os
ctypes.CDLL(None).prctl(1, 0)
os.write(1, '%d\\n' % os.getpid())
while 1: pass
",
    );
    let mut live = Live::start(program.tracing(&[], "t.bct", &[]));
    let traced: u32 = live.line().parse().unwrap();
    let mut own = vec![live.id()];
    own.extend(["bctrace-record", "bctrace-standby", "bctrace-parent"].map(|name| live.own(name)));
    for (signal, processes) in [("STOP", &own), ("KILL", &own)] {
        processes.iter().for_each(|process| live::signal(signal, *process));
    }
    live::until("the program is gone", || live::is_gone(traced).then_some(()));
    assert_eq!(live.status(), 137);
}
