//! Finds out which commit is being built, for `--version`. Only a repository whose top is the crate's own folder counts: a tarball
//! that was unpacked inside another repository has no commit.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::command::run;
use super::problem::Problem;
use super::settings::Settings;

/// Where the commit stands.
#[derive(Debug, PartialEq, Eq)]
pub struct HeadLog {
    /// A file whose last line has the commit as its second word; empty if there is none.
    pub path: PathBuf,
    /// What changes when the file's place may be another one.
    pub watched: Vec<PathBuf>,
}

/// Returns git's own log of HEAD, which every commit and checkout appends to. Without one, writes a file of that form.
pub fn head_log(settings: &Settings) -> Result<HeadLog, Problem> {
    let git = git_folder(&settings.crate_dir);
    let head = git.iter().map(|git| git.join("HEAD")).collect();
    if let Some(log) = git.as_ref().map(|git| git.join("logs/HEAD"))
        && fs::metadata(&log).is_ok_and(|data| data.len() > 0)
    {
        return Ok(HeadLog { path: log, watched: head });
    }
    // The log can be switched off, and it expires; other storage of references than files has none.
    let commit = git.as_ref().and_then(|_| {
        let mut command = Command::new("git");
        run(command.args(["rev-parse", "HEAD"]).current_dir(&settings.crate_dir), None).ok()
    });
    let line = commit.map(|commit| [b"HEAD ", &commit[..]].concat()).unwrap_or_default();
    let path = settings.out_dir.join("head");
    // Unchanged, it makes nothing out of date.
    if fs::read(&path).ok().as_ref() != Some(&line) {
        fs::write(&path, line).map_err(|error| Problem::io("keep the commit", &path, &error))?;
    }
    Ok(HeadLog { path, watched: git.map(|git| references(&git)).unwrap_or_default() })
}

/// Returns the repository's folder; a worktree and a submodule have a file that names it.
fn git_folder(crate_dir: &Path) -> Option<PathBuf> {
    let git = crate_dir.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    let named = fs::read_to_string(git).ok()?;
    Some(crate_dir.join(named.strip_prefix("gitdir:")?.trim())).filter(|git| git.is_dir())
}

/// Returns all that can change when HEAD becomes another commit; a worktree shares its branches with the main one.
fn references(git: &Path) -> Vec<PathBuf> {
    let common = fs::read_to_string(git.join("commondir")).map(|common| git.join(common.trim()));
    let folders = [Some(git.to_path_buf()), common.ok()];
    let names = ["HEAD", "refs/heads", "packed-refs", "reftable"];
    let all = folders.into_iter().flatten().flat_map(|folder| names.map(|name| folder.join(name)));
    all.filter(|path| path.exists()).collect()
}
