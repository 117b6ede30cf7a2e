//! The hook of a recording with values: the plain one, and around it what each unit consumes and its predecessor has produced.  The
//! words of values stand in the ring before the run of their units; `trace::value` says how they find them.

mod due;
mod show;

use std::sync::atomic::Ordering;

use super::{Caps, Walk};
use crate::record::tracee::{Tracee, fetched};
use crate::trace::value::MOST_WORDS;
use crate::trace::word::Kind;
use crate::vm::hook::{
    Bytes, Called, Flow, FrameAddress, Hook, LaneHook, Leave, Lookup, Maker, Place, ThreadAddress, ValueHook,
};
use crate::vm::lane::Is;
use crate::vm::memory::Span;
use crate::vm::object::{CodeRef, Exception};
use crate::vm::shared::{Mode, Slot};
use crate::vm::stack::Room;
use crate::vm::stand_ins::StoodIn;
use crate::vm::value::{Making, ObjectRef};
use crate::vm::{Gil, quiet};
use due::{Current, Due};

/// Words of values after which a run is closed: fewer than a reader takes by more than one unit can have.
const ENOUGH_WORDS: u64 = MOST_WORDS as u64 / 2;

/// The hook.
pub struct Valued {
    tracee: Tracee,
    walk: Walk,
    caps: Caps,
    /// The frame that was looked at last.
    current: Current,
    /// The same of frames that called others, or whose thread waits, and are due something; the last ones last.
    waiting: Vec<Current>,
    run: OpenRun,
    /// What the last call makes, as long as no frame has been entered.
    making: Option<Making>,
    /// Shows whole value stacks too.
    stacks: bool,
}

/// How far the values of the open run are.
struct OpenRun {
    /// The unit that was fetched last, counted from 0; -1 before the first.
    unit: i64,
    /// The unit that the last value belongs to.
    shown: i64,
    /// The stream's position when it began.
    begin: u64,
    /// The frame that it belongs to, and where it began there.
    frame: FrameAddress,
    start: usize,
    /// The last result.
    last: Option<ObjectRef>,
}

impl OpenRun {
    /// No run.
    const NONE: OpenRun = OpenRun { unit: -1, shown: -1, begin: 0, frame: FrameAddress::NONE, start: 0, last: None };
}

impl Valued {
    pub fn new(mut tracee: Tracee, caps: Caps, stacks: bool) -> Valued {
        tracee.mode = Mode::Values;
        Valued {
            tracee,
            walk: Walk::new(caps),
            caps,
            current: Current::none(),
            waiting: Vec::new(),
            run: OpenRun::NONE,
            making: None,
            stacks,
        }
    }

    /// Puts the current frame aside, if it is due anything.
    fn put_aside(&mut self) {
        let current = std::mem::replace(&mut self.current, Current::none());
        // Without memory for it, the frame shows nothing when it goes on.
        if current.due != Due::Nothing && self.waiting.try_reserve(1).is_ok() {
            self.waiting.push(current);
        }
    }

    /// Makes a frame the current one.
    #[inline]
    fn look_at(&mut self, gil: Gil, at: &Place) {
        if self.current.frame != at.frame() {
            self.put_aside();
            self.current = match self.take_waiting(at.frame()) {
                Some(waiting) => waiting,
                None => Current::new(gil, at, Due::Nothing),
            };
        }
    }

    fn take_waiting(&mut self, frame: FrameAddress) -> Option<Current> {
        let place = self.waiting.iter().rposition(|waiting| waiting.frame == frame)?;
        Some(self.waiting.remove(place))
    }

    /// Forgets what a frame is due; whatever the current one is due waits.
    fn forget(&mut self, frame: FrameAddress) {
        if self.current.frame != frame {
            self.put_aside();
            self.take_waiting(frame);
        }
        self.current = Current::none();
    }

    /// Whether a frame that begins runs what the unit of its caller calls, and not what the VM calls before that or in its place.
    fn is_called(&mut self, gil: Gil, code: &CodeRef, at: &Place) -> bool {
        let caller = Room::caller(gil, at);
        let waiting = self.waiting.iter_mut().rfind(|waiting| waiting.frame == caller);
        match waiting.map(|caller| &mut caller.due) {
            Some(Due::Results { called, .. }) if *called == code.address() => {
                *called = 0;
                true
            }
            _ => false,
        }
    }

