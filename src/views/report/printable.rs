//! Makes the JSON lines of other views printable: what a program chose is escaped as in every listing, since the page shows it as it is.

use serde_json::{Map, Value};

use crate::bytecode::escape::Printable;

/// The members that hold names of code objects, in which a space is escaped too.
const NAMES: [&str; 2] = ["name", "caller"];
/// What the name of a member ends in that has the bytes of another one, which are no UTF-8.
const BYTES: &str = "_hex";

/// Escapes all strings of a line.
pub(super) fn value(line: Value) -> Value {
    match line {
        Value::String(text) => Printable::text(text.as_bytes()).to_string().into(),
        Value::Array(list) => list.into_iter().map(value).collect(),
        Value::Object(members) => object(members),
        other => other,
    }
}

fn object(members: Map<String, Value>) -> Value {
    let member = |(key, member): (&String, &Value)| {
        let bytes = members.get(&format!("{key}{BYTES}")).and_then(Value::as_str).and_then(bytes);
        let shown = match member {
            Value::String(text) => {
                let bytes = bytes.as_deref().unwrap_or(text.as_bytes());
                let is_name = NAMES.contains(&key.as_str());
                let shown = if is_name { Printable::name(bytes) } else { Printable::text(bytes) };
                shown.to_string().into()
            }
            other => value(other.clone()),
        };
        (key.clone(), shown)
    };
    members.iter().filter(|(key, _)| !key.ends_with(BYTES)).map(member).collect()
}

/// The bytes that hexadecimal digits stand for; None for anything else.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn strings_are_escaped_and_names_have_all_of_their_bytes() {
        let line = json!({
            "name": "a b\u{fffd}", "name_hex": "612062ff", "text": "x\u{202e}y\n", "list": ["\u{1b}[2J", 7], "inner": {"text": "a b"},
        });
        let shown = json!({
            "name": "a\\x20b\\xff", "text": "x\\xe2\\x80\\xaey\\n", "list": ["\\x1b[2J", 7], "inner": {"text": "a b"},
        });
        assert_eq!(value(line), shown);
    }
}
