//! The memory that the traced process and the recorder share: a ring for the program's first process, and rings in advance for those
//! that it forks.
#![allow(unsafe_code)]

mod claims;
mod ring;

pub use claims::{Arrival, Reception, Stations};
pub use ring::{Bell, LAG, PAUSE, RingReader, RingWriter, Tampered, create};
