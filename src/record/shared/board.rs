//! What bctrace's own processes share: a page that the traced processes do not have.

use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use libc::pid_t;
use rustix::mm::{Advice, madvise};

use super::claims::RINGS;
use super::memory;
use crate::process::{Death, How};
use crate::select::Met;
use crate::trace::event::{Sandbox, StopReason};

/// The recording of the program's first process; those of forked ones have their ring's number plus one.
pub const FIRST: usize = 0;

/// Set in [`Recording::status`] and [`Recording::over`] once they are known.
const KNOWN: u32 = 1 << 31;
/// Signals that are passed on have smaller numbers.
const SIGNALS: usize = 32;
/// Bits of [`Notices::signals`].
const RECEIVED: u64 = 1 << 32;
const PASSED_ON: u64 = 1 << 33;

/// Notices of one recording.
#[derive(Debug, Default)]
#[repr(C)]
struct Recording {
    /// How the process ended, as [`encode`] makes it; 0 while it lives, or nobody knows.
    death: AtomicU64,
    /// Why the supervisor has ended it, as a [`StopReason`]; 0 if it has not.
    stop: AtomicU32,
    /// The exit status that a recorder has given the recording.
    status: AtomicU32,
    /// How the recording ended, as [`Over`] says; known when all of its recorders have ended.
    over: AtomicU32,
    /// Words of the stream that a recorder has decoded.
    reached: AtomicU64,
    /// How often a standby has continued the recording.
    takeovers: AtomicU32,
    /// Not 0: the program may run, and its attempts are recorded.
    begun: AtomicU32,
    /// The process that is recorded; 0 if none is.
    process: AtomicU32,
}

#[derive(Debug)]
#[repr(C)]
struct Notices {
    /// The supervisor sleeps on this word if it has no claims to wait for.
    changes: AtomicU32,
    /// Signals that the front has received, each in its place: [`RECEIVED`], [`PASSED_ON`] and the sender; 0 for none.
    signals: [AtomicU64; SIGNALS],
    /// The user's job is stopped.
    suspended: AtomicU32,
    /// What the walls around the program are, as [`Sandbox`] plus one; 0 as long as that is not known.
    walls: AtomicU32,
    /// Processes that the supervisor could not follow.
    refused: AtomicU32,
    /// Followed processes with something recorded, those that could not be recorded, and those that --stop-at has stopped.
    recorded: AtomicU32,
    failed: AtomicU32,
    stopped_at: AtomicU32,
    /// What followed processes have met of what was asked for, as [`Met`] has it.
    met: AtomicU64,
    recordings: [Recording; RINGS + 1],
}

/// The page, in any of the processes.
#[derive(Clone, Copy, Debug)]
pub struct Board {
    page: NonNull<Notices>,
}

// SAFETY: the mapping lives as long as the process, and only its atomics are used.
unsafe impl Send for Board {}

/// How a recording ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// A recorder has completed the trace.
    Done,
    /// All of its recorders are dead.
    Lost,
    /// No recorder could be started.
    Refused,
}

/// What came of the processes that were followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Others {
    /// Something was recorded of one of them.
    pub recorded: bool,
    /// One of them could not be recorded to its end.
    pub failed: bool,
    /// --stop-at has stopped one of them.
    pub stopped_at: bool,
    /// What they have met of what was asked for.
    pub met: Met,
    /// Processes that could not be followed.
    pub refused: u32,
}

/// A signal to the front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notice {
    pub signal: i32,
    /// Its sender's number.
    pub sender: u32,
    /// The program is meant to have it.
    pub is_passed_on: bool,
}

/// What one recording has of the board.
#[derive(Clone, Copy, Debug)]
pub struct Given {
    board: Board,
    number: usize,
}

impl Board {
    pub fn create() -> io::Result<Board> {
        Ok(Board { page: memory::map_anonymous(size_of::<Notices>())?.cast() })
    }

    /// Keeps the page from processes that are forked from now on.
    pub fn hide_from_children(&self) -> io::Result<()> {
        // SAFETY: the page stays as it is in this process.
        Ok(unsafe { madvise(self.page.as_ptr().cast(), size_of::<Notices>(), Advice::LinuxDontFork) }?)
    }

