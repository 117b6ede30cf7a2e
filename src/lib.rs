//! Traces every bytecode instruction that a Python 2.7 .pyc executes, on a patched CPython 2.7.18 inside the binary.
//!
//! docs/architecture.md follows one command through these modules.

mod bytecode;
mod clean;
pub mod cli;
mod export;
mod format;
mod process;
mod progress;
mod read;
mod record;
mod sandbox;
mod select;
mod trace;
mod views;
mod vm;

/// What the tests and the fuzz targets use of the program, besides its command line.  Everything else is private, so that the compiler
/// finds what is not used.
#[doc(hidden)]
pub mod parts {
    pub mod clean {
        pub use crate::clean::{Evidence, Options, Outcome, rebuild};
    }
    pub mod marshal {
        pub use crate::bytecode::marshal::{read, read_with_interned, whole};
    }
    pub use crate::bytecode::escape::Printable;
    pub use crate::bytecode::file;
    pub use crate::bytecode::opcode::EXTENDED_ARG;
    pub use crate::bytecode::verify;
    pub use crate::bytecode::{CodeObject, Instruction, Layout, Pyc, assemble, code, decode, object, opcode};
    pub use crate::format::bct::layout;
    pub use crate::format::{Compression, Format, Options, Output, Replace, check_output};
    pub use crate::read::reader::{Progress, Reader, Want};
    pub use crate::read::rebuild;
    pub use crate::read::steps;
    pub use crate::record::attempts;
    pub use crate::sandbox::{Tried, address, arguments};
    pub use crate::select::{FileGlob, Filter, Matches, Name, NamePattern, Selection, Unmet};
    pub use crate::trace::attempt::{Answer, Deed};
    pub use crate::trace::codec::CODE_RECORD;
    pub use crate::trace::payload::PayloadWriter;
    pub use crate::trace::value::{UnitValues, Value};
    pub use crate::trace::word;
    pub use crate::trace::{Code, End, Event, Frame, Outside, Run, Sink, SinkError, Start, State, Then, encode_code};
    pub use crate::views::{calls, compares, diff, dis, find, fold, hot, info, layers, query, show, strings, tried};
    pub use crate::vm::library::marshal_of;
}

/// The traced program can leave this process little memory.
#[global_allocator]
static MEMORY: process::memory::Memory = process::memory::Memory;
