//! Owns what a listing shows of a code string besides its instructions: where jumps lead, which bytes control can reach, what hides
//! inside other instructions, and what does nothing.

use std::collections::HashSet;

use super::assemble::lines;
use super::decode::{Instruction, Unit, units};
use super::opcode::{self, EXTENDED_ARG, OperandKind, op};

/// A line of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where it begins, and how many bytes it has.
    pub at: u32,
    pub length: u32,
    /// None for bytes that are no whole instruction.
    pub instruction: Option<Instruction>,
    /// The source line that begins here.
    pub line: Option<i32>,
    /// Control can come here by a jump.
    pub is_target: bool,
    pub notes: Vec<Note>,
}

/// What is odd about an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// Control cannot come here: no path from the beginning does.
    Unreachable,
    /// It loads what the next instruction pops.
    PoppedAtOnce,
    /// It jumps to the instruction after it.
    JumpsToNext,
    /// It jumps to no instruction of the listing: into the middle of one, or out of the code.
    JumpsInside,
    /// Another instruction begins at this offset inside it.
    Overlaps(u32),
    /// Its opcode takes no operand, but after EXTENDED_ARG the VM skips two bytes.
    Swallows,
}

impl Note {
    /// The one word for it in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Note::Unreachable => "unreachable",
            Note::PoppedAtOnce => "popped_at_once",
            Note::JumpsToNext => "jumps_to_next",
            Note::JumpsInside => "jumps_inside",
            Note::Overlaps(_) => "overlaps",
            Note::Swallows => "swallows",
        }
    }
}

/// A code string, taken apart.
#[derive(Clone, Debug, Default)]
pub struct Disassembly {
    /// The instructions one after the other from the beginning, and what is left after them.
    pub rows: Vec<Row>,
    /// Instructions that control can reach and that begin inside others.
    pub hidden: Vec<Row>,
    /// The line table is the one that the compiler's writer makes of the lines in `rows`.
    pub has_usual_lines: bool,
}

/// Returns the offset that a jump leads to; None for all other instructions.
pub fn target(instruction: &Instruction) -> Option<i32> {
    let operand = instruction.operand?;
    match opcode::operand_kind(instruction.opcode) {
        OperandKind::JumpRelative => Some(instruction.end().wrapping_add(operand)),
        OperandKind::JumpAbsolute => Some(operand),
        _ => None,
    }
}

/// Returns whether control can go on to the next instruction.
pub fn falls_through(opcode: u8) -> bool {
    let ends = [op::JUMP_FORWARD, op::JUMP_ABSOLUTE, op::CONTINUE_LOOP, op::RETURN_VALUE, op::RAISE_VARARGS];
    !ends.contains(&opcode) && opcode != op::BREAK_LOOP && opcode != op::STOP_CODE && opcode::name(opcode).is_some()
}

impl Disassembly {
    /// Takes a code string apart; `lnotab` counts from `first_line`.
    pub fn of(bytes: &[u8], first_line: i32, lnotab: &[u8]) -> Disassembly {
        let starts = lines::read(first_line, lnotab);
        let reached = Reached::of(bytes);
        let mut rows = Vec::new();
        let mut walk = units(bytes, 0);
        for unit in walk.by_ref() {
            rows.extend(unit.instructions(bytes).map(|one| row(one, reached.has(unit.start))));
        }
        let end = walk.offset() as usize;
        if end < bytes.len() {
            let length = (bytes.len() - end) as u32;
            rows.push(Row {
                at: end as u32,
                length,
                instruction: None,
                line: None,
                is_target: false,
                notes: Vec::new(),
            });
        }
        let shown = |at: u32| rows.binary_search_by_key(&at, |row| row.at).ok();
        let is_shown: Vec<bool> = reached.units.iter().map(|unit| shown(unit.start).is_some()).collect();
        let outside = reached.units.iter().zip(is_shown).filter(|(_, is_shown)| !is_shown).map(|(unit, _)| unit);
        // Many can end in the same prefixes.
        let mut listed = HashSet::new();
        let mut is_other = |one: &Instruction| listed.insert((one.offset, one.operand));
        let mut hidden = Vec::new();
        for unit in outside {
            hidden.extend(unit.instructions(bytes).filter(&mut is_other).map(|one| row(one, true)));
        }
        hidden.sort_by_key(|row| row.at);
        let mut disassembly = Disassembly { rows, hidden, has_usual_lines: false };
        disassembly.mark(&starts, first_line, lnotab);
        disassembly
    }

