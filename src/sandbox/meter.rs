//! How much the program uses, with all processes that it has started: what they write, what is in the scratch folder, and how much
//! memory each of them can still have.

use std::collections::HashMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::iter;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use libc::pid_t;

use super::contents;
use super::policy::{Budget, Policy};
use crate::process::terminal::Modes;
use crate::process::traced::Descendant;
use crate::process::{self, limits, traced};

/// What the broker has let the program do, for the meter.
#[derive(Debug, Default)]
pub struct Granted {
    /// No process can be started any more.
    is_shut: AtomicBool,
    has_started: AtomicBool,
    has_written: AtomicBool,
    /// Dead processes may be gone without their parents' having waited for them.
    forgets: AtomicBool,
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

    /// Notes that a process may have its dead children forgotten (SIG_IGN and SA_NOCLDWAIT of sigaction(2)).
    pub(super) fn note_forgetting(&self) {
        self.forgets.store(true, Ordering::SeqCst);
    }

    /// Notes that nobody hears of what the program does, so that it may have done all of it.
    pub fn note_unheard(&self) {
        self.note_start();
        self.note_write();
        self.note_forgetting();
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
    /// What each process had written at the last look.
    seen: HashMap<pid_t, Seen>,
    /// What those have written that are gone and are in no other's account.
    gone: Written,
}

/// A process as it was at a look.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// When it was born, which tells it from another one that has its number later.
    born: u64,
    parent: pid_t,
    written: Written,
    /// Its account was read; else this is from before.
    is_read: bool,
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
        let (seen, gone) = (HashMap::new(), Written::default());
        Meter { budget: *budget, scratch: scratch.clone(), first, granted, seen, gone }
    }

    /// Measures; returns what is exceeded, if anything is.
    pub fn look(&mut self) -> Option<Excess> {
        // What cannot be measured may be too much.
        let written = self.written().unwrap_or(Written { by_calls: u64::MAX, to_disk: u64::MAX });
        let Budget { output, scratch, files, .. } = self.budget;
        if written.by_calls > output {
            return Some(Excess::Output);
        }
        // Files without a name are in no folder.
        if written.to_disk > output.saturating_add(scratch) {
            return Some(Excess::Scratch);
        }
        if !self.granted.has_written.load(Ordering::SeqCst) {
            return None;
        }
        match contents::count(&self.scratch, files) {
            Ok(found) if found.files > files => Some(Excess::Files),
            Ok(found) => (found.bytes > scratch).then_some(Excess::Scratch),
            Err(_) => Some(Excess::Scratch),
        }
    }

    /// What all processes have written.  A parent that waits for a dead child gets what that has written into its own account (wait_task_zombie of
    /// kernel/exit.c), so it counts in that of the child until then.  What this process has waited for, or nobody, is added up.
    fn written(&mut self) -> io::Result<Written> {
        if !self.granted.has_started.load(Ordering::SeqCst) {
            return Ok(Written::by(self.first)?.flatten().unwrap_or_default());
        }
        let family = traced::family()?;
        self.divide_memory(&family)?;
        if traced::ignores(self.first, libc::SIGCHLD)? {
            self.granted.note_forgetting();
        }
        let before = std::mem::take(&mut self.seen);
        // Parents come before their children: nothing is found in two accounts.
        for &Descendant { pid, born, parent, .. } in &family {
            let Some(written) = Written::by(pid)? else { continue };
            let known = before.get(&pid).filter(|seen| seen.born == born).map(|seen| seen.written);
            let (is_read, written) = (written.is_some(), written.or(known).unwrap_or_default());
            self.seen.insert(pid, Seen { born, parent, written, is_read });
        }
        let forgets = self.granted.forgets.load(Ordering::SeqCst);
        for (pid, seen) in &before {
            let is_there = self.seen.get(pid).is_some_and(|now| now.born == seen.born);
            if !is_there && (forgets || !self.has_heir(seen, &before)) {
                self.gone.add(seen.written);
            }
        }
        let mut sum = self.gone;
        self.seen.values().for_each(|seen| sum.add(seen.written));
        Ok(sum)
    }

    /// Whether what a process has written that is gone is in an account that was read: its parent's, or if that is gone too, that one's parent's.
    fn has_heir(&self, gone: &Seen, before: &HashMap<pid_t, Seen>) -> bool {
        let ancestors = iter::successors(Some(gone.parent), |pid| Some(before.get(pid)?.parent));
        ancestors.take(before.len() + 1).find_map(|pid| self.seen.get(&pid)).is_some_and(|heir| heir.is_read)
    }

    /// Gives each of several processes what all of them leave of the budget.
    fn divide_memory(&self, processes: &[Descendant]) -> io::Result<()> {
        let mut used = Vec::new();
        for process in processes.iter().filter(|process| !process.is_dead) {
            used.extend(limits::private_memory(process.pid)?.map(|bytes| (process.pid, bytes)));
        }
        let sum = used.iter().fold(0, |sum: u64, (_, bytes)| sum.saturating_add(*bytes));
        let left = self.budget.memory.saturating_sub(sum);
        for (process, bytes) in used {
            limits::set_memory_of(process, bytes.saturating_add(left));
        }
        Ok(())
    }
}

impl Written {
    /// By a process; None if it is gone.  Within that, None if it is ending, dead or not dumpable, and so tells an ordinary user nothing.
    fn by(process: pid_t) -> io::Result<Option<Option<Written>>> {
        match fs::read_to_string(format!("/proc/{process}/io")) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(Some(None)),
            text => Ok(process::if_there(text)?.map(|text| Some(Written::read(&text)))),
        }
    }

    fn add(&mut self, other: Written) {
        self.by_calls = self.by_calls.saturating_add(other.by_calls);
        self.to_disk = self.to_disk.saturating_add(other.to_disk);
    }

    fn read(text: &str) -> Written {
        let number =
            |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok()).unwrap_or(0);
        Written { by_calls: number("wchar:"), to_disk: number("write_bytes:") }
    }
}

/// Bytes of shared memory without a file that processes have mapped.
pub(super) fn shared_memory(processes: &[pid_t]) -> io::Result<u64> {
    let mut sum = 0u64;
    for process in processes {
        let maps = match fs::read(format!("/proc/{process}/maps")) {
            // It is ending, so it has none.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => continue,
            maps => process::if_there(maps)?.unwrap_or_default(),
        };
        for line in maps.split(|&byte| byte == b'\n').filter(|line| line.ends_with(b"/dev/zero (deleted)")) {
            let range = str::from_utf8(line.split(|&byte| byte == b' ').next().unwrap_or_default()).unwrap_or_default();
            let number = |text: &str| u64::from_str_radix(text, 16).ok();
            let length = range.split_once('-').and_then(|(from, to)| number(to)?.checked_sub(number(from)?));
            sum = sum.saturating_add(length.unwrap_or(0));
        }
    }
    Ok(sum)
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
