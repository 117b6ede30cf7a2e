//! What a unit consumes, and what the one before has produced, as words: by a short path for the units that show some entries of the value
//! stack and no more, which most do.

use super::{Due, Valued};
use crate::bytecode::effect;
use crate::bytecode::opcode::{is_call, op};
use crate::record::tracee::values::Words;
use crate::record::tracee::values::usual::{self, How, Usual, makes_new, only_loads};
use crate::trace::value::{MOST_STEPS, Role, Tag, pack};
use crate::vm::Gil;
use crate::vm::hook::Place;
use crate::vm::value::ObjectRef;

impl Valued {
    /// Writes one value of the unit that was fetched last, or, before the run's first, of the one before.
    #[inline(always)]
    fn show(&mut self, gil: Gil, object: ObjectRef, role: Role) {
        let step = self.step(role);
        if role == Role::Operand && self.run.last == Some(object) {
            self.tracee.stream.push_number(pack(Tag::Same, role, step, 0));
        } else {
            self.walk.value(gil, object, role, step, &mut self.tracee.stream);
        }
    }

    /// The same of an argument of a call.
    #[inline]
    fn show_argument(&mut self, gil: Gil, argument: ObjectRef, role: Role) {
        let step = self.step(role);
        let is_last = role == Role::Operand && self.run.last == Some(argument);
        self.walk.argument(gil, argument, is_last, role, step, &mut self.tracee.stream);
    }

    /// The same of an object that is called; returns the address of the code object that runs then, 0 for none.
    #[inline]
    fn show_callable(&mut self, gil: Gil, callable: ObjectRef) -> usize {
        let step = self.step(Role::Operand);
        let is_last = self.run.last == Some(callable);
        let calling = self.walk.callable(gil, callable, is_last, step, &mut self.tracee.stream);
        self.making = calling.making;
        calling.code
    }

    /// Units from the last value's to the one that was fetched last; a word of its own where they do not fit the value's.
    #[inline]
    fn step(&mut self, role: Role) -> u32 {
        let steps = (self.run.unit - self.run.shown) as u64;
        self.run.shown = self.run.unit;
        if steps > u64::from(MOST_STEPS) {
            self.tracee.stream.push(pack(Tag::Step, role, 0, steps));
            0
        } else {
            steps as u32
        }
    }

    /// The same where it is rare.
    #[inline(never)]
    fn show_apart(&mut self, gil: Gil, object: ObjectRef, role: Role) {
        self.show(gil, object, role);
    }

    /// Shows the results that are due, if the last unit went well.
    #[inline(always)]
    pub(super) fn show_results(&mut self, gil: Gil, now: usize) {
        match self.current.due {
            Due::Nothing => {}
            Due::Result { top } => {
                self.current.due = Due::Nothing;
                if top == now {
                    self.show_result(gil, now);
                }
            }
            _ => self.show_unusual_results(gil, now),
        }
    }

    #[inline(always)]
    fn show_result(&mut self, gil: Gil, now: usize) {
        self.walk.begin_unit();
        let result = self.current.room.entries(gil, now, 1).first().copied();
        if let Some(result) = result {
            self.show(gil, result, Role::Result);
        }
        self.run.last = result;
    }

    #[inline(never)]
    fn show_unusual_results(&mut self, gil: Gil, now: usize) {
        let Due::Results { count, top, opcode, .. } = self.current.due else { return };
        self.current.due = Due::Nothing;
        if top != 0 && top != now {
            return;
        }
        self.walk.begin_unit();
        let results = self.current.room.entries(gil, now, count as usize);
        if let [result] = results
            && (makes_new(opcode) || self.making.take().is_some_and(|making| result.is_made(gil, making)))
        {
            self.walk.is_new(gil, *result);
        }
        // They are unpacked from the top.
        if opcode == op::UNPACK_SEQUENCE {
            results.iter().rev().for_each(|&result| self.show_apart(gil, result, Role::Result));
        } else {
            results.iter().for_each(|&result| self.show_apart(gil, result, Role::Result));
        }
        self.run.last = results.last().copied().filter(|_| count == 1);
    }

