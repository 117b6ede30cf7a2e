//! How often an unfinished block is flushed: so that flushing takes a small share of the recorder's time, however long one flush takes.

use std::time::{Duration, Instant};

use crate::process;

/// A flush that took a second is followed by this many seconds without one.
const REST: u32 = 99;
/// The longest rest after a flush that waited: the disk or a pipe may be slow, and what the program did shall not wait for long.
const LONGEST: Duration = Duration::from_secs(5);

/// A moment, and how long the thread has worked until then.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub at: Instant,
    pub worked: Duration,
}

impl Moment {
    pub fn now() -> Moment {
        Moment { at: Instant::now(), worked: process::worked() }
    }
}

/// When the next flush may be.
#[derive(Debug)]
pub struct Pace {
    next: Instant,
}

impl Pace {
    pub fn new(now: Instant) -> Pace {
        Pace { next: now }
    }

    pub fn is_due(&self, now: Instant) -> bool {
        now >= self.next
    }

    /// Notes a flush.
    pub fn flushed(&mut self, begun: Moment, ended: Moment) {
        let took = ended.at.saturating_duration_since(begun.at);
        let worked = ended.worked.saturating_sub(begun.worked);
        self.next = ended.at + took.saturating_mul(REST).min(LONGEST).max(worked.saturating_mul(REST));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flushing_takes_a_hundredth_of_the_time_and_rests_for_long_only_after_work() {
        let begun = Moment::now();
        let mut pace = Pace::new(begun.at);
        assert!(pace.is_due(begun.at));
        let mut rest_after = |took, worked| {
            let (took, worked) = (Duration::from_millis(took), Duration::from_millis(worked));
            pace.flushed(begun, Moment { at: begun.at + took, worked: begun.worked + worked });
            let rests = |millis| !pace.is_due(begun.at + took + Duration::from_millis(millis));
            (1..).find(|&millis| !rests(millis)).filter(|&millis| rests(millis - 1))
        };
        assert_eq!(rest_after(10, 9), Some(990));
        assert_eq!(rest_after(60_000, 1), Some(5_000));
        assert_eq!(rest_after(100, 100), Some(9_900));
    }

    #[test]
    fn a_moment_says_how_long_the_thread_has_worked() {
        let begun = Moment::now();
        let mut ended = begun;
        while ended.worked == begun.worked {
            ended = Moment::now();
        }
        assert!(ended.worked > begun.worked && ended.at > begun.at);
    }
}
