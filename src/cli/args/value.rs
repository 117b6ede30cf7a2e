//! The values of options: what was typed becomes a number, a time, a name or a pattern, or a sentence that says what is wrong and
//! how it is written.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser};

use crate::bytecode::opcode;
use crate::select::{FileGlob, Name, NamePattern, Trigger};

/// What a suffix multiplies a count by.
const COUNTS: [(&str, u128); 4] = [("k", 1_000), ("m", 1_000_000), ("g", 1_000_000_000), ("t", 1_000_000_000_000)];

/// What a suffix multiplies a size by, without the `b` that may follow it.
const SIZES: [(&str, u128); 8] = [
    ("k", 1_000),
    ("m", 1_000_000),
    ("g", 1_000_000_000),
    ("t", 1_000_000_000_000),
    ("ki", 1 << 10),
    ("mi", 1 << 20),
    ("gi", 1 << 30),
    ("ti", 1 << 40),
];

/// Nanoseconds of a unit of time.
const TIMES: [(&[&str], u128); 8] = [
    (&["ns"], 1),
    (&["us", "µs"], 1_000),
    (&["ms"], 1_000_000),
    (&["", "s", "sec", "secs", "second", "seconds"], 1_000_000_000),
    (&["m", "min", "mins", "minute", "minutes"], 60_000_000_000),
    (&["h", "hr", "hrs", "hour", "hours"], 3_600_000_000_000),
    (&["d", "day", "days"], 86_400_000_000_000),
    (&["w", "week", "weeks"], 604_800_000_000_000),
];

/// What stands for a word that is not UTF-8: no number, size or time.
const UNREADABLE: &str = "\u{fffd}";

/// Makes a parser of a function that reads text.
pub fn of<T: Clone + Send + Sync + 'static>(
    read: impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static,
) -> impl TypedValueParser<Value = T> {
    OsStringValueParser::new().try_map(move |typed: OsString| read(typed.to_str().unwrap_or(UNREADABLE)))
}

/// Reads a count: 1000, 10k, 1_000_000.
pub fn count(typed: &str) -> Result<u64, String> {
    counted(typed, "write a whole number, as in 1000, 10k or 1_000_000")
}

/// Reads the number of an instruction.
pub fn instruction(typed: &str) -> Result<u64, String> {
    match count(typed)? {
        0 => Err("instructions are counted from 1".into()),
        number => Ok(number),
    }
}

fn counted(typed: &str, write: &str) -> Result<u64, String> {
    let (digits, suffix) = split(typed);
    let suffix = suffix.to_lowercase();
    let factor = COUNTS.iter().find(|(name, _)| *name == suffix).map(|(_, factor)| *factor);
    let factor = factor.or(suffix.is_empty().then_some(1)).ok_or_else(|| unreadable(typed, write))?;
    whole(digits, factor, typed, write)?.ok_or_else(|| format!("it is too large; the largest number is {}", u64::MAX))
}

/// Reads the name of a module, as `import` takes it, or of an attribute of one.
pub fn module(typed: &str) -> Result<String, String> {
    let is_name = |part: &str| {
        !part.is_empty()
            && !part.starts_with(|first: char| first.is_ascii_digit())
            && part.chars().all(|letter| letter == '_' || letter.is_ascii_alphanumeric())
    };
    match typed.split('.').all(is_name) {
        true => Ok(typed.to_owned()),
        false => Err("write the name of a module, as in win32api or Crypto.Cipher".into()),
    }
}

/// Reads a number of 32 bits that is small, such as a thread's or a depth.
pub fn small(typed: &str) -> Result<u32, String> {
    let count = counted(typed, "write a whole number, as in 0 or 12")?;
    u32::try_from(count).map_err(|_| format!("it is too large; the largest number is {}", u32::MAX))
}

/// Reads a number up to a limit.
pub fn up_to(most: u32) -> impl Fn(&str) -> Result<u32, String> + Clone + Send + Sync {
    move |typed| {
        let count = counted(typed, &format!("write a whole number from 0 to {most}"))?;
        let small = u32::try_from(count).ok().filter(|count| *count <= most);
        small.ok_or_else(|| format!("it is too large; write a number from 0 to {most}"))
    }
}

/// Reads the name or the number of an opcode.
pub fn opcode(typed: &str) -> Result<u8, String> {
    let name = typed.to_uppercase();
    let named = (0..=u8::MAX).find(|&number| opcode::name(number) == Some(&*name));
    named.or_else(|| typed.parse().ok()).ok_or_else(|| "there is no such opcode; write a name, as in COMPARE_OP".into())
}

