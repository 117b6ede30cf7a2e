//! Which commit a build finds: in a clone, in a worktree, and outside a repository.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::build::commit::head_log;
use super::build::settings::Settings;
use super::settings_in;

#[test]
fn a_clone_has_the_log_that_git_writes() {
    let scratch = tempfile::tempdir().unwrap();
    let settings = settings_of(scratch.path());
    write(&settings.crate_dir.join(".git/logs/HEAD"), "0 1 line\n");
    write(&settings.crate_dir.join(".git/HEAD"), "ref: refs/heads/main\n");
    let head = head_log(&settings).unwrap();
    assert_eq!(head.path, settings.crate_dir.join(".git/logs/HEAD"));
    assert_eq!(head.watched, [settings.crate_dir.join(".git/HEAD")]);
}

#[test]
fn a_worktree_has_a_log_of_its_own() {
    let scratch = tempfile::tempdir().unwrap();
    let settings = settings_of(scratch.path());
    let git = scratch.path().join("main/.git/worktrees/other");
    write(&git.join("logs/HEAD"), "0 1 line\n");
    for named in [git.to_str().unwrap(), "../main/.git/worktrees/other"] {
        write(&settings.crate_dir.join(".git"), &format!("gitdir: {named}\n"));
        assert_eq!(fs::read_to_string(head_log(&settings).unwrap().path).unwrap(), "0 1 line\n");
    }
}

#[test]
fn a_folder_without_a_repository_has_an_empty_log_even_inside_another_one() {
    let scratch = tempfile::tempdir().unwrap();
    write(&scratch.path().join(".git/logs/HEAD"), "0 1 line\n");
    let settings = settings_of(scratch.path());
    let head = head_log(&settings).unwrap();
    assert_eq!(fs::read(head.path).unwrap(), b"");
    assert!(head.watched.is_empty());
}

#[test]
fn without_a_log_git_is_asked_and_each_commit_makes_the_build_out_of_date() {
    let scratch = tempfile::tempdir().unwrap();
    let settings = settings_of(scratch.path());
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=a", "-c", "user.email=a@b", "-c", "core.logAllRefUpdates=false"]);
        command.args(arguments).current_dir(&settings.crate_dir).env("GIT_CONFIG_GLOBAL", "/dev/null");
        command.output().map(|output| String::from_utf8(output.stdout).unwrap())
    };
    if git(&["init", "-q", "-b", "main"]).is_err() {
        return; // No git: the commit is unknown.
    }
    git(&["commit", "-q", "--allow-empty", "-m", "one"]).unwrap();
    let commit = git(&["rev-parse", "HEAD"]).unwrap();
    assert_eq!(commit.trim().len(), 40);
    let head = head_log(&settings).unwrap();
    assert_eq!(fs::read_to_string(head.path).unwrap(), format!("HEAD {commit}"));
    assert!(head.watched.contains(&settings.crate_dir.join(".git/refs/heads")), "{:?}", head.watched);
}

/// Settings of a crate in a folder of `scratch`.
fn settings_of(scratch: &Path) -> Settings {
    let settings = Settings { crate_dir: scratch.join("crate"), ..settings_in(scratch) };
    fs::create_dir_all(&settings.crate_dir).unwrap();
    fs::create_dir_all(&settings.out_dir).unwrap();
    settings
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}
