//! The builtins that only make a value of their arguments.

use super::Thing;
use crate::clean::value::Literal;

/// A builtin function or type that only makes a value of its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Builtin {
    Abs,
    Bool,
    Float,
    /// What these make differs from run to run, but not within one.
    Id,
    Hash,
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
    Xrange,
    Str,
    Int,
    List,
    Tuple,
    Bytearray,
    Reversed,
    Enumerate,
    Zip,
    Map,
    All,
    Any,
    Basestring,
    Bin,
    Callable,
    Cmp,
    Divmod,
    Getattr,
    Hasattr,
    Hex,
    Issubclass,
    Object,
    Oct,
    Pow,
    Repr,
    Sorted,
    Sum,
    /// The one of this name, which has no effect if it gets constants, but is not worked out.
    Other(&'static str),
    /// The same, of what it makes can change: dict, iter, set.
    OtherNew(&'static str),
}

impl Builtin {
    /// Whether what it makes of constants stays as it is.
    pub fn makes_constants(self) -> bool {
        use Builtin::{Bytearray, Enumerate, Getattr, List, Map, Object, OtherNew, Range, Reversed, Sorted, Zip};
        !matches!(
            self,
            Bytearray | Enumerate | Getattr | List | Map | Object | OtherNew(_) | Range | Reversed | Sorted | Zip
        )
    }
}

/// Returns what a name of a builtin stands for.
pub fn builtin<'a>(name: &[u8]) -> Option<Thing<'a>> {
    Some(Thing::Builtin(match name {
        b"abs" => Builtin::Abs,
        b"bool" => Builtin::Bool,
        b"float" => Builtin::Float,
        b"id" => Builtin::Id,
        b"hash" => Builtin::Hash,
        b"isinstance" => Builtin::Isinstance,
        b"max" => Builtin::Max,
        b"min" => Builtin::Min,
        b"type" => Builtin::Type,
        b"unicode" => Builtin::Unicode,
        b"chr" => Builtin::Chr,
        b"unichr" => Builtin::Unichr,
        b"ord" => Builtin::Ord,
        b"len" => Builtin::Len,
        b"range" => Builtin::Range,
        b"xrange" => Builtin::Xrange,
        b"str" => Builtin::Str,
        b"int" => Builtin::Int,
        b"list" => Builtin::List,
        b"tuple" => Builtin::Tuple,
        b"bytearray" => Builtin::Bytearray,
        b"reversed" => Builtin::Reversed,
        b"enumerate" => Builtin::Enumerate,
        b"zip" => Builtin::Zip,
        b"map" => Builtin::Map,
        b"all" => Builtin::All,
        b"any" => Builtin::Any,
        b"basestring" => Builtin::Basestring,
        b"bin" => Builtin::Bin,
        b"callable" => Builtin::Callable,
        b"cmp" => Builtin::Cmp,
        b"divmod" => Builtin::Divmod,
        b"getattr" => Builtin::Getattr,
        b"hasattr" => Builtin::Hasattr,
        b"hex" => Builtin::Hex,
        b"issubclass" => Builtin::Issubclass,
        b"object" => Builtin::Object,
        b"oct" => Builtin::Oct,
        b"pow" => Builtin::Pow,
        b"repr" => Builtin::Repr,
        b"sorted" => Builtin::Sorted,
        b"sum" => Builtin::Sum,
        b"bytes" => Builtin::Str,
        b"complex" => Builtin::Other("complex"),
        b"format" => Builtin::Other("format"),
        b"frozenset" => Builtin::Other("frozenset"),
        b"long" => Builtin::Other("long"),
        b"round" => Builtin::Other("round"),
        b"slice" => Builtin::Other("slice"),
        b"dict" => Builtin::OtherNew("dict"),
        b"iter" => Builtin::OtherNew("iter"),
        b"set" => Builtin::OtherNew("set"),
        b"True" => return Some(Thing::Plain(Literal::Bool(true))),
        b"False" => return Some(Thing::Plain(Literal::Bool(false))),
        _ => return None,
    }))
}
