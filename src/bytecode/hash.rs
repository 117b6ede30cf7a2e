//! Owns hashing and comparing constants as 2.7 does without hash randomization, on 64-bit systems: the
//! base of the order in which dicts and sets show their items. Bounded in work and in depth.

use num_bigint::{BigInt, BigUint, Sign};

use super::object::{MarshalledCode, Object};
use super::order::distinct;

/// Containers nested deeper are not hashed; the functions here recurse.
const DEPTH_LIMIT: u32 = 32;

/// What hashing and comparing may still cost.
pub(super) struct Work<'a> {
    left: &'a mut u64,
    depth: u32,
}

impl<'a> Work<'a> {
    pub(super) fn new(left: &'a mut u64) -> Work<'a> {
        Work { left, depth: 0 }
    }

    /// Pays for `steps`; None when there are not that many left.
    pub(super) fn pay(&mut self, steps: usize) -> Option<()> {
        *self.left = self.left.checked_sub(steps as u64)?;
        Some(())
    }

    fn deeper<T>(&mut self, inside: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        if self.depth == DEPTH_LIMIT {
            return None;
        }
        self.depth += 1;
        let result = inside(self);
        self.depth -= 1;
        result
    }
}

/// Returns what `hash(object)` returns; None for objects that hash by their address or not at all.
pub(super) fn hash(object: &Object, work: &mut Work<'_>) -> Option<i64> {
    work.pay(1)?;
    let hash = match object {
        Object::Bool(value) => i64::from(*value),
        Object::Int(value) => *value,
        Object::Long(value) => {
            work.pay(value.bits() as usize / 8)?;
            hash_long(value)
        }
        Object::Float(value) => hash_float(*value),
        Object::Complex(pair) => hash_float(pair.0).wrapping_add(1_000_003i64.wrapping_mul(hash_float(pair.1))),
        Object::Str(bytes) => hash_bytes(bytes, work)?,
        Object::Unicode(points) => hash_string(points.iter().copied(), work)?,
        Object::Tuple(items) => work.deeper(|work| hash_items(items, hash, work))?,
        Object::FrozenSet(items) => work.deeper(|work| hash_frozen_set(items, work))?,
        Object::Code(code) => work.deeper(|work| hash_code(code, work))?,
        Object::None | Object::Ellipsis | Object::StopIteration | Object::Other(_) => return None,
        Object::List(_) | Object::Dict(_) | Object::Set(_) => return None,
    };
    // -1 means failure in C.
    Some(if hash == -1 { -2 } else { hash })
}

/// Returns whether two objects of equal hash are equal.
pub(super) fn equal(left: &Object, right: &Object, work: &mut Work<'_>) -> Option<bool> {
    work.pay(1)?;
    if let (Some(left), Some(right)) = (Number::of(left), Number::of(right)) {
        return Some(left == right);
    }
    Some(match (left, right) {
        (Object::Str(left), Object::Str(right)) => {
            work.pay(left.len())?;
            left == right
        }
        (Object::Unicode(left), Object::Unicode(right)) => {
            work.pay(left.len())?;
            left == right
        }
        (Object::Str(bytes), Object::Unicode(points)) | (Object::Unicode(points), Object::Str(bytes)) => {
            work.pay(bytes.len())?;
            bytes.is_ascii() && bytes.iter().map(|&byte| u32::from(byte)).eq(points.iter().copied())
        }
        (Object::Tuple(left), Object::Tuple(right)) => {
            if left.len() != right.len() {
                return Some(false);
            }
            for (left, right) in left.iter().zip(right.iter()) {
                if !work.deeper(|work| equal(left, right, work))? {
                    return Some(false);
                }
            }
            true
        }
        (Object::FrozenSet(left), Object::FrozenSet(right)) => {
            return work.deeper(|work| equal_sets(left, right, work));
        }
        // Code objects of equal hash hold equal code and equal names.
        (Object::Code(left), Object::Code(right)) => left.first_line == right.first_line,
        _ => false,
    })
}

fn equal_sets(left: &[Object], right: &[Object], work: &mut Work<'_>) -> Option<bool> {
    let (left, right) = (distinct(left, work)?, distinct(right, work)?);
    for &(hash, item) in &left {
        let mut found = false;
        for &(other_hash, other) in &right {
            work.pay(1)?;
            found |= hash == other_hash && equal(item, other, work)?;
        }
        if !found {
            return Some(false);
        }
    }
    Some(left.len() == right.len())
}

/// A number's value, whatever its type: 1, 1L, 1.0, True and 1+0j are one key.
#[derive(PartialEq)]
enum Number {
    Whole(BigInt),
    Real(f64),
    Complex(f64, f64),
}

impl Number {
    fn of(object: &Object) -> Option<Number> {
        Some(match object {
            Object::Bool(value) => Number::Whole(BigInt::from(*value)),
            Object::Int(value) => Number::Whole(BigInt::from(*value)),
            Object::Long(value) => Number::Whole(BigInt::clone(value)),
            Object::Float(value) => Number::real(*value),
            Object::Complex(pair) if pair.1 == 0.0 => Number::real(pair.0),
            Object::Complex(pair) => Number::Complex(pair.0, pair.1),
            _ => return None,
        })
    }

