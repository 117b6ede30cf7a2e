//! The memory that a traced process shares with its recorder: the slot's page, a control page, and a ring of words.  The tracee writes
//! words and never overtakes the recorder; the recorder believes nothing that it reads here.

use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use libc::pid_t;

use super::memory::{self, Line, futex_wait, futex_wake};
use super::slot;
use crate::process::{self, life::Life};
use crate::trace::event::Sandbox;
use crate::vm::shared::{PAGE, Slot};

/// Words of the ring: 16 MiB, a fifth of a second of a program that does nothing but jump.
pub(super) const CAPACITY: u64 = 1 << 21;
/// Words that the tracee announces to the recorder at a time.
const BATCH: u64 = 1 << 14;

/// Words of the stream after which the recorder hears of them, at the latest.
pub const PAUSE: u64 = 1 << 14;
/// Words of the stream that the recorder may be behind when the tracee looks after it.
pub const LAG: u64 = 1 << 19;

/// The control page.  Each group of fields that one side writes has cache lines of its own.
#[repr(C, align(128))]
pub(super) struct ControlPage {
    /// Words that the tracee has announced.
    published: Line<AtomicU64>,
    /// Counts the times that the recorder was called; it sleeps on this word.
    calls: Line<AtomicU32>,
    /// Words that the tracee may overwrite: no recorder needs them any more.
    tail: Line<AtomicU64>,
    /// Words of the stream that the recorder is done with, those that repeat included.
    done: Line<AtomicU64>,
    /// Counts what the recorder has made room for; the tracee sleeps on this word.
    room: Line<AtomicU32>,
    recorder_sleeps: Line<AtomicU32>,
    /// Not 0: the recorder and its standby are there.
    begun: Line<AtomicU32>,
    tracee_sleeps: Line<AtomicU32>,
    /// What the walls around the process are, as the process says before it runs the program: [`Sandbox`] plus one, or 0.
    walls: Line<AtomicU32>,
    /// The system's numbers of the threads of the stream.  Words of the stream have none: they are not the same in two runs.
    threads: [AtomicU32; THREADS],
}

/// Threads whose numbers are kept.
const THREADS: usize = 512;

const _: () = assert!(size_of::<ControlPage>() <= PAGE);

/// The shared mapping, in either process.
#[derive(Clone, Copy)]
pub(super) struct Mapping {
    pub(super) slot: NonNull<Slot>,
    pub(super) control: NonNull<ControlPage>,
    pub(super) words: NonNull<AtomicU64>,
}

// SAFETY: the mapping lives as long as the process, and only its atomics are used.
unsafe impl Send for Mapping {}

impl Mapping {
    fn slot(&self) -> &'static Slot {
        // SAFETY: the page is mapped for the rest of the process, zeroed memory is a valid Slot, and all fields are atomics.
        unsafe { self.slot.as_ref() }
    }

    fn control(&self) -> &ControlPage {
        // SAFETY: the page is mapped for the rest of the process, zeroed memory is a valid ControlPage, and all fields are atomics.
        unsafe { self.control.as_ref() }
    }

    #[inline]
    fn word(&self, position: u64) -> &AtomicU64 {
        // SAFETY: the masked index is inside the CAPACITY words.
        let word = unsafe { self.words.add((position & (CAPACITY - 1)) as usize) };
        // SAFETY: they are mapped for the rest of the process.
        unsafe { word.as_ref() }
    }
}

/// Makes the shared memory, before the fork; each process keeps its end.
pub fn create() -> io::Result<(RingWriter, RingReader)> {
    let base = memory::map_anonymous(PAGE + CAPACITY as usize * size_of::<u64>())?;
    Slot::share()?;
    // SAFETY: the mapping is longer than a page.
    let words = unsafe { base.add(PAGE) };
    let mapping = Mapping { slot: NonNull::from(Slot::get()), control: base.cast(), words: words.cast() };
    Ok((RingWriter::new(mapping, Supervisor::Unknown), RingReader::new(mapping)))
}

/// The tracee's end.
pub struct RingWriter {
    mapping: Mapping,
    /// Words written, counted by the slot or not.
    head: u64,
    /// Words that the ring has room for, counted like `head`.
    limit: u64,
    /// Where the next words are announced.
    announce: u64,
    supervisor: Supervisor,
}

