//! Counts the machine instructions of recordings by valgrind's callgrind, which no other load on the machine changes.
//!
//! The traced process is compared with the same VM untraced, both with start-up.  The programs are those of `pyperformance.rs`, each
//! benchmark executed once; or, with `--check`, those of `benches/counted/`, each with a bound.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::pyperformance::{benchmarks, binary};
use super::{compile, median};

/// The most that a program in `benches/counted/` may take: a ratio of machine instructions.
const BOUNDS: [(&str, f64); 3] = [("branches", 1.20), ("floats", 1.11), ("generators", 1.18)];

/// Machine instructions, in millions.
struct Counted {
    untraced: f64,
    traced: f64,
    recorder: f64,
}

impl Counted {
    fn ratio(&self) -> f64 {
        self.traced / self.untraced
    }
}

/// Measures the programs whose name has one of these words in it, or all; prints a table.
pub fn print(words: &[String], folder: &Path) {
    let mut ratios = Vec::new();
    print_head();
    for (name, program) in benchmarks(words, folder) {
        let counted = count(&program, folder);
        print_row(&name, &counted);
        ratios.push((counted.ratio(), name));
    }
    let Some(worst) = ratios.iter().max_by(|one, other| one.0.total_cmp(&other.0)) else {
        return;
    };
    let middle = median(ratios.iter().map(|(ratio, _)| *ratio).collect());
    println!("\nmedian {middle:.3}, worst {:.3} ({}), of {} programs", worst.0, worst.1, ratios.len());
}

/// Measures the programs that have a bound.
///
/// # Panics
/// If one takes more than that.
pub fn check(folder: &Path) {
    let counted = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/counted");
    let mut over = Vec::new();
    print_head();
    for (name, bound) in BOUNDS {
        let counted = count(&compile(&counted.join(name).with_extension("py"), folder), folder);
        print_row(name, &counted);
        if counted.ratio() > bound {
            over.push(format!(
                "{name} takes {:.3} times the untraced run, at most {bound} is allowed",
                counted.ratio()
            ));
        }
    }
    assert!(over.is_empty(), "{}", over.join("; "));
}

fn print_head() {
    println!("| program | untraced (M instructions) | traced process (M) | ratio | recorder ÷ traced process |");
    println!("|---|---|---|---|---|");
}

fn print_row(name: &str, counted: &Counted) {
    let Counted { untraced, traced, recorder } = counted;
    let ratio = counted.ratio();
    println!("| {name} | {untraced:.0} | {traced:.0} | {ratio:.3} | {:.2} |", recorder / traced);
}

fn count(program: &Path, folder: &Path) -> Counted {
    let untraced = totals(&["python"], program, None, folder);
    let traced = totals(&["-q", "--no-sandbox"], program, Some("counted.bct"), folder);
    // The traced process is the one that executes bytecode.
    let most = |totals: &[(bool, f64)], runs_bytecode| {
        totals.iter().filter(|total| total.0 == runs_bytecode).map(|total| total.1).fold(0.0, f64::max)
    };
    Counted { untraced: most(&untraced, true), traced: most(&traced, true), recorder: most(&traced, false) }
}

/// Runs a program under callgrind; for each process, whether it has executed bytecode, and its machine instructions in millions.
fn totals(options: &[&str], program: &Path, trace: Option<&str>, folder: &Path) -> Vec<(bool, f64)> {
    let profiles = folder.join("profiles");
    let _ = fs::remove_dir_all(&profiles);
    fs::create_dir(&profiles).expect("there is room for a folder");
    let mut command = Command::new("valgrind");
    command.arg("--tool=callgrind").arg(format!("--callgrind-out-file={}/%p", profiles.display()));
    command.arg(binary()).args(options).arg(program).args(trace).current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status();
    assert!(status.is_ok_and(|status| status.success()), "{} runs under valgrind", program.display());
    let profiles = fs::read_dir(&profiles).expect("valgrind has written profiles");
    profiles
        .map(|profile| {
            let profile = fs::read_to_string(profile.expect("a readable entry").path()).expect("a profile is text");
            let fields: BTreeMap<&str, &str> = profile.lines().filter_map(|line| line.split_once(": ")).collect();
            let total = fields.get("totals").or(fields.get("summary")).and_then(|total| total.trim().parse().ok());
            (profile.contains("PyEval_EvalFrameEx"), total.unwrap_or(0.0) / 1e6)
        })
        .collect()
}
