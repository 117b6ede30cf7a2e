//! Methods of texts that ask something of them, or make a text of the same characters.

use super::Method;
use crate::clean::value::Literal;

/// Returns the method with a name.
pub fn method(name: &[u8]) -> Option<Method> {
    Some(match name {
        b"find" => Method::Find,
        b"startswith" => Method::Startswith,
        b"endswith" => Method::Endswith,
        b"isalnum" => Method::Isalnum,
        b"isalpha" => Method::Isalpha,
        b"isdigit" => Method::Isdigit,
        b"islower" => Method::Islower,
        b"isspace" => Method::Isspace,
        b"isupper" => Method::Isupper,
        b"capitalize" => Method::Capitalize,
        b"lstrip" => Method::Lstrip,
        b"rstrip" => Method::Rstrip,
        b"ljust" => Method::Ljust,
        b"rjust" => Method::Rjust,
        b"zfill" => Method::Zfill,
        _ => return None,
    })
}

/// Texts are made no wider than this.
const WIDTH: usize = 4096;

/// What a method makes of a text, in C's locale; None if it fails, or is not worked out.
pub fn result(of: &[u8], method: Method, arguments: &[Literal]) -> Option<Literal> {
    // isspace() in C's locale knows the vertical tab too.
    let is_space = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0b;
    let all = |is: &dyn Fn(&u8) -> bool| Some(Literal::Bool(!of.is_empty() && of.iter().all(is)));
    let has = |is: fn(&u8) -> bool| of.iter().any(is);
    let text = |bytes: &[u8]| Some(Literal::Str(bytes.into()));
    match (method, arguments) {
        (Method::Isalnum, []) => all(&u8::is_ascii_alphanumeric),
        (Method::Isalpha, []) => all(&u8::is_ascii_alphabetic),
        (Method::Isdigit, []) => all(&u8::is_ascii_digit),
        (Method::Isspace, []) => all(&is_space),
        (Method::Islower, []) => Some(Literal::Bool(has(u8::is_ascii_lowercase) && !has(u8::is_ascii_uppercase))),
        (Method::Isupper, []) => Some(Literal::Bool(has(u8::is_ascii_uppercase) && !has(u8::is_ascii_lowercase))),
        (Method::Startswith, [Literal::Str(part)]) => Some(Literal::Bool(of.starts_with(part))),
        (Method::Endswith, [Literal::Str(part)]) => Some(Literal::Bool(of.ends_with(part))),
        (Method::Find, [Literal::Str(part)]) => Some(Literal::Int(place(of, part).map_or(-1, |place| place as i64))),
        (Method::Index, [Literal::Str(part)]) => place(of, part).map(|place| Literal::Int(place as i64)),
        (Method::Count, [Literal::Str(part)]) if !part.is_empty() => {
            let (mut count, mut rest) = (0, of);
            while let Some(place) = place(rest, part) {
                (count, rest) = (count + 1, &rest[place + part.len()..]);
            }
            Some(Literal::Int(count))
        }
        (Method::Capitalize, []) => {
            let mut made = of.to_ascii_lowercase();
            made.iter_mut().take(1).for_each(|byte| *byte = byte.to_ascii_uppercase());
            text(&made)
        }
        (Method::Lstrip | Method::Rstrip | Method::Strip, [] | [Literal::Str(_)]) => {
            let goes = |byte: &u8| match arguments {
                [Literal::Str(some)] => some.contains(byte),
                _ => is_space(byte),
            };
            let first = of.iter().position(|byte| !goes(byte)).unwrap_or(of.len());
            let end = of.iter().rposition(|byte| !goes(byte)).map_or(0, |last| last + 1);
            match method {
                Method::Lstrip => text(&of[first..]),
                Method::Rstrip => text(&of[..end]),
                _ => text(&of[first.min(end)..end]),
            }
        }
        (Method::Ljust | Method::Rjust | Method::Zfill, [Literal::Int(width)]) => {
            let width = usize::try_from(*width).unwrap_or(0);
            if width > WIDTH {
                return None;
            }
            let is_signed = method == Method::Zfill && matches!(of.first(), Some(b'+' | b'-'));
            let with = if method == Method::Zfill { b"0" } else { b" " }.repeat(width.saturating_sub(of.len()));
            let made = if method == Method::Ljust { [of, &with].concat() } else { [&with, of].concat() };
            (!is_signed).then(|| Literal::Str(made.into()))
        }
        _ => None,
    }
}

/// Where a part is in a text for the first time.
fn place(of: &[u8], part: &[u8]) -> Option<usize> {
    if part.is_empty() { Some(0) } else { of.windows(part.len()).position(|bytes| bytes == part) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(of: &str, name: &str, arguments: &[Literal]) -> Option<Literal> {
        result(of.as_bytes(), method(name.as_bytes()).unwrap_or(Method::Strip), arguments)
    }

    fn str(text: &str) -> Literal {
        Literal::Str(text.as_bytes().into())
    }

    #[test]
    fn methods_of_texts_do_what_pythons_do() {
        assert_eq!(called("", "isdigit", &[]), Some(Literal::Bool(false)));
        assert_eq!(called("a1", "islower", &[]), Some(Literal::Bool(true)));
        assert_eq!(called("11", "isupper", &[]), Some(Literal::Bool(false)));
        assert_eq!(called("abcabc", "find", &[str("ca")]), Some(Literal::Int(2)));
        assert_eq!(called("abc", "find", &[str("x")]), Some(Literal::Int(-1)));
        assert_eq!(called("xxaxx", "strip", &[str("x")]), Some(str("a")));
        assert_eq!(called("xxaxx", "lstrip", &[str("x")]), Some(str("axx")));
        assert_eq!(called("xxaxx", "rstrip", &[str("x")]), Some(str("xxa")));
        assert_eq!(called("   ", "rstrip", &[]), Some(str("")));
        assert_eq!(called("7", "zfill", &[Literal::Int(3)]), Some(str("007")));
        assert_eq!(called("-7", "zfill", &[Literal::Int(3)]), None);
        assert_eq!(called("ab", "ljust", &[Literal::Int(1)]), Some(str("ab")));
        assert_eq!(called("aBC", "capitalize", &[]), Some(str("Abc")));
        assert_eq!(result(b"aaaa", Method::Count, &[str("aa")]), Some(Literal::Int(2)));
        assert_eq!(result(b"abc", Method::Index, &[str("x")]), None, "it fails");
    }
}