/// How a traced process knows that its supervisor is gone, without a question that a sandbox would count as the program's.
#[derive(Clone, Copy, Debug)]
pub(super) enum Supervisor {
    /// It is not known yet.
    Unknown,
    /// It was this process's parent.
    Parent(pid_t),
    /// It has this word.
    Lives(&'static Life),
}

impl Supervisor {
    fn is_gone(self) -> bool {
        match self {
            Supervisor::Unknown => false,
            Supervisor::Parent(supervisor) => process::parent() != supervisor,
            Supervisor::Lives(life) => life.is_over(),
        }
    }
}

impl RingWriter {
    pub(super) fn new(mapping: Mapping, supervisor: Supervisor) -> RingWriter {
        RingWriter { mapping, head: 0, limit: CAPACITY, announce: BATCH, supervisor }
    }

    pub fn head(&self) -> u64 {
        self.head
    }

    /// Says that this process's parent is the supervisor.
    pub fn belongs_to_parent(&mut self) {
        self.supervisor = Supervisor::Parent(process::parent());
    }

    /// Writes one word; blocks until there is room.
    #[inline]
    pub fn push(&mut self, word: u64) {
        if self.head >= self.limit {
            self.wait_for_room();
        }
        self.mapping.word(self.head).store(word, Ordering::Relaxed);
        self.head += 1;
    }

    /// Writes words if there is room for them; returns whether there was.
    #[inline(always)]
    pub fn try_push(&mut self, words: &[u64]) -> bool {
        let head = self.head + words.len() as u64;
        let has_room = head <= self.limit;
        if has_room {
            for (place, word) in (self.head..).zip(words) {
                self.mapping.word(place).store(*word, Ordering::Relaxed);
            }
            self.head = head;
        }
        has_room
    }

    /// The same if they are not to be announced either.
    #[inline(always)]
    pub fn try_push_unannounced(&mut self, words: &[u64]) -> bool {
        self.head + (words.len() as u64) < self.announce && self.try_push(words)
    }

    /// Announces the words to the recorder once there are enough; the slot's head must count them already.
    #[inline]
    pub fn announce(&mut self) {
        if self.head >= self.announce {
            self.call_recorder();
        }
    }

    /// Announces all words to the recorder.
    #[cold]
    pub fn call_recorder(&mut self) {
        let control = self.mapping.control();
        control.published.0.store(self.head, Ordering::Release);
        control.calls.0.fetch_add(1, Ordering::SeqCst);
        if control.recorder_sleeps.0.load(Ordering::SeqCst) != 0 {
            futex_wake(&control.calls.0);
        }
        self.announce = self.head + BATCH;
    }

    /// Says that the calling thread has this number in the stream.
    pub fn name_thread(&self, number: u32) {
        if let Some(place) = self.mapping.control().threads.get(number as usize) {
            place.store(rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned(), Ordering::Release);
        }
    }

    /// Blocks until the recorder and its standby are there.
    pub fn wait_for_begin(&self) {
        self.wait_until(|control| control.begun.0.load(Ordering::SeqCst) != 0);
    }

    /// Waits until the recorder is done with the words up to `position`; it has been called.
    #[inline]
    pub fn wait_for_recorder(&self, position: u64) {
        self.wait_until(|control| control.done.0.load(Ordering::SeqCst) >= position);
    }

    #[cold]
    fn wait_for_room(&mut self) {
        // What the slot does not count yet cannot be read, so it is counted first; a run's words are complete here, or a record's
        // beginning, which the recorder keeps until the rest comes.
        slot::publish_early(self.head);
        self.call_recorder();
        let head = self.head;
        self.wait_until(|control| head < control.tail.0.load(Ordering::SeqCst).saturating_add(CAPACITY));
        self.limit = self.mapping.control().tail.0.load(Ordering::Acquire).saturating_add(CAPACITY);
    }

