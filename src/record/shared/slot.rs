//! The slot protocol: how a traced process says, at every moment, what it has executed, in memory that outlives it.
//!
//! A stream is a sequence of words (`trace::word`), each for a run of instructions that has ended.  Most words repeat those at the same
//! `distance` before them.  They are counted, not written (`trace::repeat`); the others are in the ring.  The slot ([`Slot`]) says the
//! rest: how many words the ring has (`head`); how many the stream has, those included that repeat at its end (`position`, `distance`);
//! and which run is open (`first`, `start`, and its end in `next`), for which there is no word yet.
//!
//! Within a run, what is open changes in `next` alone: the eval loop stores the end of each instruction there as it fetches it.  When the run ends,
//! its word is published and the next run is opened:
//!
//! 1. The word goes into the ring, unless it repeats.  It does not count yet, since `head` is the old one.
//! 2. `next` becomes [`CLOSING`] with the new head or, if nothing was put into the ring, [`REPEATING`] with the new position
//!    ([`close`], [`close_repeating`]).  By this one store the words count and the run is no longer open.
//! 3. `head`, `distance` and `position` follow ([`publish`]), then `first` and `start` of the next run.
//! 4. `next` becomes the address at which the next run begins ([`open`]).  By this one store the slot counts again as it stands.
//!
//! A process can die between any two machine instructions.  What it leaves is read by what `next` says ([`left`]): while it has one of the
//! marks, the number beside the mark, and nothing else of what the steps write; otherwise all of it.  The two never differ, since
//! step 2 has ended what step 4 begins again.  Two fields can be ahead of the others, and both are harmless: words in the ring beyond
//! `position`, which are taken, and a `distance` that belongs to no words yet.
//!
//! Words of values are added while a run is open and stays so, by step 3 alone and without a mark.  Since `position` comes last there, words that
//! repeat never count with the distance of others.
//!
//! The stores are in this order for a reader after the death, and release stores, so that they are for a reader on another processor
//! too.  The lane does steps 2 to 4 by itself for words that repeat (cpython-2.7-patch/bctrace_put.h).  A live process is read between
//! two looks at `head` ([`so_far`]).  Nothing that is read is believed: a hostile program can write any number here.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use crate::vm::shared::{CALLED, CLOSING, REPEATING, Slot};

/// Ends the open run: the ring has `head` words, and its own is among them.
#[inline]
pub fn close(head: u64) {
    Slot::get().next.store(CLOSING | head, Release);
}

/// Has words count that were put into the ring since, in the middle of a publication that waits for room.
pub fn publish_early(head: u64) {
    let slot = Slot::get();
    if slot.next.load(Relaxed) & CLOSING != 0 {
        close(head);
    }
    slot.head.store(head, Release);
}

/// Ends the open run: the stream has `position` words, and the last ones repeat.
#[inline(always)]
pub fn close_repeating(position: u64) {
    let slot = Slot::get();
    slot.next.store(REPEATING | position, Release);
    slot.position.store(REPEATING | position, Release);
}

/// Says how far the stream goes.
#[inline]
pub fn publish(head: u64, position: u64, distance: u64) {
    let slot = Slot::get();
    slot.head.store(head, Release);
    slot.distance.store(distance, Release);
    slot.position.store(REPEATING | position, Release);
}

/// Opens a run at `start`, or none where that is 0, in code that begins at `first`.  `next` is where the dispatch goes on without a call.
#[inline(always)]
pub fn open(first: usize, start: usize, next: u64) {
    let slot = Slot::get();
    slot.first.store(first as u64, Release);
    slot.start.store(start as u64, Release);
    slot.next.store(next, Release);
}

/// How many words the stream has, which stand there with the mark that they have in `next`: the lane has them so.
fn position(slot: &Slot) -> u64 {
    slot.position.load(Acquire) & !REPEATING
}

/// How far a stream goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Words in the ring.
    pub head: u64,
    /// Words of the stream, and how far back the last ones stood before; None if the ring has all of them.
    pub repeated: Option<(u64, u64)>,
}

/// The run that was open, in bytes: where it begins in the code, and its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenRun {
    pub offset: u64,
    pub length: u64,
}

/// What a dead process has left.
pub fn left(slot: &Slot) -> (Extent, Option<OpenRun>) {
    let next = slot.next.load(Acquire);
    if next & CLOSING != 0 {
        return (Extent { head: next & !CLOSING, repeated: None }, None);
    }
    let (head, distance) = (slot.head.load(Acquire), slot.distance.load(Acquire));
    if next & REPEATING != 0 {
        return (Extent { head, repeated: Some((next & !REPEATING, distance)) }, None);
    }
    let extent = Extent { head, repeated: Some((position(slot), distance)) };
    let start = slot.start.load(Acquire);
    let open = (start != 0).then(|| OpenRun {
        offset: start.wrapping_sub(slot.first.load(Acquire)),
        length: (next & !CALLED).wrapping_sub(start),
    });
    (extent, open)
}

/// How far the stream of a live process goes; `take` takes the words up to a head first.  None if it has gone on meanwhile.
pub fn so_far<E>(slot: &Slot, take: impl FnOnce(u64) -> Result<(), E>) -> Result<Option<(u64, u64)>, E> {
    let head = slot.head.load(Acquire);
    // In this order: the process writes the distance before the position, so one that is read after it belongs to it, or the head has
    // changed.
    let position = position(slot);
    let distance = slot.distance.load(Acquire);
    take(head)?;
    Ok((slot.head.load(Acquire) == head).then_some((position, distance)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No other test uses the slot of this process.
    #[test]
    fn what_a_process_leaves_changes_when_the_mark_is_set_and_when_a_run_is_opened() {
        let slot = Slot::get();
        let left = || left(slot);
        publish(5, 40, 3);
        open(1000, 1010, 1010);
        slot.next.store(1016, Release);
        let extent = |head, position| Extent { head, repeated: Some((position, 3)) };
        let run = |offset, length| Some(OpenRun { offset, length });
        assert_eq!(left(), (extent(5, 40), run(10, 6)));

        // The run's word is new: from the mark on it counts, and the run is not open.
        close(6);
        let closed = (Extent { head: 6, repeated: None }, None);
        assert_eq!(left(), closed);
        publish(6, 41, 3);
        assert_eq!(left(), closed);
        slot.first.store(2000, Release);
        slot.start.store(2020, Release);
        assert_eq!(left(), closed);
        open(2000, 2020, 2020 | CALLED);
        assert_eq!(left(), (extent(6, 41), run(20, 0)));

        // So does what goes into the ring while the publication waits for room.
        close(7);
        publish_early(9);
        assert_eq!(left(), (Extent { head: 9, repeated: None }, None));
        publish(9, 41, 3);
        open(2000, 2020, 2020 | CALLED);

        // The run's word repeats.
        close_repeating(42);
        assert_eq!(left(), (extent(9, 42), None));
        open(2000, 0, CALLED);
        assert_eq!(left(), (extent(9, 42), None));
    }
}
