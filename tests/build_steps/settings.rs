//! Settings: which variable wins, and which builds are refused.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::assert_says;
use super::build::problem::Problem;
use super::build::settings::Settings;

const TRIPLE: &str = "x86_64-unknown-linux-gnu";

#[test]
fn our_cache_variable_wins_over_xdg_and_home() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path().to_str().unwrap();
    let xdg = format!("{home}/xdg");
    let chosen = |variables: &[(&str, &str)]| read(variables).unwrap().cache_dir;
    let all = [("BCTRACE_CACHE_DIR", "/ours"), ("XDG_CACHE_HOME", &xdg), ("HOME", home)];
    assert_eq!(chosen(&all), PathBuf::from("/ours"));
    assert_eq!(chosen(&all[1..]), Path::new(&xdg).join("bctrace"));
    assert_eq!(chosen(&all[2..]), Path::new(home).join(".cache/bctrace"));
    assert_eq!(chosen(&[]), PathBuf::from("/out"));
}

#[test]
fn a_home_that_cannot_be_written_is_not_used() {
    assert_eq!(read(&[("HOME", "/proc")]).unwrap().cache_dir, PathBuf::from("/out"));
}

#[test]
fn offline_is_any_value_but_zero() {
    assert!(read(&[("BCTRACE_OFFLINE", "1")]).unwrap().offline);
    assert!(!read(&[("BCTRACE_OFFLINE", "0")]).unwrap().offline);
    assert!(!read(&[]).unwrap().offline);
}

#[test]
fn another_target_than_the_host_is_refused() {
    let problem = read(&[("TARGET", "aarch64-unknown-linux-gnu")]).unwrap_err();
    assert_says(&problem, &["aarch64-unknown-linux-gnu", TRIPLE, "cross-compile"]);
}

#[test]
fn another_system_than_linux_is_refused() {
    let triple = "x86_64-apple-darwin";
    let problem = read(&[("TARGET", triple), ("HOST", triple)]).unwrap_err();
    assert_says(&problem, &[triple, "64-bit Linux"]);
}

/// Reads settings from cargo's usual variables with `variables` on top.
fn read(variables: &[(&str, &str)]) -> Result<Settings, Problem> {
    let cargos = [("OUT_DIR", "/out"), ("CARGO_MANIFEST_DIR", "/crate"), ("TARGET", TRIPLE), ("HOST", TRIPLE)];
    Settings::read(|name| {
        let found = variables.iter().chain(&cargos).find(|(known, _)| *known == name);
        found.map(|(_, value)| OsString::from(value))
    })
}
