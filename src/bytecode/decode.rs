//! Owns decoding of code bytes exactly as ceval.c's PyEval_EvalFrameEx fetches them. Refuses to read
//! outside the code string: an instruction that would is no unit here.

use super::opcode::{self, EXTENDED_ARG};

/// One instruction as the VM executes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Offset of the opcode byte; negative only where a program runs bytes before its code string.
    pub offset: i32,
    pub opcode: u8,
    /// The combined operand: a signed C int, with the prefixes' halves shifted in.
    pub operand: Option<i32>,
    /// Bytes the VM swallows: 1 or 3. After a prefix always 3, whatever the opcode.
    pub length: u8,
}

impl Instruction {
    /// Decodes the instruction at `bytes[at]`, whose prefix left `prefix` as operand; None where it
    /// would read past the end. `offset` is what the instruction will report as its place.
    #[inline]
    pub fn decode(bytes: &[u8], at: usize, offset: i32, prefix: Option<i32>) -> Option<Instruction> {
        let opcode = *bytes.get(at)?;
        let has_argument = opcode::has_argument(opcode);
        let length = if has_argument || prefix.is_some() { 3 } else { 1 };
        let argument = bytes.get(at..)?.get(..length)?;
        let operand = has_argument.then(|| {
            let low = i32::from(u16::from_le_bytes([argument[1], argument[2]]));
            // ceval.c TARGET(EXTENDED_ARG): oparg<<16 | NEXTARG(), wrapping in a C int.
            prefix.unwrap_or(0).wrapping_shl(16) | low
        });
        Some(Instruction { offset, opcode, operand, length: length as u8 })
    }

    /// Returns the offset after the instruction, which relative jumps count from.
    #[inline]
    pub fn end(&self) -> i32 {
        self.offset.wrapping_add(i32::from(self.length))
    }
}

/// A maximal chain of EXTENDED_ARG with its successor, or one plain instruction: what a run can begin
/// and end with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    pub start: u32,
    pub end: u32,
    /// Instructions in it: prefixes and successor count one each.
    pub instructions: u32,
    /// The successor, which does the work.
    pub last: Instruction,
}

impl Unit {
    /// Decodes the unit that begins at `start`; None where it would read past the end of `bytes`.
    #[inline]
    pub fn decode(bytes: &[u8], start: u32) -> Option<Unit> {
        let mut prefix = None;
        let mut at = start;
        let mut instructions = 1;
        loop {
            let last = Instruction::decode(bytes, at as usize, at as i32, prefix)?;
            at += u32::from(last.length);
            if last.opcode != EXTENDED_ARG {
                return Some(Unit { start, end: at, instructions, last });
            }
            prefix = last.operand;
            instructions += 1;
        }
    }

    /// Iterates over the unit's instructions: the prefixes, then the successor.
    #[inline]
    pub fn instructions<'a>(&self, bytes: &'a [u8]) -> Instructions<'a> {
        Instructions { bytes, at: self.start, end: self.end, prefix: None }
    }
}

/// The instructions of one unit, in order.
#[derive(Clone, Debug)]
pub struct Instructions<'a> {
    bytes: &'a [u8],
    at: u32,
    end: u32,
    prefix: Option<i32>,
}

impl Iterator for Instructions<'_> {
    type Item = Instruction;

    #[inline]
    fn next(&mut self) -> Option<Instruction> {
        if self.at >= self.end {
            return None;
        }
        let instruction = Instruction::decode(self.bytes, self.at as usize, self.at as i32, self.prefix)?;
        self.at += u32::from(instruction.length);
        self.prefix = if instruction.opcode == EXTENDED_ARG { instruction.operand } else { None };
        Some(instruction)
    }
}

/// Iterates over the sequential units from `start`, until the bytes end or a unit would leave them.
#[inline]
pub fn units(bytes: &[u8], start: u32) -> Units<'_> {
    Units { bytes, at: start }
}

/// Sequential units of a code string; [`Units::offset`] says where the next one begins.
#[derive(Clone, Debug)]
pub struct Units<'a> {
    bytes: &'a [u8],
    at: u32,
}

