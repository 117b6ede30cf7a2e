//! Runs a decompiler, which is another program, on clean files, and writes what it prints next to each.  If it fails on a file, it gets the
//! file without the functions that it fails on.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};

use super::lists;
use super::stubs::{self, Place};
use crate::bytecode::object::MarshalledCode;
use crate::bytecode::{escape::Printable, marshal, pyc};
use crate::cli::message;
use crate::format::OutputFolder;
use crate::process::limits;
use crate::sandbox::Temporary;

/// What a run of the command may take, and all runs on one file.
const ONE_RUN: Duration = Duration::from_secs(120);
const ALL_RUNS: Duration = Duration::from_secs(900);
/// Bytes of memory that a process of a run may take.
const MEMORY: u64 = 4 << 30;
/// How often a run is looked at.
const PAUSE: Duration = Duration::from_millis(10);
/// Bytes of source that are taken.
const MOST_SOURCE: u64 = 64 << 20;
/// What the command must have in it, or gets as its last word: the file's name goes there.
const HOLE: &[u8] = b"{}";

/// A decompiler.
pub struct Decompiler {
    words: Vec<OsString>,
    scratch: Temporary,
    /// Whether what it prints of a module without statements is Python; known once it is asked for.
    prints_python: OnceCell<bool>,
}

/// Why there is no source.
enum Failure {
    /// The command cannot be started.
    Missing(io::Error),
    /// It did not finish well.
    Failed(String),
    /// It says that it finished, but what it printed is not Python 2.7.
    NotPython(Vec<u8>),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Missing(error) => write!(f, "{error}"),
            Failure::Failed(why) => f.write_str(why),
            Failure::NotPython(_) => f.write_str("what it prints is not Python 2.7"),
        }
    }
}

impl Decompiler {
    /// Takes a command line; words are separated by blanks, and quotes hold a word together.
    pub fn new(command: &OsStr) -> anyhow::Result<Decompiler> {
        let mut words = words(command.as_bytes());
        if words.is_empty() {
            return Err(anyhow!("--decompile needs a command, such as uncompyle6"));
        }
        if !words.iter().any(|word| memchr::memmem::find(word.as_bytes(), HOLE).is_some()) {
            words.push(OsString::from_vec(HOLE.to_vec()));
        }
        let scratch = Temporary::create(b"decompiled").context("cannot make a folder for the decompiler")?;
        Ok(Decompiler { words, scratch, prints_python: OnceCell::new() })
    }

    /// Removes its folder.
    pub fn finish(self) -> io::Result<()> {
        self.scratch.remove()
    }

    /// Decompiles a clean file of this name in `folder` into a source file next to it; returns false if the command is not installed.
    pub fn run(&self, folder: &OutputFolder, name: &str, code: &MarshalledCode) -> anyhow::Result<bool> {
        let end = Instant::now() + ALL_RUNS;
        let shown = Printable::text(name.as_bytes());
        // A function that stands alone is shown as one.
        let module = (code.flags & stubs::OPTIMIZED != 0).then(|| stubs::defined(code.clone()));
        let code = &stubs::with_shown_filenames(module.as_ref().unwrap_or(code));
        let source = match self.decompile(code, name) {
            Ok(source) => source,
            Err(Failure::Missing(error)) => {
                let program = Printable::path(Path::new(&self.words[0]));
                message::warn(format_args!("cannot run {program}: {error}; the clean files are there without source"));
                return Ok(false);
            }
            Err(why) => match (self.without_failing(code, name, end), why) {
                (Some((source, left_out)), why) => {
                    let left_out: Vec<String> = left_out.iter().map(|name| Printable::text(name).to_string()).collect();
                    let left_out = left_out.join(", ");
                    message::warn(format_args!(
                        "{shown}: the decompiler fails on {left_out} ({why}); the rest is there"
                    ));
                    source
                }
                (None, Failure::NotPython(source)) => {
                    message::warn(format_args!("{shown}: what the decompiler prints is not Python 2.7"));
                    source
                }
                (None, why) => {
                    message::warn(format_args!("{shown}: the decompiler fails: {why}"));
                    return Ok(true);
                }
            },
        };
        let name = PathBuf::from(name).with_extension("py");
        let cannot = || format!("cannot write {}", Printable::path(&folder.path_of(&name)));
        let mut file = folder.create(name.as_os_str()).with_context(cannot)?;
        file.write_all(&source).with_context(cannot)?;
        Ok(true)
    }

    /// Finds the functions that the command fails on, and decompiles the file with stubs in their place; returns their names too.
    fn without_failing(&self, code: &MarshalledCode, name: &str, end: Instant) -> Option<(Vec<u8>, Vec<Vec<u8>>)> {
        let mut failing: HashSet<Place> = HashSet::new();
        let mut names = Vec::new();
        for place in stubs::functions(code) {
            if Instant::now() > end {
                return None;
            }
            let function = stubs::at(code, &place)?;
            if self.decompile(&stubs::alone(function), name).is_err() {
                names.push(function.name.to_vec());
                failing.insert(place);
            }
        }
        if failing.is_empty() {
            return None;
        }
        Some((self.decompile(&stubs::with_stubs(code, &failing), name).ok()?, names))
    }

    /// Decompiles a file.
    fn decompile(&self, code: &MarshalledCode, name: &str) -> Result<Vec<u8>, Failure> {
        let with_names = |(code, names): (MarshalledCode, Vec<lists::Named>)| {
            lists::with_constants(&self.checked(&code, name).ok()?, &names)
        };
        lists::named(code).and_then(with_names).map_or_else(|| self.checked(code, name), Ok)
    }

