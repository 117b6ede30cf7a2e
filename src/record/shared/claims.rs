//! Rings in advance for processes that the program forks, which have no descriptor to get one by.  A process claims a ring by its number,
//! a recorder accepts the claim, and the supervisor takes the ring back when that process is recorded.  The supervisor keeps its own
//! account of which ring is whose.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use libc::pid_t;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::mm::{Advice, madvise};

use super::memory::{self, Line, futex_wait, futex_wake};
use super::ring::{CAPACITY, ControlPage, Mapping, Remote, RingReader, RingWriter, Supervisor};
use crate::process::{self, life::Life};
use crate::vm::shared::{PAGE, Slot};

/// Processes that are recorded at the same time, at most, besides the program's first.
pub const RINGS: usize = 32;
/// A slot's page, a control page, a ring.
const RING: usize = 2 * PAGE + CAPACITY as usize * size_of::<u64>();
/// All of them, after the table's page.
const SIZE: usize = PAGE + RINGS * RING;
/// How long a process waits for a ring if all are taken: the supervisor may not have noticed a death yet.
const PATIENCE: Duration = Duration::from_millis(200);
/// Set in a claim that was accepted.
const ACCEPTED: u32 = 1 << 31;

/// The page before the rings.
#[repr(C, align(128))]
struct Table {
    /// Counts the claims; the supervisor sleeps on this word.
    changes: Line<AtomicU32>,
    /// Processes that found no ring.
    refused: Line<AtomicU32>,
    /// Counts the rings that were taken back; processes without one sleep on this word.
    released: Line<AtomicU32>,
    /// The supervisor's.
    life: Line<Life>,
    /// Which process has which ring: its number, or 0.
    claims: [AtomicU32; RINGS],
}

const _: () = assert!(size_of::<Table>() <= PAGE);

/// The rings as a traced process sees them.
#[derive(Clone, Copy, Debug)]
pub struct ClaimTable {
    table: NonNull<Table>,
}

// SAFETY: the mapping lives as long as the process, and only its atomics are used.
unsafe impl Send for ClaimTable {}

impl ClaimTable {
    /// Makes the rings, before the first fork.
    pub fn create() -> io::Result<(ClaimTable, Claims)> {
        let file = File::from(memfd_create("bctrace", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?);
        file.set_len(SIZE as u64)?;
        // A process that gets it may write to it, but not take away what the recorders have mapped.
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::SEAL)?;
        let table = ClaimTable { table: memory::map_file(&file, SIZE)?.cast() };
        Ok((table, Claims { table, busy: [false; RINGS], refused: 0, file }))
    }

    /// Maps the rings in a process that was started, and got their file from [`Claims::file`].
    pub fn open(file: OwnedFd) -> Option<ClaimTable> {
        let file = File::from(file);
        let is_whole = file.metadata().ok()?.len() == SIZE as u64;
        let table = memory::map_file(&file, SIZE).ok().filter(|_| is_whole)?;
        Some(ClaimTable { table: table.cast() })
    }

    /// Gets this process, which was forked or started just now, a ring and its slot; None if all are taken or it is not wanted.
    pub fn claim(&self) -> Option<RingWriter> {
        let me = std::process::id();
        let Some(number) = self.take_free(me) else {
            self.table().refused.0.fetch_add(1, Ordering::SeqCst);
            return None;
        };
        let claim = &self.table().claims[number];
        let mapping = self.mapping(number);
        if Slot::adopt(mapping.slot).is_err() {
            self.table().refused.0.fetch_add(1, Ordering::SeqCst);
            claim.store(0, Ordering::SeqCst);
            return None;
        }
        self.notify();
        loop {
            match claim.load(Ordering::SeqCst) {
                waits if waits == me => futex_wait(claim, me, Duration::from_millis(100)),
                accepted if accepted == me | ACCEPTED => {
                    return Some(RingWriter::new(mapping, Supervisor::Lives(&self.table().life.0)));
                }
                _ => return None,
            }
            if self.table().life.0.is_over() {
                process::kill_self();
            }
        }
    }

