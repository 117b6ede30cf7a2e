//! --max-instructions, --max-size, --start-at and --stop-at: where exactly the trace begins and ends.

use super::{instructions, varied};
use crate::live::{self, Program};
use crate::running;

#[test]
fn max_instructions_keeps_exactly_the_first_ones() {
    let (program, lines) = varied();
    let all = lines.len();
    // After the last line are the instructions of the interpreter's own shutdown, which count too.
    let counts = (0..8).chain((8..all).step_by(all / 25)).chain([all - 2, all - 1, all + 1000]);
    for count in counts {
        let ran = program.trace(&["--max-instructions", &count.to_string()], "t.txt", &[]);
        assert_eq!(program.read("t.txt"), lines[..count.min(all)].concat(), "{count} of {all}");
        assert_eq!(ran.status, if count < all { 123 } else { 3 }, "{count} of {all}");
        if (1..all).contains(&count) {
            let last: Vec<&str> = lines[count - 1].trim_end().split(' ').collect();
            let name = last[0].strip_suffix('>').unwrap();
            let message = format!("bctrace: stopped by --max-instructions in {name} at {} {}\n", last[1], last[2]);
            assert_eq!(ran.stderr(), message, "{count} of {all}");
        }
    }
}

#[test]
fn max_instructions_holds_in_every_form() {
    let (program, lines) = varied();
    assert_eq!(program.trace(&[], "whole.jsonl", &[]).status, 3);
    let whole = program.read("whole.jsonl");
    for count in [1, lines.len() / 3, lines.len() - 7] {
        for trace in ["t.jsonl", "t.bct"] {
            let ran = program.trace(&["-q", "--max-instructions", &count.to_string()], trace, &[]);
            assert_eq!((ran.status, ran.stderr().as_str()), (123, ""), "{count} {trace}");
        }
        assert_eq!(instructions(&program.read("t.jsonl")), instructions(&whole)[..count], "{count}");
        assert_eq!(program.show(&[], "t.bct"), lines[..count].concat(), "{count}");
        let info = running::run(&mut program.command(["info", "t.bct"])).succeeded();
        assert!(info.contains("--max-instructions"), "{info}");
    }
}

#[test]
fn max_instructions_never_parts_a_prefix_from_its_successor() {
    let program = running::fixtures().join("extended_arg_chained.pyc");
    let scratch = tempfile::tempdir().unwrap();
    let trace = scratch.path().join("t.txt");
    let text = |options: &[&str]| {
        running::run(running::bctrace(options).arg("-q").arg(&program).arg(&trace));
        String::from_utf8(running::read(&trace)).unwrap()
    };
    let whole = text(&[]);
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    for count in 0..=lines.len() {
        let got = text(&["--max-instructions", &count.to_string()]);
        let kept = got.lines().count();
        assert_eq!(got, lines[..kept].concat(), "{count}");
        assert!(kept == 0 || !lines[kept - 1].contains("EXTENDED_ARG"), "{count}: {got}");
        // A unit that the limit would part is finished.
        assert!(kept >= count, "{count}: {got}");
        let added = lines[..kept].iter().skip(count.saturating_sub(1)).rev().skip(1);
        assert!(added.into_iter().all(|line| line.contains("EXTENDED_ARG")), "{count}: {got}");
    }
}

#[test]
fn max_size_ends_after_a_whole_line() {
    let (program, lines) = varied();
    let whole = lines.concat();
    for size in [0, 1, 100, 1000, whole.len() - 1] {
        let ran = program.trace(&["--max-size", &size.to_string()], "t.txt", &[]);
        let text = program.read("t.txt");
        assert_eq!(ran.status, 123, "{size}: {}", ran.stderr());
        assert!(ran.stderr().starts_with("bctrace: stopped by --max-size"), "{size}: {}", ran.stderr());
        live::assert_prefix(&text, &whole, &size.to_string());
        assert!(text.len() <= size && (text.is_empty() || text.ends_with('\n')), "{size}: {} bytes", text.len());
        assert!(text.len() + 100 > size, "{size}: only {} bytes", text.len());
    }
}

#[test]
fn max_size_counts_the_bytes_of_the_file() {
    // Its trace repeats itself little.
    let program = Program::new(
        "n = 1\nwhile 1:\n    n = (n * 1103515245 + 12345) % 2147483648\n    if n & 4096: pass\n    if n & 8192: pass\n",
    );
    for (size, most) in [(3_000, 80_000), (300_000, 500_000)] {
        for trace in ["t.bct", "t.bct.zst", "t.txt.zst", "t.txt.gz", "t.jsonl.zst", "t.jsonl.gz"] {
            let run = || {
                let ran = program.trace(&["--max-size", &size.to_string()], trace, &[]);
                assert_eq!(ran.status, 123, "{trace}: {}", ran.stderr());
                running::read(&program.path(trace))
            };
            let bytes = run();
            assert!((size..most).contains(&bytes.len()), "{trace}: {} bytes for {size}", bytes.len());
            assert!(bytes == run(), "{trace}: two runs stopped at different instructions");
        }
    }
}