    /// The same as it is, after a look whether what comes out is Python, if that is what the command prints at all.
    fn checked(&self, code: &MarshalledCode, name: &str) -> Result<Vec<u8>, Failure> {
        let source = without_return(&self.printed(code, name)?);
        let nothing =
            || self.printed(&stubs::empty(), name).is_ok_and(|source| self.is_python(&without_return(&source)));
        if self.is_python(&source) || !self.prints_python.get_or_init(nothing) {
            return Ok(source);
        }
        Err(Failure::NotPython(source))
    }

    /// Whether the interpreter can compile a source; it is not run.
    fn is_python(&self, source: &[u8]) -> bool {
        const COMPILE: &str = "import sys; compile(sys.stdin.read(), 'source', 'exec')";
        let path = self.scratch.path().join("source");
        let compiles = || -> io::Result<bool> {
            fs::write(&path, source)?;
            let mut command = Command::new("/proc/self/exe");
            command.args(["python", "-E", "-s", "-S", "-c", COMPILE]).process_group(0);
            command.stdin(File::open(&path)?).stdout(Stdio::null()).stderr(Stdio::null());
            limits::set_memory_in(&mut command, MEMORY);
            Ok(wait(command.spawn()?)?.is_some_and(|status| status.success()))
        };
        compiles().unwrap_or(false)
    }

    /// What the command prints of a file.
    fn printed(&self, code: &MarshalledCode, name: &str) -> Result<Vec<u8>, Failure> {
        let failed = |error: io::Error| Failure::Failed(error.to_string());
        let marshalled =
            marshal::whole::code(code).ok_or_else(|| Failure::Failed("marshal cannot hold a constant".into()))?;
        let path = |name: &str| self.scratch.path().join(name);
        let (file, output) = (path(name), path("output"));
        fs::write(&file, pyc::of_marshal(&marshalled)).map_err(failed)?;
        let words: Vec<OsString> = self.words.iter().map(|word| filled(word, &file)).collect();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).stdin(Stdio::null()).stderr(Stdio::null()).process_group(0);
        command.stdout(File::create(&output).map_err(failed)?);
        limits::set_memory_in(&mut command, MEMORY);
        let child = command.spawn().map_err(Failure::Missing)?;
        let status = wait(child).map_err(failed)?;
        let Some(status) = status else {
            return Err(Failure::Failed(format!("it takes more than {} s", ONE_RUN.as_secs())));
        };
        let mut source = Vec::new();
        File::open(&output).and_then(|file| file.take(MOST_SOURCE).read_to_end(&mut source)).map_err(failed)?;
        match (status.code(), status.signal()) {
            (Some(0), _) if source.trim_ascii().is_empty() => Err(Failure::Failed("it prints nothing".into())),
            (Some(0), _) => Ok(source),
            (Some(status), _) => Err(Failure::Failed(format!("status {status}"))),
            (None, signal) => Err(Failure::Failed(format!("killed by signal {}", signal.unwrap_or(0)))),
        }
    }
}

/// Waits for a process as long as a run may take; then it is killed with its group, and the result is None.
fn wait(mut child: Child) -> io::Result<Option<ExitStatus>> {
    let end = Instant::now() + ONE_RUN;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() > end {
            let group = rustix::process::Pid::from_child(&child);
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(PAUSE);
    }
}

/// Puts the file's path into a word.
fn filled(word: &OsStr, file: &Path) -> OsString {
    let mut out = Vec::new();
    let mut rest = word.as_bytes();
    while let Some(at) = memchr::memmem::find(rest, HOLE) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(file.as_os_str().as_bytes());
        rest = &rest[at + HOLE.len()..];
    }
    out.extend_from_slice(rest);
    OsString::from_vec(out)
}

/// Splits a command line.
fn words(line: &[u8]) -> Vec<OsString> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<Vec<u8>>, None);
    for &byte in line {
        match (byte, quote) {
            (byte, Some(open)) if byte == open => quote = None,
            (b'\'' | b'"', None) => {
                quote = Some(byte);
                word.get_or_insert_default();
            }
            (byte, None) if byte.is_ascii_whitespace() => words.extend(word.take()),
            (byte, _) => word.get_or_insert_default().push(byte),
        }
    }
    words.extend(word);
    words.into_iter().map(OsString::from_vec).collect()
}

/// Removes a bare `return` at a module's end, which uncompyle6 3.9.3 prints and Python 2.7 rejects.
fn without_return(source: &[u8]) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = source.split_inclusive(|&byte| byte == b'\n').collect();
    let last = lines.iter().rposition(|line| !line.trim_ascii().is_empty() && !line.starts_with(b"#"));
    if let Some(last) = last
        && lines[last].trim_ascii_end() == b"return"
    {
        lines.remove(last);
    }
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_split_at_blanks_outside_of_quotes() {
        let split =
            |line: &str| words(line.as_bytes()).into_iter().map(|w| w.into_string().unwrap()).collect::<Vec<_>>();
        assert_eq!(split("uncompyle6"), ["uncompyle6"]);
        assert_eq!(split(" my  'tool one' \"a'b\" '' {}"), ["my", "tool one", "a'b", "", "{}"]);
        assert!(split("  ").is_empty());
    }

    #[test]
    fn a_bare_return_at_the_end_goes_and_no_other() {
        assert_eq!(without_return(b"print 1\nreturn\n# okay\n"), b"print 1\n# okay\n");
        assert_eq!(without_return(b"def f():\n    return\n"), b"def f():\n    return\n");
        assert_eq!(without_return(b"x = 1\n"), b"x = 1\n");
    }
}
