//! Values on their way into the stream: the walk over live objects, the numbers that objects get, and the names that they refer to.

mod names;
mod numbers;
mod walk;

pub use walk::{Caps, Walk, Words};
