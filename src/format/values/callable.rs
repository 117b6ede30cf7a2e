//! What is called, as source code names it: `'-'.join`, `zlib.crc32`, `A.make`, `<A #3>.get`, `functools.partial(int, base=2)`.

use super::repr::{push_name, push_value};
use crate::trace::value::{Container, Value, What};

/// Appends the part of a call before its arguments.
pub(super) fn push_callable(out: &mut Vec<u8>, callable: &Value) {
    match callable {
        Value::Object { what: What::Partial, name, receiver: Some(made_of), .. } => push_partial(out, name, made_of),
        Value::Object { what, name, receiver: Some(receiver), .. } if what.is_called_by_name() => {
            push_receiver(out, receiver);
            out.push(b'.');
            push_name(out, name);
        }
        Value::Object { what, name, receiver: None, .. } if what.is_called_by_name() => push_name(out, name),
        other => push_value(out, other),
    }
}

/// Appends the object before the dot: what has a name by that, a number so that the dot is not its own.
fn push_receiver(out: &mut Vec<u8>, receiver: &Value) {
    match receiver {
        Value::Object { what: What::Module, name, .. } => push_name(out, name),
        Value::Int(_) | Value::Long { .. } | Value::Float(_) => {
            out.push(b'(');
            push_value(out, receiver);
            out.push(b')');
        }
        _ => push_callable(out, receiver),
    }
}

/// Appends the call that has made something like a functools.partial.
fn push_partial(out: &mut Vec<u8>, name: &[u8], made_of: &Value) {
    push_name(out, name);
    out.push(b'(');
    if let Value::Container(Container { items, .. }) = made_of {
        push_made_of(out, items);
    }
    out.push(b')');
}

/// Appends the first argument, the others, and the named ones.
fn push_made_of(out: &mut Vec<u8>, parts: &[Value]) {
    let mut is_first = true;
    let mut between = |out: &mut Vec<u8>| {
        if !std::mem::take(&mut is_first) {
            out.extend_from_slice(b", ");
        }
    };
    if let Some(first) = parts.first().filter(|first| **first != Value::Missing) {
        between(out);
        push_callable(out, first);
    }
    match parts.get(1) {
        Some(Value::Container(rest)) => {
            for argument in &rest.items {
                between(out);
                push_value(out, argument);
            }
            push_cut(out, rest, &mut between);
        }
        Some(Value::Missing | Value::None) | None => {}
        Some(other) => {
            between(out);
            out.push(b'*');
            push_value(out, other);
        }
    }
    match parts.get(2) {
        Some(Value::Container(named)) => {
            for pair in named.items.chunks_exact(2) {
                between(out);
                push_keyword(out, &pair[0]);
                out.push(b'=');
                push_value(out, &pair[1]);
            }
            push_cut(out, named, &mut between);
        }
        Some(Value::Missing | Value::None) | None => {}
        Some(other) => {
            between(out);
            out.extend_from_slice(b"**");
            push_value(out, other);
        }
    }
}

/// Says how many arguments there are where not all are shown.
fn push_cut(out: &mut Vec<u8>, arguments: &Container, mut between: impl FnMut(&mut Vec<u8>)) {
    if let Some(count) = arguments.cut {
        between(out);
        out.extend_from_slice(format!("…({count} items)").as_bytes());
    }
}

/// Appends the name of a named argument.
pub(super) fn push_keyword(out: &mut Vec<u8>, name: &Value) {
    match name {
        Value::Str(text) if text.cut.is_none() => push_name(out, &text.bytes),
        other => push_value(out, other),
    }
}
