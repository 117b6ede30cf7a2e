//! Every fixture's output, status and trace against what is committed: fixtures/MANIFEST.toml and fixtures/expected/.
//! `BCTRACE_BLESS=1 cargo test` writes the expected traces again; read the difference before it is committed.

use std::fs;
use std::path::{Path, PathBuf};

use crate::manifest::{self, Run};
use crate::running;

/// Bytes that the expected traces may have together.
const MAX_EXPECTED: u64 = 3_000_000;

/// The views of one trace, with options that keep what they print short.
const VIEWS: [&str; 11] = [
    "info",
    "calls",
    "compares",
    "strings",
    "find --regex ^[a-z]{3}$",
    "hot --count 5",
    "show -r --fold",
    "edges --no-stdlib",
    "layers --no-stdlib",
    "tried",
    "tricks",
];

/// Programs with values that depend on an address, and so on the build.
const BY_ADDRESS: [&str; 2] = ["before_the_code", "self_modifying"];

#[test]
fn every_fixture_prints_and_ends_as_plain_python_does() {
    let scratch = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for run in manifest::runs() {
        let ran = run.traced(&["-q"], scratch.path().join("trace.txt").to_str().unwrap());
        if (ran.status, ran.stdout()) != (run.status, run.stdout.clone()) {
            wrong.push(format!(
                "{}: status {}, want {}; {:?}\n{}",
                run.name,
                ran.status,
                run.status,
                ran.stdout(),
                ran.stderr()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_fixture_has_the_expected_trace() {
    assert_expected(&[], ".txt");
}

#[test]
fn every_fixture_has_the_expected_trace_with_operands_resolved() {
    assert_expected(&["-r"], ".r.txt");
}

#[test]
fn every_view_of_every_fixture_prints_what_is_expected() {
    let scratch = tempfile::tempdir().unwrap();
    let runs = manifest::runs().iter().filter(|run| run.has_golden() && !BY_ADDRESS.contains(&&*run.name));
    let wrong: Vec<String> = runs
        .filter_map(|run| {
            let trace = scratch.path().join(format!("{}.bct", run.name));
            let trace = trace.to_str().unwrap();
            run.traced(&["-q", "--values", "--deterministic", "--allow-read"], trace);
            different(&format!("{}.views.txt", run.name), views(trace).as_bytes())
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_is_expected_of_a_fixture_that_is_gone() {
    let known: Vec<String> = manifest::runs().iter().map(|run| run.name.clone()).collect();
    for entry in fs::read_dir(expected()).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let name = file.split('.').next().unwrap().to_string();
        assert!(known.contains(&name) || file.ends_with(".actual"), "fixtures/expected/{file} belongs to no run");
    }
}

#[test]
fn the_expected_traces_stay_small() {
    let sizes = fs::read_dir(expected()).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len());
    let size: u64 = sizes.sum();
    assert!(size < MAX_EXPECTED, "{size} bytes; mark a run with golden = false in MANIFEST.toml, and say there why");
}

fn expected() -> PathBuf {
    running::fixtures().join("expected")
}

fn assert_expected(options: &[&str], suffix: &str) {
    let scratch = tempfile::tempdir().unwrap();
    let wrong: Vec<String> = manifest::runs()
        .iter()
        .filter(|run| run.has_golden())
        .filter_map(|run| difference(run, options, suffix, scratch.path()))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What every view prints of a trace, one after the other, but for the trace's name and size and the version of bctrace.
fn views(trace: &str) -> String {
    let mut printed = String::new();
    for view in VIEWS {
        let ran = running::run(&mut running::bctrace(view.split(' ').chain([trace])));
        assert!(ran.status < 2, "bctrace {view} {trace}: {}", ran.stderr());
        printed += &format!("$ bctrace {view}\n");
        let varies = |line: &str| view == "info" && (line.starts_with("trace ") || line.starts_with("recorded by "));
        ran.stdout().lines().filter(|line| !varies(line)).for_each(|line| printed += &format!("{line}\n"));
        printed.push('\n');
    }
    // The folder of the fixtures is wherever the project is.
    printed.replace(running::fixtures().to_str().unwrap(), "/fixtures")
}

/// Says where a trace differs from the expected one.
fn difference(run: &Run, options: &[&str], suffix: &str, scratch: &Path) -> Option<String> {
    let trace = scratch.join(format!("{}{suffix}", run.name));
    run.traced(&[&["-q", "--allow-read"], options].concat(), trace.to_str().unwrap());
    different(&format!("{}{suffix}", run.name), &running::read(&trace))
}

/// Says where something differs from what is expected of it, and leaves it beside that.
fn different(name: &str, got: &[u8]) -> Option<String> {
    let path = expected().join(name);
    let beside = path.with_file_name(format!("{name}.actual"));
    if std::env::var_os("BCTRACE_BLESS").is_some() {
        fs::write(&path, got).unwrap();
    }
    let want = fs::read(&path).unwrap_or_default();
    if got == want {
        // Left by an earlier run, if at all.
        let _ = fs::remove_file(&beside);
        return None;
    }
    fs::write(&beside, got).unwrap();
    let (got, want) = (String::from_utf8_lossy(got).into_owned(), String::from_utf8_lossy(&want).into_owned());
    let (got, want): (Vec<&str>, Vec<&str>) = (got.lines().collect(), want.lines().collect());
    let line = got.iter().zip(&want).take_while(|(got, want)| got == want).count();
    let at = |lines: &[&str]| lines.get(line).map_or_else(|| "the end".to_string(), |line| (*line).to_string());
    Some(format!("{} differs in line {}: {}, expected {}", beside.display(), line + 1, at(&got), at(&want)))
}
