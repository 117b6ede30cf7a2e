//! The builtins that only make a value of their arguments.

use super::Thing;
use crate::clean::value::Literal;

/// A builtin function or type that only makes a value of its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Builtin {
    Abs,
    Bool,
    Float,
    /// What it makes differs from run to run, but not within one.
    Id,
    Isinstance,
    Max,
    Min,
    Type,
    Unicode,
    Chr,
    Unichr,
    Ord,
    Len,
    Range,
    Str,
    Int,
    List,
    Tuple,
    Bytearray,
    Reversed,
    Enumerate,
    Zip,
    Map,
    /// One that has no effect if it gets constants, but that is not worked out.
    Other,
}

/// Returns what a name of a builtin stands for.
pub fn builtin<'a>(name: &[u8]) -> Option<Thing<'a>> {
    Some(Thing::Builtin(match name {
        b"abs" => Builtin::Abs,
        b"bool" => Builtin::Bool,
        b"float" => Builtin::Float,
        b"id" | b"hash" => Builtin::Id,
        b"isinstance" => Builtin::Isinstance,
        b"max" => Builtin::Max,
        b"min" => Builtin::Min,
        b"type" => Builtin::Type,
        b"unicode" => Builtin::Unicode,
        b"chr" => Builtin::Chr,
        b"unichr" => Builtin::Unichr,
        b"ord" => Builtin::Ord,
        b"len" => Builtin::Len,
        b"range" | b"xrange" => Builtin::Range,
        b"str" => Builtin::Str,
        b"int" => Builtin::Int,
        b"list" => Builtin::List,
        b"tuple" => Builtin::Tuple,
        b"bytearray" => Builtin::Bytearray,
        b"reversed" => Builtin::Reversed,
        b"enumerate" => Builtin::Enumerate,
        b"zip" => Builtin::Zip,
        b"map" => Builtin::Map,
        b"all" | b"any" | b"basestring" | b"bin" | b"bytes" | b"callable" | b"cmp" | b"complex" | b"dict"
        | b"divmod" | b"format" | b"frozenset" | b"hasattr" | b"hex" | b"issubclass" | b"long" | b"oct" | b"pow"
        | b"repr" | b"round" | b"set" | b"slice" | b"sorted" | b"sum" => Builtin::Other,
        b"True" | b"__debug__" => return Some(Thing::Plain(Literal::Bool(true))),
        b"False" => return Some(Thing::Plain(Literal::Bool(false))),
        _ => return None,
    }))
}
