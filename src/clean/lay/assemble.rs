//! From laid-out items to a code string: labels, constants, EXTENDED_ARG and the line table.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::{Item, Listing, constants};
use crate::bytecode::object::{MarshalledCode, Object};
use crate::bytecode::opcode::{self, OperandKind, op};
use crate::clean::flow::Operand;
use crate::clean::lines;
use crate::clean::value::Literal;

/// An instruction whose jump goes to another one, by its number.
#[derive(Clone, Debug)]
pub struct Op {
    pub opcode: u8,
    pub operand: Operand,
    pub to: Option<usize>,
    pub at: u32,
    pub is_gone: bool,
}

/// Instructions in order.
#[derive(Clone, Debug, Default)]
pub struct Code {
    pub ops: Vec<Op>,
    /// The instructions with which statements begin.
    pub statements: Vec<usize>,
}

impl Code {
    /// Resolves the labels.  Code that does not end with a return gets one, as the compiler adds it.
    pub fn of(listing: &Listing) -> Option<Code> {
        let mut labels = HashMap::new();
        let mut code = Code::default();
        let mut place = Vec::with_capacity(listing.items.len() + 1);
        for item in &listing.items {
            place.push(code.ops.len());
            match item {
                Item::Label(label) => drop(labels.insert(*label, code.ops.len())),
                Item::Run { opcode, operand, at } => {
                    code.ops.push(Op { opcode: *opcode, operand: operand.clone(), to: None, at: *at, is_gone: false });
                }
                // The place of a jump is its label's number until all labels are known.
                Item::Jump { opcode, to, at } => {
                    code.ops.push(Op {
                        opcode: *opcode,
                        operand: Operand::None,
                        to: Some(*to),
                        at: *at,
                        is_gone: false,
                    });
                }
            }
        }
        place.push(code.ops.len());
        let needs_end = labels.values().any(|&place| place == code.ops.len());
        if needs_end || code.ops.last().map(|one| one.opcode) != Some(op::RETURN_VALUE) {
            let none = Operand::Literal(Literal::None);
            code.ops.push(Op { opcode: op::LOAD_CONST, operand: none, to: None, at: 0, is_gone: false });
            code.ops.push(Op { opcode: op::RETURN_VALUE, operand: Operand::None, to: None, at: 0, is_gone: false });
        }
        for one in &mut code.ops {
            if let Some(label) = one.to {
                one.to = Some(*labels.get(&label)?);
            }
        }
        code.statements = listing.statements.iter().filter_map(|&at| place.get(at).copied()).collect();
        code.statements.dedup();
        Some(code)
    }

    /// Makes the code string, and puts it into a copy of the code object.  None if a jump would have to go backwards that cannot, or a
    /// constant cannot be added.  The constants keep their indices, or come in the order in which they are loaded.
    pub fn assemble(&self, original: &MarshalledCode, keeps_indices: bool) -> Option<MarshalledCode> {
        let mut constants: Vec<Object> = original.constants.to_vec();
        let mut operands = Vec::with_capacity(self.ops.len());
        for one in &self.ops {
            operands.push(match &one.operand {
                Operand::None => 0,
                Operand::Number(number) => *number,
                Operand::Literal(literal) => constants::index(literal, &mut constants)?,
            });
        }
        if !keeps_indices {
            let is_load = |place: &usize| self.ops[*place].opcode == op::LOAD_CONST;
            let loads: Vec<usize> = (0..self.ops.len()).filter(is_load).collect();
            let before: Vec<i32> = loads.iter().map(|&place| operands[place]).collect();
            let (ordered, places) = constants::order(original, &constants, &before);
            constants = ordered;
            for place in loads {
                operands[place] = *places.get(&operands[place])?;
            }
        }
        let mut sizes: Vec<usize> =
            self.ops.iter().map(|one| if opcode::has_argument(one.opcode) { 3 } else { 1 }).collect();
        let mut offsets = vec![0; self.ops.len() + 1];
        loop {
            for (number, size) in sizes.iter().enumerate() {
                offsets[number + 1] = offsets[number] + size;
            }
            let mut changed = false;
            for (number, one) in self.ops.iter().enumerate() {
                if let Some(to) = one.to {
                    let target = i64::try_from(offsets[to]).ok()?;
                    let operand = match opcode::operand_kind(one.opcode) {
                        OperandKind::JumpRelative => target - i64::try_from(offsets[number + 1]).ok()?,
                        _ => target,
                    };
                    operands[number] = i32::try_from(operand).ok().filter(|&operand| operand >= 0)?;
                }
                if !(0..=0xffff).contains(&operands[number]) && sizes[number] == 3 {
                    sizes[number] = 6;
                    changed = true;
                }
            }
            if !changed {
                break;
            }
        }
        let mut bytes = Vec::with_capacity(offsets[self.ops.len()]);
        for (number, one) in self.ops.iter().enumerate() {
            let [low, second, third, high] = operands[number].to_le_bytes();
            if sizes[number] == 6 {
                bytes.extend([opcode::EXTENDED_ARG, third, high]);
            }
            bytes.push(one.opcode);
            if opcode::has_argument(one.opcode) {
                bytes.extend([low, second]);
            }
        }
        let lnotab = self.lines(original, &offsets);
        Some(MarshalledCode { bytes: bytes.into(), constants: constants.into(), lnotab, ..original.clone() })
    }

