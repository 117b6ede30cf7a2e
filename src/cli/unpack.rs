//! `bctrace unpack`: writes what a program's file contains into a folder.  Names in the file are hostile; the folder is empty, and no
//! path that is made leads out of it.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::args::UnpackArgs;
use super::list::{self, Row};
use super::message;
use super::program::{self, Program, Reading};
use crate::bytecode::escape::Printable;
use crate::bytecode::{file, pyc};
use crate::format::{OutputFolder, json};

const MANIFEST: &str = "manifest.json";

/// Runs the command.
pub fn run(args: &UnpackArgs) -> anyhow::Result<u8> {
    let program = program::read(&args.program, Reading::from(&args.file))?;
    let files = write_all(&args.program, &program, &args.folder)?;
    program.report_guesses(&args.program);
    let files = message::counted(files as u64, "file");
    message::warn(format_args!("wrote {files} and {MANIFEST} into {}", Printable::path(&args.folder)));
    Ok(0)
}

/// Writes what the program's file at `path` contains into a new folder; returns the number of files besides the manifest.
pub fn write_all(path: &Path, program: &Program, folder: &Path) -> anyhow::Result<usize> {
    let folder = OutputFolder::new(folder)?;
    let mut names = Names::default();
    let mut manifest = b"{\"manifest\":1".to_vec();
    list::push_head(&mut manifest, path.as_os_str().as_encoded_bytes(), program);
    manifest.extend_from_slice(b",\"contents\":[");
    let rows = list::rows(program);
    for (number, row) in rows.iter().enumerate() {
        let path = names.unique(path_of(row));
        let written = match row.code {
            Some(_) => write(&folder, &path, &pyc::of_marshal(row.bytes)),
            None => write(&folder, &path, row.bytes),
        };
        written.with_context(|| format!("cannot write {}", Printable::path(&folder.path_of(&path))))?;
        manifest.extend_from_slice(if number == 0 { b"\n{" } else { b",\n{" });
        list::push_row(&mut manifest, row);
        json::push_text_member(&mut manifest, "file", path.as_os_str().as_bytes());
        manifest.push(b'}');
    }
    manifest.extend_from_slice(b"\n]}\n");
    let written = write(&folder, Path::new(MANIFEST), &manifest);
    written.with_context(|| format!("cannot write {}", Printable::path(&folder.path_of(MANIFEST))))?;
    Ok(rows.len())
}

fn write(folder: &OutputFolder, path: &Path, bytes: &[u8]) -> io::Result<()> {
    folder.create_below(path)?.write_all(bytes)
}

/// The path of a row's file: scripts lie in the folder itself, modules and other files in folders of their own.
fn path_of(row: &Row) -> PathBuf {
    let slashed = || row.name.iter().map(|byte| if *byte == b'.' { b'/' } else { *byte }).collect::<Vec<u8>>();
    let suffix = if row.after.is_some() { &b".tail"[..] } else { b".pyc" };
    let (folder, name) = match row.after.map_or(row.kind, |after| after.kind) {
        "module" => ("modules", [&slashed()[..], suffix].concat()),
        "package" => ("modules", [&slashed()[..], b"/__init__", suffix].concat()),
        "script" => ("", [script_name(&row.name), suffix].concat()),
        "source" => ("", [script_name(&row.name), b".py"].concat()),
        _ => ("files", row.name.clone()),
    };
    Path::new(folder).join(file::printable_path(&name))
}

/// A script's name without folder, suffix and angle brackets.
fn script_name(name: &[u8]) -> &[u8] {
    let name = name.rsplit(|byte| matches!(byte, b'/' | b'\\')).next().unwrap_or(name);
    let name = [&b".pyc"[..], b".pyo", b".py"].iter().find_map(|suffix| name.strip_suffix(*suffix)).unwrap_or(name);
    let name = name.strip_prefix(b"<").and_then(|name| name.strip_suffix(b">")).unwrap_or(name);
    if name.is_empty() { b"main" } else { name }
}

/// Names that are taken: of files, and of folders, which a file cannot have.
#[derive(Default)]
pub struct Names {
    files: HashSet<PathBuf>,
    folders: HashSet<PathBuf>,
    /// The last number of each path that was taken.
    numbers: HashMap<PathBuf, u32>,
}

impl Names {
    /// Returns the path, or one with a number if it is taken or leads through a file.
    pub fn unique(&mut self, path: PathBuf) -> PathBuf {
        let mut candidate = path.clone();
        if self.is_taken(&candidate) {
            let mut number = self.numbers.get(&path).copied().unwrap_or(1);
            while self.is_taken(&candidate) {
                number += 1;
                candidate = numbered(&path, number, |parent| self.files.contains(parent));
            }
            self.numbers.insert(path, number);
        }
        self.folders.extend(candidate.ancestors().skip(1).map(Path::to_owned));
        self.files.insert(candidate.clone());
        candidate
    }

    fn is_taken(&self, path: &Path) -> bool {
        path == Path::new(MANIFEST)
            || self.files.contains(path)
            || self.folders.contains(path)
            || path.ancestors().skip(1).any(|parent| self.files.contains(parent))
    }
}

/// Puts a number into the name: that of the outermost part that is a file, or else of the last.
fn numbered(path: &Path, number: u32, is_file: impl Fn(&Path) -> bool) -> PathBuf {
    let mut parents: Vec<&Path> = path.ancestors().collect();
    parents.reverse();
    let taken = parents.into_iter().find(|parent| is_file(parent)).unwrap_or(path);
    let rest = path.strip_prefix(taken).unwrap_or(Path::new(""));
    let stem = taken.file_stem().unwrap_or_default();
    let mut name = stem.to_owned().into_vec();
    name.extend_from_slice(format!("~{number}").as_bytes());
    if let Some(suffix) = taken.extension() {
        name.push(b'.');
        name.extend_from_slice(suffix.as_bytes());
    }
    let taken = taken.with_file_name(OsStr::from_bytes(&name));
    if rest.as_os_str().is_empty() { taken } else { taken.join(rest) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_files_have_one_path_and_none_leads_through_another() {
        let mut names = Names::default();
        let paths = ["a", "a", "a/b", "c/d.txt", "c", "c/d.txt", "manifest.json", "a/b/c", "a/b"];
        let unique = paths.map(|path| names.unique(path.into()));
        for (place, path) in unique.iter().enumerate() {
            assert!(!unique[..place].contains(path), "{path:?} twice");
            assert!(!unique.iter().any(|other| other != path && path.starts_with(other)), "{path:?} through a file");
        }
        assert_eq!(unique[6], Path::new("manifest~2.json"));
    }
}
