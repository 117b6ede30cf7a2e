//! The hook of a recording with values: the plain one, and around it what each unit consumes and its predecessor has produced.  The
//! words of values stand in the ring before the run of their units; `trace::value` says how they find them.

use std::sync::atomic::Ordering;

use super::{Caps, Walk, Words};
use crate::bytecode::effect;
use crate::record::tracee::{Tracee, fetched};
use crate::trace::value::{MOST_STEPS, MOST_WORDS, Role, Tag, pack};
use crate::trace::word::Kind;
use crate::vm::Gil;
use crate::vm::hook::{Flow, FrameAddress, Hook, Leave, Maker, Place, ThreadAddress};
use crate::vm::lane::Is;
use crate::vm::object::{CodeRef, Exception};
use crate::vm::shared::{Mode, Slot};
use crate::vm::value::{Making, ObjectRef, ValueStack};

/// The opcode whose results are shown in the order in which they are unpacked: from the top.
const UNPACK_SEQUENCE: u8 = 92;
/// Words of values after which a run is closed: fewer than a reader takes by more than one unit can have.
const ENOUGH_WORDS: u64 = MOST_WORDS as u64 / 2;

/// The hook.
pub struct Valued {
    tracee: Tracee,
    walk: Walk,
    caps: Caps,
    /// What the frame that was looked at last is due.
    frame: FrameAddress,
    due: Due,
    /// The same of frames that called others, or whose thread waits; the last ones last.
    waiting: Vec<(FrameAddress, Due)>,
    run: OpenRun,
    /// What the last call makes, as long as no frame has been entered.
    making: Option<Making>,
    /// Shows whole value stacks too.
    stacks: bool,
}

/// What is to be shown when a frame fetches its next unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Nothing,
    /// The frame has just been entered.
    Arguments,
    /// So many results of its last unit, if the stack's top is there then; 0 where it is not known.
    Results {
        count: u32,
        top: usize,
        opcode: u8,
    },
}

/// How far the values of the open run are.
#[derive(Default)]
struct OpenRun {
    /// The unit that was fetched last, counted from 0; -1 before the first.
    unit: i64,
    /// The unit that the last value belongs to.
    told: i64,
    /// The stream's position when it began.
    begin: u64,
    /// The last result.
    last: Option<ObjectRef>,
}

impl Valued {
    pub fn new(mut tracee: Tracee, caps: Caps, stacks: bool) -> Valued {
        tracee.mode = Mode::Values;
        Valued {
            tracee,
            walk: Walk::new(caps),
            caps,
            frame: FrameAddress(0),
            due: Due::Nothing,
            waiting: Vec::new(),
            run: OpenRun::default(),
            making: None,
            stacks,
        }
    }

    /// Puts what the current frame is due aside.
    fn put_aside(&mut self) {
        if self.due != Due::Nothing {
            self.waiting.push((self.frame, self.due));
            self.due = Due::Nothing;
        }
        self.frame = FrameAddress(0);
    }

    /// Makes a frame the current one, with what it is due.
    #[inline]
    fn look_at(&mut self, frame: FrameAddress) {
        if self.frame != frame {
            self.find(frame);
        }
    }

    fn find(&mut self, frame: FrameAddress) {
        self.put_aside();
        self.frame = frame;
        if let Some(place) = self.waiting.iter().rposition(|(waiting, _)| *waiting == frame) {
            self.due = self.waiting.remove(place).1;
        }
    }

    /// Whether the frame's last unit is in the open run.
    #[inline]
    fn is_in_run(&self, frame: FrameAddress) -> bool {
        let tracee = &self.tracee;
        tracee.lane.start() != 0
            && fetched() != tracee.lane.start()
            && tracee.lane.top().is_some_and(|top| top.frame == frame && top.is(Is::Recorded))
    }

    fn begin_run(&mut self, unit: i64) {
        self.run = OpenRun { unit, told: -1, begin: self.tracee.stream.position(), last: None };
    }

    /// Writes one value of the unit that was fetched last, or, before the run's first, of the one before.
    #[inline]
    fn show(&mut self, gil: Gil, object: ObjectRef, role: Role) {
        let steps = (self.run.unit - self.run.told) as u64;
        self.run.told = self.run.unit;
        let step = if steps > u64::from(MOST_STEPS) {
            self.tracee.stream.push(pack(Tag::Step, role, 0, steps));
            0
        } else {
            steps as u32
        };
        if role == Role::Operand && self.run.last == Some(object) {
            self.tracee.stream.push(pack(Tag::Same, role, step, 0));
        } else {
            self.walk.value(gil, object, role, step, &mut self.tracee.stream);
        }
    }

    /// Shows the results that are due, if the last unit went well.
    #[inline]
    fn show_results(&mut self, gil: Gil, stack: &ValueStack) {
        let Due::Results { count, top, opcode } = self.due else { return };
        self.due = Due::Nothing;
        if top != 0 && top != stack.top() {
            return;
        }
        self.walk.begin_unit();
        let results = stack.entries(gil, count as usize);
        if let [result] = results
            && (makes_new(opcode) || self.making.take().is_some_and(|making| result.is_made(gil, making)))
        {
            self.walk.is_new(gil, *result);
        }
        if opcode == UNPACK_SEQUENCE {
            results.iter().rev().for_each(|&result| self.show(gil, result, Role::Result));
        } else {
            results.iter().for_each(|&result| self.show(gil, result, Role::Result));
        }
        self.run.last = results.last().copied().filter(|_| count == 1);
    }

