//! What is recorded of code objects besides their bytes: who made them, and all that they hold.

use std::rc::Rc;

use super::{Tracee, fetched};
use crate::bytecode::opcode::op;
use crate::record::tracee::codes::{Content, Description, Found, Version};
use crate::record::tracee::origins::{Moment, TextMaking};
use crate::trace::codec::CODE_RECORD;
use crate::trace::event::{Event, LowMemory};
use crate::trace::origin::How;
use crate::trace::word::{self, Fields, Kind};
use crate::vm::Gil;
use crate::vm::hook::{FrameAddress, Maker, Place};
use crate::vm::lane::Is;
use crate::vm::object::CodeRef;
use crate::vm::shared::CALLED;

impl Tracee {
    /// Remembers who has made a code object.  One record stands for all that one C function makes, and stands after the instruction
    /// that it works for.
    #[cold]
    pub(super) fn code_made(&mut self, code: usize, by: Maker) {
        if let Some(making) = TextMaking::from_number(by.making) {
            return self.codes.origins.insert_of_text(code, making);
        }
        let how = How::from_number(by.how).unwrap_or(How::NativeCode);
        let now = self.moment(by.frame);
        if !self.codes.origins.goes_on(how, by.path, &now) {
            let made = self.codes.origins.begin(how, by.path, self.place_of(by.frame), None);
            let next = self.interrupt();
            self.push_event(&Event::Made(made.clone()));
            self.go_on_after_interrupt(next);
            self.codes.origins.written(made, Moment { position: self.stream.position(), ..now });
        }
        let is_of_library = how == How::NativeCode && !self.foreign && self.imports(by.frame);
        self.codes.origins.insert(code, is_of_library);
    }

    /// Whether a frame executes an import.  If it runs native code of bctrace's own then, that is a module of the library that begins.
    fn imports(&self, running: Option<(FrameAddress, i32)>) -> bool {
        let top = self.lane.top().zip(running).filter(|(top, (frame, _))| top.frame == *frame);
        top.is_some_and(|(top, (_, offset))| {
            let bytes = &self.codes.version(top.version()).bytes;
            usize::try_from(offset).is_ok_and(|offset| bytes.get(offset) == Some(&op::IMPORT_NAME))
        })
    }

    fn moment(&self, frame: Option<(FrameAddress, i32)>) -> Moment {
        let frame = frame.map(|(frame, _)| frame);
        Moment { frame, next: fetched(), position: self.stream.position() }
    }

    /// Where an instruction stands in the stream: its code object and its offset.
    pub(super) fn place_of(&self, running: Option<(FrameAddress, i32)>) -> Option<(u32, i32)> {
        let top = self.lane.top();
        let place = top.zip(running).filter(|(top, (frame, _))| top.frame == *frame);
        place.map(|(top, (_, offset))| (self.codes.version(top.version()).id, offset))
    }

    /// Closes the open run in the middle of an instruction; returns the address after it, 0 if that is not known.
    pub(super) fn interrupt(&mut self) -> usize {
        let next = if self.lane.start() == 0 { 0 } else { fetched() };
        self.leave_for_now();
        self.close(Kind::Jump, 0);
        self.lane.set_start(0, 0);
        self.catch_up();
        next
    }

    /// Goes on after the instruction that was interrupted.  It may be a call that changes bytes, so the next dispatch calls out.
    pub(super) fn go_on_after_interrupt(&mut self, next: usize) {
        // Where the program shall stop, it does at the next event.
        let _ = match self.lane.top() {
            Some(top) => self.open(top.first, next, top.is(Is::Recorded), CALLED),
            None => self.open(0, 0, false, CALLED),
        };
    }

    /// Finds the version of a code object that a frame begins to run.  What is new is described after the caller's last instruction.
    #[cold]
    pub(super) fn meet(&mut self, gil: Gil, code: CodeRef, at: &Place) -> Rc<Version> {
        let found = self.look_up(gil, code, at);
        if found.description.is_some() {
            self.interrupt();
        }
        self.described(found)
    }

    /// Finds the version that the frame on top runs; the open run is closed by then.
    pub(super) fn find(&mut self, gil: Gil, code: CodeRef, at: &Place) -> Rc<Version> {
        let found = self.look_up(gil, code, at);
        self.described(found)
    }

    pub(super) fn look_up(&mut self, gil: Gil, code: CodeRef, at: &Place) -> Found {
        self.codes.find(gil, code, at, &mut self.lane, &self.threads)
    }

    /// Describes a version where it is new; the open run is closed by then.
    fn described(&mut self, found: Found) -> Rc<Version> {
        if let Some(description) = found.description {
            self.describe(description);
        }
        found.version
    }

    pub(super) fn describe(&mut self, description: Description) {
        let Description { content, forgotten } = description;
        let mut words = Vec::new();
        match content {
            Content::Brief(brief) => {
                self.codes.described(&brief);
                brief.encode(&mut words);
                self.stream.push_together(&words);
            }
            Content::Whole { code, whole } => {
                word::push_record(&mut words, CODE_RECORD, &code);
                self.stream.push_together(&words);
                self.push_event(&Event::WholeCode(whole));
            }
            Content::Nothing { code } => {
                word::push_record(&mut words, CODE_RECORD, &code);
                self.stream.push_together(&words);
                self.push_event(&Event::LowMemory(LowMemory::SomeCode));
            }
        }
        if let Some(argument) = forgotten {
            self.push_run(Kind::CodeGone, Fields { argument, ..Fields::default() });
        }
    }
}
