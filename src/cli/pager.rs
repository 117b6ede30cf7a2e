//! The pager, chosen and started as git does it: BCTRACE_PAGER, PAGER, or less.  Leaving it ends bctrace.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use super::message;
use crate::bytecode::escape::Printable;
use crate::process::terminal;

/// Ends at once if all fits on the screen, lets colours through, and leaves the text there.
const DEFAULT: &str = "less -FRX";
/// What `less` is told by its variable if the user has not set it: the same.
const LESS: &str = "FRX";
/// Characters that make a command one for a shell.
const SHELL: &[u8] = b"|&;<>()$`\\\"'*?[#~=%\n";

/// A pager that runs.
pub struct Pager {
    input: Option<ChildStdin>,
    watch: JoinHandle<()>,
    is_over: Arc<AtomicBool>,
}

impl Pager {
    /// Starts the pager, unless none is wanted or it is missing.
    pub fn start() -> Option<Pager> {
        let named = ["BCTRACE_PAGER", "PAGER"].iter().find_map(env::var_os);
        let command = named.clone().unwrap_or_else(|| DEFAULT.into());
        if command.is_empty() || command == "cat" {
            return None;
        }
        match start(&command) {
            Ok(child) => Some(Pager::of(child)),
            Err(error) => {
                // That a machine has no less is nothing to talk about.
                if named.is_some() {
                    message::warn(format_args!(
                        "cannot start the pager {}: {error}",
                        Printable::path(Path::new(&command))
                    ));
                }
                None
            }
        }
    }

    fn of(mut child: Child) -> Pager {
        // The pager has Ctrl-C for itself, and ends bctrace when it is left.
        terminal::ignore_interrupts();
        let input = child.stdin.take();
        let is_over = Arc::new(AtomicBool::new(false));
        let has_all = Arc::clone(&is_over);
        let watch = thread::spawn(move || {
            // A pager that cannot be waited for is gone.
            let _ = child.wait();
            if !has_all.load(Ordering::Acquire) {
                std::process::exit(0);
            }
        });
        Pager { input, watch, is_over }
    }

    /// Returns another handle of the pipe to it.  The pager reads the end of its input only in [`Pager::wait`]: so that it ends before
    /// means that it was left.
    pub fn input(&self) -> Option<File> {
        self.input.as_ref()?.as_fd().try_clone_to_owned().ok().map(File::from)
    }

    /// Waits until it is left.  Everything must be written, and the other handles of the pipe closed.
    pub fn wait(self) {
        self.is_over.store(true, Ordering::Release);
        drop(self.input);
        let _ = self.watch.join();
    }
}

fn start(command: &OsStr) -> std::io::Result<Child> {
    let bytes = command.as_bytes();
    let mut words = bytes.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).map(OsStr::from_bytes);
    let first = words.next().unwrap_or_default();
    let is_for_shell = bytes.iter().any(|byte| SHELL.contains(byte));
    let mut process = if is_for_shell {
        let is_plain = !first.as_bytes().iter().any(|byte| SHELL.contains(byte));
        if is_plain && !is_in_path(first) {
            return Err(std::io::Error::from_raw_os_error(libc::ENOENT));
        }
        let mut shell = Command::new("/bin/sh");
        shell.arg("-c").arg(command);
        shell
    } else {
        let mut process = Command::new(first);
        process.args(words);
        process
    };
    if env::var_os("LESS").is_none() {
        process.env("LESS", LESS);
    }
    if env::var_os("LV").is_none() {
        process.env("LV", "-c");
    }
    process.stdin(Stdio::piped()).spawn()
}

/// Returns whether a shell would find a program of this name.
fn is_in_path(name: &OsStr) -> bool {
    let is_program =
        |path: &Path| path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0);
    if name.as_bytes().contains(&b'/') {
        return is_program(Path::new(name));
    }
    let path = env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin"));
    env::split_paths(&path).any(|folder| is_program(&folder.join(name)))
}
