//! Writing constants.

use std::sync::Arc;

use super::{Interned, is_usually_interned};
use crate::bytecode::number::{self, FloatForm};
use crate::bytecode::object::{MarshalledCode, Object};

/// What is still to be written, the next one last.
enum Todo<'a> {
    Object(&'a Object),
    Text(&'static str),
}

/// Appends a constant.  A code object is written as what `code` returns for it.
pub fn push_object(
    out: &mut Vec<u8>,
    object: &Object,
    interned: &Interned,
    code: &mut dyn FnMut(&MarshalledCode) -> String,
) {
    let mut todo = vec![Todo::Object(object)];
    while let Some(next) = todo.pop() {
        match next {
            Todo::Text(text) => out.extend_from_slice(text.as_bytes()),
            Todo::Object(Object::Code(inner)) => out.extend_from_slice(code(inner).as_bytes()),
            Todo::Object(Object::Str(bytes)) => push_str(out, bytes, interned.has(bytes), is_usually_interned(bytes)),
            Todo::Object(object) => match object.items() {
                None => push_leaf(out, object),
                Some(items) => {
                    let (open, close) = brackets(object, items.len());
                    out.extend_from_slice(open.as_bytes());
                    todo.push(Todo::Text(close));
                    let is_dict = matches!(object, Object::Dict(_));
                    for (place, item) in items.iter().enumerate().rev() {
                        todo.push(Todo::Object(item));
                        if place > 0 {
                            todo.push(Todo::Text(if is_dict && place % 2 == 1 { ": " } else { ", " }));
                        }
                    }
                }
            },
        }
    }
}

fn brackets(object: &Object, items: usize) -> (&'static str, &'static str) {
    match object {
        Object::Tuple(_) if items == 1 => ("(", ",)"),
        Object::Tuple(_) => ("(", ")"),
        Object::List(_) => ("[", "]"),
        Object::Dict(_) => ("{", "}"),
        Object::Set(_) => ("set([", "])"),
        _ => ("frozenset([", "])"),
    }
}

fn push_leaf(out: &mut Vec<u8>, object: &Object) {
    let text = match object {
        Object::None => "None".into(),
        Object::Ellipsis => "Ellipsis".into(),
        Object::StopIteration => "StopIteration".into(),
        Object::Bool(true) => "True".into(),
        Object::Bool(false) => "False".into(),
        Object::Int(value) => value.to_string(),
        Object::Long(value) => format!("{value}L"),
        Object::Float(value) => float(*value),
        Object::Complex(parts) if parts.0.is_nan() || parts.1.is_nan() => {
            format!("complex({}, {})", float(parts.0), float(parts.1))
        }
        Object::Complex(parts) => number::complex(parts.0, parts.1, FloatForm::Repr),
        Object::Unicode(points) => return push_unicode(out, points),
        // No file holds any other object.
        _ => "None".into(),
    };
    out.extend_from_slice(text.as_bytes());
}

/// A float's repr; of a nan other than the usual one the bits as well.
fn float(value: f64) -> String {
    const USUAL_NAN: u64 = 0x7ff8 << 48;
    match value.to_bits() {
        bits if value.is_nan() && bits != USUAL_NAN => format!("nan(0x{bits:016x})"),
        _ => number::float(value, FloatForm::Repr),
    }
}

/// Appends a str as its repr; before it `t` if it is interned and would usually not be, `s` if it is the other way round.
pub fn push_str(out: &mut Vec<u8>, bytes: &[u8], is_interned: bool, usually: bool) {
    if is_interned != usually {
        out.push(if is_interned { b't' } else { b's' });
    }
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { b'"' } else { b'\'' };
    out.push(quote);
    bytes.iter().for_each(|&byte| push_point(out, byte.into(), quote));
    out.push(quote);
}

/// Appends a name: bare if it looks like one, else as its repr.  Names are usually interned.
pub fn push_name(out: &mut Vec<u8>, name: &Arc<[u8]>, interned: &Interned) {
    let is_word = |bytes: &[u8]| {
        bytes.first().is_some_and(|&first| first == b'_' || first.is_ascii_alphabetic())
            && bytes.iter().all(|&byte| byte == b'_' || byte.is_ascii_alphanumeric())
    };
    let is_wrapped = name.strip_prefix(b"<").and_then(|rest| rest.strip_suffix(b">")).is_some_and(is_word);
    if interned.has(name) && (is_word(name) || is_wrapped) {
        out.extend_from_slice(name);
    } else {
        push_str(out, name, interned.has(name), true);
    }
}

fn push_unicode(out: &mut Vec<u8>, points: &[u32]) {
    let quote = if points.contains(&0x27) && !points.contains(&0x22) { b'"' } else { b'\'' };
    out.extend([b'u', quote]);
    points.iter().for_each(|&point| push_point(out, point, quote));
    out.push(quote);
}

fn push_point(out: &mut Vec<u8>, point: u32, quote: u8) {
    match point {
        0x09 => out.extend_from_slice(b"\\t"),
        0x0a => out.extend_from_slice(b"\\n"),
        0x0d => out.extend_from_slice(b"\\r"),
        0x20..=0x7e => {
            if point == u32::from(quote) || point == 0x5c {
                out.push(b'\\');
            }
            out.push(point as u8);
        }
        0..=0xff => out.extend_from_slice(format!("\\x{point:02x}").as_bytes()),
        0x100..=0xffff => out.extend_from_slice(format!("\\u{point:04x}").as_bytes()),
        _ => out.extend_from_slice(format!("\\U{point:08x}").as_bytes()),
    }
}