    fn notices(&self) -> &'static Notices {
        // SAFETY: the page is mapped for the rest of the process, zeroed memory is a valid Notices, and all fields are atomics.
        unsafe { self.page.as_ref() }
    }

    /// The word that the supervisor sleeps on if it has no claims to wait for.
    pub fn changes(&self) -> &'static AtomicU32 {
        &self.notices().changes
    }

    /// Has the supervisor know of a signal, once it is woken.
    pub fn notice(&self, notice: Notice) {
        if let Some(place) = self.notices().signals.get(notice.signal as usize) {
            let passed_on = if notice.is_passed_on { PASSED_ON } else { 0 };
            place.store(RECEIVED | passed_on | u64::from(notice.sender), Ordering::SeqCst);
        }
    }

    /// Has the supervisor kill the program, once it is woken.
    pub fn kill(&self) {
        self.notice(Notice { signal: libc::SIGKILL, sender: 0, is_passed_on: true });
    }

    /// Takes the signals that were noted.
    pub fn signals(&self) -> Vec<Notice> {
        let noted = self.notices().signals.iter().map(|place| place.swap(0, Ordering::SeqCst)).enumerate();
        let notice = |(signal, word): (usize, u64)| Notice {
            signal: signal as i32,
            sender: word as u32,
            is_passed_on: word & PASSED_ON != 0,
        };
        noted.filter(|(_, word)| *word != 0).map(notice).collect()
    }

    pub fn set_suspended(&self, suspended: bool) {
        self.notices().suspended.store(suspended.into(), Ordering::SeqCst);
    }

    pub fn is_suspended(&self) -> bool {
        self.notices().suspended.load(Ordering::SeqCst) != 0
    }

    pub fn set_walls(&self, walls: Sandbox) {
        self.notices().walls.store(walls as u32 + 1, Ordering::SeqCst);
    }

    pub fn walls(&self) -> Option<Sandbox> {
        let walls = self.notices().walls.load(Ordering::SeqCst);
        [Sandbox::None, Sandbox::Watched, Sandbox::Unwatched].into_iter().find(|kind| walls == *kind as u32 + 1)
    }

    pub fn count_refused(&self, more: u32) {
        self.notices().refused.fetch_add(more, Ordering::SeqCst);
    }

    /// Notes what was recorded of a followed process.
    pub fn note_recorded(&self, recorded: bool, stopped_at: bool, met: Met) {
        self.notices().recorded.fetch_add(recorded.into(), Ordering::SeqCst);
        self.notices().stopped_at.fetch_add(stopped_at.into(), Ordering::SeqCst);
        self.notices().met.fetch_or(met.0, Ordering::SeqCst);
    }

    /// Counts a followed process that could not be recorded to its end.
    pub fn count_failed(&self) {
        self.notices().failed.fetch_add(1, Ordering::SeqCst);
    }

    /// What came of the processes that were followed.
    pub fn others(&self) -> Others {
        let Notices { recorded, failed, stopped_at, met, refused, .. } = self.notices();
        let is_any = |count: &AtomicU32| count.load(Ordering::SeqCst) > 0;
        Others {
            recorded: is_any(recorded),
            failed: is_any(failed),
            stopped_at: is_any(stopped_at),
            met: Met(met.load(Ordering::SeqCst)),
            refused: refused.load(Ordering::SeqCst),
        }
    }

    /// The recording of a process, which is not over.
    pub fn recording_of(&self, process: pid_t) -> Option<Given> {
        let is_it = |recording: &Recording| recording.process.load(Ordering::SeqCst) == process.cast_unsigned();
        let number = self.notices().recordings.iter().position(is_it)?;
        Some(self.recording(number)).filter(|given| given.over().is_none())
    }

    /// The part of a recording, by the number of its ring plus one, or [`FIRST`].
    pub fn recording(&self, number: usize) -> Given {
        Given { board: *self, number: number.min(RINGS) }
    }
}