    /// Puts a process's number to a ring that is free, or becomes so soon.
    fn take_free(&self, me: u32) -> Option<usize> {
        let Table { claims, released, .. } = self.table();
        let take = |claim: &AtomicU32| claim.compare_exchange(0, me, Ordering::SeqCst, Ordering::Relaxed).is_ok();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let seen = released.0.load(Ordering::SeqCst);
            let left = deadline.saturating_duration_since(Instant::now());
            match claims.iter().position(take) {
                None if !left.is_zero() => futex_wait(&released.0, seen, left),
                number => return number,
            }
        }
    }

    /// Wakes the supervisor.
    fn notify(&self) {
        self.table().changes.0.fetch_add(1, Ordering::SeqCst);
        futex_wake(&self.table().changes.0);
    }

    fn table(&self) -> &'static Table {
        // SAFETY: the page is mapped for the rest of the process, zeroed memory is a valid Table, and all fields are atomics.
        unsafe { self.table.as_ref() }
    }

    fn mapping(&self, number: usize) -> Mapping {
        let base = self.table.cast::<u8>();
        // SAFETY: the rings lie after the table in the same mapping.
        let at = |offset: usize| unsafe { base.add(PAGE + number * RING + offset) };
        Mapping { slot: at(0).cast(), control: at(PAGE).cast::<ControlPage>(), words: at(2 * PAGE).cast() }
    }
}

/// The same in bctrace's processes.
pub struct Claims {
    table: ClaimTable,
    /// Which rings are in use, by the supervisor's own account.
    busy: [bool; RINGS],
    /// Processes that were not accepted.
    refused: u32,
    /// Keeps the memory open for processes that are started.
    file: File,
}

/// A process that has claimed a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The ring's.
    pub number: usize,
    /// What it says its own is.
    pub pid: pid_t,
}

impl Claims {
    /// What [`ClaimTable::open`] maps.
    pub fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Says that this process is the supervisor, by whose life the others live.
    pub fn supervise(&self) {
        self.table.table().life.0.begin();
    }

    /// The word that counts claims, and that the supervisor sleeps on.
    pub fn changes(&self) -> &'static AtomicU32 {
        &self.table.table().changes.0
    }

    /// The claims that nothing was done about.  One that says it was accepted and was not is a forgery, and withdrawn.
    pub fn pending(&self) -> Vec<Claim> {
        let claims = self.table.table().claims.iter().map(|claim| claim.load(Ordering::SeqCst)).enumerate();
        let claims = claims
            .filter(|&(number, claim)| claim != 0 && !self.busy[number])
            .map(|(number, claim)| Claim { number, pid: claim.cast_signed() });
        let (forged, claims): (Vec<_>, Vec<_>) = claims.partition(|claim| claim.pid < 0);
        forged.into_iter().for_each(|claim| self.free(claim));
        claims
    }

    /// Reserves the ring for the process that has claimed it.
    pub fn reserve(&mut self, claim: Claim) {
        self.busy[claim.number] = true;
    }

    /// Lets the process go on, recorded; returns the recorder's end of its ring.
    pub fn accept(&self, claim: Claim) -> RingReader {
        self.answer(claim, claim.pid.cast_unsigned() | ACCEPTED);
        RingReader::new(self.table.mapping(claim.number))
    }

    /// A handle of the process's ring.
    pub fn remote(&self, claim: Claim) -> Remote {
        RingReader::new(self.table.mapping(claim.number)).remote()
    }

    /// Lets the process go on untraced.
    pub fn refuse(&mut self, claim: Claim) {
        self.refused += 1;
        self.busy[claim.number] = false;
        self.answer(claim, 0);
    }

    /// Empties a ring for the next process.
    pub fn take_back(&mut self, claim: Claim) {
        let mapping = self.table.mapping(claim.number);
        // SAFETY: the pages are a ring's of the shared mapping; a process that still has them finds zeros there, which are valid.
        let emptied = unsafe { madvise(mapping.slot.as_ptr().cast(), RING, Advice::LinuxRemove) };
        // A ring that cannot be emptied is not used again.
        if emptied.is_ok() {
            self.busy[claim.number] = false;
            self.free(claim);
        }
    }

    /// Processes that found no ring, or were not accepted.
    pub fn refused(&self) -> u32 {
        self.table.table().refused.0.load(Ordering::SeqCst).saturating_add(self.refused)
    }

    fn free(&self, claim: Claim) {
        self.answer(claim, 0);
        let released = &self.table.table().released.0;
        released.fetch_add(1, Ordering::SeqCst);
        futex_wake(released);
    }

    fn answer(&self, claim: Claim, word: u32) {
        let place = &self.table.table().claims[claim.number];
        place.store(word, Ordering::SeqCst);
        futex_wake(place);
    }
}
