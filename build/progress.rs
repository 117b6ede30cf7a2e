//! Says what a long build is doing. Cargo keeps what a build script prints until the script has failed, so that the person who
//! waits would see one still line for minutes; these lines also go to cargo's own standard error.

use std::fs::{self, File};
use std::io::{IsTerminal, Write};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::process::parent_id;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long a step is silent at most, as far as it counts what it does.
const SILENCE: Duration = Duration::from_secs(10);

/// Where the lines go.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    cargo: Option<Arc<File>>,
}

/// Counts the parts of one step.
#[derive(Debug)]
pub struct Counter {
    progress: Progress,
    what: &'static str,
    total: usize,
    state: Mutex<(usize, Instant)>,
}

impl Progress {
    /// Finds the standard error of the cargo that started this process. It is left alone if cargo is quiet or shows everything, and
    /// if it is a file, in which two writers would overwrite each other.
    pub fn beside_cargo(is_quiet: bool) -> Self {
        let cargo = format!("/proc/{}", parent_id());
        let errors = format!("{cargo}/fd/2");
        let is_shared = fs::metadata(&errors).is_ok_and(|data| {
            let kind = data.file_type();
            kind.is_char_device() || kind.is_fifo()
        });
        if is_quiet || !is_shared || !wants_lines(&fs::read(format!("{cargo}/cmdline")).unwrap_or_default()) {
            return Progress::default();
        }
        File::options().write(true).open(errors).map_or_else(|_| Progress::default(), Progress::to)
    }

    /// Shows the lines in a file as well.
    pub fn to(file: File) -> Self {
        Progress { cargo: Some(Arc::new(file)) }
    }

    /// Shows a line. What cannot be shown is not needed.
    pub fn say(&self, line: &str) {
        eprintln!("{line}");
        if let Some(mut cargo) = self.cargo.as_deref() {
            // On a terminal cargo's own bar is on the current line; cargo draws it again below.
            let over = if cargo.is_terminal() { "\r\x1b[K" } else { "" };
            let _ = cargo.write_all(format!("{over}{:>12} {line}\n", "bctrace").as_bytes());
        }
    }

    /// Begins to count the parts of a step that has `total` of them, such as `what` "files of CPython compiled".
    pub fn counter(&self, what: &'static str, total: usize) -> Counter {
        Counter { progress: self.clone(), what, total, state: Mutex::new((0, Instant::now())) }
    }
}

/// Returns whether a cargo with this command line, as /proc shows it, is neither quiet nor shows what build scripts print.
pub fn wants_lines(command_line: &[u8]) -> bool {
    let mut options = command_line.split(|byte| *byte == 0).take_while(|word| *word != b"--");
    !options.any(|word| [&b"-q"[..], b"--quiet", b"-vv"].contains(&word))
}

impl Counter {
    /// Counts one part, and shows how many there were after a while of silence.
    pub fn count(&self) {
        let Ok(mut state) = self.state.lock() else { return };
        let (done, shown) = &mut *state;
        *done += 1;
        if shown.elapsed() >= SILENCE {
            *shown = Instant::now();
            self.progress.say(&format!("{done} of {} {}", self.total, self.what));
        }
    }
}