    /// Whether a unit is the next one of the open run, of which nothing more is to be known than what it shows.
    #[inline(always)]
    fn is_next_in_run(&self, at: &Place) -> bool {
        let (frame, instruction) = (at.frame(), at.instruction());
        Slot::get().next.load(Ordering::Relaxed) == instruction as u64
            && self.run.start == self.tracee.lane.start()
            && (self.run.frame, self.current.frame) == (frame, frame)
            && self.run.start != 0
            && self.run.start != instruction
            && self.tracee.stream.position() - self.run.begin <= ENOUGH_WORDS
            && !self.tracee.lane.is_comparing()
            && !self.is_loud()
    }

    /// Whether the frame's last unit is in the open run.
    fn is_in_run(&self, frame: FrameAddress) -> bool {
        let start = self.tracee.lane.start();
        // Whatever opens another run at this address is seen to fetch there first.
        start == self.run.start && frame == self.run.frame && start != 0 && fetched() != start
    }

    fn begin_run(&mut self, gil: Gil, frame: FrameAddress) {
        let (begin, start) = (self.tracee.stream.position(), self.tracee.lane.start());
        self.run = OpenRun { begin, frame, start, ..OpenRun::NONE };
        quiet::prepare(gil, start, &self.current.room);
    }

    /// Whether a unit is the one that is expected, in the mode in which no other is shown to the hook.
    fn goes_on(&self, at: &Place) -> bool {
        let next = Slot::get().next.load(Ordering::Relaxed);
        next == at.instruction() as u64
            && !self.tracee.foreign
            && !self.tracee.watching
            && !self.tracee.lane.is_comparing()
    }

    /// Lets the eval loop pass by units that would show nothing, if the next one may be such a unit.
    #[inline(always)]
    fn allow_quiet(&self, gil: Gil) {
        let is_quiet = self.current.due == Due::Nothing && self.run.start != 0 && !self.is_loud();
        quiet::count(gil, if is_quiet { self.run.frame } else { FrameAddress::NONE });
    }

    /// Whether every unit matters.
    #[inline]
    fn is_loud(&self) -> bool {
        self.stacks || self.tracee.foreign || self.tracee.watching
    }

    /// Goes by a unit of which more is to be known than what it shows; None where control may have come from elsewhere.
    #[inline(never)]
    fn go_by(&mut self, gil: Gil, at: Place, top: usize) -> Option<Flow> {
        self.look_at(gil, &at);
        if self.is_in_run(at.frame()) {
            self.show_results(gil, top);
            self.tracee.stream.commit();
            if self.tracee.stream.position() - self.run.begin > ENOUGH_WORDS {
                self.tracee.close(Kind::Jump, 0);
                let _ = self.tracee.open(at.first(), 0, true, 0);
            }
        }
        self.goes_on(&at).then(|| self.arrived(gil, at, top))
    }
}

impl ValueHook for Valued {
    #[inline(always)]
    fn unit(&mut self, gil: Gil, at: Place, top: usize) -> Option<Flow> {
        self.run.unit += quiet::take_units(gil).cast_signed();
        if !self.is_next_in_run(&at) {
            return self.go_by(gil, at, top);
        }
        self.show_results(gil, top);
        self.run.unit += 1;
        self.show_unit(gil, &at, top);
        self.tracee.stream.commit();
        self.allow_quiet(gil);
        Some(Flow::Continue)
    }

    fn arrived(&mut self, gil: Gil, at: Place, top: usize) -> Flow {
        let start = self.tracee.lane.start();
        if start == 0 || self.tracee.lane.top().is_none_or(|top| !top.is(Is::Recorded)) {
            self.current.due = Due::Nothing;
            self.run = OpenRun::NONE;
            self.allow_quiet(gil);
            return Flow::Continue;
        }
        if start == at.instruction() {
            self.begin_run(gil, at.frame());
            self.show_results(gil, top);
            self.run.unit = 0;
        } else {
            self.run.unit += 1;
        }
        match self.stacks {
            true => self.show_any_unit(gil, &at, top),
            false => self.show_unit_apart(gil, &at, top),
        }
        self.tracee.stream.commit();
        self.allow_quiet(gil);
        Flow::Continue
    }