    /// Shows what the unit that is fetched next consumes.
    #[inline]
    fn show_unit(&mut self, gil: Gil, at: &Place, stack: &ValueStack) {
        self.walk.begin_unit();
        if self.due == Due::Arguments {
            let arguments = stack.arguments(gil, at);
            if let (Some(making), Some(first)) = (self.making.take(), arguments.first())
                && first.is_made(gil, making)
            {
                self.walk.is_new(gil, *first);
            }
            arguments.iter().for_each(|&argument| self.show(gil, argument, Role::Argument));
        }
        self.making = None;
        if self.stacks {
            stack.all(gil).iter().for_each(|&entry| self.show(gil, entry, Role::Stack));
        }
        let (opcode, operand) = at.opcode(gil);
        let effect = effect::of(opcode, operand);
        let operands = stack.entries(gil, effect.operands as usize);
        operands.iter().for_each(|&entry| self.show(gil, entry, Role::Operand));
        self.due = match effect.results {
            0 => Due::Nothing,
            count => Due::Results {
                count,
                top: stack.top().wrapping_add_signed(effect.growth as isize * size_of::<usize>() as isize),
                opcode,
            },
        };
        if is_call(opcode)
            && let Some(callable) = operands.first()
        {
            self.making = callable.makes_new(gil);
        }
    }
}

/// Whether an instruction's only result is always a new object: BUILD_LIST, BUILD_SET, MAKE_FUNCTION, BUILD_SLICE, MAKE_CLOSURE.
fn makes_new(opcode: u8) -> bool {
    matches!(opcode, 103 | 104 | 132..=134)
}

fn is_call(opcode: u8) -> bool {
    matches!(opcode, 131 | 140..=142)
}

impl Hook for Valued {
    fn unit(&mut self, gil: Gil, at: Place, stack: ValueStack) -> Flow {
        self.look_at(at.frame);
        let is_in_run = self.is_in_run(at.frame);
        if is_in_run {
            self.show_results(gil, &stack);
            if self.tracee.stream.position() - self.run.begin > ENOUGH_WORDS {
                self.tracee.close(Kind::Jump, 0);
                let _ = self.tracee.open(at.first, 0, true, 0);
            }
        }
        let next = Slot::get().next.load(Ordering::Relaxed);
        let mut flow = Flow::Continue;
        if next != at.instruction as u64 || self.tracee.foreign || self.tracee.watching {
            flow = self.tracee.jump(gil, at);
        }
        let is_recorded =
            self.tracee.lane.start() != 0 && self.tracee.lane.top().is_some_and(|top| top.is(Is::Recorded));
        if flow == Flow::Stop || !is_recorded {
            self.due = Due::Nothing;
            return flow;
        }
        if self.tracee.lane.start() == at.instruction {
            self.begin_run(-1);
            self.show_results(gil, &stack);
            self.run.unit = 0;
        } else {
            self.run.unit += 1;
        }
        self.show_unit(gil, &at, &stack);
        self.tracee.stream.commit();
        flow
    }

    fn jump(&mut self, gil: Gil, at: Place) -> Flow {
        self.tracee.jump(gil, at)
    }

    fn enter(&mut self, gil: Gil, code: CodeRef, at: Place) -> Flow {
        self.put_aside();
        self.frame = at.frame;
        self.due = match at.instruction == at.first {
            true => Due::Arguments,
            // What is sent is on top now; nobody knows where that is.
            false => Due::Results { count: 1, top: 0, opcode: 0 },
        };
        self.tracee.enter(gil, code, at)
    }

    fn leave(&mut self, gil: Gil, frame: FrameAddress, how: Leave) -> Flow {
        self.look_at(frame);
        (self.frame, self.due) = (FrameAddress(0), Due::Nothing);
        self.tracee.leave(gil, frame, how)
    }

    fn raised(&mut self, gil: Gil, frame: FrameAddress, exception: Exception) -> Flow {
        self.look_at(frame);
        self.due = Due::Nothing;
        self.tracee.raised(gil, frame, exception)
    }

    fn thread(&mut self, gil: Gil, thread: ThreadAddress) -> Flow {
        self.put_aside();
        self.tracee.thread(gil, thread)
    }

    fn foreign(&mut self, gil: Gil) {
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

    fn claimed(&mut self, code: usize) {
        self.tracee.claimed(code);
    }

    fn shutdown(&mut self) {
        self.tracee.shutdown();
    }

    fn forked(&mut self, gil: Gil, thread: ThreadAddress, frames: Vec<Place>) {
        // Numbers and names of values are the stream's.
        self.walk = Walk::new(self.caps);
        (self.frame, self.due) = (FrameAddress(0), Due::Nothing);
        (self.run, self.making) = (OpenRun::default(), None);
        self.waiting.clear();
        self.tracee.begin_anew(gil, thread, &frames);
    }

    fn finished(&mut self) {
        self.tracee.finished();
    }
}
