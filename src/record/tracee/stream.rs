//! The tracee's words on their way into the ring, and the slot, which says at every moment how far the stream goes.
//!
//! The open run, and everything up to its last instruction, is in shared memory at every moment, so that the recorder can finish
//! the trace whenever this process dies; `record::shared::slot` says how.

use std::sync::atomic::Ordering;

use super::values::Words;
use crate::record::shared::{LAG, PAUSE, RingWriter, slot};
use crate::trace::repeat::{self, RepeatWriter};
use crate::trace::word::{self, Fields, Kind};
use crate::vm::hook::Flow;
use crate::vm::lane;
use crate::vm::shared::{CALLED, Control, REPEATING, Slot};

/// The tracee's end of the stream.
pub(super) struct Stream {
    ring: RingWriter,
    repeats: RepeatWriter<lane::Past>,
    /// The words of the ring that the slot counts.
    head: u64,
}

/// The lane adds the words that are expected by itself.
impl repeat::Past for lane::Past {
    const FEWEST: u64 = 1;

    #[inline]
    fn position(&self) -> u64 {
        self.position()
    }

    #[inline]
    fn distance(&self) -> u64 {
        self.distance()
    }

    #[inline]
    fn set_distance(&mut self, distance: u64) {
        self.set_distance(distance);
    }

    #[inline]
    fn word(&self, position: u64) -> u64 {
        self.word(position)
    }

    #[inline]
    fn keep(&mut self, word: u64) {
        self.keep(word);
    }

    #[inline]
    fn keep_at(&mut self, position: u64, word: u64) {
        self.keep_at(position, word);
    }

    #[inline(always)]
    fn keep_all(&mut self, words: &[u64]) {
        self.keep_all(words);
    }

    fn clear(&mut self) {
        self.clear();
    }
}

// C writes words too.
const _: () = {
    assert!(repeat::HISTORY == lane::HISTORY);
    let kinds = [Kind::Jump, Kind::Call, Kind::Resume, Kind::Return, Kind::Yield];
    let mut number = 0;
    while number < kinds.len() {
        assert!(lane::WORD_KINDS[number] == kinds[number] as u32);
        number += 1;
    }
    let mut number = 0;
    while number < word::FIELDS.len() {
        assert!(lane::WORD_FIELDS[number] == word::FIELDS[number]);
        number += 1;
    }
};

impl Stream {
    /// Begins a stream, whose past is empty.
    pub(super) fn new(ring: RingWriter, past: lane::Past) -> Stream {
        Slot::get().set_pause(PAUSE);
        Stream { ring, repeats: RepeatWriter::new(past), head: 0 }
    }

    /// Begins another stream.
    pub(super) fn begin_anew(&mut self, ring: RingWriter) {
        self.repeats.restart();
        Slot::get().set_pause(PAUSE);
        (self.ring, self.head) = (ring, 0);
    }

    /// Says that this thread has a number of the stream.
    pub(super) fn name_thread(&self, number: u32) {
        self.ring.name_thread(number);
    }

    /// Words of the stream so far.
    #[inline]
    pub(super) fn position(&self) -> u64 {
        self.repeats.position()
    }

    /// Adds a run.
    #[inline]
    pub(super) fn push_run(&mut self, kind: Kind, fields: Fields) {
        match word::pack(kind, fields) {
            ([word, _], 1) => {
                if !self.repeats.takes(word) {
                    self.push_new(word);
                }
            }
            (words, _) => self.push_together(&words),
        }
    }

    #[inline(never)]
    fn push_new(&mut self, word: u64) {
        self.repeats.put_new(word, |word| self.ring.push(word));
    }

    #[inline(always)]
    fn push_unexpected_number<const COUNT: usize>(&mut self, words: [u64; COUNT]) {
        if self.repeats.expects_nothing() && self.ring.try_push(&words) {
            self.repeats.keep_numbers(&words);
        } else {
            self.push_new_number(words);
        }
    }

    #[inline(never)]
    fn push_new_number<const COUNT: usize>(&mut self, words: [u64; COUNT]) {
        self.repeats.put_new_number(words, |word| self.ring.push(word));
    }

