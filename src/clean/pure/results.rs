//! What builtins make of numbers, texts and sequences of them.

use super::{Builtin, Method, Runner, Thing, attributes, literal, text};
use crate::bytecode::opcode::op;
use crate::clean::value::{self, Literal, Outcome};

impl<'a> Runner<'a, '_> {
    /// The result of a builtin that takes plain values or a sequence of them; None if it could fail, or is not worked out.
    pub(super) fn plain_result(&mut self, builtin: Builtin, arguments: &[Thing<'a>]) -> Option<Thing<'a>> {
        let is_callable = |of: &Thing| matches!(of, Thing::Function(_) | Thing::Builtin(_) | Thing::Method(..));
        match (builtin, arguments) {
            (Builtin::Callable, [of]) if is_callable(of) => return truth(true),
            (Builtin::Callable, [Thing::Plain(_) | Thing::List(_)]) => return truth(false),
            (Builtin::Hasattr, [of, Thing::Plain(Literal::Str(name))]) => return truth(attributes::has(of, name)?),
            (Builtin::Getattr, [of, Thing::Plain(Literal::Str(name))]) => return self.attribute(of, name),
            (Builtin::Getattr, [of, Thing::Plain(Literal::Str(name)), default]) => {
                return if attributes::has(of, name)? { self.attribute(of, name) } else { Some(default.clone()) };
            }
            (Builtin::Issubclass, [Thing::Builtin(one), Thing::Builtin(other)]) => {
                return truth(super::methods::is_subclass(*one, *other)?);
            }
            (Builtin::Sum | Builtin::All | Builtin::Any | Builtin::Sorted | Builtin::Max | Builtin::Min, [of]) => {
                let items = self.items(of)?;
                return of_items(builtin, items);
            }
            _ => {}
        }
        let arguments = arguments.iter().map(literal).collect::<Option<Vec<Literal>>>()?;
        of_literals(builtin, &arguments).map(Thing::Plain)
    }

    /// The result of `%` with a text on its left: of `%s`, `%d`, `%x`, `%c` and `%%` without flags.
    pub(super) fn formatted(&mut self, format: &[u8], by: &Literal) -> Option<Thing<'a>> {
        let items = if let Literal::Tuple(items) = by { items.clone() } else { vec![by.clone()] };
        let mut items = items.iter();
        let mut made = Vec::new();
        let mut bytes = format.iter();
        while let Some(&byte) = bytes.next() {
            if byte != b'%' {
                made.push(byte);
                continue;
            }
            match (bytes.next()?, &mut items) {
                (b'%', _) => made.push(b'%'),
                (kind, items) => match (kind, items.next()?) {
                    (b's', Literal::Str(text)) => made.extend_from_slice(text),
                    (b's' | b'd' | b'i', Literal::Int(number)) => made.extend(number.to_string().bytes()),
                    (b'x', Literal::Int(number @ 0..)) => made.extend(format!("{number:x}").bytes()),
                    (b'c', Literal::Int(number)) => {
                        self.means.makes = true;
                        self.means.joins |= !made.is_empty();
                        made.push(u8::try_from(*number).ok()?);
                    }
                    _ => return None,
                },
            }
            super::sized(made.len())?;
        }
        self.spend(made.len() / 16)?;
        items.next().is_none().then(|| text(made))
    }
}

fn truth<'a>(is_true: bool) -> Option<Thing<'a>> {
    Some(Thing::Plain(Literal::Bool(is_true)))
}

fn is(outcome: Outcome) -> Option<Literal> {
    if let Outcome::Is(literal) = outcome { Some(literal) } else { None }
}

/// Ints or texts in their order; None if there are both, or others.
fn sorted(mut items: Vec<Literal>) -> Option<Vec<Literal>> {
    let is_int = |one: &Literal| matches!(one, Literal::Int(_));
    let is_text = |one: &Literal| matches!(one, Literal::Str(_));
    if !items.iter().all(is_int) && !items.iter().all(is_text) {
        return None;
    }
    items.sort_by(|one, other| match (one, other) {
        (Literal::Int(one), Literal::Int(other)) => one.cmp(other),
        (Literal::Str(one), Literal::Str(other)) => one.cmp(other),
        _ => std::cmp::Ordering::Equal,
    });
    Some(items)
}