    /// The beginnings of what a `print` prints after its first item, its end included: they are no statements.
    fn printed(&self) -> BTreeSet<usize> {
        let targets: BTreeSet<usize> = self.ops.iter().filter_map(|one| one.to).collect();
        let opcode = |at: usize| self.ops.get(at).map(|one| one.opcode);
        let goes_on = |pair: &[usize]| {
            // Jumps and the ends of blocks may follow.
            let is_end =
                |opcode: u8| matches!(opcode, op::JUMP_FORWARD | op::JUMP_ABSOLUTE | op::POP_BLOCK | op::END_FINALLY);
            let last = (pair[0]..pair[1]).rev().find(|&at| opcode(at).is_some_and(|opcode| !is_end(opcode)));
            let prints = |at: usize| matches!(opcode(at), Some(op::PRINT_ITEM | op::PRINT_NEWLINE));
            opcode(pair[0].wrapping_sub(1)) == Some(op::PRINT_ITEM)
                && last.is_some_and(|last| prints(last) && !(pair[0]..=last).any(|at| targets.contains(&at)))
        };
        let all: Vec<usize> = self.statements.iter().copied().chain([self.ops.len()]).collect();
        all.windows(2).filter(|pair| goes_on(pair)).map(|pair| pair[0]).collect()
    }

    /// The line table: the original's lines, if they are a compiler's and still ascend; else each statement is a line.
    fn lines(&self, original: &MarshalledCode, offsets: &[usize]) -> Arc<[u8]> {
        let starts: Vec<usize> = self.statements.iter().copied().filter(|&at| at < self.ops.len()).collect();
        let described =
            crate::bytecode::CodeObject { first_line: 0, lnotab: original.lnotab.to_vec(), ..Default::default() };
        let known = starts.iter().map(|&at| described.line(self.ops[at].at));
        let known: Vec<i32> = known.collect();
        let goes_on = self.printed();
        let ascends = !original.lnotab.is_empty()
            && lines::begin_at_instructions(original)
            && known.windows(2).all(|pair| pair[0] <= pair[1])
            && known.iter().all(|&line| line >= 0);
        let mut table = Vec::new();
        let (mut line, mut offset) = (0, 0);
        for (number, &at) in starts.iter().enumerate() {
            let wanted = if ascends { known[number] } else { number as i32 };
            if goes_on.contains(&at) && (!ascends || self.ops[at].opcode == op::PRINT_NEWLINE) {
                continue;
            }
            let (mut bytes, mut lines) = (offsets[at] - offset, wanted - line);
            if lines <= 0 {
                continue;
            }
            while bytes > 255 {
                table.extend([255, 0]);
                bytes -= 255;
            }
            while lines > 255 {
                table.extend([bytes as u8, 255]);
                bytes = 0;
                lines -= 255;
            }
            table.extend([bytes as u8, lines as u8]);
            (line, offset) = (wanted, offsets[at]);
        }
        table.into()
    }
}
