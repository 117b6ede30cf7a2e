//! How often an unfinished block is flushed: so that flushing takes a small share of the recorder's time, however long one flush takes.

use std::time::{Duration, Instant};

/// A flush that took a second is followed by this many seconds without one.
const REST: u32 = 49;
/// The longest rest: the disk or a pipe may be slow, and what the program did shall not wait for long.
const LONGEST: Duration = Duration::from_secs(5);

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
    pub fn flushed(&mut self, begun: Instant, ended: Instant) {
        let took = ended.saturating_duration_since(begun);
        self.next = ended + took.saturating_mul(REST).min(LONGEST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flushing_takes_a_fiftieth_of_the_time_and_never_rests_for_long() {
        let begun = Instant::now();
        let mut pace = Pace::new(begun);
        assert!(pace.is_due(begun));
        let ended = begun + Duration::from_millis(10);
        pace.flushed(begun, ended);
        assert!(!pace.is_due(begun + Duration::from_millis(499)));
        assert!(pace.is_due(begun + Duration::from_millis(500)));
        pace.flushed(begun, begun + Duration::from_secs(60));
        assert!(pace.is_due(begun + Duration::from_secs(65)));
    }
}
