//! Frames coming and going: the hook's stack follows the VM's, and the stream follows both.

use std::rc::Rc;

use super::{Tracee, fetched};
use crate::trace::event::{Event, LowMemory};
use crate::trace::word::{Fields, Kind};
use crate::vm::Gil;
use crate::vm::hook::{Flow, FrameAddress, Place};
use crate::vm::lane::{Active, Is, Suspended};
use crate::vm::object::CodeRef;
use crate::vm::shared::{CALLED, Control, Mode};

/// How a frame comes on top.
#[derive(Clone, Copy)]
enum Arrival {
    New,
    /// It goes on, and the stream knows it.
    Kept(Suspended),
    /// It goes on, and the stream does not know it; its number.
    LeftOut(u64),
}

impl Tracee {
    /// Goes on in the frame that is on top now.  Whether it fetches what comes next there is not known yet, for an exception may
    /// come first: only what is regular is opened, the rest waits for the dispatch.
    pub(super) fn go_on(&mut self, gil: Gil) -> Flow {
        let Some(top) = self.lane.top() else {
            return self.open(0, 0, false, CALLED);
        };
        if self.is_to_be_counted(top) {
            return self.count();
        }
        let at = top.place();
        let recorded = top.is(Is::Recorded);
        let is_known = top.is(Is::Announced) || !self.is_wanted(top) || !self.started;
        if at.instruction() != 0 && is_known && self.is_regular(gil, top, &at) {
            if recorded {
                self.catch_up();
            }
            self.open(at.first(), at.instruction(), recorded, 0)
        } else {
            self.open(at.first(), 0, recorded, CALLED)
        }
    }

    /// Remembers where the frame on top goes on.
    #[inline]
    pub(super) fn leave_for_now(&mut self) {
        let next = fetched();
        if let Some(top) = self.lane.top_mut() {
            top.set_next(next);
        }
    }

    /// Puts a frame on top that is on the stack already: an extension has switched stacks.  False where it is not there.
    #[cold]
    pub(super) fn bring_up(&mut self, frame: FrameAddress) -> bool {
        let Some(position) = self.lane.frames().iter().rposition(|active| active.frame == frame) else {
            return false;
        };
        self.leave_for_now();
        self.close(Kind::Jump, 0);
        let brought = self.lane.frames()[position];
        if brought.is(Is::Announced) {
            self.write_skipped();
            self.push_event(&Event::Switch(brought.id));
        }
        self.lane.frames_mut()[position..].rotate_left(1);
        self.note_why();
        let _ = self.open(0, 0, false, CALLED);
        true
    }

    /// Puts a frame on top that begins or goes on.
    #[inline]
    pub(super) fn push_frame(&mut self, gil: Gil, code: CodeRef, at: &Place) {
        if self.is_own(gil, code, at) {
            self.push_own(gil, code, at);
        } else {
            self.push_program(gil, code, at);
        }
    }

    /// Puts a frame on top that is not the interpreter's own.
    fn push_program(&mut self, gil: Gil, code: CodeRef, at: &Place) {
        self.leave_for_now();
        let version = match self.codes.recent(code.address(), at.first()) {
            Some(version) => Rc::clone(version),
            None => self.meet(gil, code, at),
        };
        let is_wanted = version.wanted && self.started;
        let arrival = self.arrival(gil, at);
        let (kind, argument, is_announced) = match arrival {
            Arrival::Kept(kept) => (Kind::Resume, kept.slot, true),
            Arrival::LeftOut(_) => (Kind::Resume, 0, false),
            Arrival::New => (Kind::Call, version.id, is_wanted),
        };
        let is_caller_announced = self.lane.top().is_none_or(|top| top.is(Is::Announced));
        if is_announced && is_caller_announced {
            self.close(kind, argument);
        } else {
            self.close(Kind::Jump, 0);
            if is_announced {
                self.announce_stack();
                self.push_run(kind, Fields { argument, ..Fields::default() });
            }
        }
        self.leave_out_as(false);
        let (id, slot) = match arrival {
            Arrival::Kept(kept) => (kept.id, Some(kept.slot)),
            Arrival::LeftOut(id) => (id, None),
            Arrival::New => (self.number_frame(is_announced), None),
        };
        if !is_announced {
            // What could not be described is looked at each time: it may be wanted.
            let is_left_out = !version.wanted && !self.codes.is_undescribed(&version);
            at.leave_out(gil, id, if is_left_out { self.counting.mark } else { 0 });
        }
        let mut frame = Active::new(at.frame(), at.first(), id, version.lane, slot);
        frame.set_next(at.instruction());
        frame.set(Is::Announced, is_announced);
        frame.set(Is::Recorded, is_announced && is_wanted);
        frame.set_version(version.lane, version.is_narrow);
        if self.lane.push(frame).is_err() {
            return self.give_up();
        }
        self.lane.set_start(0, 0);
    }

    /// Records nothing from here on: the program has left no memory for the frames that are on its stack.
    #[cold]
    pub(super) fn give_up(&mut self) {
        self.write_skipped();
        self.push_event(&Event::LowMemory(LowMemory::TheRest));
        let _ = self.open(0, 0, false, CALLED);
        self.lane.set_open(false);
        Control::get().set_mode(Mode::Off);
    }

    /// How the frame that is entered comes: at its first unit or as one that goes on.
    #[inline]
    fn arrival(&self, gil: Gil, at: &Place) -> Arrival {
        if at.instruction() == at.first() {
            return Arrival::New;
        }
        match self.lane.suspended(at.frame()) {
            Some(kept) => Arrival::Kept(kept),
            None => self.left_out_number(gil, at).map_or(Arrival::New, Arrival::LeftOut),
        }
    }

    /// Gives a number to a new frame.
    #[inline]
    pub(super) fn number_frame(&mut self, is_announced: bool) -> u64 {
        if !is_announced {
            self.unwritten.frames += 1;
            self.unwritten.any = true;
        }
        let number = self.lane.next_frame();
        self.lane.set_next_frame(number + 1);
        number
    }

    /// Keeps the frame on top in a slot, if the stream knows it; gives the slot.
    #[inline]
    pub(super) fn suspend(&mut self) -> u32 {
        match self.lane.top().map(|top| (top.slot(), top.is(Is::Announced))) {
            Some((Some(slot), _)) => slot,
            Some((None, true)) => self.suspend_anew(),
            _ => 0,
        }
    }

    #[cold]
    pub(super) fn suspend_anew(&mut self) -> u32 {
        let Some(&Active { frame, id, .. }) = self.lane.top() else {
            return 0;
        };
        let slot = self.lane.keep(frame, id);
        if let Some(top) = self.lane.top_mut() {
            top.set_slot(slot);
        }
        slot
    }
}
