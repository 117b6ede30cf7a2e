//! Readers of a finished or growing trace file: printing it in any form, and telling what is in it.  Knows no VM.

mod calls;
mod compares;
pub mod flaw;
pub mod info;
pub mod pieces;
pub mod reader;
pub mod rebuild;
pub mod show;
#[cfg(test)]
mod tests;

pub use flaw::Flaw;
pub use reader::TraceError;
