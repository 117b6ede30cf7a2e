//! The block of a .bct that is being filled: the words of its events, and what it must repeat of earlier blocks so that
//! it can be read without them.

use super::body::{Body, Reached};
use super::bounds;
use super::needs::Needs;
use crate::trace::{Run, State};

/// A block on its way.
#[derive(Default)]
pub(super) struct Block {
    pub(super) begun: bool,
    body: Body,
    pub(super) needs: Needs,
    /// Instructions executed before it, and up to its end so far.
    pub(super) before: u64,
    pub(super) after: u64,
    /// An unfinished block stands in the file as far as this many words of its events.
    pub(super) shown: u64,
    /// Where the values begin whose run has not come yet, and the words since that execute nothing.
    awaiting: Option<Reached>,
    awaiting_idle: u64,
}

impl Block {
    /// Begins with the state before its first event.
    pub(super) fn begin(&mut self, at: &State) {
        self.begun = true;
        (self.before, self.after) = (at.instructions, at.instructions);
        self.needs.begin(at);
    }

    /// Empties it for the next one.
    pub(super) fn clear(&mut self) {
        let Block { begun, body, needs, before, after, shown, awaiting, awaiting_idle } = self;
        body.clear();
        *needs = Needs::default();
        (*begun, *before, *after, *shown, *awaiting, *awaiting_idle) = Default::default();
    }

    /// Words of events at which it ends; 0 where it has not begun.
    fn full(&self) -> u64 {
        if self.begun { bounds::full(self.needs.words()) } else { 0 }
    }

    /// Returns whether `words` more make it too long, or it has not begun.
    #[inline]
    pub(super) fn is_full_with(&self, words: usize) -> bool {
        self.body.position() + words as u64 > self.full() && self.can_end()
    }

    /// The runs of one word each that it surely has room for: none while values await theirs.
    pub(super) fn room_for_runs(&self) -> usize {
        let room = if self.awaiting.is_none() { self.full().saturating_sub(self.body.position()) } else { 0 };
        usize::try_from(room).unwrap_or(usize::MAX)
    }

    /// Values and the run that they belong to stay together, unless very much comes between them.
    pub(super) fn can_end(&self) -> bool {
        self.awaiting.is_none() || self.awaiting_idle >= bounds::MOST_IDLE
    }

    /// Adds a run, and with it the values that came before it.
    pub(super) fn push_run(&mut self, run: &Run) {
        let (words, count) = run.words();
        match &words[..count] {
            [word] => self.body.push_run(*word),
            words if run.length == 0 => self.body.push_idle(words),
            words => self.push_record(words),
        }
        match run.length {
            0 => self.awaiting_idle += count as u64,
            _ => self.awaiting = None,
        }
    }

    /// Adds runs of one word each, for which it has room.
    pub(super) fn push_runs(&mut self, words: &[u64]) {
        self.body.push_runs(words);
    }

    /// Adds the words of a record, or of a run that needs two.  Among values, which are not counted against the end of the block,
    /// nothing else repeats.
    pub(super) fn push_record(&mut self, words: &[u64]) {
        self.body.push_record(words, self.awaiting.is_none());
    }

    /// Adds words of values.
    pub(super) fn push_values(&mut self, words: &[u64], at: &State) {
        if self.awaiting.is_none() {
            self.awaiting = Some(self.body.reached());
            self.awaiting_idle = 0;
        }
        self.needs.use_names(words, at);
        self.body.push_values(words);
    }

    /// All that it has.
    pub(super) fn reached(&self) -> Reached {
        self.body.reached()
    }

    /// How far it can be shown: values without their run cannot.
    pub(super) fn settled(&self) -> Reached {
        self.awaiting.clone().unwrap_or_else(|| self.reached())
    }

    #[inline]
    pub(super) fn executed(&mut self, instructions: u64) {
        self.after = instructions;
    }

    /// Instructions executed in it so far.
    pub(super) fn instructions(&self) -> u64 {
        self.after.saturating_sub(self.before)
    }

    /// Whether most of what it had to write of its events are numbers.
    pub(super) fn is_mostly_numbers(&self) -> bool {
        self.body.is_mostly_numbers()
    }

    /// Appends all of its words: what it repeats, and the events as far as `reached`.
    pub(super) fn push_payload(&self, reached: &Reached, out: &mut Vec<u8>) {
        self.needs.pieces().chain(self.body.words_to(reached)).for_each(|words| push_bytes(out, words));
    }
}

/// Appends the bytes of words.
fn push_bytes(out: &mut Vec<u8>, words: &[u64]) {
    let begin = out.len();
    out.resize(begin + words.len() * 8, 0);
    for (bytes, word) in out[begin..].chunks_exact_mut(8).zip(words) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
}
