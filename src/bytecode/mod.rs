//! CPython 2.7's bytecode as data: opcode table, decoding as the VM decodes, code objects, constants as
//! text, listings, and reading .pyc files and marshal data. Knows no VM, no trace and no output format.

pub mod assemble;
pub mod code;
pub mod copies;
pub mod decode;
pub mod disassemble;
pub mod effect;
pub mod escape;
pub mod file;
mod hash;
pub mod layout;
pub mod listing;
pub mod literal;
pub mod literal_eval;
pub mod magic;
pub mod marshal;
pub mod number;
pub mod object;
pub mod opcode;
pub mod operand;
pub mod opmap;
pub mod order;
pub mod pyc;
pub mod readable;
pub mod shell;
pub mod stack;
pub mod text;
pub mod verify;

pub use code::CodeObject;
pub use decode::{Instruction, Unit};
pub use layout::Layout;
pub use listing::Listing;
pub use object::Object;
pub use pyc::Pyc;