    fn real(value: f64) -> Number {
        whole(value).map_or(Number::Real(value), Number::Whole)
    }
}

/// Returns the exact value of a float that has no fraction.
fn whole(value: f64) -> Option<BigInt> {
    if !value.is_finite() || value.fract() != 0.0 {
        return None;
    }
    let (mantissa, exponent) = split(value.abs());
    let magnitude = match u64::try_from(exponent) {
        Ok(exponent) => BigUint::from(mantissa) << exponent,
        Err(_) => BigUint::from(mantissa) >> exponent.unsigned_abs(),
    };
    let sign = if value < 0.0 { Sign::Minus } else { Sign::Plus };
    Some(BigInt::from_biguint(sign, magnitude))
}

/// Splits a positive finite float into an integer and a power of two.
fn split(value: f64) -> (u64, i64) {
    let bits = value.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    match (bits >> 52) as i64 & 0x7ff {
        0 => (fraction, -1074),
        exponent => (fraction | 1 << 52, exponent - 1075),
    }
}

/// long_hash: the magnitude modulo 2^64 - 1, never 0 for a number that is not 0, with the sign.
fn hash_long(value: &BigInt) -> i64 {
    let modulus = BigUint::from(u64::MAX);
    let remainder = value.magnitude() % &modulus;
    let digits = remainder.iter_u64_digits().next().unwrap_or(0);
    let magnitude = if digits == 0 && value.sign() != Sign::NoSign { u64::MAX } else { digits };
    let hash = magnitude as i64;
    if value.sign() == Sign::Minus { hash.wrapping_neg() } else { hash }
}

/// _Py_HashDouble.
fn hash_float(value: f64) -> i64 {
    if value.is_nan() {
        return 0;
    }
    if value.is_infinite() {
        return if value < 0.0 { -271_828 } else { 314_159 };
    }
    let hash = match whole(value) {
        Some(whole) => i64::try_from(&whole).unwrap_or_else(|_| hash_long(&whole)),
        None => hash_fraction(value),
    };
    if hash == -1 { -2 } else { hash }
}

/// Adds up two 31-bit pieces of the mantissa and the exponent, as frexp of C splits them.
fn hash_fraction(value: f64) -> i64 {
    let (mantissa, exponent) = split(value.abs());
    let width = 64 - i64::from(mantissa.leading_zeros());
    let exponent = exponent + width;
    // The mantissa as frexp gives it, times 2^31: it has at most 53 bits, so both steps are exact.
    let scaled = mantissa as f64 / 2f64.powi(width as i32) * 2_147_483_648.0;
    let scaled = if value < 0.0 { -scaled } else { scaled };
    let high = scaled.trunc();
    let low = ((scaled - high) * 2_147_483_648.0).trunc();
    (high as i64).wrapping_add(low as i64).wrapping_add(exponent << 15)
}

fn hash_bytes(bytes: &[u8], work: &mut Work<'_>) -> Option<i64> {
    hash_string(bytes.iter().map(|&byte| u32::from(byte)), work)
}

/// string_hash and unicode_hash, which give ASCII text the same hash.
fn hash_string(text: impl ExactSizeIterator<Item = u32> + Clone, work: &mut Work<'_>) -> Option<i64> {
    let length = text.len();
    work.pay(length)?;
    let Some(first) = text.clone().next() else {
        return Some(0);
    };
    let step = |hash: i64, one: u32| 1_000_003i64.wrapping_mul(hash) ^ i64::from(one);
    Some(text.fold(i64::from(first) << 7, step) ^ length as i64)
}

/// tuplehash.
fn hash_items<T>(items: &[T], hash_one: impl Fn(&T, &mut Work<'_>) -> Option<i64>, work: &mut Work<'_>) -> Option<i64> {
    let mut hash = 0x345678i64;
    let mut factor = 1_000_003i64;
    for (place, item) in items.iter().enumerate() {
        let left = (items.len() - place - 1) as i64;
        let item = hash_one(item, work)?;
        let item = if item == -1 { -2 } else { item };
        hash = (hash ^ item).wrapping_mul(factor);
        factor = factor.wrapping_add(82_520 + left + left);
    }
    let hash = hash.wrapping_add(97_531);
    Some(if hash == -1 { -2 } else { hash })
}

/// frozenset_hash.
fn hash_frozen_set(items: &[Object], work: &mut Work<'_>) -> Option<i64> {
    let items = distinct(items, work)?;
    let begin = 1_927_868_237i64.wrapping_mul(items.len() as i64 + 1);
    let mix =
        |hash: i64, (one, _): &(i64, &Object)| hash ^ (one ^ (one << 16) ^ 89_869_747).wrapping_mul(3_644_798_167);
    let hash = items.iter().fold(begin, mix);
    let hash = hash.wrapping_mul(69_069).wrapping_add(907_133_923);
    Some(if hash == -1 { 590_923_713 } else { hash })
}

/// code_hash.
fn hash_code(code: &MarshalledCode, work: &mut Work<'_>) -> Option<i64> {
    let text =
        |bytes: &[u8], work: &mut Work<'_>| hash_bytes(bytes, work).map(|hash| if hash == -1 { -2 } else { hash });
    let mut hash = text(&code.name, work)? ^ text(&code.bytes, work)?;
    hash ^= hash_items(&code.constants, self::hash, work)?;
    for names in [&code.names, &code.varnames, &code.freevars, &code.cellvars] {
        hash ^= hash_items(names, |name, work| hash_bytes(name, work), work)?;
    }
    Some(hash ^ i64::from(code.argcount) ^ i64::from(code.nlocals) ^ i64::from(code.flags))
}
