//! Reading a finished or growing .bct: its pieces, the events of its blocks, what is missing or damaged, and the state of the program
//! rebuilt from the values.

mod block;
mod budget;
pub mod edges;
mod error;
pub mod flaw;
mod kept;
pub mod pieces;
pub mod reader;
pub mod rebuild;
pub mod steps;
pub mod visit;

pub use block::Block;
pub use error::TraceError;
pub use flaw::Flaw;
pub use reader::{Progress, Reader, Want, is_read_once, is_written};
