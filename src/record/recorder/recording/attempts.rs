//! Attempts among the words: where each stands, and what of them another recorder would not have.

use std::time::Duration;

use super::{Failure, Recording};
use crate::record::attempts::{Message, Place};
use crate::record::recorder::account::Account;
use crate::record::shared::slot;
use crate::trace::attempt::{Attempt, Deed};
use crate::trace::event::Event;

/// Looks at a live tracee before it is said where a thread is: it may have gone on at each.
const CATCH_UPS: u32 = 3;

/// How long attempts may be in the recorder alone.
const ATTEMPTS_AT_RISK: Duration = Duration::from_millis(100);

impl Recording<'_> {
    /// Takes an attempt from the broker, whose maker waits meanwhile, and records it.
    #[cold]
    pub(super) fn note_attempt(&mut self, sink: &mut Account) -> Result<(), Failure> {
        let Some((letter, message)) = self.watch.mail() else { return Ok(()) };
        let result = match Message::decode(&message) {
            Some(message) => self.record_attempt(message, sink),
            None => Ok(()),
        };
        self.watch.mail_served(letter);
        result
    }

    fn record_attempt(&mut self, message: Message, sink: &mut Account) -> Result<(), Failure> {
        // The thread that tries it stands still, but others may run on.
        for _ in 0..CATCH_UPS {
            self.catch_up(sink)?;
        }
        let attempt = match self.ring.thread(message.thread) {
            Some(thread) => {
                let state = self.decoder.state();
                let place = Place::of(thread, slot::left(self.ring.slot()).1, state);
                message.at(thread, place, state)
            }
            None => Some(message.of_process(self.last_fork.as_ref())),
        };
        let Some(attempt) = attempt else { return Ok(()) };
        if attempt.deed == Deed::Fork && attempt.thread.is_some() {
            self.last_fork = Some(attempt.clone());
        }
        if self.is_repeatable && attempt.thread.is_none() {
            // The program runs meanwhile, so it has come here by chance.
            self.attempts.hold(attempt);
        } else {
            self.write_attempt(attempt, 1, sink)?;
        }
        // It is in no word of the ring, so a standby must have it; soon, for a fork at each would slow the program down, and in its sandbox
        // it kills no recorder.
        if self.last_checkpoint.elapsed() > ATTEMPTS_AT_RISK {
            self.checkpoint(sink)?;
        }
        Ok(())
    }

    fn write_attempt(&mut self, attempt: Attempt, times: u64, sink: &mut Account) -> Result<(), Failure> {
        if self.attempts.is_new(&attempt, times, sink.tally.attempts.count) {
            self.decoder.event(&Event::Attempt(attempt), sink)?;
        }
        Ok(())
    }

    /// Writes the attempts that were held, and says how often attempts were repeated.
    pub(super) fn count_attempts(&mut self, sink: &mut Account) -> Result<(), Failure> {
        for (attempt, times) in self.attempts.release() {
            self.write_attempt(attempt, times, sink)?;
        }
        for repeated in self.attempts.repeated() {
            self.decoder.event(&Event::Repeated(repeated), sink)?;
        }
        Ok(())
    }
}
