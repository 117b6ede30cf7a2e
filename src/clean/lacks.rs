//! Whether code lacks some of the instructions that do nothing and that the compiler leaves: jumps and ends of blocks which nothing gets to.

use crate::bytecode::Unit;
use crate::bytecode::decode::units;
use crate::bytecode::disassemble::target;
use crate::bytecode::opcode::op;

/// Whether code is what the compiler makes of the same statements, but without some of what does nothing.
pub fn instructions(bytes: &[u8], made: &[u8]) -> bool {
    let (list, made) = (Chain::of(bytes), Chain::of(made));
    list.live().eq(made.live()) && list.spare() < made.spare() && list.others() == made.others()
}

/// The instructions of a code string in their order, and which can be got to.
struct Chain {
    units: Vec<Unit>,
    is_live: Vec<bool>,
}

impl Chain {
    fn of(bytes: &[u8]) -> Chain {
        let units: Vec<Unit> = units(bytes, 0).collect();
        let mut is_live = vec![false; units.len()];
        let mut todo = vec![0];
        while let Some(at) = todo.pop() {
            if is_live.get(at) != Some(&false) {
                continue;
            }
            is_live[at] = true;
            let last = &units[at].last;
            let place = |target| units.binary_search_by_key(&i64::from(target), |unit| i64::from(unit.start)).ok();
            todo.extend(target(last).and_then(place));
            let is_end = matches!(
                last.opcode,
                op::JUMP_FORWARD
                    | op::JUMP_ABSOLUTE
                    | op::BREAK_LOOP
                    | op::CONTINUE_LOOP
                    | op::RETURN_VALUE
                    | op::RAISE_VARARGS
            );
            todo.extend((!is_end).then_some(at + 1));
        }
        Chain { units, is_live }
    }

    fn is_jump(&self, at: usize) -> bool {
        matches!(self.units[at].last.opcode, op::JUMP_FORWARD | op::JUMP_ABSOLUTE)
    }

    /// Whether an instruction does nothing: it cannot be got to, or jumps to the next one.
    fn is_spare(&self, at: usize) -> bool {
        let last = &self.units[at].last;
        !self.is_live[at] || (last.opcode, last.operand) == (op::JUMP_FORWARD, Some(0))
    }

    /// The opcodes of what does something; a jump can go forward or to an offset.
    fn live(&self) -> impl Iterator<Item = u8> {
        let opcode = |at: usize| if self.is_jump(at) { op::JUMP_ABSOLUTE } else { self.units[at].last.opcode };
        (0..self.units.len()).filter(|&at| !self.is_spare(at)).map(opcode)
    }

    /// How many jumps and ends of blocks do nothing.  Those after a `raise` or a lone jump do not count: an `assert` has none, and neither
    /// has a `pass` at the end of a loop, which could be a `continue`.
    fn spare(&self) -> usize {
        let opcode = |at: usize| self.units.get(at).map(|unit| unit.last.opcode);
        let begins_body = |at: usize| match opcode(at) {
            Some(op::POP_JUMP_IF_FALSE | op::POP_JUMP_IF_TRUE) => true,
            Some(op::POP_TOP) => opcode(at.wrapping_sub(1)) == Some(op::POP_TOP),
            _ => false,
        };
        let is_lone = |at: usize| self.is_jump(at) && begins_body(at.wrapping_sub(1));
        let counts = |&at: &usize| match opcode(at) {
            Some(op::POP_BLOCK | op::END_FINALLY) => true,
            _ => self.is_jump(at) && opcode(at - 1) != Some(op::RAISE_VARARGS) && !is_lone(at - 1),
        };
        (1..self.units.len()).filter(|&at| self.is_spare(at)).filter(counts).count()
    }

    /// How many other instructions do nothing.
    fn others(&self) -> usize {
        let is_end = |at: usize| matches!(self.units[at].last.opcode, op::POP_BLOCK | op::END_FINALLY);
        (0..self.units.len()).filter(|&at| self.is_spare(at) && !self.is_jump(at) && !is_end(at)).count()
    }
}
