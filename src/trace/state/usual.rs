//! Usual runs: those that only enter and leave frames of known code objects.  A sink that keeps words as they are need not be handed
//! each of them.

use std::rc::Rc;

use super::{Last, State};
use crate::trace::word::{self, Fields, Kind};

/// Takes usual runs.
pub trait TakesUsual {
    /// Counts a frame of a code object that is entered; returns false, and counts nothing, if the run must go the general way.
    fn enters(&mut self, code: u32) -> bool;

    /// Counts instructions of a code object whose frame runs.
    fn executes(&mut self, code: u32, count: u64);
}

/// Runs of one frame, one after the other.
struct Stretch {
    code: u32,
    is_stdlib: bool,
    instructions: u64,
    /// Where the last of them that was not empty begins and ends; 0 if all are empty.
    start: u32,
    end: u32,
}

impl Stretch {
    #[inline(always)]
    fn add(&mut self, run: Fields, count: u64) {
        self.instructions += count;
        if run.length > 0 {
            (self.start, self.end) = (run.start, run.start + run.length);
        }
    }
}

impl State {
    /// Moves on by the runs of one word each with which `words` begin, as far as they can come, are usual, and enter only frames that
    /// `to` takes; returns how many these are.
    #[inline(never)]
    pub(in crate::trace) fn take_usual(&mut self, words: &[u64], to: &mut impl TakesUsual) -> usize {
        let mut taken = 0;
        while let Some(frame) = self.current.stack.last() {
            let code = &*frame.code;
            let mut stretch = Stretch { code: code.id, is_stdlib: code.is_stdlib, instructions: 0, start: 0, end: 0 };
            let end = loop {
                let Some(&word) = words.get(taken) else { break None };
                let run = word::fields(word, 0);
                let Some(count) = code.layout.count_canonical(run.start, run.start + run.length) else { break None };
                if Kind::of(word) != Kind::Jump {
                    break Some((Kind::of(word), run, count));
                }
                stretch.add(run, count);
                taken += 1;
            };
            let left = match end {
                Some((kind, run, count)) if self.leave_usually(kind, run.argument, to) => {
                    stretch.add(run, count);
                    taken += 1;
                    true
                }
                _ => false,
            };
            self.count_stretch(&stretch, to);
            if !left {
                break;
            }
        }
        taken
    }

    /// Leaves the frame that runs as a run of this kind does, if that is usual; returns whether it is.
    #[inline(always)]
    fn leave_usually(&mut self, kind: Kind, argument: u32, to: &mut impl TakesUsual) -> bool {
        match kind {
            Kind::Call => {
                let Some(code) = self.codes.get(argument).filter(|_| self.has_room() && to.enters(argument)) else {
                    return false;
                };
                self.enter(Rc::clone(code));
            }
            Kind::Return | Kind::Unwind => drop(self.current.stack.pop()),
            Kind::Resume if self.has_room() => return self.resume(argument),
            Kind::Yield if self.check_slot(argument).is_ok() => self.suspend(argument),
            _ => return false,
        }
        true
    }

    /// Counts the instructions of a stretch.
    #[inline(always)]
    fn count_stretch(&mut self, stretch: &Stretch, to: &mut impl TakesUsual) {
        let Stretch { code, start, end, .. } = *stretch;
        if end > 0 {
            self.last = Some(Last { code, start, end });
            self.instructions += stretch.instructions;
            self.stdlib += if stretch.is_stdlib { stretch.instructions } else { 0 };
            to.executes(code, stretch.instructions);
        }
    }
}
