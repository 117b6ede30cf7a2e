//! The domain: the stream of events that a traced program produces, its encoding in 64-bit words, the state that gives each event
//! its place, and the sinks that consume it.  Knows neither the VM that makes events nor the formats that print them.

pub mod attempt;
pub mod brief;
pub mod by_id;
mod code;
pub mod codec;
pub mod content;
pub mod decoder;
#[cfg(test)]
mod decoder_tests;
pub mod event;
#[cfg(test)]
pub mod invented;
pub mod laps;
pub mod library;
mod marshalled;
pub mod numbered;
pub mod origin;
pub mod payload;
#[cfg(test)]
mod refusals;
pub mod repeat;
pub mod sink;
pub mod state;
pub mod totals;
pub mod uncaught;
pub mod value;
pub mod word;

pub use code::{Code, encode_code};
pub use decoder::Decoder;
pub use event::{End, EndReason, Event, Outside, Raised, Run, Start, Then};
pub use laps::{Laps, Taken};
pub use sink::{Events, Sink, SinkError, ignore};
pub use state::{Frame, State, StreamError};
