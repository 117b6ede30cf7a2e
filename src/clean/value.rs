//! What is known of a value on the stack or in a local variable, and what operators make of constants.

use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;

use rustc_hash::FxBuildHasher;

use super::integer::Integer;
use super::pure::{Builtin, Method};
use crate::bytecode::object::Object;
use crate::bytecode::opcode::op;

/// A constant that can be compared and kept as part of a state.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Literal {
    None,
    Ellipsis,
    Bool(bool),
    Int(i64),
    Str(Arc<[u8]>),
    Unicode(Arc<[u32]>),
    /// A float by its bits.
    Float(u64),
    Tuple(Vec<Literal>),
    /// Any other constant, by its index in the code object.
    Other(u32),
}

/// What one entry of the value stack is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    Unknown,
    Constant(Literal),
    /// One of the three entries that an exception pushes, 0 for the topmost, for the block that was set up there.
    Exception {
        part: u8,
        setup: u32,
        class: Option<&'static str>,
    },
    /// An int or long whose value is not known.
    Integer(Integer),
    /// An exception that was just made of constants, by its class among the builtins.
    Instance(&'static str),
    /// Not known, but made of constants alone: of these, as a number.
    Fixed(u64),
    /// The same of what can change: nothing is known of it once it is stored.
    Fresh(u64),
    /// A list, dict or set that nothing else refers to, and whether something is in it.
    Container(bool),
    /// A tuple of values, of which some are known.
    Tuple(Vec<Value>),
    /// A list of constants that nothing else refers to.
    List(Vec<Literal>),
    /// A dict of constants that nothing else refers to: keys and values.
    Dict(Vec<(Literal, Literal)>),
    /// A builtin that only makes a value of its arguments.
    Builtin(Builtin),
    /// A method of a constant.
    Method(Literal, Method),
    /// An iterator that yields nothing.
    NoItems,
    /// An iterator over constants that is at the first one, which is this.
    Iterator(Literal),
    /// The same once the FOR_ITER at `by` has taken the first item.
    Begun {
        by: u32,
        first: Literal,
    },
    /// The name of this truth value, to which nothing gives another meaning.  A loop on it is what the compiler makes of `while True`.
    Truth(bool),
    /// A function that was made of the code object with this index among the constants.
    Function(u32),
    /// A class of exceptions among the builtins.
    Class(&'static str),
    /// Whether the exception that is handled is of a class: each `except` asks, and has a side for those that are not.
    Match,
    /// What a finally or with block that can be entered in several ways finds on the stack, by the number of its entry; one to three
    /// entries of the VM's.
    Reason(u32),
}

impl Value {
    /// Returns the constant that it is.
    pub fn literal(&self) -> Option<&Literal> {
        if let Value::Constant(literal) = self { Some(literal) } else { None }
    }

    /// Returns whether it is true; None if that is not known.
    pub fn truth(&self) -> Option<bool> {
        match self {
            Value::Constant(literal) => literal.truth(),
            Value::Container(full) => Some(*full),
            Value::Integer(integer) => integer.truth(),
            Value::Tuple(items) => Some(!items.is_empty()),
            Value::List(items) => Some(!items.is_empty()),
            Value::Dict(items) => Some(!items.is_empty()),
            Value::Class(_) | Value::Function(_) | Value::Builtin(_) | Value::Method(..) => Some(true),
            _ => None,
        }
    }
}

/// A number for what an instruction makes of operands that are made of constants alone: equal numbers stand for equal values.
pub fn number_of(opcode: u8, operand: i32, operands: &[Value]) -> u64 {
    FxBuildHasher.hash_one((opcode, operand, operands))
}

/// What an operator makes of constants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Is(Literal),
    Raises(&'static str),
    Unknown,
}

impl Literal {
    /// Makes a literal of the constant at `index`.
    pub fn of(object: &Object, index: u32) -> Literal {
        Literal::plain(object, 0).unwrap_or(Literal::Other(index))
    }

    fn plain(object: &Object, depth: u32) -> Option<Literal> {
        Some(match object {
            Object::None => Literal::None,
            Object::Ellipsis => Literal::Ellipsis,
            Object::Bool(value) => Literal::Bool(*value),
            Object::Int(value) => Literal::Int(*value),
            Object::Str(bytes) => Literal::Str(bytes.clone()),
            Object::Unicode(points) => Literal::Unicode(points.clone()),
            Object::Float(value) => Literal::Float(value.to_bits()),
            Object::Tuple(items) if depth < 8 && items.len() <= 64 => {
                Literal::Tuple(items.iter().map(|item| Literal::plain(item, depth + 1)).collect::<Option<_>>()?)
            }
            _ => return None,
        })
    }

    /// Makes the constant of it; None for one that is known by its index alone.
    pub fn object(&self) -> Option<Object> {
        Some(match self {
            Literal::None => Object::None,
            Literal::Ellipsis => Object::Ellipsis,
            Literal::Bool(value) => Object::Bool(*value),
            Literal::Int(value) => Object::Int(*value),
            Literal::Str(bytes) => Object::Str(bytes.clone()),
            Literal::Unicode(points) => Object::Unicode(points.clone()),
            Literal::Float(bits) => Object::Float(f64::from_bits(*bits)),
            Literal::Tuple(items) => {
                Object::Tuple(items.iter().map(Literal::object).collect::<Option<Vec<Object>>>()?.into())
            }
            Literal::Other(_) => return None,
        })
    }

    /// Returns whether it is true; None if that is not known.
    pub fn truth(&self) -> Option<bool> {
        Some(match self {
            Literal::None => false,
            Literal::Ellipsis => true,
            Literal::Bool(value) => *value,
            Literal::Int(value) => *value != 0,
            Literal::Str(bytes) => !bytes.is_empty(),
            Literal::Unicode(points) => !points.is_empty(),
            Literal::Float(bits) => f64::from_bits(*bits) != 0.0,
            Literal::Tuple(items) => !items.is_empty(),
            Literal::Other(_) => return None,
        })
    }

    fn number(&self) -> Option<i64> {
        match self {
            Literal::Bool(value) => Some(i64::from(*value)),
            Literal::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The float that equals a number, if there is one without rounding.
    fn float(&self) -> Option<f64> {
        match self {
            Literal::Float(bits) => Some(f64::from_bits(*bits)),
            _ => self.number().and_then(|number| i32::try_from(number).ok()).map(f64::from),
        }
    }

    /// Returns whether it may be iterated over.
    pub fn can_iterate(&self) -> bool {
        !matches!(self, Literal::None | Literal::Ellipsis) && !self.is_number()
    }

    fn is_number(&self) -> bool {
        matches!(self, Literal::Bool(_) | Literal::Int(_) | Literal::Float(_))
    }
}

impl fmt::Display for Literal {
    /// Writes it about as Python's `repr` does; long texts are cut.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 60;
        match self {
            Literal::None => f.write_str("None"),
            Literal::Ellipsis => f.write_str("Ellipsis"),
            Literal::Bool(true) => f.write_str("True"),
            Literal::Bool(false) => f.write_str("False"),
            Literal::Int(number) => write!(f, "{number}"),
            Literal::Str(bytes) => {
                write!(
                    f,
                    "'{}'{}",
                    bytes[..bytes.len().min(MOST)].escape_ascii(),
                    if bytes.len() > MOST { "..." } else { "" }
                )
            }
            Literal::Unicode(points) => {
                let text: String =
                    points.iter().take(MOST).map(|&point| char::from_u32(point).unwrap_or('\u{fffd}')).collect();
                write!(f, "u'{}'{}", text.escape_default(), if points.len() > MOST { "..." } else { "" })
            }
            Literal::Float(bits) => write!(f, "{}", f64::from_bits(*bits)),
            Literal::Tuple(items) => write!(f, "a tuple of {} items", items.len()),
            Literal::Other(_) => f.write_str("a constant"),
        }
    }
}

/// Applies a unary operator (Objects/intobject.c, for ints).
pub fn unary(opcode: u8, value: &Literal) -> Outcome {
    let number = match (opcode, value.number()) {
        (op::UNARY_NOT, _) => {
            return value.truth().map_or(Outcome::Unknown, |truth| Outcome::Is(Literal::Bool(!truth)));
        }
        (op::UNARY_POSITIVE, number) => number,
        (op::UNARY_NEGATIVE, Some(number)) => number.checked_neg(),
        (op::UNARY_INVERT, Some(number)) => Some(!number),
        _ => None,
    };
    number.map_or(Outcome::Unknown, |number| Outcome::Is(Literal::Int(number)))
}

/// Applies a binary or in-place operator.  Results that do not fit a C long are unknown.
pub fn binary(opcode: u8, left: &Literal, right: &Literal) -> Outcome {
    if let (Some(left_number), Some(right_number)) = (left.number(), right.number()) {
        let (left, right, both_bool) =
            (left_number, right_number, matches!((left, right), (Literal::Bool(_), Literal::Bool(_))));
        // Of two bools, the operators on bits make a bool.
        if both_bool && matches!(opcode, op::BINARY_AND..=op::BINARY_OR | op::INPLACE_AND..=op::INPLACE_OR) {
            return match of_numbers(opcode, left, right) {
                Outcome::Is(Literal::Int(bit)) => Outcome::Is(Literal::Bool(bit != 0)),
                other => other,
            };
        }
        return of_numbers(opcode, left, right);
    }
    if let Some(number) = of_floats(opcode, left, right) {
        return Outcome::Is(Literal::Float(number.to_bits()));
    }
    let is_true_of_none = matches!(left, Literal::None) || matches!(right, Literal::None);
    match (opcode, left, right) {
        (op::BINARY_ADD | op::INPLACE_ADD, Literal::Str(left), Literal::Str(right))
            if left.len() + right.len() < 4096 =>
        {
            Outcome::Is(Literal::Str([&**left, &**right].concat().into()))
        }
        (op::BINARY_MULTIPLY | op::INPLACE_MULTIPLY, Literal::Str(bytes), count)
        | (op::BINARY_MULTIPLY | op::INPLACE_MULTIPLY, count, Literal::Str(bytes))
            if count.number().is_some() =>
        {
            let count = usize::try_from(count.number().unwrap_or(0)).unwrap_or(0);
            match count.checked_mul(bytes.len()) {
                Some(0..4096) => Outcome::Is(Literal::Str(bytes.repeat(count).into())),
                _ => Outcome::Unknown,
            }
        }
        (op::BINARY_SUBSCR, Literal::Str(bytes), index) => match index.number() {
            Some(index) => {
                let place = if index < 0 { index + bytes.len() as i64 } else { index };
                match usize::try_from(place).ok().and_then(|place| bytes.get(place)) {
                    Some(byte) => Outcome::Is(Literal::Str([*byte].as_slice().into())),
                    None => Outcome::Raises("IndexError"),
                }
            }
            None => Outcome::Unknown,
        },
        (op::BINARY_SUBSCR, Literal::Tuple(items), index) => match index.number() {
            Some(index) => {
                let place = if index < 0 { index + items.len() as i64 } else { index };
                match usize::try_from(place).ok().and_then(|place| items.get(place)) {
                    Some(item) => Outcome::Is(item.clone()),
                    None => Outcome::Raises("IndexError"),
                }
            }
            None => Outcome::Unknown,
        },
        (op::BINARY_MODULO | op::INPLACE_MODULO, Literal::Str(_) | Literal::Unicode(_), _) => Outcome::Unknown,
        (op::BINARY_SUBSCR, Literal::None, _) => Outcome::Raises("TypeError"),
        _ if opcode != op::BINARY_SUBSCR && is_true_of_none && is_simple(left) && is_simple(right) => {
            Outcome::Raises("TypeError")
        }
        (op::BINARY_ADD | op::BINARY_SUBTRACT, Literal::Str(_), Literal::Int(_))
        | (op::BINARY_ADD | op::BINARY_SUBTRACT, Literal::Int(_), Literal::Str(_)) => Outcome::Raises("TypeError"),
        _ => Outcome::Unknown,
    }
}

/// Whether an instruction is a binary or in-place operator.
pub fn is_operator(opcode: u8) -> bool {
    matches!(
        opcode,
        op::BINARY_POWER..=op::INPLACE_TRUE_DIVIDE
            | op::INPLACE_ADD..=op::INPLACE_MODULO
            | op::BINARY_LSHIFT..=op::INPLACE_POWER
            | op::INPLACE_LSHIFT..=op::INPLACE_OR
    )
}

fn is_simple(value: &Literal) -> bool {
    matches!(value, Literal::None | Literal::Str(_)) || value.is_number()
}

/// Adds, subtracts or multiplies two numbers of which one is a float; None for all else.
fn of_floats(opcode: u8, left: &Literal, right: &Literal) -> Option<f64> {
    if !matches!(left, Literal::Float(_)) && !matches!(right, Literal::Float(_)) {
        return None;
    }
    let (left, right) = (left.float()?, right.float()?);
    match opcode {
        op::BINARY_ADD | op::INPLACE_ADD => Some(left + right),
        op::BINARY_SUBTRACT | op::INPLACE_SUBTRACT => Some(left - right),
        op::BINARY_MULTIPLY | op::INPLACE_MULTIPLY => Some(left * right),
        _ => None,
    }
}

fn of_numbers(opcode: u8, left: i64, right: i64) -> Outcome {
    let shift = || u32::try_from(right).ok().filter(|&bits| bits < 63);
    let result = match opcode {
        op::BINARY_ADD | op::INPLACE_ADD => left.checked_add(right),
        op::BINARY_SUBTRACT | op::INPLACE_SUBTRACT => left.checked_sub(right),
        op::BINARY_MULTIPLY | op::INPLACE_MULTIPLY => left.checked_mul(right),
        op::BINARY_AND | op::INPLACE_AND => Some(left & right),
        op::BINARY_OR | op::INPLACE_OR => Some(left | right),
        op::BINARY_XOR | op::INPLACE_XOR => Some(left ^ right),
        op::BINARY_DIVIDE
        | op::INPLACE_DIVIDE
        | op::BINARY_FLOOR_DIVIDE
        | op::INPLACE_FLOOR_DIVIDE
        | op::BINARY_MODULO
        | op::INPLACE_MODULO
        | op::BINARY_TRUE_DIVIDE
        | op::INPLACE_TRUE_DIVIDE
            if right == 0 =>
        {
            return Outcome::Raises("ZeroDivisionError");
        }
        op::BINARY_DIVIDE | op::INPLACE_DIVIDE | op::BINARY_FLOOR_DIVIDE | op::INPLACE_FLOOR_DIVIDE => {
            left.checked_div_euclid(right).map(|_| floor_divide(left, right))
        }
        op::BINARY_MODULO | op::INPLACE_MODULO => {
            left.checked_div_euclid(right).map(|_| left.wrapping_sub(floor_divide(left, right).wrapping_mul(right)))
        }
        op::BINARY_LSHIFT | op::INPLACE_LSHIFT => {
            shift().and_then(|bits| left.checked_shl(bits).filter(|result| result >> bits == left))
        }
        op::BINARY_RSHIFT | op::INPLACE_RSHIFT => shift().map(|bits| left >> bits),
        op::BINARY_POWER | op::INPLACE_POWER => u32::try_from(right).ok().and_then(|right| left.checked_pow(right)),
        op::BINARY_SUBSCR => return Outcome::Raises("TypeError"),
        _ => None,
    };
    result.map_or(Outcome::Unknown, |number| Outcome::Is(Literal::Int(number)))
}

fn floor_divide(left: i64, right: i64) -> i64 {
    let quotient = left.wrapping_div(right);
    if left.wrapping_rem(right) != 0 && (left < 0) != (right < 0) { quotient - 1 } else { quotient }
}

/// Applies COMPARE_OP; its operand chooses the comparison.
pub fn compare(operand: i32, left: &Literal, right: &Literal) -> Outcome {
    use std::cmp::Ordering;
    let known = |truth: bool| Outcome::Is(Literal::Bool(truth));
    let singleton = |value: &Literal| matches!(value, Literal::None | Literal::Bool(_) | Literal::Ellipsis);
    let order = match (left, right) {
        (Literal::Str(left), Literal::Str(right)) => Some(left.cmp(right)),
        (Literal::None, Literal::None) => Some(Ordering::Equal),
        (Literal::Float(_), _) | (_, Literal::Float(_)) => {
            left.float().zip(right.float()).and_then(|(left, right)| left.partial_cmp(&right))
        }
        _ => left.number().zip(right.number()).map(|(left, right)| left.cmp(&right)),
    };
    match (operand, order) {
        (0, Some(order)) => known(order.is_lt()),
        (1, Some(order)) => known(order.is_le()),
        (2, Some(order)) => known(order.is_eq()),
        (3, Some(order)) => known(order.is_ne()),
        (4, Some(order)) => known(order.is_gt()),
        (5, Some(order)) => known(order.is_ge()),
        // Values of different simple types are not equal, a str and a unicode aside.
        (2 | 3, None) if is_simple(left) && is_simple(right) && !(left.is_number() && right.is_number()) => {
            known(operand == 3)
        }
        (2 | 3, _) if matches!((left, right), (Literal::Tuple(_), Literal::Tuple(_))) => {
            are_equal(left, right).map_or(Outcome::Unknown, |equal| known(equal == (operand == 2)))
        }
        (6 | 7, _) => match right {
            Literal::Str(text) => match left {
                Literal::Str(part) => {
                    let found = part.is_empty() || text.windows(part.len()).any(|bytes| *bytes == **part);
                    known(found == (operand == 6))
                }
                _ => Outcome::Unknown,
            },
            Literal::Tuple(items) if is_simple(left) => {
                let found: Option<bool> = items.iter().try_fold(false, |found, item| match compare(2, left, item) {
                    Outcome::Is(Literal::Bool(equal)) => Some(found | equal),
                    _ => None,
                });
                found.map_or(Outcome::Unknown, |found| known(found == (operand == 6)))
            }
            _ => Outcome::Unknown,
        },
        (8 | 9, _) if singleton(left) || singleton(right) => known((left == right) == (operand == 8)),
        _ => Outcome::Unknown,
    }
}

/// Whether two tuples are equal, item by item; None if that is not known.
fn are_equal(left: &Literal, right: &Literal) -> Option<bool> {
    match (left, right) {
        (Literal::Tuple(left), Literal::Tuple(right)) if left.len() == right.len() => {
            left.iter().zip(right).try_fold(true, |all, (left, right)| Some(all & are_equal(left, right)?))
        }
        (Literal::Tuple(_), Literal::Tuple(_)) => Some(false),
        _ => match compare(2, left, right) {
            Outcome::Is(Literal::Bool(equal)) => Some(equal),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ints_divide_and_take_remainders_as_python_does() {
        let int = |number| Literal::Int(number);
        for (left, right, quotient, rest) in [(7, 2, 3, 1), (-7, 2, -4, 1), (7, -2, -4, -1), (-7, -2, 3, -1)] {
            assert_eq!(binary(op::BINARY_DIVIDE, &int(left), &int(right)), Outcome::Is(int(quotient)));
            assert_eq!(binary(op::BINARY_MODULO, &int(left), &int(right)), Outcome::Is(int(rest)));
        }
        assert_eq!(binary(op::BINARY_DIVIDE, &int(i64::MIN), &int(-1)), Outcome::Unknown);
        assert_eq!(binary(op::BINARY_DIVIDE, &int(1), &int(0)), Outcome::Raises("ZeroDivisionError"));
        assert_eq!(binary(op::BINARY_LSHIFT, &int(1), &int(62)), Outcome::Is(int(1 << 62)));
        assert_eq!(binary(op::BINARY_LSHIFT, &int(3), &int(62)), Outcome::Unknown);
    }
}
