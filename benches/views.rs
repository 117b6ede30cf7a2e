//! How fast the views read a trace, and what they take in memory: records the programs of benches/programs/ without and with values,
//! and runs every view of each trace.
//!
//! `cargo bench --bench views [-- ROUNDS]`.  Times are processor time, the least of the rounds.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const BCTRACE: &str = env!("CARGO_BIN_EXE_bctrace");
const ROUNDS: usize = 3;

/// The views that need no values, and those that do.
const PLAIN: [&[&str]; 3] = [&["hot"], &["show", "--fold"], &["diff"]];
const VALUED: [&[&str]; 7] = [
    &["compares"],
    &["compares", "--in-order"],
    &["strings"],
    &["find", "--regex", "no such text"],
    &["calls"],
    &["diff"],
    &["show"],
];

fn main() {
    let rounds = std::env::args().filter_map(|word| word.parse().ok()).next().unwrap_or(ROUNDS);
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    println!("{:<12} {:<26} {:>14} {:>8} {:>12} {:>10}", "program", "view", "instructions", "s", "M/s", "peak MiB");
    let mut sources: Vec<PathBuf> = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/programs"))
        .expect("the programs are there")
        .map(|entry| entry.expect("a readable entry").path())
        .collect();
    sources.sort();
    for source in sources {
        let name = source.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for (options, views) in [(&[][..], &PLAIN[..]), (&["--values"][..], &VALUED[..])] {
            let trace = folder.path().join("t.bct");
            let recorded = Command::new(BCTRACE)
                .args(["-q", "--force", "--no-sandbox"])
                .args(options)
                .arg(&source)
                .arg(&trace)
                .stdout(Stdio::null())
                .status();
            assert!(recorded.is_ok_and(|status| status.success()), "{name} can be recorded");
            let instructions = instructions(&trace);
            for view in views {
                let (seconds, peak) = (0..rounds)
                    .map(|_| measure(view, &trace))
                    .min_by(|left, right| left.0.total_cmp(&right.0))
                    .expect("there is a round");
                let both = if view[0] == "diff" { 2 } else { 1 };
                let speed = (both * instructions) as f64 / 1e6 / seconds;
                println!(
                    "{name:<12} {:<26} {instructions:>14} {seconds:>8.2} {speed:>12.1} {:>10}",
                    format!("{}{}", view.join(" "), if options.is_empty() { "" } else { " (values)" }),
                    peak / 1024
                );
            }
        }
    }
}

/// Runs a view; returns its seconds of processor time and its peak memory in KiB, as `time` reports them.
fn measure(view: &[&str], trace: &Path) -> (f64, u64) {
    let report = trace.with_extension("time");
    let mut command = Command::new("/usr/bin/time");
    command.args(["-f", "%U %S %M", "-o"]).arg(&report).arg(BCTRACE).args(view).arg(trace);
    if view[0] == "diff" {
        command.arg(trace);
    }
    let status = command.stdout(Stdio::null()).status().expect("/usr/bin/time can be run; Debian: apt install time");
    assert!(status.code().is_some_and(|code| code < 2), "{view:?} ends well");
    let text = fs::read_to_string(&report).unwrap_or_default();
    let numbers: Vec<f64> =
        text.lines().next_back().unwrap_or_default().split(' ').filter_map(|word| word.parse().ok()).collect();
    let [user, system, peak] = numbers[..] else { panic!("`time` reports {text:?}") };
    (user + system, peak as u64)
}

/// The instructions of a trace.
fn instructions(trace: &Path) -> u64 {
    let output = Command::new(BCTRACE).args(["info", "-f", "json"]).arg(trace).output().expect("info runs");
    let info: serde_json::Value = serde_json::from_slice(&output.stdout).expect("info prints JSON");
    info["recorded"].as_u64().or(info["executed"].as_u64()).unwrap_or(0)
}
