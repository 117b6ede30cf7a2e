//! The eval loop's events, taken in the general way where no shortcut fits.

use super::stream::flow;
use super::{Tracee, fetched};
use crate::trace::event::{Event, Raised};
use crate::trace::word::{Fields, Kind};
use crate::vm::Gil;
use crate::vm::hook::{Bytes, Called, Flow, FrameAddress, Hook, LaneHook, Leave, Lookup, Maker, Place, ThreadAddress};
use crate::vm::lane::Is;
use crate::vm::memory::Span;
use crate::vm::object::{CodeRef, Exception};
use crate::vm::shared::{CALLED, Mode};
use crate::vm::stand_ins::StoodIn;

impl Hook for Tracee {
    fn jump(&mut self, gil: Gil, at: Place) -> Flow {
        let Some(top) = self.lane.top().filter(|top| top.frame == at.frame()) else {
            if !self.bring_up(at.frame()) {
                let code = at.code(gil);
                self.push_frame(gil, code, &at);
            }
            return self.arrive(gil, at);
        };
        // A call has run no Python: the run goes on, if the bytes are still those.
        if self.lane.start() != 0 && fetched() == at.instruction() && self.is_regular(gil, top, &at) {
            return flow();
        }
        self.close(Kind::Jump, 0);
        self.arrive(gil, at)
    }

    fn enter(&mut self, gil: Gil, code: CodeRef, at: Place) -> Flow {
        self.stop_counting(gil, 1);
        self.push_frame(gil, code, &at);
        self.go_on(gil)
    }

    fn leave(&mut self, gil: Gil, frame: FrameAddress, how: Leave) -> Flow {
        self.stop_counting(gil, 0);
        let is_on_top = self.lane.top().is_some_and(|top| top.frame == frame);
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
        let left = self.lane.pop();
        self.note_why();
        if how != Leave::Yield
            && let Some(slot) = left.and_then(|left| left.slot())
        {
            self.lane.release(slot);
        }
        self.lane.set_start(0, 0);
        self.go_on(gil)
    }

    #[cold]
    fn raised(&mut self, gil: Gil, frame: FrameAddress, exception: Exception) -> Flow {
        let Some(top) = self.lane.top().filter(|top| top.frame == frame) else {
            return flow();
        };
        if !top.is(Is::Recorded) {
            return flow();
        }
        self.leave_for_now();
        self.close(Kind::Jump, 0);
        self.catch_up();
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
        self.switch_thread(thread);
        self.unwritten.any |= self.unwritten.thread != self.threads.current.number;
        self.lane.set_start(0, 0);
        self.note_why();
        self.enter_thread(gil);
        self.go_on(gil)
    }

    #[cold]
    fn foreign(&mut self, gil: Gil) {
        self.stop_counting(gil, 0);
        self.foreign = true;
        self.lane.distrust();
        if self.mode == Mode::Runs {
            self.mode = Mode::Checked;
        }
        self.watch(self.watching);
    }

    #[cold]
    fn thread_gone(&mut self, thread: ThreadAddress) {
        if let Some(number) = self.threads.forget(thread) {
            self.push_event(&Event::ThreadGone(number));
            self.stream.commit();
        }
    }

    fn frame_gone(&mut self, frame: FrameAddress) {
        if let Some(suspended) = self.lane.suspended(frame) {
            self.lane.release(suspended.slot);
            self.push_run(Kind::SlotGone, Fields { argument: suspended.slot, ..Fields::default() });
            self.stream.commit();
            self.publish_kept();
        }
    }

    #[cold]
    fn code_gone(&mut self, code: usize) {
        self.shutdown.forget(code);
        for id in self.codes.forget(code, &mut self.lane, &self.threads) {
            self.push_run(Kind::CodeGone, Fields { argument: id, ..Fields::default() });
        }
        self.stream.commit();
    }

    fn made(&mut self, gil: Gil, code: usize, by: Maker) {
        self.stop_counting(gil, 0);
        self.code_made(code, by);
    }

    fn loaded(&mut self, gil: Gil, code: CodeRef) {
        code.all(gil).into_iter().for_each(|code| self.codes.origins.insert_of_program(code));
    }

    fn read_from_library(&mut self, gil: Gil, code: CodeRef, module: u32) {
        let origins = &mut self.codes.origins;
        origins.insert_module(code.address(), module);
        code.all(gil).into_iter().for_each(|code| origins.insert_of_library(code));
    }

    #[cold]
    fn text(&mut self, gil: Gil, text: Span<u8>, by: Maker, running: Option<CodeRef>) -> u32 {
        self.record_text(gil, text, by, running)
    }

    #[cold]
    fn created(&mut self, gil: Gil, codes: &[CodeRef]) {
        self.record_created(gil, codes);
    }

    #[cold]
    fn blob(&mut self, gil: Gil, called: Called, role: u8, bytes: Bytes) {
        self.record_blob(gil, called, role, bytes);
    }

    #[cold]
    fn claimed(&mut self, code: usize) {
        self.shutdown.forget(code);
    }

    fn input(&mut self, gil: Gil, bytes: &[u8]) {
        self.record_input(gil, bytes);
    }

    #[cold]
    fn lookup(&mut self, gil: Gil, name: &[u8], answer: Lookup) {
        self.record_lookup(gil, name, answer);
    }

    #[cold]
    fn stand_in(&mut self, gil: Gil, kind: StoodIn, what: &[u8], named: usize) {
        self.record_stand_in(gil, kind, what, named);
    }

    #[cold]
    fn refused(&mut self, gil: Gil, at: Place, top: usize) -> Flow {
        self.stop_at_unmapped(gil, at, top)
    }

    #[cold]
    fn shutdown(&mut self) {
        self.shutdown.begin();
    }

    #[cold]
    fn forked(&mut self, gil: Gil, thread: ThreadAddress, frames: Vec<Place>) {
        self.begin_anew(gil, thread, &frames);
    }

    fn finished(&mut self) {
        self.close(Kind::Jump, 0);
        self.push_counts();
        self.push_left_out_blobs();
        self.push_event(&Event::Finished);
        let _ = self.open(0, 0, false, CALLED);
    }
}

impl LaneHook for Tracee {
    #[inline(always)]
    fn try_word(&mut self, word: u64, first: usize, start: usize) -> bool {
        self.stream.try_new_and_open(word, first, start)
    }

    fn word(&mut self, word: u64, first: usize, start: usize) -> Flow {
        self.stream.push_new_and_open(word, first, start)
    }

    fn pause(&mut self) -> Flow {
        self.lane.trust_again();
        self.stream.pause()
    }
}