    fn entering(&mut self, gil: Gil, code: &CodeRef, at: &Place) {
        self.put_aside();
        let due = match at.instruction() == at.first() {
            true => Due::Arguments { is_callee: self.is_called(gil, code, at) },
            // What is sent is on top now; it is not known where that is.
            false => Due::Results { count: 1, top: 0, opcode: 0, called: 0 },
        };
        self.current = Current::new(gil, at, due);
    }

    fn leaving(&mut self, frame: FrameAddress) {
        self.forget(frame);
    }
}

impl LaneHook for Valued {
    #[inline(always)]
    fn try_word(&mut self, word: u64, first: usize, start: usize) -> bool {
        self.tracee.try_word(word, first, start)
    }

    fn word(&mut self, word: u64, first: usize, start: usize) -> Flow {
        self.tracee.word(word, first, start)
    }

    fn pause(&mut self) -> Flow {
        self.tracee.pause()
    }
}

impl Hook for Valued {
    fn jump(&mut self, gil: Gil, at: Place) -> Flow {
        self.tracee.jump(gil, at)
    }

    fn enter(&mut self, gil: Gil, code: CodeRef, at: Place) -> Flow {
        self.tracee.enter(gil, code, at)
    }

    fn leave(&mut self, gil: Gil, frame: FrameAddress, how: Leave) -> Flow {
        self.tracee.leave(gil, frame, how)
    }

    fn raised(&mut self, gil: Gil, frame: FrameAddress, exception: Exception) -> Flow {
        self.forget(frame);
        self.tracee.raised(gil, frame, exception)
    }

    fn thread(&mut self, gil: Gil, thread: ThreadAddress) -> Flow {
        self.put_aside();
        self.tracee.thread(gil, thread)
    }

    fn foreign(&mut self, gil: Gil) {
        quiet::count(gil, FrameAddress::NONE);
        self.tracee.foreign(gil);
    }

    fn thread_gone(&mut self, thread: ThreadAddress) {
        self.tracee.thread_gone(thread);
    }

    fn frame_gone(&mut self, frame: FrameAddress) {
        self.tracee.frame_gone(frame);
    }

    fn code_gone(&mut self, code: usize) {
        self.tracee.code_gone(code);
    }

    fn made(&mut self, gil: Gil, code: usize, by: Maker) {
        self.tracee.made(gil, code, by);
    }

    fn loaded(&mut self, gil: Gil, code: CodeRef) {
        self.tracee.loaded(gil, code);
    }

    fn read_from_library(&mut self, gil: Gil, code: CodeRef, module: u32) {
        self.tracee.read_from_library(gil, code, module);
    }

    fn text(&mut self, gil: Gil, text: Span<u8>, by: Maker, running: Option<CodeRef>) -> u32 {
        self.tracee.text(gil, text, by, running)
    }

    fn created(&mut self, gil: Gil, codes: &[CodeRef]) {
        self.tracee.created(gil, codes);
    }

    fn blob(&mut self, gil: Gil, called: Called, role: u8, bytes: Bytes) {
        self.tracee.blob(gil, called, role, bytes);
    }

    fn claimed(&mut self, code: usize) {
        self.tracee.claimed(code);
    }

    fn input(&mut self, gil: Gil, bytes: &[u8]) {
        self.tracee.input(gil, bytes);
    }

    fn stand_in(&mut self, gil: Gil, kind: StoodIn, what: &[u8], named: usize) {
        self.tracee.stand_in(gil, kind, what, named);
    }

    fn refused(&mut self, gil: Gil, at: Place, top: usize) -> Flow {
        self.tracee.refused(gil, at, top)
    }

    fn lookup(&mut self, gil: Gil, name: &[u8], answer: Lookup) {
        self.tracee.lookup(gil, name, answer);
    }

    fn shutdown(&mut self) {
        self.tracee.shutdown();
    }

    fn forked(&mut self, gil: Gil, thread: ThreadAddress, frames: Vec<Place>) {
        // Numbers and names of values are the stream's.
        self.walk = Walk::new(self.caps);
        quiet::count(gil, FrameAddress::NONE);
        self.current = Current::none();
        (self.run, self.making) = (OpenRun::NONE, None);
        self.waiting.clear();
        self.tracee.begin_anew(gil, thread, &frames);
    }

    fn finished(&mut self) {
        self.tracee.finished();
    }
}
