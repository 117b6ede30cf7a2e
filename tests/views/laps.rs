//! A view that takes the laps of a loop at once says what it says of a trace in which each lap stands.

use std::fs;
use std::path::Path;

use bctrace::parts::layout::{self, BLOCK, INDEX, Index, Piece, STORED_RAW};
use bctrace::parts::word::{self, Kind};

use super::view;
use crate::live::Program;
use crate::{manifest, running};

const VIEWS: [&[&str]; 16] = [
    &["hot", "--stdlib"],
    &["hot", "-f", "json"],
    &["show", "--fold"],
    &["show", "--fold", "--stdlib", "-f", "jsonl"],
    &["edges"],
    &["edges", "-f", "json"],
    &["layers", "-f", "json"],
    &["tried", "-f", "json"],
    &["calls"],
    &["calls", "--stdlib", "-f", "json"],
    &["strings", "-f", "json"],
    &["compares", "-f", "json"],
    &["compares", "--in-order", "--all"],
    &["find", "--regex", ".", "-f", "json"],
    &["info"],
    &["show"],
];

/// Loops of many kinds; each goes round some thousand times with the same values.
const LOOPS: [(&str, &str); 9] = [
    (
        "in a frame",
        "n = None\nfor i in xrange(9000):\n    pass\nwhile n is None:\n    for i in [1] * 5000:\n        n = i\n",
    ),
    ("of calls", "def f(a):\n    return g(a) == 1\ndef g(a):\n    return a\nfor i in [0] * 3000:\n    f(1)\n"),
    ("of strings", "for i in [7] * 3000:\n    s = 'a%d' % i\n    s.upper() == 'A8'\n    s in ('b', 'a7')\n"),
    (
        "of exceptions",
        "def f():\n    raise KeyError('k')\nfor i in [0] * 3000:\n    try:\n        f()\n    except KeyError:\n        pass\n",
    ),
    ("of a generator", "def g():\n    while 1:\n        yield 5\nx = g()\nfor i in [0] * 3000:\n    next(x) == 5\n"),
    (
        "of generators",
        "def g():\n    yield 1\n    yield 2\nfor i in [0] * 2000:\n    for k in g():\n        pass\n    next(g())\n",
    ),
    ("in each other", "for i in [0] * 60:\n    for k in [0] * 70:\n        for m in (1, 1, 1):\n            m + k\n"),
    ("of the library", "import string\nfor i in [0] * 3000:\n    string.upper('a')\n"),
    ("below calls", "def f(n):\n    return n and f(n - 1)\nfor i in [0] * 900:\n    f(9)\n"),
];

/// Writes a trace once more, with each word that repeats.
fn expand(trace: &Path, to: &Path) {
    let bytes = fs::read(trace).unwrap();
    let mut out = layout::file_header().to_vec();
    let mut at = out.len();
    let mut moved = Vec::new();
    while let Some(piece) = Piece::decode(&bytes[at..]) {
        let payload = &bytes[at + layout::PIECE_HEADER..][..piece.stored as usize];
        let payload = match piece.storage {
            STORED_RAW => payload.to_vec(),
            _ => zstd::bulk::decompress(payload, piece.raw as usize).unwrap(),
        };
        let place = out.len() as u64;
        let payload = match piece.piece_type {
            BLOCK => {
                moved.push((at as u64, place));
                expanded(&payload)
            }
            INDEX => {
                let mut index = Index::decode(&payload).unwrap();
                for block in &mut index.blocks {
                    block.offset = moved.iter().find(|(old, _)| *old == block.offset).unwrap().1;
                }
                index.encode(&index.totals)
            }
            _ => payload,
        };
        let (length, checksum) = (payload.len() as u32, layout::checksum(&payload));
        out.extend(Piece { storage: STORED_RAW, stored: length, raw: length, checksum, ..piece }.encode());
        out.extend(payload);
        at += layout::PIECE_HEADER + piece.stored as usize;
        if piece.piece_type == INDEX {
            out.extend(layout::trailer(place));
        }
    }
    fs::write(to, out).unwrap();
}

