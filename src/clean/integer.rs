//! Ints that are not known, but of which is known what they leave when they are divided by 24, for each thing that another int can leave,
//! how they differ from that int, and what they are at least.  It shows that x * (x + 1) is even, that no square leaves 3 divided by 4 and
//! that x - x is 0, whatever x is.

use crate::bytecode::opcode::op;

/// Divisors that are looked at divide this.
const BASE: i64 = 24;

/// An int or long.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Integer {
    /// No more is known of it.
    Any,
    Left(Left),
    /// It was made of several ints: a bit for each thing that it can leave.
    Mixed(u32),
}

/// What an int leaves divided by 24, by what the int leaves that it was made of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Left {
    /// The offset of the instruction that made the other int; None if this is a constant.
    of: Option<u32>,
    left: [u8; BASE as usize],
    /// It is itself what it leaves.
    is_whole: bool,
    /// How many times the other int it is, and how much more; None if that is not always the same.
    linear: Option<(i64, i64)>,
    /// It is never less.
    least: Option<i64>,
    /// It is the very object that the instruction made.
    is_itself: bool,
}

impl Integer {
    /// An int that the instruction at an offset makes of nothing that is known.
    pub fn new(at: u32) -> Integer {
        let mut left = [0; BASE as usize];
        left.iter_mut().enumerate().for_each(|(place, left)| *left = place as u8);
        Integer::Left(Left { of: Some(at), left, is_whole: false, linear: Some((1, 0)), least: None, is_itself: true })
    }

    /// A constant.
    pub fn known(value: i64) -> Integer {
        let left = [value.rem_euclid(BASE) as u8; BASE as usize];
        let is_whole = (0..BASE).contains(&value);
        Integer::Left(Left { of: None, left, is_whole, linear: Some((0, value)), least: Some(value), is_itself: false })
    }

    /// Returns its value, if that is the same whatever it was made of.
    pub fn value(&self) -> Option<i64> {
        match self {
            Integer::Left(Left { linear: Some((0, value)), .. }) => Some(*value),
            Integer::Left(Left { left, is_whole: true, .. }) if left.iter().all(|one| *one == left[0]) => {
                Some(left[0].into())
            }
            _ => None,
        }
    }

    /// Whether it was made of what the instruction at an offset made.
    pub fn is_of(&self, at: u32) -> bool {
        matches!(self, Integer::Left(Left { of: Some(of), .. }) if *of == at)
    }

    /// What an operator makes of two ints.
    pub fn operate(opcode: u8, one: &Integer, other: &Integer) -> Integer {
        let by = other.value();
        let (Integer::Left(left), Integer::Left(right)) = (one, other) else { return mixed(opcode, one, other) };
        if left.source(right).is_err() {
            return mixed(opcode, one, other);
        }
        let each = |operate: &dyn Fn(i64, i64) -> i64, is_whole: bool| left.with(right, operate, is_whole);
        let mut made = match (opcode, by) {
            (op::BINARY_XOR | op::INPLACE_XOR, _)
                if left.of == right.of && left.linear.is_some() && left.linear == right.linear =>
            {
                return Integer::known(0);
            }
            (opcode, _) if left.is_inverse(right) && bitwise(opcode).is_some() => {
                return Integer::known(if bitwise(opcode) == Some(op::BINARY_AND) { 0 } else { -1 });
            }
            (op::BINARY_AND | op::INPLACE_AND | op::BINARY_OR | op::INPLACE_OR, _)
                if left.of == right.of && left.linear.is_some() && left.linear == right.linear =>
            {
                // It is equal, but can be another object.
                return Integer::Left(Left { is_itself: false, ..left.clone() });
            }
            (op::BINARY_POWER, Some(2)) => left.with(left, &|one, other| one * other, false),
            (op::BINARY_MODULO | op::INPLACE_MODULO, Some(by)) if by > 0 && BASE % by == 0 => {
                each(&|one, _| one % by, true)
            }
            (op::BINARY_AND | op::INPLACE_AND, Some(by @ (1 | 3 | 7))) => each(&|one, _| one % (by + 1), true),
            (op::BINARY_OR | op::INPLACE_OR, Some(by @ (1 | 3 | 7))) => each(&|one, _| one | by, false),
            (op::BINARY_LSHIFT | op::INPLACE_LSHIFT, Some(by @ 0..=8)) => each(&|one, _| one << by, false),
            _ => match ring(opcode) {
                Some(operate) => each(&operate, false),
                None => return Integer::Any,
            },
        };
        made.linear = left.linear_of(opcode, right);
        made.least = left.least_of(opcode, right);
        match made.linear {
            Some((0, value)) => Integer::known(value),
            _ => Integer::Left(made),
        }
    }

