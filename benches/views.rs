//! How fast the views read a trace, and what they take in memory: the table of docs/performance.md.  Records a program whose rounds differ,
//! without and with values, and one whose rounds are all alike, and asks every view about each trace.
//!
//! `cargo bench --bench views [-- ROUNDS]`.  Times are processor time, the least of the rounds.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

const BCTRACE: &str = env!("CARGO_BIN_EXE_bctrace");
const ROUNDS: usize = 3;

/// Calculates, branches by what comes of it, calls a small function and compares.
const DIFFERENT: &str = "\
def mix(x, n):
    return (x ^ n) + 1
x = 1
while 1:
    x = (x * 1103515245 + 12345) & 0x7fffffff
    if x & 64:
        x = mix(x, 7)
    elif x & 1024:
        text = 'n%d' % (x & 255)
        text == 'n77'
";
const ALIKE: &str = "\
def mix(x, n):
    return x ^ n
while 1:
    mix(5, 7)
";

/// A trace, how many instructions it has, and the views that are asked about it.
struct Traced {
    what: &'static str,
    source: &'static str,
    values: bool,
    instructions: u64,
    views: &'static [&'static [&'static str]],
}

const PLAIN: &[&[&str]] = &[&["hot"], &["edges"], &["layers"], &["show", "--fold"], &["diff"], &["report"]];
const VALUED: &[&[&str]] = &[
    &["compares"],
    &["compares", "--in-order"],
    &["strings"],
    &["find", "--regex", "no such text"],
    &["calls"],
    &["diff"],
    &["show"],
    &["report"],
];
const TRACES: [Traced; 3] = [
    Traced { what: "rounds differ", source: DIFFERENT, values: false, instructions: 100_000_000, views: PLAIN },
    Traced { what: "rounds differ, values", source: DIFFERENT, values: true, instructions: 10_000_000, views: VALUED },
    Traced { what: "rounds alike", source: ALIKE, values: false, instructions: 1_000_000_000, views: PLAIN },
];

fn main() {
    let rounds = std::env::args().filter_map(|word| word.parse().ok()).next().unwrap_or(ROUNDS);
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    println!("| view | trace | M instructions | processor time | M instructions per second | peak memory |");
    println!("|---|---|---|---|---|---|");
    for traced in &TRACES {
        let trace = folder.path().join("t.bct");
        record(traced, folder.path(), &trace);
        let instructions = traced.instructions as f64 / 1e6;
        for view in traced.views {
            let (seconds, peak) = (0..rounds)
                .map(|_| measure(view, &trace))
                .min_by(|left, right| left.0.total_cmp(&right.0))
                .expect("there is a round");
            let both = if view[0] == "diff" { 2.0 } else { 1.0 };
            let note = if view[0] == "diff" { ", both traces counted" } else { "" };
            println!(
                "| `{}`{note} | {} | {instructions} | {seconds:.2} s | {:.1} | {} MiB |",
                view.join(" "),
                traced.what,
                both * instructions / seconds.max(0.01),
                peak / 1024
            );
        }
    }
}

fn record(traced: &Traced, folder: &Path, trace: &Path) {
    let source = folder.join("p.py");
    fs::write(&source, traced.source).expect("a program can be written");
    let most = format!("--max-instructions={}", traced.instructions);
    let mut command = Command::new(BCTRACE);
    command.args(["-q", "--force", "--no-sandbox", &most]).args(traced.values.then_some("--values"));
    let recorded = command.arg(&source).arg(trace).stdout(Stdio::null()).status();
    // It never ends by itself.
    assert!(recorded.is_ok_and(|status| status.code() == Some(123)), "{} can be recorded", traced.what);
}

/// Runs a view; returns its seconds of processor time and its peak memory in KiB, as `time` reports them.
fn measure(view: &[&str], trace: &Path) -> (f64, u64) {
    let report = trace.with_extension("time");
    let mut command = Command::new("/usr/bin/time");
    command.args(["-f", "%U %S %M", "-o"]).arg(&report).arg(BCTRACE).args(view).arg(trace);
    match view[0] {
        "diff" => drop(command.arg(trace)),
        "report" => drop(command.args(["-o", "-"])),
        _ => {}
    }
    let status = command.stdout(Stdio::null()).status().expect("/usr/bin/time can be run; Debian: apt install time");
    assert!(status.code().is_some_and(|code| code < 2), "{view:?} ends well");
    let text = fs::read_to_string(&report).unwrap_or_default();
    let numbers: Vec<f64> =
        text.lines().next_back().unwrap_or_default().split(' ').filter_map(|word| word.parse().ok()).collect();
    let [user, system, peak] = numbers[..] else { panic!("`time` reports {text:?}") };
    (user + system, peak as u64)
}