    /// Shows what a unit of the open run consumes, which is fetched next; for that of whole stacks there is another function.
    #[inline(always)]
    pub(super) fn show_unit(&mut self, gil: Gil, at: &Place, top: usize) {
        let opcode = at.first_opcode(gil);
        let usual = usual::of(opcode);
        let is_usual = match usual.how {
            How::Usual => true,
            How::Constant => self.current.room.has_constant(at.first_operand(gil)),
            How::Local => self.current.room.has_local(at.first_operand(gil)),
            How::Other => false,
        };
        if is_usual && self.current.due == Due::Nothing {
            self.show_usual_unit(gil, top, opcode, usual);
        } else {
            self.show_any_unit(gil, at, top);
        }
    }

    #[inline(never)]
    pub(super) fn show_unit_apart(&mut self, gil: Gil, at: &Place, top: usize) {
        self.show_unit(gil, at, top);
    }

    #[inline(always)]
    fn show_usual_unit(&mut self, gil: Gil, top: usize, opcode: u8, usual: &Usual) {
        self.making = None;
        let last = if usual.only_loads { self.run.last } else { None };
        let effect = usual.effect;
        if effect.operands > 0 {
            self.walk.begin_unit();
            let operands = self.current.room.entries(gil, top, effect.operands as usize);
            if opcode == op::COMPARE_OP {
                self.show_compared(gil, operands);
            } else {
                for &operand in operands {
                    self.show(gil, operand, Role::Operand);
                }
            }
        }
        // What it has shown may look different when the unit is done.
        self.run.last = last;
        self.current.due = Due::of_usual(effect, top);
    }

    /// Shows the operands of a comparison: more of them than of others.
    #[inline(never)]
    fn show_compared(&mut self, gil: Gil, operands: &[ObjectRef]) {
        // What was shown as a result can be cut shorter.
        self.run.last = None;
        self.walk.set_caps(self.caps.of_comparison());
        operands.iter().for_each(|&operand| self.show(gil, operand, Role::Operand));
        self.walk.set_caps(self.caps);
    }

    /// Shows what the unit that is fetched next consumes.
    #[inline(never)]
    pub(super) fn show_any_unit(&mut self, gil: Gil, at: &Place, top: usize) {
        let room = self.current.room;
        self.walk.begin_unit();
        if let Due::Arguments { is_callee } = self.current.due {
            self.show_arguments(gil, at, is_callee);
        }
        self.making = None;
        if self.stacks {
            room.all(gil, top).iter().for_each(|&entry| self.show_apart(gil, entry, Role::Stack));
        }
        let (opcode, operand) = at.opcode(gil);
        let effect = match opcode {
            op::LOAD_CONST if !room.has_constant(operand) => effect::LOADS_UNDEFINED,
            op::LOAD_FAST if !room.has_local(operand) => effect::LOADS_UNDEFINED,
            _ => effect::of(opcode, operand),
        };
        let last = if only_loads(opcode) { self.run.last } else { None };
        if effect == effect::NOTHING {
            // What it changes can be in the last result.
            (self.run.last, self.current.due) = (last, Due::Nothing);
            return;
        }
        let operands = room.entries(gil, top, effect.operands as usize);
        let mut called = 0;
        match operands.split_first() {
            Some((&callable, arguments)) if is_call(opcode) => {
                called = self.show_callable(gil, callable);
                arguments.iter().for_each(|&entry| self.show_argument(gil, entry, Role::Operand));
            }
            _ if opcode == op::COMPARE_OP => self.show_compared(gil, operands),
            _ => operands.iter().for_each(|&entry| self.show_apart(gil, entry, Role::Operand)),
        }
        // What it has shown may look different when the unit is done.
        self.run.last = last;
        self.current.due = Due::of(effect, top, opcode, called);
    }

    /// Shows what a frame is entered with.
    fn show_arguments(&mut self, gil: Gil, at: &Place, is_callee: bool) {
        if is_callee {
            let step = self.step(Role::Argument);
            self.tracee.stream.push(pack(Tag::Callee, Role::Argument, step, 0));
        }
        let arguments = self.current.room.arguments(gil, at);
        if let (Some(making), Some(first)) = (self.making.take(), arguments.first())
            && first.is_made(gil, making)
        {
            self.walk.is_new(gil, *first);
        }
        arguments.iter().for_each(|&argument| self.show_argument(gil, argument, Role::Argument));
    }
}
