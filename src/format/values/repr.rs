//! The text of one value: as `repr()` would write it, and in angle brackets what it does not show.

use std::io::Write;

use num_bigint::BigUint;

use crate::bytecode::escape::Printable;
use crate::bytecode::number::{self, FloatForm};
use crate::trace::Raised;
use crate::trace::value::{Container, ContainerKind, Text, Value, What};

/// Appends the text of a value.  It holds no line break or other control character.
pub fn push_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Missing => out.push(b'?'),
        Value::Bad => out.extend_from_slice(b"<bad object>"),
        Value::None => out.extend_from_slice(b"None"),
        Value::Bool(true) => out.extend_from_slice(b"True"),
        Value::Bool(false) => out.extend_from_slice(b"False"),
        Value::Ellipsis => out.extend_from_slice(b"Ellipsis"),
        Value::NotImplemented => out.extend_from_slice(b"NotImplemented"),
        Value::Int(number) => push_display(out, number),
        Value::Long { negative, magnitude } => {
            let sign = if *negative { "-" } else { "" };
            push_display(out, format_args!("{sign}{}L", BigUint::from_bytes_le(magnitude)));
        }
        Value::HugeLong { negative, bits, checksum } => {
            let sign = if *negative { "-" } else { "" };
            push_display(out, format_args!("<{sign}long of {bits} bits, crc32 {checksum:08x}>"));
        }
        Value::Float(number) => out.extend_from_slice(number::float(*number, FloatForm::Repr).as_bytes()),
        Value::Complex(real, imaginary) => {
            out.extend_from_slice(number::complex(*real, *imaginary, FloatForm::Repr).as_bytes());
        }
        Value::Str(text) => push_text(out, text, false),
        Value::Unicode(text) => push_text(out, text, true),
        Value::Container(container) => push_container(out, container),
        Value::Deep { kind, .. } => {
            let (open, close) = brackets(*kind);
            push_display(out, format_args!("{open}…{close}"));
        }
        Value::Object { what, name, number, receiver } => push_object(out, *what, name, *number, receiver.as_deref()),
    }
}

fn push_display(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    write!(out, "{value}").expect("a Vec takes every byte");
}

/// Appends a string in quotes; where it was cut, its length and checksum after it.
fn push_text(out: &mut Vec<u8>, text: &Text, is_unicode: bool) {
    let bytes = &text.bytes;
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { b'"' } else { b'\'' };
    if is_unicode {
        out.push(b'u');
    }
    out.push(quote);
    if is_unicode {
        code_points(bytes).for_each(|point| push_point(out, point, quote));
    } else {
        bytes.iter().for_each(|&byte| push_point(out, byte.into(), quote));
    }
    out.push(quote);
    if let Some((length, checksum)) = text.cut {
        let unit = if is_unicode { "code points" } else { "bytes" };
        push_display(out, format_args!("…({length} {unit}, crc32 {checksum:08x})"));
    }
}

/// Appends one byte or code point as both reprs write it.
fn push_point(out: &mut Vec<u8>, point: u32, quote: u8) {
    match point {
        9 => out.extend_from_slice(b"\\t"),
        10 => out.extend_from_slice(b"\\n"),
        13 => out.extend_from_slice(b"\\r"),
        0x20..=0x7e if point == u32::from(quote) || point == u32::from(b'\\') => {
            out.extend_from_slice(&[b'\\', point as u8]);
        }
        0x20..=0x7e => out.push(point as u8),
        0..=0xff => push_display(out, format_args!("\\x{point:02x}")),
        0x100..=0xffff => push_display(out, format_args!("\\u{point:04x}")),
        _ => push_display(out, format_args!("\\U{point:08x}")),
    }
}

/// Reads generalised UTF-8; a byte that is none stands for itself.
fn code_points(bytes: &[u8]) -> impl Iterator<Item = u32> + '_ {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (&first, after) = rest.split_first()?;
        let (more, mut point) = match first {
            0xc0..=0xdf => (1, u32::from(first & 0x1f)),
            0xe0..=0xef => (2, u32::from(first & 0xf)),
            0xf0..=0xf7 => (3, u32::from(first & 7)),
            _ => (0, u32::from(first)),
        };
        rest = after;
        if let Some((tail, after)) = rest.split_at_checked(more)
            && more > 0
            && tail.iter().all(|byte| byte & 0xc0 == 0x80)
        {
            point = tail.iter().fold(point, |point, byte| point << 6 | u32::from(byte & 0x3f));
            rest = after;
        } else {
            point = u32::from(first);
        }
        Some(point)
    })
}