    /// Returns the row that begins at an offset.
    pub fn row_at(&self, at: u32) -> Option<&Row> {
        self.rows.binary_search_by_key(&at, |row| row.at).ok().map(|place| &self.rows[place])
    }

    fn mark(&mut self, starts: &[(u32, i32)], first_line: i32, lnotab: &[u8]) {
        let place = |rows: &[Row], at: i64| rows.binary_search_by_key(&at, |row| row.at.into()).ok();
        for &(at, line) in starts {
            if let Some(found) = place(&self.rows, at.into()) {
                self.rows[found].line = Some(line);
            }
        }
        // The table need not say that the code begins with its first line.
        if let Some(first) = self.rows.first_mut() {
            first.line.get_or_insert(first_line);
        }
        let written: Vec<(u32, i32)> = self.rows.iter().filter_map(|row| Some((row.at, row.line?))).collect();
        self.has_usual_lines = lines::write(first_line, &written) == lnotab;
        let jumps: Vec<i32> =
            self.rows.iter().chain(&self.hidden).filter_map(|row| target(row.instruction.as_ref()?)).collect();
        for to in jumps {
            if let Some(found) = place(&self.rows, to.into()) {
                self.rows[found].is_target = true;
            } else if let Some(found) = place(&self.hidden, to.into()) {
                self.hidden[found].is_target = true;
            }
        }
        for hidden in 0..self.hidden.len() {
            let at = self.hidden[hidden].at;
            let over = self.rows.partition_point(|row| row.at <= at);
            if let Some(row) = over.checked_sub(1).and_then(|over| self.rows.get_mut(over))
                && at < row.at + row.length
            {
                row.notes.push(Note::Overlaps(at));
            }
        }
        for this in 0..self.rows.len() {
            let Some(instruction) = self.rows[this].instruction else { continue };
            let next = self.rows.get(this + 1);
            let pops = next.is_some_and(|next| {
                !next.is_target && next.instruction.is_some_and(|instruction| instruction.opcode == op::POP_TOP)
            });
            let note = match target(&instruction) {
                Some(to) if place(&self.rows, to.into()).is_none() => Some(Note::JumpsInside),
                Some(to) if to == instruction.end() && is_plain_jump(instruction.opcode) => Some(Note::JumpsToNext),
                None if pops && only_loads(instruction.opcode) => Some(Note::PoppedAtOnce),
                _ => None,
            };
            self.rows[this].notes.extend(note);
        }
    }
}

fn row(instruction: Instruction, is_reached: bool) -> Row {
    let mut notes = Vec::new();
    if !is_reached {
        notes.push(Note::Unreachable);
    }
    if instruction.length == 3 && !opcode::has_argument(instruction.opcode) {
        notes.push(Note::Swallows);
    }
    let at = instruction.offset.cast_unsigned();
    let length = instruction.length.into();
    Row { at, length, instruction: Some(instruction), line: None, is_target: false, notes }
}

fn is_plain_jump(opcode: u8) -> bool {
    matches!(opcode, op::JUMP_FORWARD | op::JUMP_ABSOLUTE | op::POP_JUMP_IF_FALSE | op::POP_JUMP_IF_TRUE)
}

/// Whether an instruction does nothing but push a value.
fn only_loads(opcode: u8) -> bool {
    matches!(opcode, op::LOAD_CONST | op::LOAD_FAST | op::DUP_TOP | op::LOAD_CLOSURE | op::LOAD_DEREF | op::BUILD_MAP)
        || matches!(opcode, op::LOAD_NAME | op::LOAD_GLOBAL | op::LOAD_LOCALS)
}

/// The units that control can reach from the beginning of the code.
struct Reached {
    /// By where they begin.
    units: Vec<Unit>,
    is_reached: Vec<bool>,
}

