//! The answer of a program that asks for a password is among the first lines of what it compares.

use super::{crackmes, record, view};
use crate::live::Program;

/// What is given to each program: as long as most of the right answers.
const GUESS: &str = "guess!!!";
/// Lines that are read.
const LINES: usize = 20;

/// What must be read: the password, or what the program compares with.
const ANSWERS: [(&str, &str); 30] = [
    ("all_characters", "'bidp.xi{'"),
    ("arguments", "'p3nd-ulum'"),
    ("attributes", "'thrff!!!' == 'c3aqhyhz' -> False"),
    ("big_number", "== 364378726925058996337972767L -> False"),
    ("characters", "'p3ndulum'"),
    ("closure", "'p3ndulum'"),
    ("cmp_call", "cmp('!!!sseug', 'muludn3p')"),
    ("coroutine", "'b' != 'u' -> True"),
    ("crc", "== 714874683 -> False"),
    ("dispatch", "(0, 'p')"),
    ("equal", "'p3ndulum'"),
    ("exceptions", "{'p3ndulum': 1}['guess!!!'] -> raises KeyError"),
    ("exits", "['clock', 'p3ndulum', 'weight'].index('guess!!!') -> raises ValueError"),
    ("extended_arg", "'guess!!!' == 'p3ndulum' -> False"),
    ("file", "'guess!' == 'p3ndulum'"),
    ("formatted", "160-064-160-147-171-161-173-164' -> False"),
    ("generator", "'g' == 'p' -> False"),
    ("hashed", "'5d41402abc4b2a76b9719d911017c592'"),
    ("layers", "'guess!!!' == 'p3ndulum' -> False"),
    ("machine", "224 != 206 -> True"),
    ("matrix", "cmp([945, 2460, 2291, 3000], [927, 1839, 2063, 2655]) -> 1"),
    ("members", "'guess!!!' in frozenset(['p3ndulum', 'clock']) -> False"),
    ("objects", "== 4785074604081 -> False"),
    ("ordered", "== ['3', 'd', 'l', 'm', 'n', 'p', 'u', 'u'] -> False"),
    ("packed_layer", "== 3184428456 -> False"),
    ("pattern", "re.compile('^p3nd-(\\\\d{3})-lum$').match('guess!!!') -> None"),
    ("table", "('^', 0): 'p'"),
    ("translated", "== [99, 50, 99, 114, 108, 124, 110, 125] -> False"),
    ("unpacked", "(1936025168, 555819379) == (1684938823, 1836412021) -> False"),
    ("xor", "== [99, 4, 44, 119, 66, 46, 102, 90] -> False"),
];

