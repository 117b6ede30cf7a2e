//! What the interpreter does to itself at shutdown, which is left out unless --shutdown was given: frames of code objects from before
//! the program that C code enters with no frame of the program below them, after the exit functions have run.  What the program causes
//! there is recorded; vm::shutdown separates the two.

use std::rc::Rc;

use rustc_hash::FxHashSet;

use super::Tracee;
use super::codes::Version;
use crate::bytecode::text::{self, Budget};
use crate::trace::event::{Event, Own};
use crate::trace::word::Kind;
use crate::vm::Gil;
use crate::vm::hook::Place;
use crate::vm::lane::{Active, Is};
use crate::vm::object::CodeRef;
use crate::vm::shutdown::Cause;

/// What separates the interpreter's own frames from the program's.
pub(super) struct Shutdown {
    /// The code objects of functions from before the program; shrinks as they die and as the program changes the functions.
    own: FxHashSet<usize>,
    /// Those of them that the stream names.
    named: FxHashSet<usize>,
    /// The exit functions have run.
    has_begun: bool,
}

impl Shutdown {
    /// Takes the code objects from before the program; without any, nothing is the interpreter's own.
    pub(super) fn new(own: FxHashSet<usize>) -> Shutdown {
        Shutdown { own, named: FxHashSet::default(), has_begun: false }
    }

    pub(super) fn begin(&mut self) {
        self.has_begun = true;
    }

    /// Starts over in a process that was forked just now: its stream names no code objects yet.
    pub(super) fn begin_anew(&mut self) {
        self.named.clear();
    }

    /// Forgets a code object that is no more, or that belongs to a function that the program has changed.
    pub(super) fn forget(&mut self, code: usize) {
        self.own.remove(&code);
        self.named.remove(&code);
    }
}

impl Tracee {
    /// Whether a frame that is about to come on top is the interpreter's own.
    #[inline(always)]
    pub(super) fn is_own(&self, gil: Gil, code: CodeRef, at: &Place) -> bool {
        self.shutdown.has_begun && self.is_own_at_shutdown(gil, code, at)
    }

    #[cold]
    fn is_own_at_shutdown(&self, gil: Gil, code: CodeRef, at: &Place) -> bool {
        if !self.shutdown.own.contains(&code.address()) || self.lane.suspended(at.frame()).is_some() {
            return false;
        }
        match self.lane.top() {
            None => at.cause(gil) == Cause::Interpreter,
            Some(caller) => caller.is(Is::Own) && at.cause(gil) != Cause::Program,
        }
    }

    /// Whether the frame on top is the interpreter's own.
    #[inline]
    pub(super) fn is_in_own(&self) -> bool {
        self.lane.top().is_some_and(|top| top.is(Is::Own))
    }

    /// Notes why what the frame on top executes is left out, if it is.
    #[inline(always)]
    pub(super) fn note_why(&mut self) {
        if self.shutdown.has_begun {
            self.leave_out_as(self.is_in_own());
        }
    }

    /// Notes why what comes next is left out, if it is: because it is the interpreter's own, or because of a filter.
    #[inline(always)]
    pub(super) fn leave_out_as(&mut self, own: bool) {
        if self.unwritten.own != own {
            self.change_reason(own);
        }
    }

    #[cold]
    fn change_reason(&mut self, own: bool) {
        self.catch_up();
        self.unwritten.own = own;
    }

    /// Puts a frame of the interpreter's own on top: its number is all that the stream learns of it.
    #[cold]
    pub(super) fn push_own(&mut self, gil: Gil, code: CodeRef, at: &Place) {
        self.leave_for_now();
        self.close(Kind::Jump, 0);
        self.lane.set_start(0, 0);
        self.leave_out_as(true);
        let version = match self.codes.recent(code.address(), at.first()) {
            Some(version) => Rc::clone(version),
            None => self.find_own(gil, code, at),
        };
        let id = self.left_out_number(gil, at).unwrap_or_else(|| self.number_frame(false));
        at.leave_out(gil, id, if version.wanted { 0 } else { self.counting.mark });
        let mut frame = Active::new(at.frame(), at.first(), id, version.lane, None);
        frame.set_next(at.instruction());
        frame.set(Is::Own, true);
        if self.lane.push(frame).is_err() {
            self.give_up();
        }
    }

    /// Finds the version that the frame on top runs, which is the interpreter's own; the open run is closed by then.  The version is
    /// described only where the stream comes to need it.
    #[cold]
    pub(super) fn find_own(&mut self, gil: Gil, code: CodeRef, at: &Place) -> Rc<Version> {
        let found = self.look_up(gil, code, at);
        if let Some(description) = found.description {
            self.codes.hold_back(&found.version, code.address(), description, &mut self.lane);
        }
        if self.shutdown.named.insert(code.address()) {
            let mut budget = Budget::default();
            let mut name = |bytes| text::name(bytes, &mut budget);
            let own = Own { name: name(code.name(gil)), filename: name(code.filename(gil)) };
            self.push_event(&Event::Own(own));
        }
        found.version
    }

    /// Describes the versions that the interpreter's own frames on the stack run, since the stream is about to announce them.
    #[cold]
    pub(super) fn describe_own(&mut self) {
        let own = self.lane.frames().iter().filter(|frame| frame.is(Is::Own));
        let versions: Vec<_> = own.map(|frame| Rc::clone(self.codes.version(frame.version()))).collect();
        for version in versions {
            if let Some(description) = self.codes.take_held_back(&version) {
                self.describe(description);
            }
        }
    }
}
