//! Traces that somebody made up so that a few bytes cost a reader much time or memory: they are refused, by every command, before
//! that is spent.  Each command runs with little memory and time, of which it needs little.

use bctrace::parts::layout::{self, BLOCK, INDEX, Piece, STORED_ZSTD};
use bctrace::parts::word::{self, Fields, Kind};
use bctrace::parts::{CODE_RECORD, CodeObject, Event, PayloadWriter, Start, encode_code};

use crate::live::{self, Program};
use crate::running;

/// Kilobytes of address space, and seconds of processor time.
const MEMORY: u32 = 600_000;
const TIME: u32 = 60;

const COMMANDS: [&[&str]; 8] = [
    &["info"],
    &["show"],
    &["show", "-r", "-f", "jsonl"],
    &["show", "-f", "bct"],
    &["calls"],
    &["compares"],
    &["layers"],
    &["tried"],
];

/// Types of records.
const OUTSIDE: u8 = 3;
const STATE: u8 = 7;
const SWITCH: u8 = 12;
const NAME: u8 = 13;
const MADE: u8 = 14;
const ATTEMPT: u8 = 18;

/// The words of a block that is being made up.
#[derive(Clone, Default)]
struct Words(Vec<u64>);

impl Words {
    /// Begins with a code object and a state in which it has this many frames.
    fn new(bytes: &[u8], frames: u32) -> Words {
        let mut words = Words::default();
        words.code(0, bytes).state(frames);
        words
    }

    fn code(&mut self, id: u32, bytes: &[u8]) -> &mut Words {
        let object = CodeObject { name: b"f".to_vec(), bytes: bytes.to_vec(), ..CodeObject::default() };
        word::push_record(&mut self.0, CODE_RECORD, &encode_code(id, id, None, &object));
        self
    }

    /// Frames of the code object 0 on the stack of thread 0.
    fn state(&mut self, frames: u32) -> &mut Words {
        let mut out = PayloadWriter::default();
        out.u64(0).u64(1 << 30).u32(0).u32(1).u8(0).u32(0).u32(frames);
        for frame in 1..=u64::from(frames) {
            out.u64(frame).u64(0).u32(0).u32(0).u32(0);
        }
        self.record(STATE, &out.u32(0).finish())
    }

    fn record(&mut self, record_type: u8, payload: &[u8]) -> &mut Words {
        word::push_record(&mut self.0, record_type, payload);
        self
    }

    fn start(&mut self) -> &mut Words {
        let start = Start { options: vec![b"--values".to_vec()], ..Start::default() };
        Event::Start(start).encode(&mut self.0);
        self
    }

    fn run(&mut self, kind: Kind, start: u32, length: u32, argument: u32) -> &mut Words {
        let (words, count) = word::pack(kind, Fields { start, length, argument });
        self.0.extend_from_slice(&words[..count]);
        self
    }

    /// The last `distance` words once more, for `count` words.
    fn repeat(&mut self, distance: u64, count: u64) -> &mut Words {
        self.0.push(Kind::Repeat as u64 | distance << 4 | count << 32);
        self
    }

    fn word(&mut self, word: u64) -> &mut Words {
        self.0.push(word);
        self
    }

    fn piece(&self) -> Vec<u8> {
        piece(BLOCK, &self.0.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>())
    }
}

/// A piece whose checksums are right.
fn piece(piece_type: u16, raw: &[u8]) -> Vec<u8> {
    let stored = zstd::bulk::compress(raw, 3).unwrap();
    let checksum = layout::checksum(&stored);
    let (stored_bytes, raw) = (stored.len() as u32, raw.len() as u32);
    let piece = Piece { piece_type, storage: STORED_ZSTD, stored: stored_bytes, raw, checksum, ..Piece::default() };
    [&piece.encode()[..], &stored].concat()
}

fn file(pieces: &[Vec<u8>]) -> Vec<u8> {
    [&layout::file_header()[..], &pieces.concat()].concat()
}

/// Reads a file by every command; returns what all of them have said.
fn read(program: &Program, name: &str, file: &[u8]) -> String {
    read_by(program, name, file, &COMMANDS)
}