    /// What `-x` or `~x` is.
    pub fn negated(opcode: u8, one: &Integer) -> Integer {
        let first = if opcode == op::UNARY_INVERT { -1 } else { 0 };
        match opcode {
            op::UNARY_NEGATIVE | op::UNARY_INVERT => Integer::operate(op::BINARY_SUBTRACT, &Integer::known(first), one),
            _ => Integer::Any,
        }
    }

    /// Whether it is true; None if that depends on what it was made of.
    pub fn truth(&self) -> Option<bool> {
        // What leaves something is not 0.
        if self.all() & 1 == 0 { Some(true) } else { self.value().map(|value| value != 0) }
    }

    /// Compares two ints by an operand of COMPARE_OP; None if the outcome depends on what they were made of.
    pub fn compare(operand: i32, one: &Integer, other: &Integer) -> Option<bool> {
        if let (8 | 9, Integer::Left(one), Integer::Left(other)) = (operand, one, other) {
            return (one.is_itself && other.is_itself && one.of == other.of).then_some(operand == 8);
        }
        if matches!(operand, 2 | 3) && one.all() & other.all() == 0 {
            return Some(operand == 3);
        }
        let (Integer::Left(one), Integer::Left(other)) = (one, other) else { return None };
        let by = |one: i64, other: i64| match operand {
            0 => one < other,
            1 => one <= other,
            2 => one == other,
            3 => one != other,
            4 => one > other,
            _ => one >= other,
        };
        if let (true, Some(one), Some(other)) = (one.of == other.of, one.linear, other.linear)
            && one.0 == other.0
        {
            return Some(by(one.1, other.1));
        }
        // What is at least something is not less than a constant that is not more.
        if let (Some(least), None, Some((0, most))) = (one.least, other.of, other.linear)
            && (least > most || least == most && matches!(operand, 0 | 5))
        {
            return Some(matches!(operand, 3..=5));
        }
        let outcome = |(one, other): (&u8, &u8)| by((*one).into(), (*other).into());
        let pairs = || one.left.iter().zip(&other.left);
        if matches!(operand, 2 | 3) && one.source(other).is_ok() && pairs().all(|(one, other)| one != other) {
            return Some(operand == 3);
        }
        if !one.is_whole || !other.is_whole || one.source(other).is_err() {
            return None;
        }
        let first = pairs().map(outcome).next()?;
        pairs().map(outcome).all(|outcome| outcome == first).then_some(first)
    }

    /// A bit for each thing that it can leave.
    fn all(&self) -> u32 {
        match self {
            Integer::Any => (1 << BASE) - 1,
            Integer::Mixed(all) => *all,
            Integer::Left(Left { left, .. }) => left.iter().fold(0, |all, one| all | 1 << one),
        }
    }
}

/// The operator of bits, be it in place or not.
fn bitwise(opcode: u8) -> Option<u8> {
    Some(match opcode {
        op::BINARY_AND | op::INPLACE_AND => op::BINARY_AND,
        op::BINARY_OR | op::INPLACE_OR => op::BINARY_OR,
        op::BINARY_XOR | op::INPLACE_XOR => op::BINARY_XOR,
        _ => return None,
    })
}

/// The operator, if what its result leaves depends on what its operands leave alone.
fn ring(opcode: u8) -> Option<fn(i64, i64) -> i64> {
    Some(match opcode {
        op::BINARY_ADD | op::INPLACE_ADD => |one, other| one + other,
        op::BINARY_SUBTRACT | op::INPLACE_SUBTRACT => |one, other| one - other,
        op::BINARY_MULTIPLY | op::INPLACE_MULTIPLY => |one, other| one * other,
        _ => return None,
    })
}