#[test]
fn max_size_ends_a_long_program() {
    let program = Program::new("while 1:\n    try:\n        int('x')\n    except ValueError:\n        pass\n");
    for trace in ["t.txt", "t.jsonl", "t.bct", "t.txt.zst", "t.jsonl.gz"] {
        // A loop hardly makes a compressed file grow.
        let size = if ["t.txt", "t.jsonl"].contains(&trace) { "300000" } else { "3000" };
        let ran = program.trace(&["--max-size", size], trace, &[]);
        assert_eq!(ran.status, 123, "{trace}: {}", ran.stderr());
        assert!(ran.stderr().starts_with("bctrace: stopped by --max-size"), "{trace}: {}", ran.stderr());
    }
    let text = program.read("t.txt");
    assert!(text.ends_with('\n') && (299_900..=300_000).contains(&text.len()), "{} bytes", text.len());
    let json = program.read("t.jsonl");
    for line in json.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    let shown = program.show(&[], "t.bct");
    let (shorter, longer) = if shown.len() < text.len() { (&shown, &text) } else { (&text, &shown) };
    assert!(shown.len() > 100_000);
    live::assert_prefix(shorter, longer, "t.bct");
    let unpacked = zstd_text(&running::read(&program.path("t.txt.zst")));
    assert!(unpacked.ends_with('\n'));
    live::assert_prefix(&text, &unpacked, "t.txt.zst");
}

fn zstd_text(bytes: &[u8]) -> String {
    String::from_utf8(zstd::decode_all(bytes).unwrap()).unwrap()
}

/// Some of the places where a code object's first visit is: the index of the line, and NAME:OFFSET.
fn places(lines: &[String]) -> Vec<(usize, String)> {
    let mut places: Vec<(usize, String)> = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let (name, rest) = line.split_once("> ").unwrap();
        let place = format!("{name}:{}", rest.split_whitespace().next().unwrap());
        if !places.iter().any(|(_, known)| *known == place) {
            places.push((index, place));
        }
    }
    places.into_iter().step_by(9).collect()
}

#[test]
fn stop_at_ends_before_the_first_visit() {
    let (program, lines) = varied();
    for (index, place) in places(&lines) {
        let ran = program.trace(&["--stop-at", &place], "t.txt", &[]);
        assert_eq!(program.read("t.txt"), lines[..index].concat(), "{place}");
        assert_eq!(ran.status, 123, "{place}: {}", ran.stderr());
        assert!(ran.stderr().starts_with("bctrace: stopped by --stop-at"), "{place}: {}", ran.stderr());
    }
    for name in ["add", "naturals", "made", "<module>", "__del__"] {
        let index = lines.iter().position(|line| line.starts_with(&format!("{name}> "))).unwrap();
        assert_eq!(program.trace(&["--stop-at", name], "t.txt", &[]).status, 123, "{name}");
        assert_eq!(program.read("t.txt"), lines[..index].concat(), "{name}");
    }
}

#[test]
fn start_at_begins_with_the_first_visit() {
    let (program, lines) = varied();
    assert_eq!(program.trace(&[], "whole.jsonl", &[]).status, 3);
    let whole = program.read("whole.jsonl");
    let names = ["add", "naturals", "made", "<module>", "__del__"];
    let entries =
        names.map(|name| (lines.iter().position(|line| line.starts_with(&format!("{name}> "))).unwrap(), name.into()));
    for (index, place) in places(&lines).into_iter().chain(entries) {
        for trace in ["t.txt", "t.jsonl", "t.bct"] {
            let ran = program.trace(&["--start-at", &place], trace, &[]);
            assert_eq!((ran.status, ran.stderr().as_str()), (3, ""), "{place} {trace}");
        }
        assert_eq!(program.read("t.txt"), lines[index..].concat(), "{place}");
        assert_eq!(program.show(&[], "t.bct"), lines[index..].concat(), "{place}");
        // Numbers, frames and depths are those of the whole.
        assert_eq!(
            without_codes(&instructions(&program.read("t.jsonl"))),
            without_codes(&instructions(&whole)[index..]),
            "{place}"
        );
    }
}

/// Code objects are numbered in the order in which they are described, which is not that of the whole.
fn without_codes(lines: &[&str]) -> Vec<String> {
    let code = regex::Regex::new("\"code\":[0-9]+,").unwrap();
    lines.iter().map(|line| code.replace(line, "").into_owned()).collect()
}

#[test]
fn start_and_stop_select_what_is_between() {
    let (program, lines) = varied();
    let find = |name: &str| lines.iter().position(|line| line.starts_with(name)).unwrap();
    let (start, stop) = (find("naturals> "), find("made> "));
    let ran = program.trace(&["--start-at", "naturals", "--stop-at", "made"], "t.txt", &[]);
    assert_eq!(ran.status, 123);
    assert_eq!(program.read("t.txt"), lines[start..stop].concat());
}

#[test]
fn a_trigger_that_is_never_reached_changes_nothing_or_records_nothing() {
    let (program, lines) = varied();
    assert_eq!(program.trace(&["--stop-at", "nowhere"], "t.txt", &[]).status, 3);
    assert_eq!(program.read("t.txt"), lines.concat());
    assert_eq!(program.trace(&["--start-at", "nowhere"], "t.txt", &[]).status, 3);
    assert_eq!(program.read("t.txt"), "");
}
