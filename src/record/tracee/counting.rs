//! Code that no filter wants.  Where nothing else asks for a look at it, its frames come and go without a call, and the dispatch counts
//! its instructions; the hook learns which frames there are when it is called again.

use std::rc::Rc;

use super::Tracee;
use crate::vm::Gil;
use crate::vm::hook::{self, Flow, Place};
use crate::vm::lane::{Active, Is};
use crate::vm::shared::{CALLED, Control};

/// How the tracee stands to counting.
pub(super) struct Counting {
    /// The dispatch counts now.
    is_on: bool,
    /// The mark of code objects that are left out: another one after each fork, for the copies have marks too.
    pub(super) mark: u32,
}

impl Default for Counting {
    fn default() -> Counting {
        Counting { is_on: false, mark: FIRST_MARK }
    }
}

const FIRST_MARK: u32 = 1;
/// A mark that no code object has: the hook looks at every frame that one of the interpreter's own calls.
const NO_MARK: u32 = u32::MAX;

impl Counting {
    /// Starts over in a process that was forked just now.
    pub(super) fn begin_anew(&mut self) {
        *self = Counting { is_on: false, mark: self.mark.wrapping_add(1).max(FIRST_MARK + 1) };
    }

    /// Whether frames have numbers of another process's stream.
    fn is_copy(&self) -> bool {
        self.mark != FIRST_MARK
    }
}

impl Tracee {
    /// Lets the dispatch count, in the frame on top and in what it calls.
    pub(super) fn count(&mut self) -> Flow {
        self.counting.is_on = true;
        self.unwritten.any = true;
        self.lane.set_start(0, 0);
        self.lane.set_open(false);
        self.publish_kept();
        let flow = self.stream.open(0, 0, CALLED);
        let mark = if self.is_in_own() { NO_MARK } else { self.counting.mark };
        Control::get().begin_counting(mark, self.lane.next_frame());
        flow
    }

    /// Takes over from the dispatch, if it counts: its frames are put on the stack, but for the `above` last ones.
    #[inline]
    pub(super) fn stop_counting(&mut self, gil: Gil, above: usize) {
        if self.counting.is_on {
            self.take_over();
            self.push_left_out(gil, above, Control::get().replace_depth(0));
        }
    }

    /// Takes over where another thread is about to run, and leaves this one's frames for later.
    pub(super) fn leave_thread(&mut self) {
        if self.counting.is_on {
            self.take_over();
        }
        self.threads.current.above = Control::get().replace_depth(0);
    }

    /// Has this thread's frames again.
    pub(super) fn enter_thread(&mut self, gil: Gil) {
        let above = std::mem::take(&mut self.threads.current.above);
        if self.lane.top().is_some_and(|top| self.is_to_be_counted(top)) {
            Control::get().replace_depth(above);
        } else {
            self.push_left_out(gil, 0, above);
        }
    }

    fn take_over(&mut self) {
        self.counting.is_on = false;
        let control = Control::get();
        control.set_mode(self.mode);
        let next_frame = control.next_frame();
        self.unwritten.frames += next_frame.saturating_sub(self.lane.next_frame());
        self.lane.set_next_frame(next_frame.max(self.lane.next_frame()));
    }

    /// Puts frames on the stack that were entered without a call.
    fn push_left_out(&mut self, gil: Gil, above: usize, depth: u64) {
        if depth == 0 {
            return;
        }
        for at in hook::frames(gil, above, depth as usize) {
            let code = at.code(gil);
            let version = match self.codes.recent(code.address(), at.first()) {
                Some(version) => Rc::clone(version),
                None => self.meet(gil, code, &at),
            };
            let id = match self.left_out_number(gil, &at) {
                Some(number) => number,
                None => self.number_frame(false),
            };
            let mut frame = Active::new(at.frame(), at.first(), id, version.lane, None);
            frame.set(Is::Narrow, version.is_narrow);
            if self.lane.push(frame).is_err() {
                return self.give_up();
            }
        }
    }

    /// The number of a frame that the stream does not know, if it was given one.
    pub(super) fn left_out_number(&self, gil: Gil, at: &Place) -> Option<u64> {
        let low = at.number(gil);
        if low == 0 || self.counting.is_copy() {
            return None;
        }
        let last = self.lane.next_frame() - 1;
        last.checked_sub(u64::from((last as u32).wrapping_sub(low))).filter(|&number| number != 0)
    }

    /// Says whether a generator that goes on may be one that the stream knows.
    pub(super) fn publish_kept(&self) {
        Control::get().set_kept(!self.lane.keeps_none() || self.counting.is_copy());
    }
}
