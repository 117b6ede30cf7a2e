//! Which functions and names give a program its input, and which functions only transform what they are given.

use crate::trace::value::{Value, What};

/// Attributes of modules that hold what the program was given.
const NAMES: [&[u8]; 3] = [b"argv", b"environ", b"stdin"];

/// Functions that return input, with or without their module.
const FUNCTIONS: [&str; 8] =
    ["raw_input", "input", "getpass", "posix.read", "getenv", "unix_getpass", "win_getpass", "fallback_getpass"];

/// Methods of files and sockets that return what they read.
const METHODS: [&str; 10] =
    ["read", "readline", "readlines", "xreadlines", "next", "readall", "read1", "recv", "recvfrom", "getvalue"];

/// Built-in functions whose result depends on nothing but their arguments.
const PURE: [&str; 14] =
    ["ord", "chr", "unichr", "len", "int", "str", "hex", "range", "xrange", "abs", "min", "max", "sum", "bool"];

/// Functions whose results are gone through instead of their arguments.
const ITERATORS: [&str; 10] =
    ["zip", "enumerate", "reversed", "iter", "map", "izip", "imap", "list", "tuple", "izip_longest"];

/// Whether an attribute or an imported name of this name is input.
pub(super) fn is_name(name: &[u8]) -> bool {
    NAMES.contains(&name)
}

/// Whether a value is an open file.
pub(super) fn is_file(value: &Value) -> bool {
    match value {
        Value::Object { what: What::Instance, name, .. } => {
            &**name == b"file" || name.starts_with(b"_io.") || name.ends_with(b"socket")
        }
        _ => false,
    }
}

/// Whether a call of this returns input.
pub(super) fn reads(callee: &Value) -> bool {
    let Some((name, last)) = names(callee) else { return false };
    let is_method = || match callee {
        Value::Object { receiver: Some(receiver), .. } => METHODS.contains(&last) && is_file(receiver),
        _ => false,
    };
    FUNCTIONS.contains(&last) || FUNCTIONS.contains(&name) || is_method()
}

pub(super) fn is_pure(callee: &Value) -> bool {
    names(callee).is_some_and(|(_, last)| PURE.contains(&last))
}

pub(super) fn makes_iterator(callee: &Value) -> bool {
    let is_c = matches!(callee, Value::Object { what: What::Builtin | What::Type, .. });
    is_c && names(callee).is_some_and(|(_, last)| ITERATORS.contains(&last))
}

/// The name of what is called, and its last part.
fn names(callee: &Value) -> Option<(&str, &str)> {
    let Value::Object { name, .. } = callee else { return None };
    let name = str::from_utf8(name).ok()?;
    Some((name, name.rsplit('.').next().unwrap_or(name)))
}