fn read_by(program: &Program, name: &str, file: &[u8], commands: &[&[&str]]) -> String {
    std::fs::write(program.path("t.bct"), file).unwrap();
    let mut said = String::new();
    for words in commands {
        // A text can be long however it came about, so its reader leaves.
        let script = format!(
            "ulimit -v {MEMORY}; ulimit -t {TIME}; {{ \"$0\" {} t.bct; echo \" status $?\" >&2; }} | head -c 1000000 >/dev/null",
            words.join(" ")
        );
        let ran = running::run(&mut program.shell(&script));
        let message = ran.stderr();
        let is_well = [" status 0\n", " status 125\n", " status 141\n"].iter().any(|end| message.ends_with(end));
        assert!(is_well && !message.contains("panicked"), "{name}, {words:?}: {message}");
        said.push_str(&message);
    }
    said
}

#[test]
fn blocks_that_stand_for_more_than_any_recorder_writes_are_refused() {
    let program = Program::new("pass");
    let begun = || Words::new(&[100, 0, 0, 83], 1);
    let mut idle = begun();
    idle.run(Kind::Jump, 0, 0, 0);
    let mut ping_pong = begun();
    ping_pong.run(Kind::Thread, 0, 0, 1).run(Kind::Thread, 0, 0, 0);
    let mut busy = begun();
    busy.run(Kind::Jump, 0, 3, 0);
    for _ in 0..255 {
        idle.repeat(1, 1 << 20);
        ping_pong.repeat(2, 1 << 20);
        busy.repeat(1, 1 << 20);
    }
    let mut one_idle = begun();
    one_idle.run(Kind::Jump, 0, 0, 0).repeat(1, 1);
    let cases = [
        ("a repeated empty run", idle, "a repetition of runs that execute nothing"),
        ("one empty run repeated once", one_idle, "a repetition of runs that execute nothing"),
        ("repeated switches of threads", ping_pong, "a repetition of runs that execute nothing"),
        ("too many runs", busy, "a block of more events than any recorder puts into one"),
    ];
    for (name, words, why) in cases {
        let said = read(&program, name, &file(&vec![words.piece(); 100]));
        assert!(said.contains(why), "{name}: {said}");
    }
}

#[test]
fn pieces_that_unpack_to_more_than_they_may_are_refused() {
    let program = Program::new("pass");
    let gigabyte = zstd::bulk::compress(&vec![0; 1 << 30], 1).unwrap();
    let checksum = layout::checksum(&gigabyte);
    for raw in [1 << 30, 1 << 20, 8] {
        for piece_type in [BLOCK, INDEX] {
            let stored = gigabyte.len() as u32;
            let piece = Piece { piece_type, storage: STORED_ZSTD, stored, raw, checksum, ..Piece::default() };
            let said = read(&program, "zeros", &file(&[[&piece.encode()[..], &gigabyte].concat()]));
            // An index that nothing points at is stepped over.
            assert!(piece_type == INDEX || said.contains("are damaged"), "{said}");
        }
    }
    let large = piece(BLOCK, &vec![0; 48 << 20]);
    read(&program, "pieces of zeros", &file(&vec![large; 10]));
    let tail = layout::trailer(layout::FILE_HEADER as u64);
    for index in [vec![0xff; 1 << 20], vec![0; 15 << 20], [&[0, 0, 8, 0][..], &vec![1; 15 << 20]].concat()] {
        read(&program, "an index", &file(&[piece(INDEX, &index), tail.to_vec()]));
    }
}

