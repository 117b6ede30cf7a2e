//! A process that is killed between any two machine instructions, in the midst of a publication (src/record/shared/slot.rs), has lost
//! nothing: the trace holds exactly the instructions that were executed.

use std::io::{BufRead, Write};
use std::process::Stdio;

use crate::live::{Live, Program};
use crate::running;

/// Long runs, each with an end of another kind; what a lost one leaves out is seen.
const BODY: &str = "
import os
def plain(a):
    b = a; c = b; d = c; e = d; f = e; g = f; h = g; i = h; j = i; k = j; l = k; m = l; n = m
    return n
def generator():
    b = 1; c = b; d = c; e = d; f = e; g = f; h = g; i = h; j = i; k = j; l = k; m = l; n = m
    yield n
    b = 2; c = b; d = c; e = d; f = e; g = f; h = g; i = h; j = i; k = j; l = k; m = l; n = m
def body():
    a = plain(1)
    for b in generator():
        c = b; d = c; e = d; f = e; g = f; h = g; i = h; j = i; k = j; l = k; m = l; n = m
    try:
        {}[a]
    except KeyError:
        b = a; c = b; d = c; e = d; f = e; g = f; h = g; i = h; j = i; k = j; l = k; m = l; n = m
for turn in range(3):
    os.write(1, '%d\\n' % os.getpid())
    os.read(0, 1)
    body()
";

/// The address of a process's slot: the shared mapping of one page.
pub fn slot_of(process: u32) -> u64 {
    let maps = std::fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let range = |line: &str| {
        let (begin, end) = line.split(' ').next()?.split_once('-')?;
        Some((u64::from_str_radix(begin, 16).ok()?, u64::from_str_radix(end, 16).ok()?))
    };
    let shared = maps.lines().filter(|line| line.contains(" rw-s ")).filter_map(range);
    let pages: Vec<_> = shared.filter(|(begin, end)| end - begin == 4096).collect();
    let [(slot, _)] = pages[..] else { panic!("no slot in\n{maps}") };
    slot
}

/// Runs the program to a turn and kills it `steps` machine instructions after the beginning of a publication; returns the trace, or None if
/// there are fewer publications.
fn killed(program: &Program, options: &[&str], turn: usize, publication: u32, steps: u32) -> Option<String> {
    let mut live = Live::start(program.tracing(options, "t.bct", &[]));
    let mut process = 0;
    for before in 0..=turn {
        let mut line = String::new();
        live.stdout.as_mut().unwrap().read_line(&mut line).unwrap();
        process = line.trim().parse().unwrap();
        if before < turn {
            live.stdin.as_mut().unwrap().write_all(b"x").unwrap();
        }
    }
    let mut step = running::bctrace(["python"]);
    step.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/deaths/step.py"));
    step.args([process.to_string(), slot_of(process).to_string(), publication.to_string(), steps.to_string()]);
    let mut step = step.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = std::io::BufReader::new(step.stdout.take().unwrap());
    let mut next = || {
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        line
    };
    assert_eq!(next(), "attached\n");
    live.stdin.as_mut().unwrap().write_all(b"x").unwrap();
    step.stdin.take().unwrap().write_all(b"\n").unwrap();
    let outcome = next();
    step.wait().unwrap();
    live.stdin = None;
    let ran = live.end();
    if outcome != "killed\n" {
        return None;
    }
    assert_eq!(ran.status, 137, "{}", ran.stderr());
    Some(program.show(&["--no-values"], "t.bct"))
}

/// Kills it at machine instructions of publications of a turn; returns how often.
#[track_caller]
fn check(options: &[&str], turn: usize, publications: u32, steps: &[u32]) -> u32 {
    let program = Program::new(BODY);
    let mut live = Live::start(program.tracing(options, "t.bct", &[]));
    live.stdin.as_mut().unwrap().write_all(b"xxx").unwrap();
    assert_eq!(live.end().status, 0);
    let whole = program.show(&["--no-values"], "t.bct");
    let (mut least, mut tried) = (0, 0);
    for publication in 1..=publications {
        for &steps in steps {
            let Some(trace) = killed(&program, options, turn, publication, steps) else { break };
            let place = format!("turn {turn}, publication {publication}, {steps} instructions after its beginning");
            assert!(whole.starts_with(&trace), "{place}: what was recorded is no prefix");
            let lines = trace.lines().count();
            // A later kill finds more, and a run that was lost would be missed.
            assert!(lines >= least, "{place}: {lines} instructions, and {least} before");
            least = lines;
            tried += 1;
        }
    }
    tried
}

/// All of these take some minutes.
fn is_long() -> bool {
    std::env::var_os("BCTRACE_ALL_STEPS").is_some()
}

#[test]
fn a_kill_between_any_two_machine_instructions_of_a_publication_loses_nothing() {
    // Most words are new in the second turn, and repeat in the third one.  A turn has 15 publications; then the program waits for input.
    let (publications, steps) = if is_long() { (15, (0..80).collect()) } else { (8, vec![0, 1, 2, 4, 7, 12, 25]) };
    let tried: u32 = [1, 2].map(|turn| check(&["-q"], turn, publications, &steps)).iter().sum();
    assert!(tried >= 60, "{tried} kills");
}

#[test]
fn a_kill_in_the_midst_of_a_publication_of_values_loses_nothing() {
    let (publications, steps) = if is_long() { (12, (0..80).collect()) } else { (4, vec![0, 1, 2, 4, 8, 30]) };
    let tried: u32 = [1, 2].map(|turn| check(&["-q", "--values"], turn, publications, &steps)).iter().sum();
    assert!(tried >= 40, "{tried} kills");
}
