//! Rings in advance for processes that the program forks, which have no descriptor to get one by.  A process claims a station by its
//! number, the recorder lets it in, and takes the station back when that process is recorded.  The recorder keeps its own account of
//! who is where.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use libc::pid_t;

use super::ring::{CAPACITY, Control, Line, Mapping, RingReader, RingWriter, end_without, futex_wait, futex_wake};
use crate::process::child;
use crate::vm::shared::{PAGE, Slot};

/// Processes that are recorded at the same time, at most, besides the program's first.
const STATIONS: usize = 32;
/// A slot's page, a control page, a ring.
const SIZE: usize = 2 * PAGE + CAPACITY as usize * size_of::<u64>();
/// How long a process waits for a station where all are taken: the recorder may not have heard of a death yet.
const PATIENCE: Duration = Duration::from_millis(200);
/// Set in a claim that the recorder has heard of.
const LET_IN: u32 = 1 << 31;

/// The page before the stations.
#[repr(C, align(128))]
struct Hall {
    /// Counts the claims; the recorder sleeps on this word.
    knocks: Line<AtomicU32>,
    turned_away: Line<AtomicU32>,
    /// Counts the stations that were taken back; those who wait for one sleep on this word.
    freed: Line<AtomicU32>,
    /// Who has which station: the process's number, 0 for nobody.
    claims: [AtomicU32; STATIONS],
}

const _: () = assert!(size_of::<Hall>() <= PAGE);

/// The stations as a traced process sees them.
#[derive(Clone, Copy)]
pub struct Stations {
    hall: NonNull<Hall>,
    recorder: pid_t,
}

// SAFETY: the mapping lives as long as the process, and only its atomics are used.
unsafe impl Send for Stations {}

impl Stations {
    /// Makes the stations, before the fork of the program; each process keeps its end.
    pub fn create() -> io::Result<(Stations, Reception)> {
        let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
        // SAFETY: the name is a C string.
        let file = unsafe { libc::memfd_create(c"bctrace".as_ptr(), flags) };
        if file == -1 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was made just now and is nobody else's.
        let file = unsafe { File::from_raw_fd(file) };
        file.set_len((PAGE + STATIONS * SIZE) as u64)?;
        // Whoever opens it may write to it, but not take away what the recorder has mapped.
        // SAFETY: asks for seals by number.
        if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, libc::F_SEAL_SHRINK | libc::F_SEAL_SEAL) } == -1 {
            return Err(io::Error::last_os_error());
        }
        let stations = Stations { hall: map(&file)?, recorder: std::process::id().cast_signed() };
        Ok((stations, Reception { stations, busy: [false; STATIONS], turned_away: 0, file }))
    }

    /// Opens the stations of a recorder, as [`Reception::address`] says where, in a process that was started; none where that is no
    /// such thing or another bctrace's.
    pub fn open(address: &str) -> Option<Stations> {
        let (recorder, descriptor) = address.split_once(':')?;
        let (recorder, descriptor): (pid_t, u32) = (recorder.parse().ok()?, descriptor.parse().ok()?);
        if !child::is_same_program(recorder) {
            return None;
        }
        let path = format!("/proc/{recorder}/fd/{descriptor}");
        let file = File::options().read(true).write(true).open(path).ok()?;
        let is_whole = file.metadata().ok()?.len() == (PAGE + STATIONS * SIZE) as u64;
        Some(Stations { hall: is_whole.then(|| map(&file).ok())??, recorder })
    }

    /// The recorder's process.
    pub fn recorder(&self) -> pid_t {
        self.recorder
    }

    /// Gets this process, which was forked just now, a ring, and its slot; none where all are taken or the recorder does not want it.
    pub fn claim(&self) -> Option<RingWriter> {
        let me = std::process::id();
        let Some(station) = self.take_free(me) else {
            self.hall().turned_away.0.fetch_add(1, Ordering::SeqCst);
            return None;
        };
        let claim = &self.hall().claims[station];
        let mapping = self.mapping(station);
        if Slot::adopt(mapping.slot).is_err() {
            self.hall().turned_away.0.fetch_add(1, Ordering::SeqCst);
            claim.store(0, Ordering::SeqCst);
            return None;
        }
        self.knock();
        loop {
            match claim.load(Ordering::SeqCst) {
                waits if waits == me => futex_wait(claim, me, Duration::from_millis(100)),
                let_in if let_in == me | LET_IN => return Some(RingWriter::new(mapping, Some(self.recorder))),
                _ => return None,
            }
            end_without(Some(self.recorder));
        }
    }

    /// Puts a process's number to a station that is free, or becomes so soon.
    fn take_free(&self, me: u32) -> Option<usize> {
        let Hall { claims, freed, .. } = self.hall();
        let take = |claim: &AtomicU32| claim.compare_exchange(0, me, Ordering::SeqCst, Ordering::Relaxed).is_ok();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let seen = freed.0.load(Ordering::SeqCst);
            let left = deadline.saturating_duration_since(Instant::now());
            match claims.iter().position(take) {
                None if !left.is_zero() => futex_wait(&freed.0, seen, left),
                station => return station,
            }
        }
    }

    /// Wakes the recorder.
    pub fn knock(&self) {
        self.hall().knocks.0.fetch_add(1, Ordering::SeqCst);
        futex_wake(&self.hall().knocks.0);
    }

    fn hall(&self) -> &Hall {
        // SAFETY: the page is mapped for the rest of the process, zeroed memory is a valid Hall, and all fields are atomics.
        unsafe { self.hall.as_ref() }
    }

    fn mapping(&self, station: usize) -> Mapping {
        let base = self.hall.cast::<u8>();
        // SAFETY: the stations stand behind the hall in the same mapping.
        let at = |offset: usize| unsafe { base.add(PAGE + station * SIZE + offset) };
        Mapping { slot: at(0).cast(), control: at(PAGE).cast::<Control>(), words: at(2 * PAGE).cast() }
    }
}