fn of_items<'a>(builtin: Builtin, items: Vec<Literal>) -> Option<Thing<'a>> {
    match builtin {
        Builtin::Sum => {
            let start = Some(Literal::Int(0));
            let sum = items.iter().fold(start, |sum, item| match (sum?, item) {
                (sum, Literal::Int(_)) => is(value::binary(op::BINARY_ADD, &sum, item)),
                _ => None,
            });
            sum.map(Thing::Plain)
        }
        Builtin::Sorted => sorted(items).map(Thing::list),
        Builtin::Max => sorted(items)?.pop().map(Thing::Plain),
        Builtin::Min => sorted(items)?.into_iter().next().map(Thing::Plain),
        _ => {
            let truths = items.iter().map(Literal::truth).collect::<Option<Vec<bool>>>()?;
            let is_all = builtin == Builtin::All;
            truth(if is_all { truths.into_iter().all(|one| one) } else { truths.into_iter().any(|one| one) })
        }
    }
}

fn of_literals(builtin: Builtin, arguments: &[Literal]) -> Option<Literal> {
    let texts = |text: String| Literal::Str(text.into_bytes().into());
    let sign = |number: i64| if number < 0 { "-" } else { "" };
    Some(match (builtin, arguments) {
        (Builtin::Divmod, [one @ Literal::Int(_), by @ Literal::Int(_)]) => Literal::Tuple(vec![
            is(value::binary(op::BINARY_FLOOR_DIVIDE, one, by))?,
            is(value::binary(op::BINARY_MODULO, one, by))?,
        ]),
        (Builtin::Pow, [one @ Literal::Int(_), by @ Literal::Int(_)]) => is(value::binary(op::BINARY_POWER, one, by))?,
        (Builtin::Pow, [Literal::Int(one), Literal::Int(by @ 0..), Literal::Int(modulus @ 1..)]) => {
            Literal::Int(power(*one, *by, *modulus)?)
        }
        (Builtin::Cmp, [one, other]) => {
            let is_less = is(value::compare(0, one, other))? == Literal::Bool(true);
            let is_more = is(value::compare(4, one, other))? == Literal::Bool(true);
            Literal::Int(i64::from(is_more) - i64::from(is_less))
        }
        (Builtin::Hex, [Literal::Int(number)]) => texts(format!("{}0x{:x}", sign(*number), number.unsigned_abs())),
        (Builtin::Bin, [Literal::Int(number)]) => texts(format!("{}0b{:b}", sign(*number), number.unsigned_abs())),
        (Builtin::Oct, [Literal::Int(0)]) => texts("0".into()),
        (Builtin::Oct, [Literal::Int(number)]) => texts(format!("{}0{:o}", sign(*number), number.unsigned_abs())),
        (Builtin::Repr | Builtin::Str, [only @ (Literal::None | Literal::Bool(_) | Literal::Int(_))]) => {
            texts(only.to_string())
        }
        (Builtin::Repr, [Literal::Str(text)]) => {
            let is_plain = |&byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'\'' | b'\\');
            text.iter().all(is_plain).then(|| Literal::Str([b"'", &**text, b"'"].concat().into()))?
        }
        _ => return None,
    })
}

/// `one ** by % modulus`; None where int_pow (Objects/intobject.c) makes a long of it, since a product is none of its ints.
fn power(one: i64, by: i64, modulus: i64) -> Option<i64> {
    let (mut made, mut square, mut left) = (1, one, by);
    while left > 0 {
        if left & 1 == 1 {
            made = i64::checked_mul(made, square)?;
        }
        left >>= 1;
        if left > 0 {
            square = i64::checked_mul(square, square)?;
        }
        made %= modulus;
        square %= modulus;
    }
    Some(made.rem_euclid(modulus))
}

