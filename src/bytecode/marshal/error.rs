//! Owns what can be wrong with marshal data, and how it is said.

use thiserror::Error;

/// A defect of marshal data and the byte where the object that has it begins.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("bad marshal data at byte {offset}: {problem}")]
pub struct MarshalError {
    pub offset: usize,
    pub problem: Problem,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    #[error("the data ends where {0} should be")]
    Ended(&'static str),
    #[error("{} is no type code of Python 2.7", type_code(*.0))]
    UnknownType(u8),
    #[error("objects are nested more than 2000 deep, which is marshal's limit")]
    TooDeep,
    #[error("a {what} has the impossible size {size}")]
    Size { what: &'static str, size: i32 },
    #[error("a {what} of {wanted} items has only {left} bytes left for them")]
    TooManyItems { what: &'static str, wanted: usize, left: usize },
    #[error("NULL stands in {0}, where an object should be")]
    Null(&'static str),
    #[error("string reference {index} leads nowhere: {known} strings were interned so far")]
    StringReference { index: i32, known: usize },
    #[error("its strings that are referred to again take more than {} bytes", super::MOST_SHARED)]
    Shared,
    #[error("a long has the digit {0}; digits are below 32768")]
    LongDigit(u32),
    #[error("a long has a leading zero digit")]
    LongNotNormal,
    #[error("{0:?} is not a float")]
    FloatText(String),
    #[error("a unicode is invalid UTF-8 at its byte {place}")]
    Unicode { place: usize },
    #[error("a {what} cannot hold this {item}, which is unhashable")]
    Unhashable { what: &'static str, item: String },
    #[error("{field} of a code object is {value}; it cannot be negative")]
    NegativeField { field: &'static str, value: i32 },
    #[error("{field} of a code object is of type {found}, not {wanted}")]
    FieldType { field: &'static str, found: String, wanted: &'static str },
    #[error("co_code of a code object is a unicode; plain Python would run its memory as bytecode")]
    UnicodeCode,
    #[error("item {index} of {field} is of type {found}, not str; plain Python aborts on this")]
    NameType { field: &'static str, index: usize, found: String },
}

fn type_code(code: u8) -> String {
    match code {
        b'!'..=b'~' => format!("{:?}", char::from(code)),
        _ => format!("byte 0x{code:02x}"),
    }
}