impl Units<'_> {
    /// Returns where the next unit begins: after the last one, the length of the code if all of it
    /// was decoded, and less if the rest is a truncated unit.
    pub fn offset(&self) -> u32 {
        self.at
    }
}

impl Iterator for Units<'_> {
    type Item = Unit;

    #[inline]
    fn next(&mut self) -> Option<Unit> {
        let unit = Unit::decode(self.bytes, self.at)?;
        self.at = unit.end;
        Some(unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instructions(bytes: &[u8]) -> Vec<(i32, u8, Option<i32>)> {
        let list = |unit: Unit| unit.instructions(bytes).collect::<Vec<_>>();
        units(bytes, 0).flat_map(list).map(|one| (one.offset, one.opcode, one.operand)).collect()
    }

    #[test]
    fn plain_instructions_have_one_or_three_bytes() {
        let code = [100, 1, 2, 71, 83];
        assert_eq!(instructions(&code), [(0, 100, Some(0x201)), (3, 71, None), (4, 83, None)]);
    }

    #[test]
    fn extended_arg_reports_both_instructions() {
        let code = [145, 1, 0, 100, 0x70, 0x11];
        let unit = Unit::decode(&code, 0).expect("whole");
        assert_eq!((unit.start, unit.end, unit.instructions), (0, 6, 2));
        assert_eq!(instructions(&code), [(0, 145, Some(1)), (3, 100, Some(70000))]);
    }

    #[test]
    fn later_prefixes_of_a_chain_show_their_combined_operand() {
        let code = [145, 1, 0, 145, 2, 0, 145, 0xff, 0xff, 100, 3, 0];
        assert_eq!(
            instructions(&code),
            [(0, 145, Some(1)), (3, 145, Some(0x10002)), (6, 145, Some(0x2ffff)), (9, 100, Some(-0xfffd))]
        );
        assert_eq!(Unit::decode(&code, 0).expect("whole").instructions, 4);
    }

    #[test]
    fn operands_wrap_to_signed_32_bits() {
        assert_eq!(instructions(&[145, 255, 255, 100, 255, 255])[1], (3, 100, Some(-1)));
        assert_eq!(instructions(&[145, 0, 128, 113, 0, 0])[1], (3, 113, Some(i32::MIN)));
    }

    #[test]
    fn a_successor_without_operand_swallows_two_bytes() {
        let code = [145, 0, 0, 9, 0x47, 0x48, 83];
        assert_eq!(instructions(&code), [(0, 145, Some(0)), (3, 9, None), (6, 83, None)]);
    }

    #[test]
    fn a_unit_after_its_prefix_is_shorter() {
        let code = [145, 0, 0, 9, 71, 72, 83];
        let unit = Unit::decode(&code, 3).expect("whole");
        assert_eq!((unit.end, unit.instructions, unit.last.opcode), (4, 1, 9));
    }

    #[test]
    fn truncated_units_are_none() {
        for code in [&[][..], &[100], &[100, 0], &[145, 0, 0], &[145, 0, 0, 9, 0], &[145, 0, 0, 145, 0, 0]] {
            assert_eq!(Unit::decode(code, 0), None, "{code:?}");
        }
        assert_eq!(Unit::decode(&[9], 1), None);
        assert_eq!(Unit::decode(&[9], u32::MAX), None);
    }

    #[test]
    fn undefined_opcodes_are_decoded_like_others() {
        assert_eq!(instructions(&[200, 1, 0, 6, 0]), [(0, 200, Some(1)), (3, 6, None), (4, 0, None)]);
    }

    proptest::proptest! {
        #[test]
        fn units_partition_any_bytes(bytes: Vec<u8>) {
            let mut walk = units(&bytes, 0);
            let mut at = 0;
            for unit in walk.by_ref() {
                assert_eq!(unit.start, at);
                assert_eq!(unit.instructions(&bytes).count(), unit.instructions as usize);
                assert_eq!(unit.instructions(&bytes).last(), Some(unit.last));
                at = unit.end;
            }
            assert!(walk.offset() as usize <= bytes.len());
            assert_eq!(Unit::decode(&bytes, walk.offset()), None);
        }
    }
}