    /// Adds the words of a record, or of a wide run.
    #[cold]
    pub(super) fn push_together(&mut self, words: &[u64]) {
        self.repeats.put_together(words, |word| self.ring.push(word));
    }

    /// Adds a word that was not expected and opens a run.
    pub(super) fn push_new_and_open(&mut self, word: u64, first: usize, start: usize) -> Flow {
        self.push_new(word);
        self.close();
        slot::open(first, start, start as u64);
        // Where the recorder wants the process to end, it has set `pause` to 0.
        if self.position() >= Slot::get().pause() { self.pause() } else { Flow::Continue }
    }

    /// The same where the recorder need not hear of it; returns false, and has done nothing, where it must.
    #[inline(always)]
    pub(super) fn try_new_and_open(&mut self, word: u64, first: usize, start: usize) -> bool {
        let position = self.position();
        let is_unannounced = position + 1 < Slot::get().pause()
            && self.repeats.try_put_new(position, word, |words| self.ring.try_push_unannounced(words));
        if !is_unannounced {
            return false;
        }
        self.head = self.ring.head();
        slot::close(self.head);
        slot::publish(self.head, position + 1, self.repeats.distance());
        slot::open(first, start, start as u64);
        true
    }

    /// Begins to rewrite the slot: what was added is whole, and the run that was open is in it.
    pub(super) fn close(&mut self) {
        if self.ring.head() == self.head {
            slot::close_repeating(self.repeats.position());
        } else {
            slot::close(self.ring.head());
            self.publish();
        }
    }

    /// Opens a run at `start` after what was added, or none if it is 0.  `next` is where the dispatch goes on without a call.
    pub(super) fn open(&mut self, first: usize, start: usize, next: u64) -> Flow {
        self.close();
        self.open_closed(first, start, next)
    }

    #[inline(always)]
    fn open_closed(&mut self, first: usize, start: usize, next: u64) -> Flow {
        slot::open(first, start, next);
        if next & CALLED != 0 {
            Control::get().expect_jump();
        }
        if self.repeats.position() >= Slot::get().pause() {
            return self.pause();
        }
        flow()
    }

    /// Makes what was added count while the slot stays as it is: the open run comes after it.
    #[inline]
    pub(super) fn commit(&mut self) {
        if Slot::get().position.load(Ordering::Relaxed) == REPEATING | self.repeats.position() {
            return;
        }
        self.publish();
        if self.repeats.position() >= Slot::get().pause() {
            self.pause();
        }
    }

    /// Says how far the stream goes.
    #[inline]
    fn publish(&mut self) {
        self.head = self.ring.head();
        slot::publish(self.head, self.repeats.position(), self.repeats.distance());
        self.ring.announce();
    }

    /// Lets the recorder know what repeats, and waits for it where it is far behind.
    #[cold]
    pub(super) fn pause(&mut self) -> Flow {
        self.repeats.flush(|word| self.ring.push(word));
        self.publish();
        self.ring.call_recorder();
        let position = self.repeats.position();
        self.ring.wait_for_recorder(position.saturating_sub(LAG));
        Slot::get().set_pause(position + PAUSE);
        flow()
    }
}

impl Words for Stream {
    #[inline]
    fn push(&mut self, word: u64) {
        if !self.repeats.takes(word) {
            self.push_new(word);
        }
    }

    #[inline(always)]
    fn push_number(&mut self, word: u64) {
        if !self.repeats.takes(word) {
            self.push_unexpected_number([word]);
        }
    }

    #[inline(always)]
    fn push_wide_number(&mut self, words: [u64; 2]) {
        match self.repeats.takes(words[0]) {
            true => self.push_number(words[1]),
            false => self.push_unexpected_number(words),
        }
    }

    fn push_together(&mut self, words: &[u64]) {
        Stream::push_together(self, words);
    }
}

/// Whether the recorder wants the process to end.
#[inline(always)]
pub(super) fn flow() -> Flow {
    if Slot::get().stop.load(Ordering::SeqCst) == 0 { Flow::Continue } else { Flow::Stop }
}