/// The words of a block without repeat words.  Those reach back to the first word after the block's state, which is further than any does.
fn expanded(payload: &[u8]) -> Vec<u8> {
    let packed: Vec<u64> = payload.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
    let mut words = Vec::new();
    let mut rest = &packed[..];
    while let Some((&word, after)) = rest.split_first() {
        rest = after;
        match Kind::of(word) {
            Kind::Repeat => {
                let (distance, count) = ((word >> 4 & 0xfff_ffff) as usize, word >> 32);
                (0..count).for_each(|_| words.push(words[words.len() - distance]));
            }
            Kind::Record => {
                let (payload, after) = rest.split_at(word::payload_words(word::record_fields(word).1));
                words.push(word);
                words.extend(payload);
                rest = after;
            }
            _ => words.push(word),
        }
    }
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Asks every view about `t.bct` and its expanded form, each under the name that it prints.
fn compare(program: &Program, of: &str) {
    let (trace, kept) = (program.path("t.bct"), program.path("kept"));
    let all = |program: &Program| VIEWS.map(|words| view(program, &[words, &["t.bct"]].concat()));
    let report = |program: &Program| {
        running::run(&mut program.command(["report", "t.bct", "-o", "t.html", "--force"])).succeeded();
        running::read(&program.path("t.html"))
    };
    let (at_once, page) = (all(program), report(program));
    fs::rename(&trace, &kept).unwrap();
    expand(&kept, &trace);
    for ((words, at_once), each) in VIEWS.iter().zip(at_once).zip(all(program)) {
        if words[0] != "info" {
            assert!(at_once == each, "{of}: {words:?}\n{}\n{}", at_once.1, each.1);
        }
    }
    // The page says how large the trace is.
    let without_size = |page: &[u8]| {
        let text = String::from_utf8_lossy(page).into_owned();
        let data = text.split("id=\"data\">").nth(1).unwrap().split("</script>").next().unwrap();
        let mut data: serde_json::Value = serde_json::from_str(data).unwrap();
        assert!(data["facts"].take().is_array());
        data
    };
    if let Some(found) = difference(&without_size(&page), &without_size(&report(program))) {
        panic!("{of}: the report's {found}");
    }
}

/// Where two values differ first, and what each has there.
fn difference(one: &serde_json::Value, other: &serde_json::Value) -> Option<String> {
    let in_one = |key: String, one, other| difference(one, other).map(|found| format!("{key}.{found}"));
    match (one, other) {
        (serde_json::Value::Object(one), serde_json::Value::Object(other)) if one.len() == other.len() => {
            one.iter().find_map(|(key, value)| in_one(key.clone(), value, &other[key]))
        }
        (serde_json::Value::Array(one), serde_json::Value::Array(other)) if one.len() == other.len() => {
            one.iter().zip(other).enumerate().find_map(|(at, (one, other))| in_one(at.to_string(), one, other))
        }
        _ => (one != other).then(|| format!(": {one} {other}")),
    }
}

#[test]
fn laps_that_are_taken_at_once_say_what_each_of_them_says() {
    for (of, source) in LOOPS {
        for options in [&["-q"][..], &["-q", "--values"]] {
            let program = Program::new(source);
            running::run(&mut program.tracing(options, "t.bct", &[])).succeeded();
            compare(&program, &format!("a loop {of}, {options:?}"));
        }
    }
}

#[test]
fn fixtures_say_the_same_with_each_lap() {
    for run in manifest::runs().iter().filter(|run| run.deterministic) {
        let program = Program::free("");
        fs::copy(running::fixtures().join(run.pyc()), program.path("p.pyc")).unwrap();
        let words: Vec<&str> = run.args.iter().map(String::as_str).collect();
        running::run(&mut program.tracing(&["-q", "--values", "--force"], "t.bct", &words));
        compare(&program, &run.name);
    }
}

#[test]
fn a_long_loop_takes_no_view_longer_than_a_short_one() {
    // A few thousand times as many words as the file has: each view has a second for what takes it several one by one.
    let program = Program::new("while 1:\n    pass\n");
    let most = "--max-instructions=30000000";
    running::run(&mut program.tracing(&["-q", "--values", most], "t.bct", &[]));
    for words in VIEWS.iter().filter(|words| words[0] != "show" || words.len() > 1) {
        let script = format!("ulimit -t 1; exec \"$0\" {} t.bct >out", words.join(" "));
        let ran = running::run(&mut program.shell(&script));
        assert!(ran.status < 2, "{words:?}: {} {}", ran.status, ran.stderr());
    }
}