/// Reads a size in bytes: 500M, 10k, 1.5GiB.
pub fn size(typed: &str) -> Result<u64, String> {
    let write = "write a number of bytes, as in 500M, 10k or 1.5GiB";
    let (digits, suffix) = split(typed);
    let suffix = suffix.to_lowercase();
    let suffix = suffix.strip_suffix('b').unwrap_or(&suffix);
    let factor = SIZES.iter().find(|(name, _)| *name == suffix).map(|(_, factor)| *factor);
    let factor = factor.or(suffix.is_empty().then_some(1)).ok_or_else(|| unreadable(typed, write))?;
    let too_large = || format!("it is too large; the largest size is {} bytes", u64::MAX);
    whole(digits, factor, typed, write)?.ok_or_else(too_large)
}

/// Reads a size of memory that an interpreter can start in.
pub fn memory(typed: &str) -> Result<u64, String> {
    const LEAST: u64 = 16 << 20;
    let bytes = size(typed)?;
    let lacks =
        || format!("{bytes} bytes are less than the 16MiB that Python itself needs; write a size, as in 256MiB or 2G");
    (bytes >= LEAST).then_some(bytes).ok_or_else(lacks)
}

/// Reads a stretch of time: 30s, 1.5m, 1h30m; a number alone is seconds.
pub fn time(typed: &str) -> Result<Duration, String> {
    let write = "write a number and a unit, as in 30s, 500ms or 1h30m";
    let too_long = "it is too long; the longest time is 500 years";
    let mut nanoseconds: u128 = 0;
    let mut rest = typed.trim();
    if rest.is_empty() {
        return Err(unreadable(typed, write));
    }
    while !rest.is_empty() {
        let (digits, after) = split(rest);
        let length = after.find(|one: char| !one.is_alphabetic()).unwrap_or(after.len());
        let (unit, next) = after.split_at(length);
        let unit = unit.to_lowercase();
        let found = TIMES.iter().find(|(names, _)| names.contains(&unit.as_str()));
        let (_, factor) = found.ok_or_else(|| unreadable(typed, write))?;
        nanoseconds += u128::from(whole(digits, *factor, typed, write)?.ok_or(too_long)?);
        rest = next.trim_start();
    }
    match u64::try_from(nanoseconds) {
        Ok(0) => Err(format!("no time is left for the program; {write}")),
        Ok(nanoseconds) => Ok(Duration::from_nanos(nanoseconds)),
        Err(_) => Err(too_long.into()),
    }
}

/// Parts digits from the suffix that follows them.
fn split(typed: &str) -> (&str, &str) {
    let typed = typed.trim();
    let end = typed.find(|one: char| !one.is_ascii_digit() && !"._,".contains(one)).unwrap_or(typed.len());
    (&typed[..end], typed[end..].trim_start())
}

/// Multiplies a number, which may have a fraction, into a whole one; None if that is too large.
fn whole(digits: &str, factor: u128, typed: &str, write: &str) -> Result<Option<u64>, String> {
    let (before, after) = digits.split_once('.').unwrap_or((digits, ""));
    let parts = ungrouped(before).zip(ungrouped(after)).filter(|(before, after)| before.len() + after.len() > 0);
    let (before, after) = parts.ok_or_else(|| unreadable(typed, write))?;
    let number = format!("{before}{after}").parse::<u128>().ok().and_then(|number| number.checked_mul(factor));
    let scale = u32::try_from(after.len()).ok().and_then(|places| 10_u128.checked_pow(places));
    match number.zip(scale) {
        Some((number, scale)) if number.is_multiple_of(scale) => Ok(u64::try_from(number / scale).ok()),
        Some(_) => Err(unreadable(typed, write)),
        None => Ok(None),
    }
}

/// Takes out what stands between groups of digits; None if it stands elsewhere.
fn ungrouped(digits: &str) -> Option<String> {
    let is_group = |group: &str| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit());
    let is_grouped = digits.is_empty() || digits.split(['_', ',']).all(is_group);
    is_grouped.then(|| digits.replace(['_', ','], ""))
}

fn unreadable(typed: &str, write: &str) -> String {
    match typed.trim().strip_prefix('-') {
        Some(rest) if rest.starts_with(|one: char| one.is_ascii_digit()) => format!("it must not be negative; {write}"),
        _ => write.to_owned(),
    }
}

/// Takes a name as it is or as bctrace prints it.
pub fn name() -> impl TypedValueParser<Value = Name> {
    OsStringValueParser::new().map(|typed| Name::new(typed.into_vec()))
}

/// Reads a regular expression.
pub fn pattern() -> impl TypedValueParser<Value = NamePattern> {
    OsStringValueParser::new().try_map(|typed: OsString| -> Result<NamePattern, String> {
        let typed = typed.to_str().ok_or("it is not UTF-8; write such a byte as \\xNN")?;
        NamePattern::new(typed).map_err(|error| format!("{error}; an example is '^get_|_key$'"))
    })
}

