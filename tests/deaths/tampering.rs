//! A program that writes over the memory that it shares with its recorder: the recorder says so or goes on, and survives either way.

use crate::live::{self, Program};
use crate::running;

/// Calls the deed that the first argument names for each shared mapping of the process, with the second as a seed.
const SCRIBBLE: &str = "import ctypes, random, resource, sys
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
libc = ctypes.CDLL(None)
shared = []
for line in open('/proc/self/maps'):
    if ' rw-s ' in line:
        first, last = line.split()[0].split('-')
        shared.append((int(first, 16), int(last, 16) - int(first, 16)))
chosen = random.Random(int(sys.argv[2]))
def fill(start, size):
    libc.memset(ctypes.c_void_p(start), chosen.choice([0, 1, 0x55, 0x80, 0xff]), ctypes.c_size_t(size))
def words(start, size):
    for i in range(3):
        at = start + 8 * chosen.randrange(size // 8 if size < 1 << 16 else 200)
        ctypes.c_uint64.from_address(at).value = chosen.choice([0, 1, 1 << 62, 1 << 63, (1 << 64) - 1, chosen.getrandbits(64)])
def forbid(start, size):
    libc.mprotect(ctypes.c_void_p(start), ctypes.c_size_t(size), 0)
def unmap(start, size):
    libc.munmap(ctypes.c_void_p(start), ctypes.c_size_t(size))
def flood(start, size):
    for at in range(start, start + min(size, 1 << 17), 8):
        ctypes.c_uint64.from_address(at).value = chosen.getrandbits(64)
def work():
    for i in range(3000):
        if i % 3: len('x')
for start, size in shared:
    globals()[sys.argv[1]](start, size)
    work()
";

#[test]
fn whatever_is_written_into_the_shared_memory_the_recorder_survives() {
    let program = Program::new(SCRIBBLE);
    for round in 0..30 {
        let deed = ["fill", "words", "words", "words", "flood"][round % 5];
        let trace = ["t.bct", "t.txt"][round % 2];
        let ran = program.trace(&[], trace, &[deed, &round.to_string()]);
        assert_survived(&ran.stderr(), ran.status, &format!("{deed} {round}"));
        if trace == "t.bct" {
            let shown = live::run(program.command(["show", trace]));
            assert_eq!((shown.status, shown.stderr().as_str()), (0, ""), "{deed} {round}");
        } else {
            // Nothing is there where the recorder saw it first; lines may hold any bytes once the stream is not the hook's.
            let text = running::read(&program.path(trace));
            assert!(text.is_empty() || text.ends_with(b"\n"), "{deed} {round}: the last line is cut");
        }
    }
}

#[test]
fn a_program_without_its_shared_memory_dies_and_the_recorder_says_so() {
    let program = Program::new(SCRIBBLE);
    for deed in ["forbid", "unmap"] {
        let ran = program.trace(&[], "t.bct", &[deed, "0"]);
        assert_eq!(ran.status, 139, "{deed}: {}", ran.stderr());
        assert!(ran.stderr().starts_with("bctrace: killed by SIGSEGV in "), "{deed}: {}", ran.stderr());
        let text = program.show(&[], "t.bct");
        assert!(text.lines().last().unwrap().starts_with(deed), "{deed}");
    }
}

/// Fills the ring with words that each say that a million runs repeat, announces them to the recorder, and dies.
const BOMB: &str = "import ctypes, os
for line in open('/proc/self/maps'):
    first, last = [int(part, 16) for part in line.split()[0].split('-')]
    if ' rw-s ' in line and last - first > 1 << 24:
        words = (ctypes.c_uint64 * ((last - first - 4096) // 8)).from_address(first + 4096)
        repeat = 12 | 1 << 4 | 1 << 52
        bomb = (ctypes.c_uint64 * len(words))(*([1] + [repeat] * (len(words) - 1)))
        ctypes.memmove(words, bomb, ctypes.sizeof(bomb))
        ctypes.c_uint64.from_address(first).value += 100000
        os.kill(os.getpid(), 9)
";

#[test]
fn few_words_cannot_keep_the_recorder_busy_for_hours() {
    let ran = Program::new(BOMB).trace(&["-f", "null"], "t", &[]);
    live::assert_failed(&ran, &["stream tampered: more words repeat"]);
}

#[test]
fn the_message_about_tampering_says_where_the_trace_ends() {
    let program = Program::new(SCRIBBLE);
    for options in [&[][..], &["-q"]] {
        let ran = program.trace(options, "t.txt", &["fill", "5"]);
        live::assert_failed(&ran, &["stream tampered: "]);
    }
}

#[track_caller]
fn assert_survived(message: &str, status: i32, what: &str) {
    assert!(!message.contains("panicked"), "{what}: {message}");
    assert!(message.lines().filter(|line| line.starts_with("bctrace: ")).count() <= 1, "{what}: {message}");
    match status {
        125 => assert!(message.contains("stream tampered"), "{what}: {message}"),
        // The hook itself may stumble over what it finds, or the program end as if nothing had been.
        0 | 134 | 135 | 137 | 139 => {}
        _ => panic!("{what}: status {status}: {message}"),
    }
}