#[test]
fn the_answer_is_in_the_first_lines() {
    let mut missed = Vec::new();
    for (name, source) in crackmes() {
        let program = Program::new(&source);
        record(&program, "t.bct", &[GUESS], &format!("{GUESS}\n"));
        let (status, text) = view(&program, &["compares", "t.bct"]);
        assert_eq!(status, 0, "{name}");
        let answer = ANSWERS.iter().find(|(other, _)| *other == name).unwrap_or_else(|| panic!("{name}")).1;
        if !text.lines().take(LINES).any(|line| line.contains(answer)) {
            missed.push(format!("{name}: no {answer} in\n{text}"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// Programs that compare pieces, a guess, and the wholes that they compared with it.
const WHOLES: [(&str, &str, &[&str]); 13] = [
    // Neither `in` nor `find` is what joined pieces would say.
    ("for m in ['xa', 'by']:\n    'ab' in m\n    m.find('ab')\n", "", &[]),
    // One side stays what it is.
    ("pw = raw_input()\nfor user in ['root', 'toor']:\n    user == pw\n", "zed", &[]),
    ("import sys\nfor user in ['root', 'toor']:\n    user == sys.argv[1]\n", "zed", &[]),
    ("for c in raw_input():\n    c == 'x'\n", "axb", &[]),
    ("state = 0\nwhile state < 9:\n    state += 1\n    state == 5\n", "", &[]),
    ("for a in raw_input():\n    for b in 'xyz':\n        a == b\n", "abc", &[]),
    ("guess = raw_input()\nfor i in range(2):\n    for j in range(3):\n        guess[i] == 'xyz'[j]\n", "aa", &[]),
    // Both go on together, in whichever round.
    (
        "for guess in [raw_input()] * 2 + ['keg']:\n    for i, c in enumerate(guess):\n        if c != 'key'[i]: break\n",
        "abc",
        &["'keg' != 'key'"],
    ),
    ("for i, c in enumerate(raw_input()):\n    c == 'balloon'[i]\n", "aaaaaaa", &["'aaaaaaa' == 'balloon'"]),
    ("guess = raw_input()\nfor i in (2, 0, 1):\n    guess[i] == 'key'[i]\n", "abc", &["'cab' == 'yke'"]),
    ("for a, b in zip(raw_input(), 'oops'):\n    a != b\n", "zzzz", &["'zzzz' != 'oops'"]),
    (
        "guess = raw_input()\nfor i in range(0, 4, 2):\n    guess[i:i + 2] == 'pass'[i:i + 2]\n",
        "abcd",
        &["'abcd' == 'pass'"],
    ),
    (
        "guess, wanted = raw_input(), [97] * 3\nfor i in range(3):\n    cmp(ord(guess[i]) ^ 1, wanted[i])\n",
        "aaa",
        &["[96, 96, 96] ('```') cmp [97, 97, 97] ('aaa')"],
    ),
];

#[test]
fn pieces_are_joined_where_both_sides_go_on_together() {
    for (source, guess, expected) in WHOLES {
        let program = Program::new(source);
        record(&program, "t.bct", &[guess], &format!("{guess}\n"));
        let (_, text) = view(&program, &["compares", "t.bct"]);
        let wholes: Vec<&str> = text.lines().filter_map(|line| line.trim().strip_prefix("whole: ")).collect();
        assert_eq!(wholes, expected, "{source}{text}");
    }
}

#[test]
fn a_loop_that_runs_again_begins_another_whole() {
    let program = Program::new(
        "guess = raw_input()\nfor again in range(2):\n    for i in range(3):\n        guess[i] == 'key'[i]\n",
    );
    record(&program, "t.bct", &[], "abc\n");
    let (_, text) = view(&program, &["compares", "t.bct"]);
    let wholes: Vec<&str> = text.lines().filter_map(|line| line.trim().strip_prefix("whole: ")).collect();
    assert_eq!(wholes, ["'abc' == 'key'"], "{text}");
}

#[test]
fn input_comes_before_the_rest_and_constants_come_last() {
    let program = Program::new(
        "\
import sys
word = raw_input()
for n in range(40):
    str(n) == ''.join(['4', '2'])
    'a' == 'b'
word == 'open'
''.join(['x']) == ''.join(['x', 'y'])
",
    );
    record(&program, "t.bct", &[], "guess\n");
    let (_, text) = view(&program, &["compares", "t.bct"]);
    let texts: Vec<&str> = text.lines().filter(|line| line.contains(": <module>: ")).collect();
    assert!(texts[0].ends_with("'guess' == 'open' -> False"), "{text}");
    assert!(texts[1].ends_with("'x' == 'xy' -> False"), "{text}");
    assert!(texts.last().unwrap().ends_with("'a' == 'b' -> False  (40 times)"), "{text}");
}

#[test]
fn what_is_compared_is_recorded_to_a_thousand_items_and_4_kib() {
    let program = Program::new("a = range(1000)\na == range(1, 1001)\n'x' * 4096 == 'y' * 4096\nlen(a)\n");
    record(&program, "t.bct", &[], "");
    let (_, text) = view(&program, &["compares", "t.bct"]);
    assert!(text.contains("998, 999] == [1, 2,") && text.contains("999, 1000] -> False"), "{text}");
    assert!(text.contains(&format!("'{}' == '{}' -> False", "x".repeat(4096), "y".repeat(4096))), "{text}");
    let (_, calls) = view(&program, &["calls", "--of", "len", "t.bct"]);
    assert!(calls.contains("len([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …(1000 items)])"), "{calls}");
}

#[test]
fn the_standard_library_is_left_out_with_what_it_execs_and_counted() {
    let program = Program::new(
        "\
import collections
P = collections.namedtuple('P', 'a b')
exec 'P(1, 2).a == 3'
P(1, 2)._asdict()
",
    );
    record(&program, "t.bct", &[], "");
    let (_, text) = view(&program, &["calls", "--all", "t.bct"]);
    assert!(text.contains("P(1, 2)") && !text.contains("__new__") && !text.contains("OrderedDict("), "{text}");
    let line = text.lines().last().unwrap();
    assert!(
        line.starts_with("(left out: ") && line.ends_with("of the standard library; --stdlib includes them)"),
        "{text}"
    );
    let (_, with) = view(&program, &["calls", "--all", "--stdlib", "t.bct"]);
    assert!(with.contains("OrderedDict(") && !with.contains("left out"), "{with}");
    let count: String = line.chars().filter(char::is_ascii_digit).collect();
    for words in [
        &["compares"][..],
        &["compares", "--in-order"],
        &["strings"],
        &["tricks"],
        &["hot"],
        &["find", "t.bct", "1"],
        &["show", "--fold"],
    ] {
        let form = if words[0] == "show" { "jsonl" } else { "json" };
        let trace: &[&str] = if words[0] == "find" { &[] } else { &["t.bct"] };
        let (_, json) = view(&program, &[words, &["-f", form], trace].concat());
        let head: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
        assert_eq!(head["stdlib_left_out"].to_string(), count, "{words:?}");
    }
}

#[test]
fn what_there_is_no_memory_for_is_dropped_and_counted() {
    let program = Program::new("for n in range(3000):\n    s = 'number %d' % n\n    s == s\n");
    record(&program, "t.bct", &[], "");
    let (status, text) = view(&program, &["strings", "--memory", "64k", "t.bct"]);
    assert_eq!(status, 0);
    let lines = text.lines().count();
    assert!((10..1000).contains(&lines) && text.contains("items for lack of memory; --memory allows more"), "{lines}");
    let (_, all) = view(&program, &["strings", "t.bct"]);
    assert_eq!(all.lines().count(), 3000);
}