impl Given {
    fn notices(&self) -> &'static Recording {
        &self.board.notices().recordings[self.number]
    }

    /// Forgets another process's recording that had the same ring.
    pub fn reset(&self) {
        let Recording { death, stop, status, over, reached, takeovers, begun, process } = self.notices();
        [death, reached].iter().for_each(|word| word.store(0, Ordering::SeqCst));
        [stop, status, over, takeovers, begun, process].iter().for_each(|word| word.store(0, Ordering::SeqCst));
    }

    pub fn board(&self) -> Board {
        self.board
    }

    pub fn is_first(&self) -> bool {
        self.number == FIRST
    }

    pub fn set_death(&self, death: Death) {
        self.notices().death.store(encode(death), Ordering::SeqCst);
    }

    pub fn death(&self) -> Option<Death> {
        decode(self.notices().death.load(Ordering::SeqCst))
    }

    /// Notes why the supervisor ends the process; the first reason stays.
    pub fn set_stop(&self, reason: StopReason) {
        let _ = self.notices().stop.compare_exchange(0, reason as u32, Ordering::SeqCst, Ordering::SeqCst);
    }

    pub fn stop(&self) -> Option<StopReason> {
        StopReason::from_number(self.notices().stop.load(Ordering::SeqCst) as u8)
    }

    /// Notes how far a recorder has come; a copy of it that is not as far yet changes nothing.
    #[inline]
    pub fn set_reached(&self, position: u64) {
        self.notices().reached.fetch_max(position, Ordering::Relaxed);
    }

    pub fn reached(&self) -> u64 {
        self.notices().reached.load(Ordering::Relaxed)
    }

    pub fn set_begun(&self) {
        self.notices().begun.store(1, Ordering::SeqCst);
    }

    pub fn has_begun(&self) -> bool {
        self.notices().begun.load(Ordering::SeqCst) != 0
    }

    /// Says which process is recorded.
    pub fn set_process(&self, process: pid_t) {
        self.notices().process.store(process.cast_unsigned(), Ordering::SeqCst);
    }

    /// The number of the recording, plus one for that of a ring.
    pub fn number(&self) -> usize {
        self.number
    }

    /// Counts one more standby that continues; returns how many had before.
    pub fn take_over(&self) -> u32 {
        self.notices().takeovers.fetch_add(1, Ordering::SeqCst)
    }

    pub fn set_status(&self, status: u8) {
        self.notices().status.store(KNOWN | u32::from(status), Ordering::SeqCst);
    }

    /// The exit status that a recorder has given the recording.
    pub fn status(&self) -> Option<u8> {
        let status = self.notices().status.load(Ordering::SeqCst);
        (status & KNOWN != 0).then_some(status as u8)
    }

    pub fn set_over(&self, over: Over) {
        self.notices().over.store(KNOWN | over as u32, Ordering::SeqCst);
    }

    pub fn over(&self) -> Option<Over> {
        let over = self.notices().over.load(Ordering::SeqCst);
        let is = |kind: &Over| over == KNOWN | *kind as u32;
        [Over::Done, Over::Lost, Over::Refused].into_iter().find(is)
    }
}

fn encode(death: Death) -> u64 {
    let (kind, number) = match death.how {
        How::Exited(status) => (1, status),
        How::Killed(signal) => (2, signal),
        How::Unknown => (3, 0),
    };
    kind | u64::from(number) << 8 | u64::from(death.replaced) << 16
}

fn decode(word: u64) -> Option<Death> {
    let number = (word >> 8) as u8;
    let how = match word as u8 {
        0 => return None,
        1 => How::Exited(number),
        2 => How::Killed(number),
        _ => How::Unknown,
    };
    Some(Death { how, replaced: word >> 16 != 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_arrive_as_they_were_given() {
        let board = Board::create().expect("a page");
        let given = board.recording(3);
        assert_eq!((given.death(), given.status(), given.over()), (None, None, None));
        for how in [How::Exited(0), How::Exited(255), How::Killed(9), How::Unknown] {
            for replaced in [false, true] {
                given.set_death(Death { how, replaced });
                assert_eq!(given.death(), Some(Death { how, replaced }));
            }
        }
        for status in [0, 255] {
            given.set_status(status);
            assert_eq!(given.status(), Some(status));
        }
        for over in [Over::Done, Over::Lost, Over::Refused] {
            given.set_over(over);
            assert_eq!(given.over(), Some(over));
        }
        assert_eq!(board.recording(2).over(), None);
        given.reset();
        assert_eq!((given.death(), given.status(), given.over()), (None, None, None));
    }

    #[test]
    fn what_came_of_the_others_is_added_up() {
        let board = Board::create().expect("a page");
        assert_eq!(board.others(), Others::default());
        board.note_recorded(true, false, Met(1));
        board.note_recorded(false, true, Met(4));
        board.count_failed();
        board.count_refused(2);
        let all = Others { recorded: true, failed: true, stopped_at: true, met: Met(5), refused: 2 };
        assert_eq!(board.others(), all);
    }

    #[test]
    fn signals_are_taken_once() {
        let board = Board::create().expect("a page");
        let notice = |signal, is_passed_on| Notice { signal, sender: 7, is_passed_on };
        [notice(15, false), notice(2, false), notice(15, true)].into_iter().for_each(|notice| board.notice(notice));
        assert_eq!(board.signals(), [notice(2, false), notice(15, true)]);
        assert_eq!(board.signals(), []);
    }
}
