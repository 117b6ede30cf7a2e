//! Damaged traces and hostile programs: refused or survived, with one line for each flaw, and never with a panic.

use std::fs;

use crate::live::{self, Program};
use crate::running::{self, Ran};

/// Numbers that look random and are the same in every run (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

/// A .bct of two blocks.
fn trace() -> (Program, Vec<u8>, String) {
    let program = Program::new(
        "def f(i):
    try:
        return 1 / (i % 3)
    except ZeroDivisionError:
        return [j for j in (i, 2)]
i = 1
for turn in xrange(20000):
    i = i * 1103515245 + 12345 & 0x7fffffff
    f(i >> 16)
",
    );
    assert_eq!(program.trace(&[], "whole.bct", &[]).status, 0);
    let bytes = running::read(&program.path("whole.bct"));
    let text = program.show(&[], "whole.bct");
    (program, bytes, text)
}

/// Asserts that each line on standard error is a flaw's and belongs to the status.
#[track_caller]
fn assert_reports_flaws(ran: &Ran, what: &str) {
    let message = ran.stderr();
    assert!(!message.contains("panicked"), "{what}: {message}");
    assert!(message.lines().all(|line| line.starts_with("bctrace: ")), "{what}: {message}");
    match ran.status {
        0 => assert_eq!(message, "", "{what}"),
        // `info` has its flaws in what it reports.
        125 => assert!(!message.is_empty() || ran.stdout().contains("\ndamage "), "{what}: fails and says nothing"),
        status => panic!("{what}: status {status}: {message}"),
    }
}

#[test]
fn every_beginning_of_a_bct_is_shown_as_far_as_it_goes() {
    let (program, bytes, text) = trace();
    let dense = (0..64).chain(bytes.len() - 64..bytes.len());
    for length in dense.chain((64..bytes.len() - 64).step_by(bytes.len() / 60)) {
        fs::write(program.path("t.bct"), &bytes[..length]).unwrap();
        let shown = live::run(program.command(["show", "t.bct"]));
        assert_reports_flaws(&shown, &format!("{length} bytes"));
        assert_eq!(shown.status, 125, "{length} bytes are the whole trace");
        live::assert_prefix(&shown.stdout(), &text, &format!("{length} bytes"));
        assert_reports_flaws(&live::run(program.command(["info", "t.bct"])), &format!("info, {length} bytes"));
    }
}

#[test]
fn a_flipped_bit_in_a_bct_is_reported_and_costs_its_block_only() {
    let (program, bytes, text) = trace();
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for round in 0..120 {
        let mut damaged = bytes.clone();
        let place = if round < 40 { round } else { numbers.below(damaged.len()) };
        damaged[place] ^= 1 << numbers.below(8);
        fs::write(program.path("t.bct"), &damaged).unwrap();
        let what = format!("byte {place} of {}", bytes.len());
        let shown = live::run(program.command(["show", "t.bct"]));
        assert_reports_flaws(&shown, &what);
        if shown.status == 0 {
            assert!(shown.stdout() == text, "{what}: another trace without a word about it");
        }
        assert!(is_whole_but_a_piece(&shown.stdout(), &text), "{what}: lines that were not executed");
        assert_reports_flaws(&live::run(program.command(["info", "t.bct"])), &format!("info, {what}"));
    }
}

/// Whether a text is the whole one, or lacks one piece of it.
fn is_whole_but_a_piece(shown: &str, whole: &str) -> bool {
    let beginning = shown.bytes().zip(whole.bytes()).take_while(|(left, right)| left == right).count();
    let end = shown.bytes().rev().zip(whole.bytes().rev()).take_while(|(left, right)| left == right).count();
    beginning + end >= shown.len()
}

#[test]
fn what_is_no_trace_is_refused_in_one_line() {
    let (program, bytes, _) = trace();
    let text = b"<module>> 0 LOAD_CONST (0)\n".to_vec();
    let pyc = running::read(&program.path("p.pyc"));
    for content in [vec![], text, pyc, vec![0; 5000], vec![0xff; 5000], bytes[1..].to_vec()] {
        fs::write(program.path("t.bct"), &content).unwrap();
        for command in ["show", "info"] {
            live::assert_failed(&live::run(program.command([command, "t.bct"])), &["t.bct"]);
        }
    }
}

#[test]
fn every_beginning_of_a_pyc_is_refused_in_one_line() {
    let program = Program::new("");
    let pyc = running::read(&running::fixtures().join("factorial.pyc"));
    for length in 0..pyc.len() {
        fs::write(program.path("p.pyc"), &pyc[..length]).unwrap();
        let ran = program.trace(&[], "t.txt", &[]);
        live::assert_failed(&ran, &["cannot read p.pyc: "]);
        assert!(!program.path("t.txt").exists(), "{length} bytes touch the output");
    }
}

#[test]
fn a_pyc_with_flipped_bits_never_harms_the_recorder() {
    let program = Program::new("");
    let pyc = running::read(&running::fixtures().join("exceptions.pyc"));
    let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
    for round in 0..120 {
        let mut hostile = pyc.clone();
        let places: Vec<usize> = (0..1 + round % 3).map(|_| numbers.below(hostile.len())).collect();
        for &place in &places {
            hostile[place] ^= 1 << numbers.below(8);
        }
        fs::write(program.path("p.pyc"), &hostile).unwrap();
        // What the bits make of it may run for ever, and may crash the VM.
        let options = ["--timeout", "2s", "--max-instructions", "100000"];
        let trace = ["t.txt", "t.bct"][round % 2];
        let ran = live::run(
            program.shell(&format!("ulimit -c 0 -v 4000000; exec \"$0\" {} p.pyc {trace}", options.join(" "))),
        );
        let message = ran.stderr();
        // What kind of file the bits make of it, and what its code looks like, is a remark.
        let is_remark = |line: &str| line.contains(" with 1 script") || line.contains("does not look like code");
        let own: Vec<&str> = message.lines().filter(|line| line.starts_with("bctrace: ") && !is_remark(line)).collect();
        assert!(!message.contains("panicked") && own.len() <= 1, "{places:?}: {message}");
        let expected = match ran.status {
            0..=2 => own.is_empty(),
            123..=125 | 129..=159 => own.len() == 1,
            _ => false,
        };
        assert!(expected, "{places:?}: status {}: {message}", ran.status);
        if trace == "t.bct" && ran.status != 125 {
            program.show(&[], trace);
        }
    }
}
