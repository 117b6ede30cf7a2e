//! Owns assembling code strings: instructions with labels become bytes, as assemble() in CPython 2.7's Python/compile.c lays them
//! out.  What belongs to a code string comes from its submodules: the line table, the depth of the value stack, the flags.

pub mod depth;
pub mod flags;
pub mod lines;
pub mod listing;

use thiserror::Error;

use super::opcode::{self, EXTENDED_ARG, OperandKind};

/// A code string is shorter than this, in bytes: the VM's offsets are C ints.
const MOST_BYTES: u64 = i32::MAX as u64;

/// A place in the code, by the caller's number.  Numbers from 0 without large gaps take the least memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label(pub u32);

/// What stands in the code, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// Names the place before the next item.
    Label(Label),
    /// What follows belongs to this source line.
    Line(i32),
    Instruction(Instruction),
    /// Bytes as they are, such as those that are no whole instruction.
    Bytes(Vec<u8>),
}

/// An instruction that is to be encoded.
///
/// An EXTENDED_ARG that stands in the list is written as it is, and its successor then has the lower half of its operand only.  Where
/// the successor jumps to a label, the prefix gets the upper half of that jump's operand.  An instruction that follows no prefix gets
/// one if its operand needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    pub opcode: u8,
    pub operand: Operand,
}

/// The operand of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// The opcode takes none.
    Nothing,
    /// The combined operand, as ceval.c sees it.
    Number(i32),
    /// Where a jump leads; the opcode says whether the operand is relative.
    Target(Label),
    /// Two bytes that an opcode without operand swallows after an EXTENDED_ARG.
    Swallowed([u8; 2]),
}

/// An assembled code string.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assembled {
    pub bytes: Vec<u8>,
    /// The source line from each of these offsets on, for [`lines::write`].
    pub lines: Vec<(u32, i32)>,
    /// Where each item begins: for an instruction that got a prefix, where the prefix does.
    pub offsets: Vec<u32>,
}

/// Why instructions cannot be assembled.  `item` counts from 0.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AssembleError {
    #[error("item {item} jumps to a label that does not exist")]
    NoLabel { item: usize },
    #[error("item {item} is a label that exists already")]
    LabelTwice { item: usize },
    #[error("item {item} is an opcode that needs an operand")]
    NoOperand { item: usize },
    #[error("item {item} has an operand, but its opcode takes none")]
    NeedlessOperand { item: usize },
    #[error("item {item} jumps to a label, but its opcode is no jump")]
    NoJump { item: usize },
    #[error("the code has more than 2147483647 bytes")]
    TooLong,
}

impl AssembleError {
    /// The item that is wrong; None if it is no single one.
    pub fn item(&self) -> Option<usize> {
        match self {
            AssembleError::NoLabel { item }
            | AssembleError::LabelTwice { item }
            | AssembleError::NoOperand { item }
            | AssembleError::NeedlessOperand { item }
            | AssembleError::NoJump { item } => Some(*item),
            AssembleError::TooLong => None,
        }
    }
}

/// Assembles a code string.  Prefixes are as few as can be: they are added until every operand fits, as assemble_jump_offsets in
/// Python/compile.c does.
pub fn assemble(items: &[Item]) -> Result<Assembled, AssembleError> {
    let mut layout = Layout::new(items)?;
    while layout.place()? {}
    Ok(layout.encode())
}

/// Places of items while sizes are worked out.
struct Layout<'a> {
    items: &'a [Item],
    /// By item.
    offsets: Vec<u32>,
    /// By item: the prefix that it gets.  Once there, it stays.
    has_prefix: Vec<bool>,
    /// By item: whether an EXTENDED_ARG of the list is right before it.
    follows_prefix: Vec<bool>,
    /// By label: the item that it names, or [`UNBOUND`].
    labels: Vec<u32>,
    end: u32,
}

const UNBOUND: u32 = u32::MAX;

