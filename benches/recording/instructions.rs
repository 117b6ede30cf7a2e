//! Counts the machine instructions of recordings by valgrind's callgrind, which no other load on the machine changes.
//!
//! The traced process is compared with the same VM untraced, both with start-up.  The programs are the pure-Python ones of pyperformance
//! 1.0.0, which pip fetches, each benchmark executed once; or, with `--check`, those of `benches/counted/`, each with a bound.  The
//! environment variable BCTRACE names another binary to measure, for a comparison.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{BCTRACE, compile, median};

/// The benchmarks, by the names of their files.
const PACKAGE: &str = "pyperformance==1.0.0";
/// What some of them import.
const NEEDED: [&str; 2] = ["six==1.16.0", "pyaes==1.6.1"];
/// Passes for the module that runs the benchmarks.
const RUNNER: &str = include_str!("pyperf.py");
/// Benchmarks that run other programs or serve a network.
const LEFT_OUT: [&str; 4] = ["2to3", "hg_startup", "python_startup", "tornado_http"];

/// The most that a program in `benches/counted/` may take: a ratio of machine instructions.
const BOUNDS: [(&str, f64); 3] = [("branches", 1.23), ("floats", 1.12), ("generators", 1.19)];

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
    for program in benchmarks(folder) {
        let name = name_of(&program);
        if !words.is_empty() && !words.iter().any(|word| name.contains(word.as_str())) {
            continue;
        }
        if !runs(&program, folder) {
            eprintln!("{name} does not run here");
            continue;
        }
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

fn binary() -> OsString {
    std::env::var_os("BCTRACE").unwrap_or_else(|| BCTRACE.into())
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

fn name_of(program: &Path) -> String {
    let stem = program.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    stem.trim_start_matches("bm_").to_owned()
}

/// Fetches the benchmarks and compiles them; `folder` gets all that they need.
fn benchmarks(folder: &Path) -> Vec<PathBuf> {
    let fetched = folder.join("fetched");
    let pip = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--target"];
    let status =
        Command::new("python3").args(pip).arg(&fetched).arg(PACKAGE).args(NEEDED).stdout(Stdio::null()).status();
    assert!(status.is_ok_and(|status| status.success()), "pip fetches {PACKAGE}");
    let benchmarks = fetched.join("pyperformance/benchmarks");
    fs::write(benchmarks.join("pyperf.py"), RUNNER).expect("there is room for a module");
    for needed in ["six.py", "pyaes"] {
        fs::rename(fetched.join(needed), benchmarks.join(needed)).expect("pip has put it there");
    }
    let mut sources: Vec<PathBuf> = fs::read_dir(&benchmarks)
        .expect("the package has benchmarks")
        .map(|entry| entry.expect("a readable entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "py"))
        .filter(|path| name_of(path).len() < name_of_file(path).len() && !LEFT_OUT.contains(&name_of(path).as_str()))
        .collect();
    sources.sort();
    sources.iter().map(|source| compile(source, &benchmarks)).collect()
}

fn name_of_file(path: &Path) -> String {
    path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
}

/// Whether a program runs to its end; it leaves its modules compiled.
fn runs(program: &Path, folder: &Path) -> bool {
    let mut command = Command::new(binary());
    command.arg("python").arg(program).current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
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
