//! Calls: of functions, builtins, and the methods of texts and lists.

use std::cell::RefCell;
use std::rc::Rc;

use super::{Builtin, Runner, Thing, codecs, literal, results, sized, text, texts};
use crate::clean::value::Literal;

/// A method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    Join,
    Decode,
    Encode,
    Replace,
    Upper,
    Lower,
    Swapcase,
    Strip,
    Split,
    Translate,
    Append,
    Reverse,
    Find,
    Index,
    Count,
    Startswith,
    Endswith,
    Isalnum,
    Isalpha,
    Isdigit,
    Islower,
    Isspace,
    Isupper,
    Capitalize,
    Lstrip,
    Rstrip,
    Ljust,
    Rjust,
    Zfill,
    BitLength,
}

impl<'a> Runner<'a, '_> {
    /// The method of a value that LOAD_ATTR finds.
    pub fn attribute(&mut self, of: &Thing<'a>, name: &[u8]) -> Option<Thing<'a>> {
        let is_list = matches!(of, Thing::List(_));
        let is_str = matches!(of, Thing::Plain(Literal::Str(_)));
        let is_unicode = matches!(of, Thing::Plain(Literal::Unicode(_)));
        let is_int = matches!(of, Thing::Plain(Literal::Int(_)));
        let is_tuple = matches!(of, Thing::Plain(Literal::Tuple(_)));
        let method = match name {
            b"append" if is_list => Method::Append,
            b"reverse" if is_list => Method::Reverse,
            b"encode" if is_str || is_unicode => Method::Encode,
            b"join" if is_str || is_unicode => Method::Join,
            b"decode" if is_str => Method::Decode,
            b"replace" if is_str => Method::Replace,
            b"upper" if is_str => Method::Upper,
            b"lower" if is_str => Method::Lower,
            b"swapcase" if is_str => Method::Swapcase,
            b"strip" if is_str => Method::Strip,
            b"split" if is_str => Method::Split,
            b"translate" if is_str => Method::Translate,
            b"real" | b"numerator" if is_int => return Some(of.clone()),
            b"imag" if is_int => return Some(Thing::Plain(Literal::Int(0))),
            b"bit_length" if is_int => Method::BitLength,
            b"count" if is_str || is_tuple => Method::Count,
            b"index" if is_str || is_tuple => Method::Index,
            _ if is_str => texts::method(name)?,
            _ => return None,
        };
        Some(Thing::Method(Box::new(of.clone()), method))
    }

    pub fn call(&mut self, called: &Thing<'a>, arguments: &[Thing<'a>]) -> Option<Thing<'a>> {
        match called {
            Thing::Function(function) => {
                // What a named function makes and calls is its own business.
                self.means.calls |= !function.is_named && !self.means.names;
                self.means.names |= function.is_named;
                self.run(function, arguments)
            }
            Thing::Method(of, method) => self.method(of, *method, arguments),
            Thing::Builtin(builtin) => self.builtin(*builtin, arguments),
            _ => None,
        }
    }

    fn method(&mut self, of: &Thing<'a>, method: Method, arguments: &[Thing<'a>]) -> Option<Thing<'a>> {
        self.means.joins |= method == Method::Join && self.means.makes;
        match (of, method, arguments) {
            (Thing::Plain(Literal::Str(between)), Method::Join, [items]) => {
                let mut joined = Vec::new();
                for (place, item) in self.items(items)?.into_iter().enumerate() {
                    let Literal::Str(bytes) = item else { return None };
                    joined.extend_from_slice(if place > 0 { between } else { b"" });
                    joined.extend_from_slice(&bytes);
                    sized(joined.len())?;
                }
                Some(text(joined))
            }
            (Thing::Plain(Literal::Unicode(between)), Method::Join, [items]) => {
                let mut joined: Vec<u32> = Vec::new();
                for (place, item) in self.items(items)?.into_iter().enumerate() {
                    let Literal::Unicode(points) = item else { return None };
                    joined.extend_from_slice(if place > 0 { between } else { &[] });
                    joined.extend_from_slice(&points);
                    sized(joined.len())?;
                }
                Some(Thing::Plain(Literal::Unicode(joined.into())))
            }
            (Thing::List(items), Method::Append, [item]) => {
                sized(items.borrow().len() + 1)?;
                items.borrow_mut().push(literal(item)?);
                Some(Thing::Plain(Literal::None))
            }
            (Thing::List(items), Method::Reverse, []) => {
                self.means.reverses = true;
                items.borrow_mut().reverse();
                Some(Thing::Plain(Literal::None))
            }
            (Thing::Plain(Literal::Unicode(points)), Method::Encode, [Thing::Plain(Literal::Str(codec))]) => {
                codecs::encode_points(points, codec)
            }
            (Thing::Plain(Literal::Str(bytes)), _, _) => {
                let arguments: Option<Vec<Literal>> = arguments.iter().map(literal).collect();
                self.of_text(bytes, method, &arguments?)
            }
            (Thing::Plain(of), _, _) => {
                let arguments: Option<Vec<Literal>> = arguments.iter().map(literal).collect();
                results::of_method(of, method, &arguments?).map(Thing::Plain)
            }
            _ => None,
        }
    }

    fn of_text(&mut self, bytes: &[u8], method: Method, arguments: &[Literal]) -> Option<Thing<'a>> {
        self.spend(bytes.len() / 16)?;
        match (method, arguments) {
            (Method::Decode, [Literal::Str(codec)]) => {
                self.means.decodes = true;
                codecs::decode(bytes, codec)
            }
            (Method::Encode, [Literal::Str(codec)]) => {
                self.means.decodes = true;
                codecs::encode(bytes, codec)
            }
            (Method::Replace, [Literal::Str(from), Literal::Str(to)]) if !from.is_empty() => {
                let mut out = Vec::new();
                let mut at = 0;
                while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
                    let (piece, step): (&[u8], usize) =
                        if rest.starts_with(from) { (to, from.len()) } else { (&rest[..1], 1) };
                    out.extend_from_slice(piece);
                    sized(out.len())?;
                    at += step;
                }
                Some(text(out))
            }
            (Method::Upper, []) => Some(text(bytes.to_ascii_uppercase())),
            (Method::Lower, []) => Some(text(bytes.to_ascii_lowercase())),
            (Method::Swapcase, []) => {
                let swapped = |&byte: &u8| if byte.is_ascii_alphabetic() { byte ^ 0x20 } else { byte };
                Some(text(bytes.iter().map(swapped).collect()))
            }
            (Method::Split, [Literal::Str(at)]) => {
                let [at] = **at else { return None };
                let parts: Vec<Literal> =
                    bytes.split(|&byte| byte == at).map(|part| Literal::Str(part.into())).collect();
                self.spend(parts.len())?;
                Some(Thing::List(Rc::new(RefCell::new(parts))))
            }
            (Method::Strip, []) => {
                // isspace() in C's locale knows the vertical tab too.
                let is_space = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0b;
                let start = bytes.iter().position(|byte| !is_space(byte)).unwrap_or(bytes.len());
                let end = bytes.iter().rposition(|byte| !is_space(byte)).map_or(start, |last| last + 1);
                Some(text(bytes[start..end].to_vec()))
            }
            (Method::Translate, [Literal::Str(table)]) if table.len() == 256 => {
                self.means.decodes = true;
                Some(text(bytes.iter().map(|&byte| table[usize::from(byte)]).collect()))
            }
            _ => texts::result(bytes, method, arguments).map(Thing::Plain),
        }
    }

    fn builtin(&mut self, builtin: Builtin, arguments: &[Thing<'a>]) -> Option<Thing<'a>> {
        let list = |items: Vec<Literal>| Thing::List(Rc::new(RefCell::new(items)));
        let plain = |literal: Literal| Some(Thing::Plain(literal));
        match (builtin, arguments) {
            (Builtin::Abs, [Thing::Plain(Literal::Int(number))]) => plain(Literal::Int(number.checked_abs()?)),
            (Builtin::Hash, [Thing::Plain(Literal::Int(number))]) => {
                plain(Literal::Int(if *number == -1 { -2 } else { *number }))
            }
            (Builtin::Bool, [Thing::Plain(literal)]) => plain(Literal::Bool(literal.truth()?)),
            (Builtin::Isinstance, [Thing::Plain(of), Thing::Builtin(class)]) => {
                plain(Literal::Bool(is_subclass(type_of(of)?, *class)?))
            }
            (Builtin::Max | Builtin::Min, [_, _, ..]) => {
                let numbers: Option<Vec<i64>> = arguments
                    .iter()
                    .map(|one| if let Thing::Plain(Literal::Int(number)) = one { Some(*number) } else { None })
                    .collect();
                let numbers = numbers?.into_iter();
                plain(Literal::Int(if builtin == Builtin::Max { numbers.max()? } else { numbers.min()? }))
            }
            (Builtin::Type, [Thing::Plain(of)]) => type_of(of).map(Thing::Builtin),
            (Builtin::Type, [Thing::List(_)]) => Some(Thing::Builtin(Builtin::List)),
            (Builtin::Chr, [Thing::Plain(Literal::Int(number))]) => {
                self.means.makes = true;
                Some(text(vec![u8::try_from(*number).ok()?]))
            }
            (Builtin::Unichr, [Thing::Plain(Literal::Int(number))]) => {
                self.means.makes = true;
                let point = u32::try_from(*number).ok().filter(|&point| point < 0x11_0000)?;
                plain(Literal::Unicode([point].as_slice().into()))
            }
            (Builtin::Ord, [Thing::Plain(Literal::Str(bytes))]) => match **bytes {
                [byte] => plain(Literal::Int(byte.into())),
                _ => None,
            },
            (Builtin::Ord, [Thing::Plain(Literal::Unicode(points))]) => match **points {
                [point] => plain(Literal::Int(point.into())),
                _ => None,
            },
            (Builtin::Len, [of @ (Thing::Plain(_) | Thing::List(_) | Thing::Bytes(_) | Thing::Range(_))]) => {
                plain(Literal::Int(i64::try_from(self.items(of)?.len()).ok()?))
            }
            (Builtin::Range, _) => self.range(arguments).map(list),
            (Builtin::Xrange, _) => self.range(arguments).map(|items| Thing::Range(items.into())),
            (Builtin::Str, [Thing::Plain(Literal::Str(bytes))]) => Some(text(bytes.to_vec())),
            (Builtin::Str, [Thing::Bytes(bytes)]) => Some(text(bytes.to_vec())),
            (Builtin::Str, [Thing::Plain(Literal::Int(number))]) => Some(text(number.to_string().into_bytes())),
            (Builtin::Int, [Thing::Plain(Literal::Int(number))]) => plain(Literal::Int(*number)),
            (Builtin::Int, [Thing::Plain(Literal::Str(digits))]) => number(digits, 10),
            (Builtin::Int, [Thing::Plain(Literal::Str(digits)), Thing::Plain(Literal::Int(base))]) => {
                number(digits, u32::try_from(*base).ok()?)
            }
            (Builtin::List, [of]) => self.items(of).map(list),
            (Builtin::Tuple, [of]) => {
                let items = self.items(of)?;
                let is_small = items.len() <= super::MOST_IN_TUPLE && !items.iter().any(super::is_tuple);
                plain(Literal::Tuple(items)).filter(|_| is_small)
            }
            (Builtin::Reversed, [of @ (Thing::Plain(_) | Thing::List(_))]) => {
                self.means.reverses = true;
                let mut items = self.items(of)?;
                items.reverse();
                Some(Thing::iterator(items))
            }
            (Builtin::Bytearray, [of @ (Thing::Plain(Literal::Str(_) | Literal::Tuple(_)) | Thing::List(_))]) => {
                self.bytes(of).map(Thing::Bytes)
            }
            (Builtin::Enumerate, [of]) => {
                let items = self.items(of)?.into_iter().enumerate();
                let items: Vec<Literal> =
                    items.map(|(at, item)| Literal::Tuple(vec![Literal::Int(at as i64), item])).collect();
                (!items.iter().any(is_deep)).then(|| Thing::iterator(items))
            }
            (Builtin::Zip, [one, other]) => {
                let (one, other) = (self.items(one)?, self.items(other)?);
                let pairs = one.into_iter().zip(other).map(|(one, other)| Literal::Tuple(vec![one, other]));
                let pairs: Vec<Literal> = pairs.collect();
                (!pairs.iter().any(is_deep)).then(|| list(pairs))
            }
            (Builtin::Map, [function, of]) => {
                let mut made = Vec::new();
                for item in self.items(of)? {
                    made.push(literal(&self.call(function, &[Thing::Plain(item)])?)?);
                }
                Some(list(made))
            }
            _ => self.plain_result(builtin, arguments),
        }
    }

    fn range(&mut self, arguments: &[Thing<'a>]) -> Option<Vec<Literal>> {
        let numbers: Option<Vec<i64>> = arguments
            .iter()
            .map(|one| if let Thing::Plain(Literal::Int(number)) = one { Some(*number) } else { None })
            .collect();
        let (start, stop, step) = match numbers?[..] {
            [stop] => (0, stop, 1),
            [start, stop] => (start, stop, 1),
            [start, stop, step] if step != 0 => (start, stop, step),
            _ => return None,
        };
        let mut items = Vec::new();
        let mut at = start;
        while if step < 0 { at > stop } else { at < stop } {
            self.spend(1)?;
            sized(items.len())?;
            items.push(Literal::Int(at));
            at = at.checked_add(step)?;
        }
        Some(items)
    }

    fn bytes(&mut self, of: &Thing<'a>) -> Option<Rc<[u8]>> {
        if let Thing::Plain(Literal::Str(bytes)) = of {
            return Some(bytes.to_vec().into());
        }
        let byte = |item: Literal| if let Literal::Int(number) = item { u8::try_from(number).ok() } else { None };
        self.items(of)?.into_iter().map(byte).collect()
    }
}

/// The builtin type of a constant, if it is among those that are known.
fn type_of(literal: &Literal) -> Option<Builtin> {
    Some(match literal {
        Literal::Bool(_) => Builtin::Bool,
        Literal::Int(_) => Builtin::Int,
        Literal::Float(_) => Builtin::Float,
        Literal::Str(_) => Builtin::Str,
        Literal::Unicode(_) => Builtin::Unicode,
        Literal::Tuple(_) => Builtin::Tuple,
        _ => return None,
    })
}

/// Whether a builtin is a type of which it is known what is an instance of it.
fn is_type(builtin: Builtin) -> bool {
    use Builtin::{Bool, Bytearray, Float, Int, List, Str, Tuple, Unicode};
    matches!(builtin, Bool | Bytearray | Float | Int | List | Str | Tuple | Unicode)
}

/// Whether a builtin type is another one, or made of it; None if one of them is not known.
pub(super) fn is_subclass(one: Builtin, other: Builtin) -> Option<bool> {
    let is_based = match other {
        Builtin::Object => true,
        Builtin::Basestring => matches!(one, Builtin::Str | Builtin::Unicode),
        Builtin::Int => one == Builtin::Bool,
        _ => false,
    };
    let is_class = |class| is_type(class) || matches!(class, Builtin::Object | Builtin::Basestring);
    (is_class(one) && is_class(other)).then_some(one == other || is_based)
}

/// Whether a tuple has tuples that have tuples.
fn is_deep(literal: &Literal) -> bool {
    let has_tuples = |literal: &Literal| matches!(literal, Literal::Tuple(items) if items.iter().any(super::is_tuple));
    matches!(literal, Literal::Tuple(items) if items.iter().any(has_tuples))
}

/// Digits alone, without a sign or prefix.
fn number<'a>(digits: &[u8], base: u32) -> Option<Thing<'a>> {
    let digits = std::str::from_utf8(digits).ok()?;
    let is_plain = (2..=36).contains(&base) && !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(base));
    let number = if is_plain { i64::from_str_radix(digits, base).ok()? } else { return None };
    Some(Thing::Plain(Literal::Int(number)))
}
