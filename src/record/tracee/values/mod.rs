//! Values on their way into the stream: the hook that hears of every unit, the walk over live objects, the numbers that objects get, and
//! the names that they refer to.

mod callable;
mod hook;
mod names;
mod numbers;
mod texts;
mod usual;
mod walk;

pub use hook::Valued;
pub use walk::{Caps, Walk, Words};
