//! Runs that were printed a moment ago and are still in the buffer: one that comes again is copied from there, and its instructions are
//! given their numbers and their place.

use super::Place;
use super::number::{HEAD, Number};
use crate::format::lines::Lines;
use crate::trace::{Frame, SinkError, State};

/// Runs that are remembered.
const RUNS: usize = 256;
/// Bytes of a run that is remembered, at most.
const LONGEST: usize = 64 << 10;

/// So many instructions of a code object's canonical chain from its `first` one on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub code: u32,
    pub first: usize,
    pub count: usize,
}

/// A run in the buffer.
#[derive(Clone, Copy)]
struct Printed {
    piece: Piece,
    place: (u32, u64, u32),
    /// Bytes of the members that say its place.
    place_length: usize,
    /// Digits of each of its numbers.
    digits: usize,
    begin: usize,
    end: usize,
    /// How often the buffer was emptied before.
    emptied: u64,
}

/// The last runs of the buffer, each where its hash says.
pub(super) struct Again(Box<[Option<Printed>; RUNS]>);

impl Default for Again {
    fn default() -> Again {
        Again(Box::new([None; RUNS]))
    }
}

impl Again {
    /// Prints a run if such a one is in the buffer; returns whether it was.  `ends` are the ends of its objects.
    #[inline]
    pub(super) fn print<'a>(
        &self,
        piece: &Piece,
        ends: impl Iterator<Item = &'a [u8]>,
        (frame, at): (&Frame, &State),
        (number, place): (&mut Number, &mut Place),
        lines: &mut Lines,
    ) -> Result<bool, SinkError> {
        let Some(printed) = self.0[hash(piece)].filter(|printed| printed.piece == *piece) else { return Ok(false) };
        let first = at.instructions + 1;
        if printed.emptied != lines.emptied() || digits(first, piece.count) != Some(printed.digits) {
            return Ok(false);
        }
        let other_place = (printed.place != Place::id(frame, at)).then(|| place.of(frame, at));
        if other_place.is_some_and(|place| place.len() != printed.place_length) {
            return Ok(false);
        }
        let out = lines.open();
        let mut begin = out.len() + HEAD.len();
        out.extend_from_within(printed.begin..printed.end);
        for (value, end) in (first..).zip(ends) {
            number.set(value);
            let place = begin + printed.digits;
            out[begin..place].copy_from_slice(number.digits());
            let rest = place + printed.place_length;
            if let Some(other) = other_place {
                out[place..rest].copy_from_slice(other);
            }
            begin = rest + end.len() + HEAD.len();
        }
        lines.ended()?;
        Ok(true)
    }

    /// Remembers a run that was just printed at this place; before that the buffer was so long, and had been emptied so often.
    #[inline]
    pub(super) fn remember(
        &mut self,
        piece: &Piece,
        (frame, at): (&Frame, &State),
        place_length: usize,
        (begin, emptied): (usize, u64),
        lines: &mut Lines,
    ) {
        let end = lines.open().len();
        if emptied == lines.emptied()
            && end - begin <= LONGEST
            && let Some(digits) = digits(at.instructions + 1, piece.count)
        {
            let place = Place::id(frame, at);
            self.0[hash(piece)] = Some(Printed { piece: *piece, place, place_length, digits, begin, end, emptied });
        }
    }

    /// Forgets the runs of a code object, whose number may become another's.
    #[cold]
    pub(super) fn forget(&mut self, code: u32) {
        let is_gone = |printed: &Option<Printed>| printed.is_some_and(|printed| printed.piece.code == code);
        self.0.iter_mut().filter(|printed| is_gone(printed)).for_each(|printed| *printed = None);
    }
}

/// The digits of so many numbers from the first one on, where all have as many.
fn digits(first: u64, count: usize) -> Option<usize> {
    let digits = first.max(1).ilog10();
    let last = first.checked_add(count as u64)?.checked_sub(1)?;
    (last.max(1).ilog10() == digits).then_some(digits as usize + 1)
}

fn hash(piece: &Piece) -> usize {
    let sum = (u64::from(piece.code) << 40) ^ ((piece.first as u64) << 20) ^ piece.count as u64;
    // 2^64 divided by the golden ratio; the upper bits are the best.
    (sum.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as usize
}

const _: () = assert!(RUNS == 1 << 8, "hash() takes the upper 8 bits");