#[test]
fn events_that_cost_much_memory_or_time_are_refused_or_cheap() {
    let program = Program::new("pass");
    let code = &[100, 0, 0, 83];
    let begun = || Words::new(code, 1);
    // A list of empty texts, and many code objects.
    let mut lists = Words::default();
    let mut payload = encode_code(0, 0, None, &CodeObject::default());
    payload.splice(44..48, (7u32 << 20).to_le_bytes());
    payload.extend(vec![0; 28 << 20]);
    lists.record(CODE_RECORD, &payload).state(0);
    let mut codes = begun();
    (1..400_000).for_each(|id| {
        codes.code(id, b"");
    });
    // A code object whose overlapping instructions are counted one by one, in a huge one.
    let mut overlapping = Words::new(&vec![100; 3 << 20], 1);
    (0..20_000).for_each(|_| {
        overlapping.run(Kind::Jump, 1, 3 * ((1 << 20) - 1), 0);
    });
    let mut large = Words::new(&vec![9; 7 << 20], 1);
    large.run(Kind::Jump, 0, 7 << 20, 0).repeat(2, 100_000);
    // Frames without end, and searches among them.
    let mut deep = Words::new(code, 900_000);
    deep.run(Kind::Call, 0, 3, 0).repeat(1, 1 << 20);
    let mut switches = Words::new(code, 200_000);
    switches.record(SWITCH, &1u64.to_le_bytes()).repeat(2, 100_000);
    let mut threads = begun();
    (1..300_000).for_each(|thread| {
        threads.run(Kind::Thread, 0, 0, thread);
    });
    // Values: names that change all the time, and a large container that comes again and again.
    let value = |tag: u64, role: u64, payload: u64| Kind::Value as u64 | tag << 4 | role << 9 | payload << 16;
    let mut names = begun();
    names.start().word(value(6, 0, 1));
    (0..100_000).for_each(|_| {
        names.record(NAME, b"\x01\0\0\0\x04\0\0\0name");
    });
    (0..100_000).for_each(|_| {
        names.word(value(21, 0, 1));
    });
    names.run(Kind::Jump, 0, 3, 0);
    let mut same = begun();
    same.start().word(value(15, 1, 65_000 << 28));
    (0..65_000).for_each(|_| {
        same.word(Kind::Part as u64 | 1 << 4);
    });
    (0..60_000).for_each(|_| {
        same.word(value(22, 1, 0));
    });
    same.run(Kind::Jump, 0, 3, 0);
    // Records of many bytes.
    let mut outside = begun();
    let bytes = [145, 0, 0].repeat(8 << 20);
    outside.record(OUTSIDE, &PayloadWriter::default().i32(0).bytes(&bytes).finish());
    let made = |bytes: usize, records: u32| {
        let mut made = begun();
        for number in 0..records {
            let mut payload = PayloadWriter::default();
            payload.u32(number).u8(1).u32(0).i32(0).bytes(&vec![b'p'; bytes]);
            made.record(MADE, &payload.finish());
        }
        made
    };
    let attempts = |bytes: usize, records: u32| {
        let mut attempts = begun();
        for number in 0..records {
            let mut payload = PayloadWriter::default();
            payload.u8(1).list(&[number.to_le_bytes().to_vec(), vec![b'\n'; bytes]]).u32(13).bytes(b"");
            payload.u8(1).u32(0).u8(0);
            attempts.record(ATTEMPT, &payload.finish());
        }
        attempts
    };
    let cases = [
        ("long lists", lists, 5),
        ("many code objects", codes, 3),
        ("overlapping code", overlapping, 3),
        ("a large code object", large, 5),
        ("deep stacks", deep, 1),
        ("switches", switches, 2),
        ("threads", threads, 2),
        ("names", names, 3),
        ("the same value", same, 2),
        ("outside the code", outside, 2),
        ("long paths", made(30 << 20, 1), 5),
        ("many paths", made(8000, 4000), 5),
        ("long attempts", attempts(30 << 20, 1), 5),
        ("large attempts", attempts(8000, 4000), 5),
        ("many attempts", attempts(0, 400_000), 5),
    ];
    for (name, words, blocks) in cases {
        // A word can stand for a million instructions; the views of values take each.
        let takes_each = ["overlapping code", "a large code object"].contains(&name);
        let commands: Vec<&[&str]> =
            COMMANDS.into_iter().filter(|words| !(takes_each && ["calls", "compares"].contains(&words[0]))).collect();
        read_by(&program, name, &file(&vec![words.piece(); blocks]), &commands);
    }
}

#[test]
fn an_honest_trace_of_a_long_loop_is_small_and_readable() {
    let program = Program::new("for i in xrange(10000000): pass\n");
    assert_eq!(program.trace(&["-q"], "t.bct", &[]).status, 0);
    let bytes = running::read(&program.path("t.bct")).len();
    assert!(bytes < 40_000, "{bytes} bytes");
    let counted = program.shell("\"$0\" show t.bct | wc -l");
    let lines: u64 = live::run(counted).succeeded().trim().parse().unwrap();
    assert!(lines > 30_000_000, "{lines} lines");
    for view in ["info", "layers"] {
        let ran = live::run(program.command([view, "t.bct"]));
        assert_eq!((ran.status, ran.stderr().as_str()), (0, ""), "{view}");
    }
}

#[test]
fn two_threads_that_take_turns_in_c_make_a_trace_that_is_read() {
    // No bytecode runs between two changes of the thread: the trace has runs that execute nothing, again and again.
    let program = Program::new(
        "import threading, time
other = threading.Thread(target=map, args=(time.sleep, [0] * 3000))
other.start()
map(time.sleep, [0] * 3000)
other.join()
",
    );
    assert_eq!(program.trace(&["-q"], "t.bct", &[]).status, 0);
    assert!(program.show(&[], "t.bct").contains("CALL_FUNCTION"));
}
