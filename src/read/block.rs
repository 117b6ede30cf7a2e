//! The events of one block of a .bct: its words unpacked, lengthened and decoded in small pieces, so that a reader holds little more than
//! the block itself.

use std::rc::Rc;

use super::budget::Budget;
use crate::format::bct::bounds;
use crate::trace::decoder::state_end;
use crate::trace::repeat::RepeatReader;
use crate::trace::state::Contradiction;
use crate::trace::{Decoder, Sink, State, StreamError, ignore};

/// Why a block is given up that a real trace never has.
const TOO_MUCH_WORK: Contradiction = "more work than a file of its size can need";

/// A block whose events are being read.
pub struct Block {
    words: Rc<[u64]>,
    /// Of the words, how many were read.
    read: usize,
    repeats: RepeatReader,
    decoder: Decoder,
    budget: Budget,
}

impl Block {
    /// Unpacks a payload into words.
    pub(super) fn words(payload: &[u8]) -> Result<Rc<[u64]>, StreamError> {
        let (words, rest) = payload.as_chunks();
        match rest {
            [] => Ok(words.iter().map(|word| u64::from_le_bytes(*word)).collect()),
            _ => Err(broken(0, "a block that ends inside a word")),
        }
    }

    /// Begins with the state that the block begins with.
    pub(super) fn new(words: Rc<[u64]>, budget: Budget) -> Result<Block, StreamError> {
        let events = state_end(&words).ok_or_else(|| broken(0, "a block without a state"))?;
        bounds::check(&words, events).map_err(|why| broken(0, why))?;
        if !budget.spend(size_of_val(&*words) as u64) {
            return Err(broken(0, TOO_MUCH_WORK));
        }
        let mut decoder = Decoder::of_block(bounds::MAX_WEIGHT);
        decoder.allow_search(budget.left());
        decoder.decode(&words[..events], &mut ignore())?;
        budget.spend(decoder.searched());
        Ok(Block { words, read: events, repeats: RepeatReader::default(), decoder, budget })
    }

    fn spend(&self, work: u64) -> Result<(), StreamError> {
        match self.budget.spend(work) {
            true => Ok(()),
            false => Err(broken(self.state().instructions, TOO_MUCH_WORK)),
        }
    }

    /// The state at the place that was reached.
    pub fn state(&self) -> &State {
        self.decoder.state()
    }

    /// Words of events that were decoded.
    pub fn position(&self) -> u64 {
        self.repeats.position() - self.repeats.words().len() as u64
    }

    /// Hands the next events, of about `most` words, to the sink, but for those in the first `known` words of the block; false if there
    /// are no more.
    pub fn advance(&mut self, most: usize, known: u64, sink: &mut dyn Sink) -> Result<bool, StreamError> {
        if self.read == self.words.len() && !self.repeats.has_rest() {
            return match self.repeats.words() {
                [] => Ok(false),
                _ => Err(broken(self.state().instructions, "a block that ends inside an event")),
            };
        }
        self.decoder.allow_search(self.budget.left());
        let read = self.repeats.read(&self.words[self.read..], most);
        self.read += read.map_err(|why| broken(self.state().instructions, why))?;
        let events = self.repeats.words();
        let first = self.repeats.position() - events.len() as u64;
        let old = usize::try_from(known.saturating_sub(first)).unwrap_or(usize::MAX).min(events.len());
        let mut taken = self.decoder.decode(&events[..old], &mut ignore())?;
        if taken == old {
            taken += self.decoder.decode(&events[old..], sink)?;
        }
        self.repeats.take(taken);
        self.spend(taken as u64 + self.decoder.searched())?;
        Ok(true)
    }
}

fn broken(after: u64, why: &'static str) -> StreamError {
    StreamError::Contradiction { after, why }
}
