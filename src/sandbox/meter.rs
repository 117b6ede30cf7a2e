//! How much the program uses, with all processes that it has started: what they write, what is in the scratch folder, and how much
//! memory each of them can still have.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use libc::pid_t;

use super::contents;
use super::policy::{Budget, Policy};
use crate::process::terminal::Modes;
use crate::process::{limits, traced};

/// What the broker has let the program do, for the meter.
#[derive(Debug, Default)]
pub struct Granted {
    /// No process can be started any more.
    is_shut: AtomicBool,
    has_started: AtomicBool,
    has_written: AtomicBool,
    /// Bytes of shared memory.
    shared_memory: AtomicU64,
    /// The terminal's modes before the program changed them.
    modes: OnceLock<Modes>,
}

impl Granted {
    /// Has every process that is to be started refused from now on.
    pub fn shut(&self) {
        self.is_shut.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_shut(&self) -> bool {
        self.is_shut.load(Ordering::SeqCst)
    }

    pub(super) fn note_start(&self) {
        self.has_started.store(true, Ordering::SeqCst);
    }

    pub(super) fn note_write(&self) {
        self.has_written.store(true, Ordering::SeqCst);
    }

    /// Notes that the terminal is about to be changed.
    pub(super) fn note_modes(&self) {
        self.modes.get_or_init(Modes::now);
    }

    /// Puts back what the program has changed of its terminal.
    pub fn restore_modes(&self) {
        self.modes.get().into_iter().for_each(Modes::restore);
    }

    /// Counts shared memory that is asked for; false if there is not so much left, of which `used` says how much is used now.
    pub(super) fn take_shared(&self, bytes: u64, budget: u64, used: impl FnOnce() -> u64) -> bool {
        let fits = |taken: u64| taken.checked_add(bytes).filter(|&sum| sum <= budget);
        let taken = self.shared_memory.load(Ordering::SeqCst);
        let sum = fits(taken).or_else(|| fits(used()));
        self.shared_memory.store(sum.unwrap_or(taken), Ordering::SeqCst);
        sum.is_some()
    }
}

/// Which budget was exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// The processes have written too much.
    Output,
    /// The files of the scratch folder are too large together.
    Scratch,
    /// There are too many of them.
    Files,
}

/// Measures.
#[derive(Debug)]
pub struct Meter {
    budget: Budget,
    scratch: PathBuf,
    first: pid_t,
    granted: Arc<Granted>,
    /// What each process has written, those that are gone included as far as it was seen.
    written: HashMap<pid_t, Written>,
}

/// What a process has written (/proc/PID/io).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Written {
    /// Bytes by calls, to whatever.
    by_calls: u64,
    /// Bytes of pages that go to a disk, those that were written through memory among them.
    to_disk: u64,
}

impl Meter {
    pub fn new(policy: &Policy, first: pid_t, granted: Arc<Granted>) -> Meter {
        let Policy { budget, scratch, .. } = policy;
        Meter { budget: *budget, scratch: scratch.clone(), first, granted, written: HashMap::new() }
    }

    /// Measures; returns what is exceeded, if anything is.
    pub fn look(&mut self) -> Option<Excess> {
        let mut processes = vec![self.first];
        if self.granted.has_started.load(Ordering::SeqCst) {
            processes.extend(traced::descendants().into_iter().filter(|&pid| pid != self.first));
            self.divide_memory(&processes);
        }
        for process in processes {
            if let Some(written) = Written::by(process) {
                self.written.insert(process, written);
            }
        }
        let sum = |of: fn(&Written) -> u64| self.written.values().map(of).fold(0, u64::saturating_add);
        let Budget { output, scratch, .. } = self.budget;
        if sum(|written| written.by_calls) > output {
            return Some(Excess::Output);
        }
        // Files without a name are in no folder.
        if sum(|written| written.to_disk) > output.saturating_add(scratch) {
            return Some(Excess::Scratch);
        }
        if !self.granted.has_written.load(Ordering::SeqCst) {
            return None;
        }
        match contents::count(&self.scratch, self.budget.files) {
            Ok(found) if found.files > self.budget.files => Some(Excess::Files),
            Ok(found) => (found.bytes > scratch).then_some(Excess::Scratch),
            // What cannot be counted may be too much.
            Err(_) => Some(Excess::Scratch),
        }
    }