/// What an operator makes of ints that were made of different ones.
fn mixed(opcode: u8, one: &Integer, other: &Integer) -> Integer {
    let Some(operate) = ring(opcode) else { return Integer::Any };
    let each = |all: u32| (0..BASE).filter(move |bit| all >> bit & 1 == 1);
    let mut all = 0;
    for left in each(one.all()) {
        for right in each(other.all()) {
            all |= 1 << operate(left, right).rem_euclid(BASE);
        }
    }
    if all == (1 << BASE) - 1 { Integer::Any } else { Integer::Mixed(all) }
}

impl Left {
    /// What both were made of; an error if that differs.
    fn source(&self, other: &Left) -> Result<Option<u32>, ()> {
        match (self.of, other.of) {
            (Some(one), Some(other)) if one != other => Err(()),
            (one, other) => Ok(one.or(other)),
        }
    }

    fn with(&self, other: &Left, operate: &dyn Fn(i64, i64) -> i64, is_whole: bool) -> Left {
        let mut left = [0; BASE as usize];
        for (place, one) in left.iter_mut().enumerate() {
            *one = operate(self.left[place].into(), other.left[place].into()).rem_euclid(BASE) as u8;
        }
        Left { of: self.of.or(other.of), left, is_whole, linear: None, least: None, is_itself: false }
    }

    /// Whether one is `~` of the other.
    fn is_inverse(&self, other: &Left) -> bool {
        let (Some((times, more)), Some((others, other_more))) = (self.linear, other.linear) else { return false };
        self.of.is_some()
            && self.of == other.of
            && others.checked_neg() == Some(times)
            && more.checked_add(other_more) == Some(-1)
    }

    /// How many times what both were made of the result is, and how much more.
    fn linear_of(&self, opcode: u8, other: &Left) -> Option<(i64, i64)> {
        let ((times, more), (by, others)) = (self.linear?, other.linear?);
        match opcode {
            op::BINARY_ADD | op::INPLACE_ADD => Some((times.checked_add(by)?, more.checked_add(others)?)),
            op::BINARY_SUBTRACT | op::INPLACE_SUBTRACT => Some((times.checked_sub(by)?, more.checked_sub(others)?)),
            _ => None,
        }
    }

