//! Owns reading a listing back into a program: what `bctrace dis` prints, exactly, what CPython 2.7's own dis prints, as far as that
//! says it, and what `pydisasm` of xdis prints.

mod own;
mod plain;
mod quoted;
mod row;
mod tree;
mod words;
mod xdis;

use thiserror::Error;

use crate::bytecode::assemble::AssembleError;
use crate::bytecode::assemble::depth::DepthError;
use crate::bytecode::literal::{Interned, LiteralError};
use crate::bytecode::object::MarshalledCode;

/// The version of the listings that are read and written.
pub const VERSION: u32 = 1;

/// A program that was made of a listing.
#[derive(Clone, Debug)]
pub struct Program {
    pub code: MarshalledCode,
    /// The strings that are to be written as interned ones.
    pub interned: Interned,
    /// The time for the .pyc's header, in seconds since 1970.
    pub time: u32,
    /// What the listing did not say and was inferred or made up, each for one line.
    pub remarks: Vec<String>,
}

/// What is wrong with a listing, and in which line, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {problem}")]
pub struct ListingError {
    pub line: usize,
    pub problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    #[error("there is no instruction in it; it is no listing")]
    Empty,
    #[error("it is a listing of version {0}; this bctrace reads version {VERSION}")]
    Version(String),
    #[error("{0:?} is neither an instruction nor the name of a table")]
    Unknown(String),
    #[error("{0:?} is no opcode of Python 2.7")]
    Opcode(String),
    #[error("{0} needs a number")]
    Number(&'static str),
    #[error("{0:?} is no operand")]
    Operand(String),
    #[error("{0:?} is no flag of a code object")]
    Flag(String),
    #[error("{0:?} is no byte in hexadecimal digits")]
    Byte(String),
    #[error("constant {0} stands where constant {1} should")]
    ConstantOrder(u32, usize),
    #[error("it stands before the first line that begins with `code`")]
    NoCode,
    #[error("code {0} is not listed after this")]
    NoSuchCode(u32),
    #[error("{0} is jumped to, but no instruction has that label")]
    NoTarget(String),
    #[error("{0} is the label of two instructions")]
    LabelTwice(String),
    #[error(transparent)]
    Literal(#[from] LiteralError),
    #[error("{}", assembling(.0))]
    Assemble(AssembleError),
    #[error("the depth of the stack cannot be worked out, so give it as `stacksize N`: {0}")]
    Depth(DepthError),
}

fn assembling(error: &AssembleError) -> &'static str {
    match error {
        AssembleError::NoLabel { .. } => "it jumps to a label that no instruction has",
        AssembleError::LabelTwice { .. } => "its label is another instruction's too",
        AssembleError::NoOperand { .. } => "its opcode needs an operand",
        AssembleError::NeedlessOperand { .. } => "its opcode takes no operand",
        AssembleError::NoJump { .. } => "its opcode is no jump",
        AssembleError::TooLong => "the code is too long",
    }
}

/// Reads a listing of any of these kinds, quoted or not.
pub fn read(text: &[u8]) -> Result<Program, ListingError> {
    let text = &*quoted::unquoted(text);
    let is_own = |line: &&[u8]| line.trim_ascii_start().starts_with(b"listing ");
    match text.split(|&byte| byte == b'\n').find(is_own) {
        Some(_) => own::read(text),
        None if xdis::is_it(text) => xdis::read(text),
        None => plain::read(text),
    }
}

fn printable(text: &[u8]) -> String {
    let shown = &text[..text.len().min(60)];
    crate::bytecode::escape::Printable::text(shown).to_string()
}
