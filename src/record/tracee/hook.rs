//! What the eval loop tells, taken in the general way where no shortcut fits.

use super::stream::flow;
use super::{Tracee, fetched};
use crate::trace::event::{Event, Raised};
use crate::trace::word::{Fields, Kind};
use crate::vm::Gil;
use crate::vm::hook::{Flow, FrameAddress, Hook, Leave, Maker, Place, ThreadAddress};
use crate::vm::object::{CodeRef, Exception};
use crate::vm::shared::{CALLED, Mode};
use crate::vm::value::ValueStack;

impl Hook for Tracee {
    #[inline(always)]
    fn jump(&mut self, gil: Gil, at: Place) -> Flow {
        self.jump_usually(gil, at)
    }

    fn unit(&mut self, gil: Gil, at: Place, _stack: ValueStack) -> Flow {
        self.jump(gil, at)
    }

    #[inline(always)]
    fn enter(&mut self, gil: Gil, code: CodeRef, at: Place) -> Flow {
        self.enter_usually(gil, code, at)
    }

    #[inline(always)]
    fn leave(&mut self, gil: Gil, frame: FrameAddress, how: Leave) -> Flow {
        self.leave_usually(gil, frame, how)
    }

    #[cold]
    fn raised(&mut self, gil: Gil, frame: FrameAddress, exception: Exception) -> Flow {
        let Some(top) = self.stacks.current.stack.last().filter(|top| top.frame == frame) else {
            return flow();
        };
        if !top.recorded {
            return flow();
        }
        self.leave_for_now();
        self.close(Kind::Jump, 0);
        self.push_event(&Event::Raised(Raised {
            propagated: exception.propagated,
            type_name: exception.type_name(gil),
            message: exception.message(gil),
        }));
        self.go_on(gil)
    }

    #[cold]
    fn thread(&mut self, gil: Gil, thread: ThreadAddress) -> Flow {
        self.leave_thread();
        self.leave_for_now();
        self.close(Kind::Jump, 0);
        self.stacks.switch(thread);
        self.untold.any |= self.untold.thread != self.stacks.current.number;
        self.start = 0;
        self.enter_thread(gil);
        self.go_on(gil)
    }

    #[cold]
    fn foreign(&mut self, gil: Gil) {
        self.stop_counting(gil, 0);
        self.foreign = true;
        if self.mode == Mode::Runs {
            self.mode = Mode::Checked;
        }
        self.watch(self.watching);
    }

    #[cold]
    fn thread_gone(&mut self, thread: ThreadAddress) {
        if let Some(number) = self.stacks.forget(thread) {
            self.push_run(Kind::ThreadGone, Fields { argument: number, ..Fields::default() });
            self.stream.commit();
        }
    }

    fn frame_gone(&mut self, frame: FrameAddress) {
        if let Some(suspended) = self.suspended.remove(frame) {
            self.slot_gone(suspended);
            self.stream.commit();
            self.tell_what_is_kept();
        }
    }

    #[cold]
    fn code_gone(&mut self, code: usize) {
        for id in self.codes.forget(code) {
            self.push_run(Kind::CodeGone, Fields { argument: id, ..Fields::default() });
        }
        self.stream.commit();
    }

    fn made(&mut self, gil: Gil, code: usize, by: Maker) {
        self.stop_counting(gil, 0);
        self.code_made(code, by);
    }

    #[cold]
    fn forked(&mut self, gil: Gil, thread: ThreadAddress, frames: Vec<Place>) {
        self.begin_anew(gil, thread, &frames);
    }

    fn finished(&mut self) {
        self.close(Kind::Jump, 0);
        self.push_event(&Event::Finished);
        let _ = self.open(0, 0, false, CALLED);
    }
}

/// What is not the usual case.  The parts of a place come one by one, so that it never has to be put into memory for them.
impl Tracee {
    #[inline(never)]
    pub(super) fn jump_anyhow(&mut self, gil: Gil, frame: FrameAddress, first: usize, instruction: usize) -> Flow {
        let at = Place { frame, first, instruction };
        let Some(top) = self.stacks.current.stack.last().filter(|top| top.frame == at.frame) else {
            if !self.bring_up(at.frame) {
                let code = at.code(gil);
                self.push_frame(gil, code, &at);
            }
            return self.arrive(gil, at);
        };
        // A call has run no Python: the run goes on, if the bytes are still those.
        if self.start != 0 && fetched() == at.instruction && self.is_regular(gil, top, &at) {
            return flow();
        }
        self.close(Kind::Jump, 0);
        self.arrive(gil, at)
    }

    #[inline(never)]
    pub(super) fn enter_anyhow(
        &mut self,
        gil: Gil,
        code: CodeRef,
        frame: FrameAddress,
        first: usize,
        instruction: usize,
    ) -> Flow {
        let at = Place { frame, first, instruction };
        self.stop_counting(gil, 1);
        self.push_frame(gil, code, &at);
        self.go_on(gil)
    }

    #[inline(never)]
    pub(super) fn leave_anyhow(&mut self, gil: Gil, frame: FrameAddress, how: Leave) -> Flow {
        self.stop_counting(gil, 0);
        let is_on_top = self.stacks.current.stack.last().is_some_and(|top| top.frame == frame);
        if !is_on_top && !self.bring_up(frame) {
            return flow();
        }
        match how {
            Leave::Yield => {
                let slot = self.suspend();
                self.close(Kind::Yield, slot);
            }
            Leave::Return => self.close(Kind::Return, 0),
            Leave::Exception => self.close(Kind::Unwind, 0),
        }
        let left = self.stacks.current.stack.pop();
        if how != Leave::Yield && left.is_some_and(|left| left.slot.is_some()) {
            self.suspended.remove(frame);
        }
        self.start = 0;
        self.go_on(gil)
    }
}
