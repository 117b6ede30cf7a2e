//! The processes of a recording, as the operating system has them: forking the traced one, giving it the state that an exec would
//! have left, watching it and its descendants, and finding the interpreter's executable.  Knows no Python and no trace.
#![allow(unsafe_code)]

pub mod aside;
pub mod child;
pub mod descendant;
pub mod executable;
pub mod guardian;
mod stat;
pub mod terminal;

pub use child::{Child, Death, How, News};
