//! Readers of a finished or growing trace file: printing it in any form, and telling what is in it.  Knows no VM.

pub mod info;
pub mod pieces;
pub mod reader;
pub mod show;

pub use reader::TraceError;