fn brackets(kind: ContainerKind) -> (&'static str, &'static str) {
    match kind {
        ContainerKind::Tuple => ("(", ")"),
        ContainerKind::List => ("[", "]"),
        ContainerKind::Dict => ("{", "}"),
        ContainerKind::Set => ("set([", "])"),
        ContainerKind::FrozenSet => ("frozenset([", "])"),
    }
}

fn push_container(out: &mut Vec<u8>, container: &Container) {
    let (open, close) = brackets(container.kind);
    out.extend_from_slice(open.as_bytes());
    let is_dict = container.kind == ContainerKind::Dict;
    for (place, item) in container.items.iter().enumerate() {
        match place {
            0 => {}
            _ if is_dict && place % 2 == 1 => out.extend_from_slice(b": "),
            _ => out.extend_from_slice(b", "),
        }
        push_value(out, item);
    }
    if let Some(count) = container.cut {
        let between = if container.items.is_empty() { "" } else { ", " };
        push_display(out, format_args!("{between}…({count} items)"));
    } else if container.kind == ContainerKind::Tuple && container.items.len() == 1 {
        out.push(b',');
    }
    out.extend_from_slice(close.as_bytes());
}

fn push_object(out: &mut Vec<u8>, what: What, name: &[u8], number: u32, receiver: Option<&Value>) {
    let word = match what {
        What::Instance => "",
        What::Function => "function ",
        What::Method => "method ",
        What::Builtin => "built-in ",
        What::Descriptor => "descriptor ",
        What::Type => "type ",
        What::Class => "class ",
        What::Module => "module ",
        What::Code => "code object ",
        What::Generator => "generator ",
        What::Wrapper => "method-wrapper ",
        What::Partial => "",
        What::Foreign => "foreign function ",
    };
    push_display(out, format_args!("<{word}"));
    push_name(out, name);
    push_display(out, format_args!(" #{number}"));
    if let Some(receiver) = receiver {
        out.extend_from_slice(b" of ");
        push_value(out, receiver);
    }
    out.push(b'>');
}

/// Appends a name, whose bytes can be any, as NAME of a trace is written.  What needs no import has no module before it.
pub fn push_name(out: &mut Vec<u8>, name: &[u8]) {
    let bare = name.strip_prefix(b"__builtin__.").or_else(|| name.strip_prefix(b"exceptions."));
    push_display(out, Printable::name(bare.unwrap_or(name)));
}

/// Appends the exception that ended a call.
pub fn push_raised(out: &mut Vec<u8>, raised: &Raised) {
    out.extend_from_slice(b"raises ");
    push_name(out, &raised.type_name);
    if !raised.message.is_empty() {
        push_display(out, format_args!(": {}", Printable::text(&raised.message)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &Value) -> String {
        let mut out = Vec::new();
        push_value(&mut out, value);
        String::from_utf8(out).expect("UTF-8")
    }

    fn str(bytes: &[u8]) -> Value {
        Value::Str(Text { bytes: bytes.to_vec(), cut: None })
    }

    #[test]
    fn strings_are_written_as_repr_writes_them() {
        assert_eq!(text(&str(b"it's")), r#""it's""#);
        assert_eq!(text(&str(b"a'\"\n\\\xff\0")), r#"'a\'"\n\\\xff\x00'"#);
        let unicode = |bytes: &[u8]| text(&Value::Unicode(Text { bytes: bytes.to_vec(), cut: None }));
        assert_eq!(unicode("ü→😀".as_bytes()), r"u'\xfc\u2192\U0001f600'");
        assert_eq!(unicode(b"\xed\xa0\x80"), r"u'\ud800'");
        assert_eq!(unicode(b"\xe2\x86"), r"u'\xe2\x86'");
        let cut = Text { bytes: b"ab".to_vec(), cut: Some((7000, 0xbeef)) };
        assert_eq!(text(&Value::Str(cut)), "'ab'…(7000 bytes, crc32 0000beef)");
    }

    #[test]
    fn containers_say_how_much_they_do_not_show() {
        let container = |kind, items, cut| text(&Value::Container(Container { kind, number: 1, items, cut }));
        assert_eq!(container(ContainerKind::Tuple, vec![Value::Int(1)], None), "(1,)");
        assert_eq!(container(ContainerKind::List, vec![], Some(3)), "[…(3 items)]");
        assert_eq!(container(ContainerKind::Dict, vec![str(b"a"), Value::None], Some(9)), "{'a': None, …(9 items)}");
        assert_eq!(text(&Value::Deep { kind: ContainerKind::Set, number: 3 }), "set([…])");
    }

    #[test]
    fn a_name_forges_no_line() {
        let name = b"A>\n\x1b\xff"[..].into();
        let object = Value::Object { what: What::Type, name, number: 7, receiver: None };
        assert_eq!(text(&object), r"<type A>\n\x1b\xff #7>");
    }
}
