//! The patched CPython 2.7.18 inside the binary, and the only door to it: running a program, the hook that every instruction
//! passes, and a look at objects that runs none of their code.  All pointers into the VM stay in here.
#![allow(unsafe_code)]

// The C libraries that built-in modules call; nothing else makes the linker look at them.
use {bzip2_sys as _, libsqlite3_sys as _, libz_sys as _};

pub mod answers;
pub mod bundle;
pub mod fake_net;
mod ffi;
mod gil;
pub mod hook;
pub mod lane;
pub mod library;
pub mod memory;
pub mod object;
pub mod program;
pub mod quiet;
pub mod remap;
pub mod shared;
pub mod shutdown;
pub mod stack;
pub mod stand_ins;
pub mod value;

pub use gil::Gil;

/// The version of the VM.
pub const VERSION: &str = "2.7.18";