/// The result of a method of an int or tuple, as far as it is worked out.
pub(super) fn of_method(of: &Literal, method: Method, arguments: &[Literal]) -> Option<Literal> {
    let equals = |one: &Literal, other: &Literal| is(value::compare(2, one, other)).map(|is| is == Literal::Bool(true));
    match (of, method, arguments) {
        (Literal::Int(number), Method::BitLength, []) => {
            Some(Literal::Int(i64::from(64 - number.unsigned_abs().leading_zeros())))
        }
        (Literal::Tuple(items), Method::Count, [of]) => {
            let equal = items.iter().map(|item| equals(item, of)).collect::<Option<Vec<bool>>>()?;
            Some(Literal::Int(equal.into_iter().filter(|equal| *equal).count() as i64))
        }
        (Literal::Tuple(items), Method::Index, [of]) => {
            let equal = items.iter().map(|item| equals(item, of)).collect::<Option<Vec<bool>>>()?;
            equal.into_iter().position(|equal| equal).map(|place| Literal::Int(place as i64))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(builtin: Builtin, arguments: &[Literal]) -> Option<Literal> {
        let arguments: Vec<Thing> = arguments.iter().cloned().map(Thing::Plain).collect();
        let mut runner = Runner::new(100, &super::super::builtin);
        literal(&runner.plain_result(builtin, &arguments)?)
    }

    fn str(bytes: &[u8]) -> Literal {
        Literal::Str(bytes.into())
    }

    #[test]
    fn builtins_of_numbers_make_what_python_makes() {
        let int = Literal::Int;
        assert_eq!(called(Builtin::Divmod, &[int(-7), int(2)]), Some(Literal::Tuple(vec![int(-4), int(1)])));
        assert_eq!(called(Builtin::Divmod, &[int(7), int(0)]), None, "it fails");
        assert_eq!(called(Builtin::Pow, &[int(-3), int(5), int(7)]), Some(int(2)));
        assert_eq!(called(Builtin::Pow, &[int(5), int(0), int(1)]), Some(int(0)));
        assert_eq!(called(Builtin::Oct, &[int(-15)]), Some(str(b"-017")));
        assert_eq!(called(Builtin::Hex, &[int(i64::MIN)]), Some(str(b"-0x8000000000000000")));
        assert_eq!(called(Builtin::Cmp, &[str(b"b"), str(b"a")]), Some(int(1)));
        assert_eq!(called(Builtin::Repr, &[str(b"it's")]), None, "it has other quotes");
    }

    #[test]
    fn attributes_of_constants_are_known() {
        let has = |of: Literal, name: &[u8]| called(Builtin::Hasattr, &[of, str(name)]);
        assert_eq!(has(Literal::Int(3), b"real"), Some(Literal::Bool(true)));
        assert_eq!(has(Literal::Int(3), b"upper"), Some(Literal::Bool(false)));
        assert_eq!(has(str(b"x"), b"upper"), Some(Literal::Bool(true)));
        assert_eq!(has(Literal::None, b"__class__"), Some(Literal::Bool(true)));
        assert_eq!(has(Literal::Float(0), b"real"), Some(Literal::Bool(true)));
    }

    #[test]
    fn items_are_sorted_if_they_are_of_one_kind() {
        let items = |items: &[i64]| Literal::Tuple(items.iter().copied().map(Literal::Int).collect());
        assert_eq!(called(Builtin::Max, &[items(&[2, 9, 4])]), Some(Literal::Int(9)));
        assert_eq!(called(Builtin::Max, &[items(&[])]), None, "it fails");
        assert_eq!(called(Builtin::Sum, &[items(&[2, 9, 4])]), Some(Literal::Int(15)));
        assert_eq!(called(Builtin::All, &[items(&[2, 0])]), Some(Literal::Bool(false)));
        assert_eq!(called(Builtin::Min, &[Literal::Tuple(vec![Literal::Int(1), Literal::None])]), None);
    }

    #[test]
    fn texts_are_formatted() {
        let mut runner = Runner::new(100, &super::super::builtin);
        let mut formatted =
            |format: &[u8], by: Vec<Literal>| runner.formatted(format, &Literal::Tuple(by)).as_ref().and_then(literal);
        assert_eq!(formatted(b"%c%c%%", vec![Literal::Int(104), Literal::Int(105)]), Some(str(b"hi%")));
        assert_eq!(formatted(b"%s-%d", vec![str(b"x"), Literal::Int(-5)]), Some(str(b"x--5")));
        assert_eq!(formatted(b"%s", vec![]), None, "it fails");
        assert_eq!(formatted(b"x", vec![Literal::Int(1)]), None, "it fails");
    }
}
