//! Compiler and configure: what their failures say, and what makes a recipe another one.

use std::fs;
use std::path::{Path, PathBuf};

use super::build::compile::configure;
use super::build::modules::{MODULES, tables_c};
use super::build::problem::Problem;
use super::build::recipe::Recipe;
use super::build::settings::Settings;
use super::{assert_says, settings_in};

#[test]
fn a_missing_compiler_is_named_with_what_to_install() {
    let scratch = tempfile::tempdir().unwrap();
    let compiler = Some(PathBuf::from("/nowhere/cc"));
    let settings = Settings { compiler, ..settings_in(scratch.path()) };
    let problem = Recipe::plain(&settings, MODULES).unwrap_err();
    assert_says(&problem, &["find a C compiler", "/nowhere/cc", "apt install build-essential", "CC"]);
}

#[test]
fn a_compiler_that_fails_is_not_called_missing() {
    let scratch = tempfile::tempdir().unwrap();
    let settings = Settings { compiler: Some("/bin/false".into()), ..settings_in(scratch.path()) };
    let problem = Recipe::plain(&settings, MODULES).unwrap_err();
    assert_says(&problem, &["`/bin/false` ended with exit status: 1"]);
}

#[test]
fn a_failed_configure_shows_its_last_lines_and_keeps_its_log() {
    let tree = tempfile::tempdir().unwrap();
    let problem = failed_configure(tree.path(), "checking\nconfigure: error: it is Monday", "gcc said: not today");
    let log = tree.path().join("configure.log");
    assert_says(&problem, &["it is Monday", "exit status: 77", log.to_str().unwrap()]);
    let kept = fs::read_to_string(&log).unwrap();
    assert!(kept.contains("gcc said: not today"), "config.log is in {kept}");
}

#[test]
fn a_compiler_without_c_library_is_an_error_that_says_to_install_it() {
    let tree = tempfile::tempdir().unwrap();
    let said = "configure: error: C compiler cannot create executables";
    let problem = failed_configure(tree.path(), said, "ld: cannot find crt1.o");
    assert_says(&problem, &["apt install build-essential"]);
}

#[test]
fn a_full_disk_is_an_error_that_says_to_empty_it() {
    let tree = tempfile::tempdir().unwrap();
    let problem = failed_configure(tree.path(), "configure: error: cannot compile", "as: No space left on device");
    assert_says(&problem, &["free about 100 MB", "BCTRACE_CACHE_DIR"]);
}

#[test]
fn a_recipe_changes_with_patches_and_their_headers_but_not_with_our_own_c() {
    let scratch = tempfile::tempdir().unwrap();
    let settings = settings_in(scratch.path());
    let folder = settings.patch_dir();
    fs::create_dir(&folder).unwrap();
    let fingerprint_with = |name: &str, text: &str| {
        fs::write(folder.join(name), text).unwrap();
        Recipe::patched(&settings, MODULES).unwrap().fingerprint()
    };
    let first = fingerprint_with("1.patch", "+#include \"used.h\"\n");
    assert_eq!(first, Recipe::patched(&settings, MODULES).unwrap().fingerprint());
    assert_eq!(first, fingerprint_with("own.c", "int own;\n"));
    assert_eq!(first, fingerprint_with("own.h", "extern int own;\n"));
    let with_header = fingerprint_with("used.h", "#include \"deeper.h\"\n");
    assert_ne!(first, with_header);
    let with_deeper = fingerprint_with("deeper.h", "extern int deeper;\n");
    assert_ne!(with_header, with_deeper);
    assert_ne!(with_deeper, fingerprint_with("1.patch", "+#include \"used.h\"\n+x\n"));
    assert_ne!(first, Recipe::plain(&settings, MODULES).unwrap().fingerprint());
    assert_ne!(first, Recipe::patched(&settings, &MODULES[1..]).unwrap().fingerprint());
}

#[test]
fn every_module_is_listed_once() {
    let table = tables_c(MODULES);
    for module in MODULES {
        let row = format!("{{\"{}\", ", module.name);
        assert_eq!(table.matches(&row).count(), 1, "{row} in\n{table}");
    }
}

/// Runs a configure that prints `said`, leaves `details` in config.log and fails.
fn failed_configure(tree: &Path, said: &str, details: &str) -> Problem {
    let script = format!("#!/bin/sh\necho '{said}'\necho '{details}' >config.log\nexit 77\n");
    fs::write(tree.join("configure"), script).unwrap();
    make_executable(&tree.join("configure"));
    let recipe = Recipe::plain(&settings_in(tree), MODULES).unwrap();
    configure(&recipe, tree, &tree.join("configure.log")).unwrap_err()
}

fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
