//! Readers of a finished or growing trace file: printing it in any form, and telling what is in it and which code ran.  Knows no VM.

mod calls;
mod compares;
pub mod flaw;
pub mod info;
pub mod layers;
pub mod pieces;
pub mod reader;
pub mod rebuild;
pub mod show;
#[cfg(test)]
mod tests;

pub use flaw::Flaw;
pub use reader::TraceError;
