//! Values as text: what lines of text put after an instruction, and what JSON lines hold of each value.

mod callable;
mod phrase;
mod repr;

pub use phrase::{push_arguments, push_operands, push_values, sign};
pub use repr::{push_name, push_raised, push_value};