    /// Gives each of several processes what all of them leave of the budget.
    fn divide_memory(&self, processes: &[pid_t]) {
        let used: Vec<(pid_t, u64)> =
            processes.iter().filter_map(|&process| Some((process, limits::private_memory(process)?))).collect();
        let sum = used.iter().fold(0, |sum: u64, (_, bytes)| sum.saturating_add(*bytes));
        let left = self.budget.memory.saturating_sub(sum);
        for (process, bytes) in used {
            limits::set_memory_of(process, bytes.saturating_add(left));
        }
    }
}

impl Written {
    /// By a process; None if it is gone.
    fn by(process: pid_t) -> Option<Written> {
        Some(Written::read(&fs::read_to_string(format!("/proc/{process}/io")).ok()?))
    }

    fn read(text: &str) -> Written {
        let number =
            |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok()).unwrap_or(0);
        Written { by_calls: number("wchar:"), to_disk: number("write_bytes:") }
    }
}

/// Bytes of shared memory without a file that processes have mapped.
pub(super) fn shared_memory(processes: &[pid_t]) -> u64 {
    let mut sum = 0u64;
    for process in processes {
        let maps = fs::read(format!("/proc/{process}/maps")).unwrap_or_default();
        for line in maps.split(|&byte| byte == b'\n').filter(|line| line.ends_with(b"/dev/zero (deleted)")) {
            let range = str::from_utf8(line.split(|&byte| byte == b' ').next().unwrap_or_default()).unwrap_or_default();
            let number = |text: &str| u64::from_str_radix(text, 16).ok();
            let length = range.split_once('-').and_then(|(from, to)| number(to)?.checked_sub(number(from)?));
            sum = sum.saturating_add(length.unwrap_or(0));
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter(scratch: PathBuf, budget: Budget) -> Meter {
        let policy = Policy { scratch, budget, ..Policy::default() };
        let granted = Arc::new(Granted::default());
        granted.note_write();
        Meter::new(&policy, std::process::id().cast_signed(), granted)
    }

    #[test]
    fn each_budget_is_exceeded_by_what_it_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let looked = |budget| meter(folder.path().to_owned(), budget).look();
        let budget = Budget { output: u64::MAX, scratch: 1 << 20, files: 2, ..Budget::default() };
        assert_eq!(looked(budget), None);
        fs::create_dir(folder.path().join("a")).expect("made");
        fs::write(folder.path().join("a/file"), vec![1; 2 << 20]).expect("written");
        assert_eq!(looked(budget), Some(Excess::Scratch));
        assert_eq!(looked(Budget { scratch: 3 << 20, ..budget }), None);
        assert_eq!(looked(Budget { files: 1, ..budget }), Some(Excess::Files));
        assert_eq!(looked(Budget { output: 0, ..budget }), Some(Excess::Output));
    }

    #[test]
    fn what_is_written_is_read_by_its_names() {
        let text = "rchar: 1\nwchar: 20\nsyscr: 3\nread_bytes: 4\nwrite_bytes: 4096\ncancelled_write_bytes: 5\n";
        assert_eq!(Written::read(text), Written { by_calls: 20, to_disk: 4096 });
        // A kernel may count only calls.
        assert_eq!(Written::read("wchar: 7\n"), Written { by_calls: 7, to_disk: 0 });
    }

    #[test]
    fn shared_memory_is_counted_again_before_it_is_refused() {
        let granted = Granted::default();
        assert!(granted.take_shared(60, 100, || panic!("there is enough")));
        assert!(!granted.take_shared(60, 100, || 60));
        assert!(granted.take_shared(60, 100, || 40));
        assert!(!granted.take_shared(u64::MAX, 100, || 0));
    }
}