    /// What the result is at least.
    fn least_of(&self, opcode: u8, other: &Left) -> Option<i64> {
        let is_square = self.of == other.of && self.linear.is_some() && self.linear == other.linear;
        match opcode {
            op::BINARY_MULTIPLY | op::INPLACE_MULTIPLY if is_square => Some(0),
            op::BINARY_POWER if other.of.is_none() && other.linear == Some((0, 2)) => Some(0),
            op::BINARY_ADD | op::INPLACE_ADD => self.least?.checked_add(other.least?),
            op::BINARY_MULTIPLY | op::INPLACE_MULTIPLY if self.least >= Some(0) && other.least >= Some(0) => Some(0),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(one: &Integer, other: &Integer) -> Integer {
        Integer::operate(op::BINARY_MULTIPLY, one, other)
    }

    fn left(one: &Integer, by: i64) -> Integer {
        Integer::operate(op::BINARY_MODULO, one, &Integer::known(by))
    }

    #[test]
    fn a_number_times_the_next_one_is_even() {
        let x = Integer::new(5);
        let next = Integer::operate(op::BINARY_ADD, &x, &Integer::known(1));
        assert_eq!(left(&product(&x, &next), 2).value(), Some(0));
        assert_eq!(left(&x, 2).value(), None);
        assert_eq!(left(&product(&Integer::new(6), &next), 2).value(), None, "these are two numbers");
    }

    #[test]
    fn a_square_never_leaves_three_divided_by_four() {
        let x = Integer::new(5);
        let square = left(&product(&x, &x), 4);
        assert_eq!(Integer::compare(2, &square, &Integer::known(3)), Some(false));
        assert_eq!(Integer::compare(2, &square, &Integer::known(1)), None);
    }

    #[test]
    fn a_square_is_followed_through_a_division_by_all_that_is_kept() {
        let x = Integer::new(5);
        let square = left(&product(&x, &x), BASE);
        assert_eq!(Integer::compare(2, &square, &Integer::known(3)), Some(false));
        assert_eq!(Integer::compare(2, &square, &Integer::known(9)), None);
    }

    #[test]
    fn what_a_number_leaves_says_nothing_about_its_size() {
        let x = Integer::new(5);
        let even = product(&x, &Integer::known(2));
        assert_eq!(Integer::compare(0, &even, &Integer::known(11)), None);
        assert_eq!(left(&x, 5), Integer::Any);
    }

    #[test]
    fn a_number_is_compared_with_itself() {
        let (x, sum) = (Integer::new(5), |by| Integer::operate(op::BINARY_ADD, &Integer::new(5), &Integer::known(by)));
        assert_eq!(Integer::compare(2, &x, &x), Some(true));
        assert_eq!(Integer::compare(0, &x, &sum(40)), Some(true));
        assert_eq!(Integer::compare(0, &x, &Integer::new(6)), None, "these are two numbers");
        assert_eq!(Integer::operate(op::BINARY_SUBTRACT, &sum(40), &x).value(), Some(40));
        assert_eq!(Integer::operate(op::BINARY_XOR, &x, &x).value(), Some(0));
        let even = product(&x, &Integer::known(24));
        assert_eq!(Integer::operate(op::BINARY_SUBTRACT, &even, &x).value(), None);
        assert_eq!(Integer::operate(op::BINARY_XOR, &even, &even).value(), None, "what they leave does not say that");
    }

    #[test]
    fn bits_of_a_number_and_of_what_is_made_of_it() {
        let x = Integer::new(5);
        let of = |opcode, other: &Integer| Integer::operate(opcode, &x, other);
        let [minus, inverse] = [op::UNARY_NEGATIVE, op::UNARY_INVERT].map(|opcode| Integer::negated(opcode, &x));
        assert_eq!(of(op::BINARY_AND, &inverse).value(), Some(0));
        assert_eq!(of(op::BINARY_OR, &inverse).value(), Some(-1));
        assert_eq!(of(op::BINARY_XOR, &inverse).value(), Some(-1));
        assert_eq!(of(op::BINARY_AND, &minus).value(), None);
        assert_eq!(of(op::BINARY_ADD, &minus).value(), Some(0));
        assert_eq!(Integer::compare(2, &of(op::BINARY_AND, &x), &x), Some(true));
        assert_eq!(Integer::compare(8, &of(op::BINARY_AND, &x), &x), None, "it can be another object");
        assert_eq!(of(op::BINARY_OR, &Integer::known(1)).truth(), Some(true));
        let twice = of(op::BINARY_LSHIFT, &Integer::known(1));
        assert_eq!(Integer::operate(op::BINARY_AND, &twice, &Integer::known(1)).value(), Some(0));
        assert_eq!((x.truth(), twice.truth()), (None, None));
        assert_eq!(Integer::compare(0, &minus, &x), None, "it depends on the sign");
    }

    #[test]
    fn squares_are_never_negative_and_seven_squares_less_one_are_no_square() {
        let (x, y) = (Integer::new(5), Integer::new(6));
        assert_eq!(Integer::compare(5, &product(&x, &x), &Integer::known(0)), Some(true));
        assert_eq!(Integer::compare(0, &product(&x, &x), &Integer::known(0)), Some(false));
        assert_eq!(Integer::compare(4, &product(&x, &x), &Integer::known(0)), None);
        let seven = product(&Integer::known(7), &product(&y, &y));
        let less = Integer::operate(op::BINARY_SUBTRACT, &seven, &Integer::known(1));
        assert_eq!(Integer::compare(2, &less, &product(&x, &x)), Some(false));
        assert_eq!(Integer::compare(2, &product(&y, &y), &product(&x, &x)), None);
    }
}
