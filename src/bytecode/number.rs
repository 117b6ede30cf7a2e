//! Owns the text of 2.7's numbers: float and complex as PyOS_double_to_string (Python/pystrtod.c) writes
//! them, long as decimal digits, of which only the leading ones are made where there are very many.

use num_bigint::BigUint;

/// How a float is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloatForm {
    /// `str()`: 12 significant digits.
    Str,
    /// `repr()`: the shortest text that reads back as the same value.
    Repr,
}

/// Returns the text of a float.
pub fn float(value: f64, form: FloatForm) -> String {
    signed_float(value, form, false, true)
}

/// Returns the text of a complex number (complex_format, Objects/complexobject.c).
pub fn complex(real: f64, imaginary: f64, form: FloatForm) -> String {
    if real == 0.0 && real.is_sign_positive() {
        return format!("{}j", signed_float(imaginary, form, false, false));
    }
    let real = signed_float(real, form, false, false);
    format!("({real}{}j)", signed_float(imaginary, form, true, false))
}

/// `plus` is Py_DTSF_SIGN and `point` is Py_DTSF_ADD_DOT_0.
fn signed_float(value: f64, form: FloatForm, plus: bool, point: bool) -> String {
    let sign = match value.is_sign_negative() && !value.is_nan() {
        true => "-",
        false if plus => "+",
        false => "",
    };
    if value.is_nan() {
        return format!("{sign}nan");
    }
    if value.is_infinite() {
        return format!("{sign}inf");
    }
    let scientific = match form {
        FloatForm::Str => format!("{:.11e}", value.abs()),
        FloatForm::Repr => shortest(value.abs()),
    };
    let (mantissa, exponent) = scientific.split_once('e').expect("`e` formats with an exponent");
    let exponent: i32 = exponent.parse().expect("the exponent is a number");
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_end_matches('0');
    let digits = if digits.is_empty() { "0" } else { digits };
    // format_float_short: adding ".0" takes one digit off the precision of 'g'; 'r' allows 16.
    let largest = match form {
        FloatForm::Str => 12 - i32::from(point),
        FloatForm::Repr => 16,
    };
    format!("{sign}{}", place_point(digits, exponent + 1, largest, point))
}

/// Python's dtoa rounds a tie between two shortest texts to even, Rust upwards: where as many digits made
/// exactly, which rounds to even, read back as the same value, they are Python's.
fn shortest(value: f64) -> String {
    let upwards = format!("{value:e}");
    let digits = upwards.bytes().take_while(|&byte| byte != b'e').filter(u8::is_ascii_digit).count();
    let even = format!("{value:.*e}", digits - 1);
    if even.parse() == Ok(value) { even } else { upwards }
}

/// Writes digits whose decimal point stands after the first `decimals` of them.
fn place_point(digits: &str, decimals: i32, largest: i32, point: bool) -> String {
    let count = digits.len() as i32;
    if decimals <= -4 || decimals > largest {
        let (first, rest) = digits.split_at(1);
        let dot = if rest.is_empty() { "" } else { "." };
        let exponent = decimals - 1;
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{first}{dot}{rest}e{sign}{:02}", exponent.abs());
    }
    if decimals <= 0 {
        return format!("0.{}{digits}", "0".repeat(decimals.unsigned_abs() as usize));
    }
    if decimals >= count {
        let zeros = "0".repeat((decimals - count) as usize);
        return format!("{digits}{zeros}{}", if point { ".0" } else { "" });
    }
    let (whole, fraction) = digits.split_at(decimals as usize);
    format!("{whole}.{fraction}")
}

/// Numbers up to this many bits are converted whole: about 20,000 digits, a millisecond.
const EXACT_BITS: u64 = 1 << 16;

/// The decimal digits of a number: the leading ones, and how many there are in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal {
    pub leading: String,
    pub count: u64,
}

