//! The domain: the stream of events that a traced program produces, its encoding in 64-bit words, the state that gives each event
//! its place, and the sinks that consume it.  Knows neither the VM that makes events nor the formats that print them.

pub mod by_id;
pub mod decoder;
#[cfg(test)]
mod decoder_tests;
pub mod event;
pub mod filter;
#[cfg(test)]
pub mod invented;
pub mod origin;
pub mod payload;
pub mod repeat;
pub mod sink;
pub mod state;
pub mod totals;
pub mod value;
pub mod word;

pub use decoder::Decoder;
pub use event::{End, EndReason, Event, Outside, Raised, Run, Start, StopReason, Then};
pub use sink::Sink;
pub use state::{Code, Frame, State, StreamError};