    /// Sleeps until the recorder has come so far; ends this process if no process records it any more.
    fn wait_until(&self, is_so: impl Fn(&ControlPage) -> bool) {
        let control = self.mapping.control();
        if is_so(control) {
            return;
        }
        let errno = Errno::save();
        while !is_so(control) {
            let seen = control.room.0.load(Ordering::SeqCst);
            control.tracee_sleeps.0.store(1, Ordering::SeqCst);
            if !is_so(control) {
                futex_wait(&control.room.0, seen, Duration::from_millis(100));
            }
            control.tracee_sleeps.0.store(0, Ordering::SeqCst);
            self.end_if_alone();
        }
        errno.restore();
    }

    /// Ends this process if its supervisor is gone: the kernel does so only until a program changes its user, or says otherwise.
    fn end_if_alone(&self) {
        if self.supervisor.is_gone() {
            process::kill_self();
        }
    }
}

/// The recorder's end.
pub struct RingReader {
    pub(super) mapping: Mapping,
    /// Words copied out so far: its own count, which the tracee cannot change.
    position: u64,
    /// Those of them that the tracee may overwrite.
    released: u64,
}

/// The counters in the shared memory contradict each other.
#[derive(Debug, thiserror::Error)]
#[error("its counters contradict each other")]
pub struct Tampered;

impl RingReader {
    pub(super) fn new(mapping: Mapping) -> RingReader {
        RingReader { mapping, position: 0, released: 0 }
    }

    /// A handle for the recorder's other processes.
    pub fn remote(&self) -> Remote {
        Remote { mapping: self.mapping }
    }

    /// The tracee's slot.
    pub fn slot(&self) -> &'static Slot {
        self.mapping.slot()
    }

    /// Moves the words that the tracee has announced, up to `most`, to the end of `out`; returns how many.
    pub fn read(&mut self, out: &mut Vec<u64>, most: usize) -> Result<usize, Tampered> {
        let published = self.mapping.control().published.0.load(Ordering::Acquire);
        self.read_to(published.max(self.position), out, most)
    }

    /// The same up to a count of words that the slot gave.
    pub fn read_to(&mut self, head: u64, out: &mut Vec<u64>, most: usize) -> Result<usize, Tampered> {
        let available = head.checked_sub(self.position).filter(|&words| words <= CAPACITY).ok_or(Tampered)?;
        let taken = available.min(most as u64);
        out.extend((0..taken).map(|word| self.mapping.word(self.position + word).load(Ordering::Relaxed)));
        if taken > 0 {
            self.position += taken;
        }
        Ok(taken as usize)
    }

    /// The number in the stream of a thread that has this number in the system; the last one, if several had it.
    pub fn thread(&self, system: i32) -> Option<u32> {
        let system = if system > 0 { system } else { return None };
        let is_it = |place: &AtomicU32| place.load(Ordering::Acquire) == system.cast_unsigned();
        let number = self.mapping.control().threads.iter().rposition(is_it)?;
        u32::try_from(number).ok()
    }

    /// What the process has said that its walls are.
    pub fn walls(&self) -> Option<Sandbox> {
        let walls = self.mapping.control().walls.0.load(Ordering::SeqCst);
        [Sandbox::None, Sandbox::Watched, Sandbox::Unwatched].into_iter().find(|kind| walls == *kind as u32 + 1)
    }

    /// Lets the tracee begin.
    pub fn begin(&self) {
        self.mapping.control().begun.0.store(1, Ordering::SeqCst);
        self.wake_tracee();
    }

    /// Whether enough words were read that their room should be released.
    #[inline]
    pub fn should_release(&self) -> bool {
        self.position - self.released >= CAPACITY / 2
    }

    /// Gives the room of all words that were read back to the tracee.
    pub fn release(&mut self) {
        self.released = self.position;
        self.mapping.control().tail.0.store(self.released, Ordering::SeqCst);
        self.wake_tracee();
    }

    /// Reports to the tracee how many words of its stream are done with.
    pub fn done(&self, position: u64) {
        self.mapping.control().done.0.store(position, Ordering::SeqCst);
        self.wake_tracee();
    }

