//! Traces every bytecode instruction that a Python 2.7 .pyc executes, on a patched CPython 2.7.18 inside the binary.
//!
//! docs/architecture.md follows one command through these modules.

pub mod bytecode;
pub mod cli;
pub mod format;
pub mod process;
mod progress;
pub mod read;
pub mod record;
pub mod select;
pub mod trace;
pub mod views;
pub mod vm;

/// The traced program can leave this process little memory.
#[global_allocator]
static MEMORY: process::memory::Memory = process::memory::Memory;
