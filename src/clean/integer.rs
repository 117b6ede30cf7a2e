//! Ints that are not known, but of which is known what they leave when they are divided by 12, for each thing that another int can leave.
//! It shows that x * (x + 1) is even and that no square leaves 3 divided by 4, whatever x is.

use crate::bytecode::opcode::op;

/// Divisors that are looked at divide this.
const BASE: i64 = 12;

/// An int or long.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Integer {
    /// No more is known of it.
    Any,
    Left(Left),
}

/// What an int leaves divided by 12, by what the int leaves that it was made of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Left {
    /// The offset of the instruction that made the other int; None if this is a constant.
    of: Option<u32>,
    left: [u8; BASE as usize],
    /// It is itself what it leaves.
    is_whole: bool,
}

impl Integer {
    /// An int that the instruction at an offset makes of nothing that is known.
    pub fn new(at: u32) -> Integer {
        let mut left = [0; BASE as usize];
        left.iter_mut().enumerate().for_each(|(place, left)| *left = place as u8);
        Integer::Left(Left { of: Some(at), left, is_whole: false })
    }

    /// A constant.
    pub fn known(value: i64) -> Integer {
        let left = [value.rem_euclid(BASE) as u8; BASE as usize];
        Integer::Left(Left { of: None, left, is_whole: (0..BASE).contains(&value) })
    }

    /// Returns its value, if that is the same whatever it was made of.
    pub fn value(&self) -> Option<i64> {
        match self {
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
        let (Integer::Left(one), Integer::Left(by)) = (one, other) else { return Integer::Any };
        let each = |operate: &dyn Fn(i64, i64) -> i64, is_whole: bool| one.with(by, operate, is_whole);
        let divisor = other.value();
        match (opcode, divisor) {
            (op::BINARY_ADD | op::INPLACE_ADD, _) => each(&|one, other| one + other, false),
            (op::BINARY_SUBTRACT | op::INPLACE_SUBTRACT, _) => each(&|one, other| one - other, false),
            (op::BINARY_MULTIPLY | op::INPLACE_MULTIPLY, _) => each(&|one, other| one * other, false),
            (op::BINARY_POWER, Some(2)) => one.with(one, &|one, other| one * other, false),
            (op::BINARY_MODULO | op::INPLACE_MODULO, Some(by)) if by > 0 && BASE % by == 0 => {
                each(&|one, by| one % by, true)
            }
            (op::BINARY_AND | op::INPLACE_AND, Some(by @ (1 | 3))) => each(&|one, _| one % (by + 1), true),
            _ => Integer::Any,
        }
    }

    /// Compares two ints by an operand of COMPARE_OP; None if the outcome depends on what they were made of.
    pub fn compare(operand: i32, one: &Integer, other: &Integer) -> Option<bool> {
        let (Integer::Left(one), Integer::Left(other)) = (one, other) else { return None };
        if !one.is_whole || !other.is_whole || one.source(other).is_err() {
            return None;
        }
        let mut outcomes = one.left.iter().zip(&other.left).map(|(one, other)| match operand {
            0 => one < other,
            1 => one <= other,
            2 => one == other,
            3 => one != other,
            4 => one > other,
            _ => one >= other,
        });
        let first = outcomes.next()?;
        outcomes.all(|outcome| outcome == first).then_some(first)
    }
}

impl Left {
    /// What both were made of; an error if that differs.
    fn source(&self, other: &Left) -> Result<Option<u32>, ()> {
        match (self.of, other.of) {
            (Some(one), Some(other)) if one != other => Err(()),
            (one, other) => Ok(one.or(other)),
        }
    }

    fn with(&self, other: &Left, operate: &dyn Fn(i64, i64) -> i64, is_whole: bool) -> Integer {
        let Ok(of) = self.source(other) else { return Integer::Any };
        let mut left = [0; BASE as usize];
        for (place, one) in left.iter_mut().enumerate() {
            *one = operate(self.left[place].into(), other.left[place].into()).rem_euclid(BASE) as u8;
        }
        Integer::Left(Left { of, left, is_whole })
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
    fn what_a_number_leaves_says_nothing_about_its_size() {
        let x = Integer::new(5);
        let even = product(&x, &Integer::known(2));
        assert_eq!(Integer::compare(0, &even, &Integer::known(11)), None);
        assert_eq!(left(&x, 5), Integer::Any);
    }
}