/// Reads a glob.
pub fn glob() -> impl TypedValueParser<Value = FileGlob> {
    OsStringValueParser::new().try_map(|typed: OsString| -> Result<FileGlob, String> {
        FileGlob::new(typed.as_bytes()).map_err(|error| format!("{error}; an example is '*/lib/[a-m]*.py'"))
    })
}

/// Reads NAME or NAME:OFFSET; a name that itself ends in a colon and digits needs `:0` after it.
pub fn trigger() -> impl TypedValueParser<Value = Trigger> {
    OsStringValueParser::new().try_map(|typed: OsString| -> Result<Trigger, String> {
        let bytes = typed.into_vec();
        let colon = bytes.iter().rposition(|&byte| byte == b':');
        let digits = colon.map(|colon| &bytes[colon + 1..]);
        let offset = digits.filter(|digits| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit));
        let Some((colon, offset)) = colon.zip(offset) else {
            return Ok(Trigger { name: Name::new(bytes), offset: None });
        };
        let offset = std::str::from_utf8(offset).ok().and_then(|digits| digits.parse().ok());
        let offset = offset.ok_or("the offset is too large; an example is main:12")?;
        Ok(Trigger { name: Name::new(&bytes[..colon]), offset: Some(offset) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_with_suffixes_and_groups() {
        let cases =
            [("0", 0), ("1000", 1000), ("10k", 10_000), ("10K", 10_000), ("1_000_000", 1_000_000), ("1,234", 1234)];
        for (typed, read) in cases.into_iter().chain([
            ("1.5M", 1_500_000),
            (" 7 ", 7),
            ("2 G", 2_000_000_000),
            ("3t", 3_000_000_000_000),
        ]) {
            assert_eq!(count(typed), Ok(read), "{typed}");
        }
        assert_eq!(count("18446744073709551615"), Ok(u64::MAX));
    }

    #[test]
    fn what_is_no_count_is_explained_with_an_example() {
        for typed in [
            "", "few", "k", "1.5", "1e6", "10kb", "0x10", "_", "1k5", "+5", "٣", "1_", "_1", "1__0", "1,", ",1",
            "1_.5k", "1.2.3",
        ] {
            let error = count(typed).expect_err(typed);
            assert!(error.contains("10k"), "{typed}: {error}");
        }
        assert!(count("-1").expect_err("a negative").contains("negative"));
        for typed in ["18446744073709551616", "99999999999999999999999999999999999999999999", "99999999999t"] {
            assert!(count(typed).expect_err(typed).contains("too large"));
        }
        assert!(instruction("0").expect_err("no instruction").contains("from 1"));
        assert_eq!(instruction("1"), Ok(1));
        for typed in ["main", "1_"] {
            assert!(small(typed).expect_err(typed).ends_with("as in 0 or 12"));
            assert!(up_to(50)(typed).expect_err(typed).ends_with("from 0 to 50"));
        }
        assert!(small("4294967296").expect_err("33 bits").contains("too large"));
        assert!(up_to(50)("51").expect_err("more").contains("from 0 to 50"));
        assert_eq!(up_to(50)("50"), Ok(50));
    }

    #[test]
    fn sizes_are_decimal_or_binary() {
        let cases = [
            ("0", 0),
            ("500", 500),
            ("500b", 500),
            ("10k", 10_000),
            ("10KB", 10_000),
            ("500M", 500_000_000),
            ("1.5GiB", 3 << 29),
            ("1Ki", 1024),
            ("1_000", 1000),
            ("2 TB", 2_000_000_000_000),
        ];
        for (typed, read) in cases {
            assert_eq!(size(typed), Ok(read), "{typed}");
        }
        for typed in ["", "big", "M", "1.5", "5x", "5bb", "1kib5"] {
            assert!(size(typed).expect_err(typed).contains("500M"), "{typed}");
        }
    }

    #[test]
    fn times_have_units_that_add_up() {
        let cases = [
            ("30s", 30_000),
            ("30", 30_000),
            ("500ms", 500),
            ("1h30m", 5_400_000),
            ("1h 30min 5sec", 5_405_000),
            ("1.5m", 90_000),
            ("0.25", 250),
            ("2 days", 172_800_000),
        ];
        for (typed, read) in cases {
            assert_eq!(time(typed), Ok(Duration::from_millis(read)), "{typed}");
        }
        for typed in ["", "soon", "s", "30x", "1h-30m", "1h30y"] {
            assert!(time(typed).expect_err(typed).contains("30s"), "{typed}");
        }
        assert!(time("0s").expect_err("nothing").contains("no time"));
        assert!(time("-5s").expect_err("negative").contains("negative"));
        for typed in ["999999999w", "99999999999h", "99999999999999999999999h"] {
            let error = time(typed).expect_err(typed);
            assert!(error.contains("500 years"), "{typed}: {error}");
        }
    }
}