impl Reached {
    fn of(bytes: &[u8]) -> Reached {
        let mut is_reached = vec![false; bytes.len() + 1];
        let (mut found, mut open) = (Vec::new(), vec![0u32]);
        while let Some(begin) = open.pop() {
            for unit in units(bytes, begin) {
                if std::mem::replace(&mut is_reached[unit.start as usize], true) {
                    break;
                }
                found.push(unit);
                let to = target(&unit.last).and_then(|to| usize::try_from(to).ok());
                if let Some(to) = to.filter(|&to| to < bytes.len()) {
                    open.push(to as u32);
                }
                if !falls_through(unit.last.opcode) {
                    break;
                }
            }
        }
        found.sort_unstable_by_key(|unit| unit.start);
        Reached { units: found, is_reached }
    }

    fn has(&self, offset: u32) -> bool {
        self.is_reached[offset as usize]
    }
}

/// Returns whether an instruction is a prefix of the next one.
pub fn is_prefix(instruction: &Instruction) -> bool {
    instruction.opcode == EXTENDED_ARG
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes(bytes: &[u8]) -> Vec<(u32, Vec<Note>)> {
        let rows = Disassembly::of(bytes, 1, &[]).rows;
        rows.into_iter().filter(|row| !row.notes.is_empty()).map(|row| (row.at, row.notes)).collect()
    }

    #[test]
    fn junk_is_marked() {
        // JUMP_FORWARD 3; LOAD_CONST 0; LOAD_CONST 0; POP_TOP; JUMP_FORWARD 0; RETURN_VALUE
        let code = [110, 3, 0, 100, 0, 0, 100, 0, 0, 1, 110, 0, 0, 83];
        let wanted = [(3, vec![Note::Unreachable]), (6, vec![Note::PoppedAtOnce]), (10, vec![Note::JumpsToNext])];
        assert_eq!(notes(&code), wanted);
    }

    #[test]
    fn what_several_hidden_units_end_in_is_listed_once() {
        // POP_JUMP_IF_FALSE 10; POP_JUMP_IF_FALSE 13; LOAD_CONST 0x9191; then EXTENDED_ARG from 7 on, among its bytes.
        let code = [[114, 10, 0, 114, 13, 0, 145, 145, 145].as_slice(), &[145; 12], &[9, 0, 0, 83]].concat();
        let hidden = Disassembly::of(&code, 1, &[]).hidden;
        // The first of a unit has no prefix before it.
        assert_eq!(hidden.iter().map(|row| row.at).collect::<Vec<_>>(), [10, 13, 13, 16, 19, 22]);
        assert!(hidden[0].is_target && !hidden[3].is_target);
    }

    #[test]
    fn instructions_inside_others_are_found() {
        // JUMP_ABSOLUTE 4; LOAD_CONST 0x0909 (NOP, NOP); RETURN_VALUE
        let code = [113, 4, 0, 100, 9, 9, 83];
        let disassembly = Disassembly::of(&code, 1, &[]);
        assert_eq!(
            disassembly.hidden.iter().map(|row| (row.at, row.is_target)).collect::<Vec<_>>(),
            [(4, true), (5, false)]
        );
        assert_eq!(
            notes(&code),
            [(0, vec![Note::JumpsInside]), (3, vec![Note::Unreachable, Note::Overlaps(4), Note::Overlaps(5)]),]
        );
    }

    #[test]
    fn a_cut_instruction_is_bytes() {
        let rows = Disassembly::of(&[9, 100, 0], 1, &[]).rows;
        assert_eq!((rows[1].at, rows[1].length, rows[1].instruction), (1, 2, None));
    }

    proptest::proptest! {
        #[test]
        fn rows_cover_any_bytes_once(bytes: Vec<u8>, lnotab: Vec<u8>) {
            let disassembly = Disassembly::of(&bytes, 1, &lnotab);
            let mut at = 0;
            for row in &disassembly.rows {
                proptest::prop_assert_eq!(row.at, at);
                at += row.length;
            }
            proptest::prop_assert_eq!(at as usize, bytes.len());
        }
    }
}