/// Converts a number to decimal: all digits of a small one, at least `keep` leading ones of a large one.
/// The time is about linear in the number's size, except for powers of ten and their close neighbours.
pub fn decimal(number: &BigUint, keep: u32) -> Decimal {
    let bits = number.bits();
    if bits <= EXACT_BITS {
        let leading = number.to_str_radix(10);
        return Decimal { count: leading.len() as u64, leading };
    }
    // 3.33 bits a digit, and enough beyond that the interval below is almost never ambiguous.
    let precision = u64::from(keep) * 10 / 3 + 512;
    let shift = bits.saturating_sub(precision);
    let top = number >> shift;
    let estimate = (bits as f64 * std::f64::consts::LOG10_2) as u64;
    let dropped = estimate.saturating_sub(u64::from(keep) + 2);
    let dropped = u32::try_from(dropped).expect("marshal and memory bound a long to fewer digits");
    // number / 10^dropped lies between the quotients of top / high and (top + 1) / low.
    let (low, high, exponent) = power_of_five(dropped, precision);
    let scale = shift as i64 - i64::from(dropped) - exponent;
    let least = scaled(&top, scale) / high;
    let most = scaled(&(top + 1u32), scale) / low;
    let quotient = if least == most {
        least
    } else if *number >= (&most * BigUint::from(5u32).pow(dropped)) << dropped {
        most
    } else {
        most - 1u32
    };
    let leading = quotient.to_str_radix(10);
    Decimal { count: u64::from(dropped) + leading.len() as u64, leading }
}

fn scaled(number: &BigUint, bits: i64) -> BigUint {
    match u64::try_from(bits) {
        Ok(bits) => number << bits,
        Err(_) => number >> bits.unsigned_abs(),
    }
}

/// Returns bounds of 5^`power` as two mantissas of about `precision` bits and one exponent of two.
fn power_of_five(power: u32, precision: u64) -> (BigUint, BigUint, i64) {
    let (mut low, mut high, mut exponent) = (BigUint::from(1u32), BigUint::from(1u32), 0i64);
    for place in (0..u32::BITS - power.leading_zeros()).rev() {
        low = &low * &low;
        high = &high * &high;
        exponent *= 2;
        if power >> place & 1 == 1 {
            low *= 5u32;
            high *= 5u32;
        }
        let excess = high.bits().saturating_sub(precision);
        if excess > 0 {
            low >>= excess;
            high = (high >> excess) + 1u32;
            exponent += excess as i64;
        }
    }
    (low, high, exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_have_the_leading_digits_of_the_exact_text() {
        for power in [10_000u32, 12_000] {
            let ten = BigUint::from(10u32).pow(power * 2);
            for number in
                [ten.clone(), &ten - 1u32, &ten + 1u32, BigUint::from(7u32).pow(power * 3), &ten * 37u32 - 1u32]
            {
                let exact = number.to_str_radix(10);
                let found = decimal(&number, 4096);
                assert_eq!(found.count, exact.len() as u64);
                assert!(found.leading.len() >= 4096 && exact.starts_with(&found.leading));
            }
        }
    }

    #[test]
    fn a_number_of_five_megabytes_takes_no_quadratic_time() {
        let number = (BigUint::from(3u32) << 40_000_000u64) + 12345u32;
        let found = decimal(&number, 4096);
        // log10(3 * 2^40000000) = 12041200.3...
        assert_eq!(found.count, 12_041_201);
    }

    #[test]
    fn floats_switch_to_exponents_where_python_does() {
        let cases: &[(f64, &str, &str)] = &[
            (0.0, "0.0", "0.0"),
            (-0.0, "-0.0", "-0.0"),
            (1.5, "1.5", "1.5"),
            (0.1, "0.1", "0.1"),
            (1.0 / 3.0, "0.333333333333", "0.3333333333333333"),
            (1e11, "1e+11", "100000000000.0"),
            (123456789012.0, "1.23456789012e+11", "123456789012.0"),
            (1e16, "1e+16", "1e+16"),
            (9999999999999998.0, "1e+16", "9999999999999998.0"),
            (1e-5, "1e-05", "1e-05"),
            (0.0001, "0.0001", "0.0001"),
            (2f64.powi(-25), "2.98023223877e-08", "2.9802322387695312e-08"),
            (2f64.powi(-77), "6.61744490042e-24", "6.617444900424222e-24"),
            (1.5e300, "1.5e+300", "1.5e+300"),
            (5e-324, "4.94065645841e-324", "5e-324"),
            (f64::INFINITY, "inf", "inf"),
            (f64::NEG_INFINITY, "-inf", "-inf"),
            (f64::NAN, "nan", "nan"),
        ];
        for &(value, str_text, repr_text) in cases {
            assert_eq!(float(value, FloatForm::Str), str_text);
            assert_eq!(float(value, FloatForm::Repr), repr_text);
        }
    }
}
