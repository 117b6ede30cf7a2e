//! Files as messages name them: by their path, and `-` by what it stands for.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::bytecode::escape::Printable;

/// A file that a command was given.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    path: &'a Path,
    /// What `-` stands for.
    stream: &'static str,
}

impl<'a> Named<'a> {
    /// A file to read.
    pub fn input(path: &'a Path) -> Self {
        Named { path, stream: "standard input" }
    }

    /// A file to write.
    pub fn output(path: &'a Path) -> Self {
        Named { path, stream: "standard output" }
    }
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if self.path == Path::new("-") { f.write_str(self.stream) } else { Printable::path(self.path).fmt(f) }
    }
}

/// Says why a path cannot be opened, also where the system's own words leave open which part of the path they mean.
pub fn why(path: &Path, error: &io::Error) -> String {
    known(path, error).unwrap_or_else(|| error.to_string())
}

fn known(path: &Path, error: &io::Error) -> Option<String> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    match error.kind() {
        ErrorKind::IsADirectory => Some("it is a folder".into()),
        ErrorKind::NotADirectory if path.exists() => Some("it is a file, not a folder".into()),
        ErrorKind::NotADirectory => {
            let file = path.ancestors().find(|ancestor| ancestor.is_file())?;
            Some(format!("{} is a file, not a folder", Printable::path(file)))
        }
        ErrorKind::NotFound => {
            let parent = parent.filter(|parent| !parent.exists())?;
            Some(format!("there is no folder {}", Printable::path(parent)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dash_is_named_as_the_stream_that_it_stands_for() {
        assert_eq!(Named::input(Path::new("-")).to_string(), "standard input");
        assert_eq!(Named::output(Path::new("-")).to_string(), "standard output");
        assert_eq!(Named::input(Path::new("./-\x1b")).to_string(), r"./-\x1b");
    }

    #[test]
    fn the_part_of_a_path_that_is_wrong_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        std::fs::write(&file, "").expect("written");
        let why = |path: &Path| {
            let text = why(path, &std::fs::write(path, "").expect_err("an error"));
            text.replace(&format!("{}/", folder.path().display()), "")
        };
        assert_eq!(why(folder.path()), "it is a folder");
        assert_eq!(why(&file.join("inside/deep")), "file is a file, not a folder");
        assert_eq!(why(&folder.path().join("none/t")), "there is no folder none");
        let error = std::fs::read_dir(&file).expect_err("an error");
        assert_eq!(super::why(&file, &error), "it is a file, not a folder");
        let error = std::fs::read(folder.path().join("none")).expect_err("an error");
        assert!(super::why(&folder.path().join("none"), &error).starts_with("No such file"));
    }
}