fn map(file: &File) -> io::Result<NonNull<Hall>> {
    let (protection, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_NORESERVE);
    let size = PAGE + STATIONS * SIZE;
    // SAFETY: a new mapping at a place that the kernel chooses.
    let base = unsafe { libc::mmap(std::ptr::null_mut(), size, protection, kind, file.as_raw_fd(), 0) };
    if base == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    Ok(NonNull::new(base.cast()).expect("a mapping is not at address 0"))
}

/// The recorder's end.
pub struct Reception {
    stations: Stations,
    /// Which stations are being recorded, by the recorder's own account.
    busy: [bool; STATIONS],
    /// Processes that the recorder has turned away.
    turned_away: u32,
    /// Keeps the memory open for processes that are started.
    file: File,
}

/// A process that has claimed a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    station: usize,
    /// What it says its number is.
    pub pid: pid_t,
}

impl Reception {
    /// Where processes that are started find the stations, as long as this process lives.
    pub fn address(&self) -> String {
        format!("{}:{}", self.stations.recorder, self.file.as_raw_fd())
    }

    /// Who waits to be let in.  A claim that says it was heard and was not is a forgery, and withdrawn.
    pub fn arrivals(&self) -> Vec<Arrival> {
        let claims = self.stations.hall().claims.iter().map(|claim| claim.load(Ordering::SeqCst)).enumerate();
        let arrivals = claims
            .filter(|&(station, claim)| claim != 0 && !self.busy[station])
            .map(|(station, claim)| Arrival { station, pid: claim.cast_signed() });
        let (forged, arrivals): (Vec<_>, Vec<_>) = arrivals.partition(|arrival| arrival.pid < 0);
        forged.into_iter().for_each(|arrival| self.free(arrival));
        arrivals
    }

    /// Lets a process in; gives the end of its ring.
    pub fn let_in(&mut self, arrival: Arrival) -> RingReader {
        self.busy[arrival.station] = true;
        self.answer(arrival, arrival.pid.cast_unsigned() | LET_IN);
        RingReader { mapping: self.stations.mapping(arrival.station), position: 0 }
    }

    /// Lets a process go on untraced.
    pub fn turn_away(&mut self, arrival: Arrival) {
        self.turned_away += 1;
        self.answer(arrival, 0);
    }

    /// Empties a station for the next process.
    pub fn take_back(&mut self, arrival: Arrival) {
        let mapping = self.stations.mapping(arrival.station);
        // SAFETY: the pages are a station's of the shared mapping; whoever still had them finds zeros there, which are valid.
        let emptied = unsafe { libc::madvise(mapping.slot.as_ptr().cast(), SIZE, libc::MADV_REMOVE) };
        // A station that cannot be emptied is not used again.
        if emptied == 0 {
            self.busy[arrival.station] = false;
            self.free(arrival);
        }
    }

    /// Sleeps until somebody knocks.
    pub fn wait(&self, knocks: u32, at_most: Duration) {
        futex_wait(&self.stations.hall().knocks.0, knocks, at_most);
    }

    /// How often somebody has knocked.
    pub fn knocks(&self) -> u32 {
        self.stations.hall().knocks.0.load(Ordering::SeqCst)
    }

    /// Processes that found no station, or were not let in.
    pub fn turned_away(&self) -> u32 {
        self.stations.hall().turned_away.0.load(Ordering::SeqCst).saturating_add(self.turned_away)
    }

    /// A handle for waking the recorder.
    pub fn bell(&self) -> Stations {
        self.stations
    }

    fn free(&self, arrival: Arrival) {
        self.answer(arrival, 0);
        let freed = &self.stations.hall().freed.0;
        freed.fetch_add(1, Ordering::SeqCst);
        futex_wake(freed);
    }

    fn answer(&self, arrival: Arrival, word: u32) {
        let claim = &self.stations.hall().claims[arrival.station];
        claim.store(word, Ordering::SeqCst);
        futex_wake(claim);
    }
}
