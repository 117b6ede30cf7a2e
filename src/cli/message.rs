//! Messages on standard error: one line each, whatever the names in them hold.

use std::fmt::Display;
use std::io::{self, Write};

use crate::bytecode::escape::Printable;

/// Prints one line on standard error.  A standard error that is closed or full is no reason to fail.
pub fn warn(message: impl Display) {
    let message = message.to_string();
    let _ = writeln!(io::stderr(), "bctrace: {}", Printable::text(message.as_bytes()));
}
