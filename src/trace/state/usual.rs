//! Usual runs: those that only enter and leave frames of known code objects.  A sink that keeps words as they are need not be handed
//! each of them.

use std::rc::Rc;

use super::{Last, State};
use crate::trace::word::{self, Kind};

/// Takes usual runs.
pub trait TakesUsual {
    /// Counts a frame of a code object that is entered; returns false, and counts nothing, if the run must go the general way.
    fn enters(&mut self, code: u32) -> bool;

    /// Counts instructions of a code object whose frame runs.
    fn executes(&mut self, code: u32, count: u64);
}

impl State {
    /// Moves on by the runs of one word each with which `words` begin, as far as they can come, are usual, and enter only frames that
    /// `to` takes; returns how many these are.
    #[inline(never)]
    pub(in crate::trace) fn take_usual(&mut self, words: &[u64], to: &mut impl TakesUsual) -> usize {
        let (mut taken, mut instructions, mut stdlib) = (0, 0, 0);
        // The code object that has executed something last, and the words up to where its frame was left.
        let mut last = None;
        while let Some(frame) = self.current.stack.last() {
            let code = &*frame.code;
            let (id, is_stdlib) = (code.id, code.is_stdlib);
            let mut of_frame = 0;
            let end = loop {
                let Some(&word) = words.get(taken) else { break None };
                let run = word::fields(word, 0);
                let Some(count) = code.layout.count_canonical(run.start, run.start + run.length) else { break None };
                if Kind::of(word) != Kind::Jump {
                    break Some((Kind::of(word), run.argument, count));
                }
                of_frame += count;
                taken += 1;
            };
            let left = match end {
                Some((kind, argument, count)) if self.leave_usually(kind, argument, to) => {
                    of_frame += count;
                    taken += 1;
                    true
                }
                _ => false,
            };
            if of_frame > 0 {
                instructions += of_frame;
                stdlib += if is_stdlib { of_frame } else { 0 };
                last = Some((id, taken));
                to.executes(id, of_frame);
            }
            if !left {
                break;
            }
        }
        self.instructions += instructions;
        self.stdlib += stdlib;
        if let Some((code, end)) = last {
            self.last = last_run(code, &words[..end]).or(self.last);
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
}

/// The last of runs of one word each that is not empty, which is one of this code object.
fn last_run(code: u32, words: &[u64]) -> Option<Last> {
    let run = words.iter().rev().map(|&word| word::fields(word, 0)).find(|run| run.length > 0)?;
    Some(Last { code, start: run.start, end: run.start + run.length })
}
