//! The build's steps, tried apart from cargo: what they refuse, and what they then say.

#[path = "../build/mod.rs"]
#[allow(dead_code)]
mod build;

mod cache;
mod command;
mod commit;
mod configure;
mod openssl;
mod own;
mod patch;
mod progress;
mod settings;
mod source;
mod stdlib;

use std::path::Path;

use build::problem::Problem;
use build::progress::Progress;
use build::settings::Settings;

/// Returns settings whose every folder is in `scratch`, offline.
fn settings_in(scratch: &Path) -> Settings {
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    Settings {
        crate_dir: scratch.to_path_buf(),
        out_dir: scratch.join("out"),
        target: triple.clone(),
        host: triple,
        tarball: None,
        cache_dir: scratch.join("cache"),
        offline: true,
        sanitize: false,
        libraries: Vec::new(),
        make_flags: None,
        compiler: None,
        progress: Progress::default(),
    }
}

/// Asserts that the problem, as it is printed, says each of `parts`.
#[track_caller]
fn assert_says(problem: &Problem, parts: &[&str]) {
    let text = problem.to_string();
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}