impl Layout<'_> {
    fn new(items: &[Item]) -> Result<Layout<'_>, AssembleError> {
        let mut labels = Vec::new();
        for (item, label) in items.iter().enumerate().filter_map(|(item, one)| match one {
            Item::Label(label) => Some((item, label.0 as usize)),
            _ => None,
        }) {
            if labels.len() <= label {
                labels.resize(label + 1, UNBOUND);
            }
            if labels[label] != UNBOUND {
                return Err(AssembleError::LabelTwice { item });
            }
            labels[label] = u32::try_from(item).map_err(|_| AssembleError::TooLong)?;
        }
        let mut follows_prefix = vec![false; items.len()];
        let mut after_prefix = false;
        for (item, one) in items.iter().enumerate() {
            follows_prefix[item] = after_prefix;
            match one {
                Item::Instruction(instruction) => {
                    check(item, instruction, &labels)?;
                    after_prefix = instruction.opcode == EXTENDED_ARG;
                }
                Item::Bytes(bytes) => after_prefix &= bytes.is_empty(),
                Item::Label(_) | Item::Line(_) => {}
            }
        }
        let (offsets, has_prefix) = (vec![0; items.len()], vec![false; items.len()]);
        Ok(Layout { items, offsets, has_prefix, follows_prefix, labels, end: 0 })
    }

    /// Works out every offset; true if an operand turned out to need a prefix, so that they are not final.
    fn place(&mut self) -> Result<bool, AssembleError> {
        let mut at = 0u64;
        for (item, one) in self.items.iter().enumerate() {
            self.offsets[item] = at as u32;
            at += match one {
                Item::Label(_) | Item::Line(_) => 0,
                Item::Bytes(bytes) => bytes.len() as u64,
                Item::Instruction(Instruction { operand: Operand::Nothing, .. }) => 1,
                Item::Instruction(_) => 3 + 3 * u64::from(self.has_prefix[item]),
            };
            if at > MOST_BYTES {
                return Err(AssembleError::TooLong);
            }
        }
        self.end = at as u32;
        let mut has_changed = false;
        for item in 0..self.items.len() {
            if let Item::Instruction(instruction) = &self.items[item]
                && !self.has_prefix[item]
                && !self.follows_prefix[item]
                && instruction.opcode != EXTENDED_ARG
                && self.operand(item, instruction) >> 16 != 0
            {
                self.has_prefix[item] = true;
                has_changed = true;
            }
        }
        Ok(has_changed)
    }

    /// The operand of an instruction, with the offsets as they are now.
    fn operand(&self, item: usize, instruction: &Instruction) -> u32 {
        match instruction.operand {
            Operand::Nothing => 0,
            Operand::Number(number) => number.cast_unsigned(),
            Operand::Swallowed(bytes) => u16::from_le_bytes(bytes).into(),
            Operand::Target(label) => {
                let target = self.offsets[self.labels[label.0 as usize] as usize];
                let size = 3 + 3 * u32::from(self.has_prefix[item]);
                match opcode::operand_kind(instruction.opcode) {
                    OperandKind::JumpRelative => target.wrapping_sub(self.offsets[item] + size),
                    _ => target,
                }
            }
        }
    }

    fn encode(self) -> Assembled {
        let mut bytes = Vec::with_capacity(self.end as usize);
        let mut lines = Vec::new();
        for (item, one) in self.items.iter().enumerate() {
            match one {
                Item::Label(_) => {}
                Item::Line(line) => lines.push((self.offsets[item], *line)),
                Item::Bytes(raw) => bytes.extend_from_slice(raw),
                Item::Instruction(instruction) => self.encode_one(item, instruction, &mut bytes),
            }
        }
        Assembled { bytes, lines, offsets: self.offsets }
    }

    fn encode_one(&self, item: usize, instruction: &Instruction, bytes: &mut Vec<u8>) {
        let operand = self.operand(item, instruction);
        let [low, high] = [operand as u16, (operand >> 16) as u16].map(u16::to_le_bytes);
        if self.has_prefix[item] {
            bytes.extend([EXTENDED_ARG, high[0], high[1]]);
        } else if self.follows_prefix[item]
            && matches!(instruction.operand, Operand::Target(_))
            && let Some(before) = bytes.last_chunk_mut::<2>()
        {
            *before = high;
        }
        bytes.push(instruction.opcode);
        if instruction.operand != Operand::Nothing {
            bytes.extend(low);
        }
    }
}

/// Checks that an instruction and its operand belong together.
fn check(item: usize, instruction: &Instruction, labels: &[u32]) -> Result<(), AssembleError> {
    let takes_operand = opcode::has_argument(instruction.opcode);
    match instruction.operand {
        Operand::Nothing if takes_operand => Err(AssembleError::NoOperand { item }),
        Operand::Number(_) | Operand::Target(_) if !takes_operand => Err(AssembleError::NeedlessOperand { item }),
        Operand::Swallowed(_) if takes_operand => Err(AssembleError::NeedlessOperand { item }),
        Operand::Target(label) => match opcode::operand_kind(instruction.opcode) {
            OperandKind::JumpRelative | OperandKind::JumpAbsolute => match labels.get(label.0 as usize) {
                Some(&bound) if bound != UNBOUND => Ok(()),
                _ => Err(AssembleError::NoLabel { item }),
            },
            _ => Err(AssembleError::NoJump { item }),
        },
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
