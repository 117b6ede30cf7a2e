//! What a failed build step tells the person who built: what was being done, what was tried, what went wrong, what to do.

use std::fmt;
use std::io;
use std::path::Path;

/// Describes a failed step in words; printed once, by build.rs.
#[derive(Debug)]
pub struct Problem {
    /// The step, as the end of "cannot …".
    pub cannot: String,
    /// Each thing that was tried and how it ended, in order; may be empty.
    pub tried: Vec<String>,
    pub wrong: String,
    pub next: String,
}

impl Problem {
    pub fn new(cannot: impl Into<String>, wrong: impl Into<String>, next: impl Into<String>) -> Self {
        Problem { cannot: cannot.into(), tried: Vec::new(), wrong: wrong.into(), next: next.into() }
    }

    pub fn tried(mut self, tried: Vec<String>) -> Self {
        self.tried = tried;
        self
    }

    /// Describes an I/O error on `path`; a full disk gets its own advice.
    pub fn io(cannot: impl Into<String>, path: &Path, error: &io::Error) -> Self {
        let next = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => NEXT_NO_SPACE.to_string(),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                "make it writable, or set BCTRACE_CACHE_DIR to a directory that is".to_string()
            }
            _ => format!("see what is at {}, then build again", path.display()),
        };
        Problem::new(cannot, format!("{}: {error}", path.display()), next)
    }
}

/// A build holds source tree and objects at once, about 70 MB, beside a tarball of 17 MB.
pub const NEXT_NO_SPACE: &str =
    "free about 100 MB there, or set BCTRACE_CACHE_DIR to a directory on a disk that has them";

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "cannot {}", self.cannot)?;
        for (index, line) in self.tried.iter().enumerate() {
            writeln!(f, "  {} {}", if index == 0 { "tried:  " } else { "        " }, indented(line))?;
        }
        writeln!(f, "  problem:  {}", indented(&self.wrong))?;
        write!(f, "  to do:    {}", indented(&self.next))
    }
}

impl std::error::Error for Problem {}

fn indented(text: &str) -> String {
    text.trim_end().replace('\n', "\n            ")
}
