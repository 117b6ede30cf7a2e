//! What was done to each code object, and why.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::bytecode::escape::Printable;

/// What became of one code object.
#[derive(Clone, Debug)]
pub struct CodeReport {
    /// SHA-256 of the code string that it was made of.
    pub original: [u8; 32],
    /// Its name as the code object has it.
    pub name: Vec<u8>,
    /// What the program stores it as, or a name in the place of one that says nothing.
    pub readable: Vec<u8>,
    /// Code objects around it.
    pub depth: usize,
    pub instructions_before: usize,
    pub instructions_after: usize,
    /// Whether any of it ran in the traces.
    pub ran: bool,
    pub result: Outcome,
    /// What was removed or decided, by offset.
    pub changes: Vec<Change>,
    /// What is taken for granted.
    pub assumed: Vec<String>,
    /// Offsets of instructions in whose place there is what they make.
    pub folded: BTreeSet<u32>,
}

/// How a code object was laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing about it is unusual; it is the same byte for byte.
    Unchanged,
    /// As the compiler lays out statements; the sign for which it was.
    Rebuilt(&'static str),
    /// Block by block; why it is no sequence of statements.
    Plain(&'static str, &'static str),
    /// It is kept as it was; why.
    Kept(String),
}

/// Something that was removed or decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Offsets in the original code.
    pub offsets: Range<u32>,
    pub why: String,
    /// What went with it may have a meaning: it never ran, and the rest makes no sense with it.
    pub is_guess: bool,
}

impl CodeReport {
    /// Its readable name for people, with its own one if that is another.
    pub fn shown_name(&self) -> String {
        let readable = Printable::name(&self.readable);
        match self.name == self.readable {
            true => readable.to_string(),
            false => format!("{readable} ({})", Printable::name(&self.name)),
        }
    }
}