    /// Sleeps until the tracee announces more, [`Remote::wake`] is called, or the time is over.
    pub fn wait(&self, at_most: Duration) {
        let control = self.mapping.control();
        let seen = control.calls.0.load(Ordering::SeqCst);
        control.recorder_sleeps.0.store(1, Ordering::SeqCst);
        if control.published.0.load(Ordering::SeqCst) <= self.position {
            futex_wait(&control.calls.0, seen, at_most);
        }
        control.recorder_sleeps.0.store(0, Ordering::SeqCst);
    }

    /// Whether the tracee has announced words that were not read yet.
    pub fn has_called(&self) -> bool {
        self.mapping.control().published.0.load(Ordering::Acquire) > self.position
    }

    fn wake_tracee(&self) {
        let control = self.mapping.control();
        if control.tracee_sleeps.0.load(Ordering::SeqCst) != 0 {
            control.room.0.fetch_add(1, Ordering::SeqCst);
            futex_wake(&control.room.0);
        }
    }
}

/// Wakes the recorder from another process of bctrace, and asks the tracee to end.
#[derive(Clone, Copy)]
pub struct Remote {
    mapping: Mapping,
}

impl Remote {
    /// Wakes the recorder.
    pub fn wake(&self) {
        let control = self.mapping.control();
        control.calls.0.fetch_add(1, Ordering::SeqCst);
        futex_wake(&control.calls.0);
    }

    /// Where the tracee is, to be compared with where it is later; what it does unrecorded counts as well.
    pub fn place(&self) -> (u64, u64, u64) {
        let slot = self.mapping.slot();
        (slot.position.load(Ordering::Acquire), slot.next.load(Ordering::Acquire), slot.unrecorded())
    }

    /// Says, in the traced process, what the walls around it are; the recorder waits for it.
    pub fn set_walls(&self, walls: Sandbox) {
        self.mapping.control().walls.0.store(walls as u32 + 1, Ordering::SeqCst);
        self.wake();
    }

    pub fn ask_to_stop(&self) {
        self.mapping.slot().ask_to_stop();
    }

    /// Whether the tracee says that it is about to replace itself, or has.
    pub fn execs(&self) -> bool {
        self.mapping.slot().execs.load(Ordering::Acquire) != 0
    }
}

/// The C library's errno, which PyThreadState_Swap's callers have just restored.
struct Errno(libc::c_int);

impl Errno {
    fn save() -> Errno {
        let errno = Errno::location();
        // SAFETY: the location is this thread's own.
        Errno(unsafe { *errno })
    }

    fn restore(self) {
        let errno = Errno::location();
        // SAFETY: as above.
        unsafe { *errno = self.0 }
    }

    fn location() -> *mut libc::c_int {
        // SAFETY: it can always be asked for.
        unsafe { libc::__errno_location() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ring with a control page of its own; the slot is not used.
    fn reader() -> RingReader {
        let base = memory::map_anonymous(PAGE + CAPACITY as usize * size_of::<u64>()).expect("memory");
        // SAFETY: the mapping is longer than a page.
        let words = unsafe { base.add(PAGE) };
        RingReader::new(Mapping { slot: NonNull::from(Slot::get()), control: base.cast(), words: words.cast() })
    }

    #[test]
    fn a_count_of_more_words_than_the_ring_holds_is_refused() {
        let (mut reader, mut out) = (reader(), Vec::new());
        assert!(reader.read_to(CAPACITY + 1, &mut out, 9).is_err());
        assert!(reader.read_to(u64::MAX, &mut out, 9).is_err());
        assert_eq!(out.len(), 0);
        assert_eq!(reader.read_to(CAPACITY, &mut out, 9).expect("a full ring"), 9);
        assert_eq!(reader.read_to(9 + CAPACITY, &mut out, 9).expect("a full ring"), 9);
        assert!(reader.read_to(18 + CAPACITY + 1, &mut out, 9).is_err());
    }

    #[test]
    fn a_count_of_fewer_words_than_were_read_is_refused() {
        let (mut reader, mut out) = (reader(), Vec::new());
        assert_eq!(reader.read_to(3, &mut out, 9).expect("three words"), 3);
        assert!(reader.read_to(2, &mut out, 9).is_err());
        assert_eq!(reader.read_to(3, &mut out, 9).expect("no more words"), 0);
    }
}
