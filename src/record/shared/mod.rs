//! Memory of more than one process: rings, which a traced process shares with its recorder, one for the program's first process and
//! others for those that it forks; and the board, which only bctrace's own processes have.
#![allow(unsafe_code)]

mod board;
mod claims;
mod mail;
mod memory;
mod ring;
pub mod slot;

pub use board::{Board, FIRST, Given, Notice, Others, Over};
pub use claims::{Claim, ClaimTable, Claims, RINGS};
pub use mail::Mail;
pub use memory::{futex_wait, futex_wake, sealed};
pub use ring::{LAG, PAUSE, Remote, RingReader, RingWriter, Tampered, create};
