//! Owns the JSON of a map.  Three forms are read: numbers to names, `{"12": "LOAD_CONST"}`; names to numbers, as `opcode.opmap` prints
//! them, `{"LOAD_CONST": 12}`; and the files of pydecipher, `{"remapped_opcodes": [{"opcode": 100, "remapped_value": 12}]}`.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use thiserror::Error;

use super::OpMap;
use crate::bytecode::opcode;

/// Why a file is no map.  Each reads as the end of "cannot read map.json: …".
#[derive(Debug, Error)]
pub enum MapError {
    #[error("it is no JSON")]
    Json(#[from] serde_json::Error),
    #[error("it must be an object from numbers to names of opcodes, as {{\"12\": \"LOAD_CONST\"}}")]
    Form,
    #[error("{0} is no opcode number; they go from 0 to 255")]
    Number(String),
    #[error("{0} is no opcode of Python 2.7")]
    Name(String),
    #[error("{number} stands for both {first} and {second}")]
    Ambiguous { number: u8, first: &'static str, second: &'static str },
    #[error("it names no opcode")]
    Empty,
}

impl OpMap {
    /// Reads a map from JSON.
    pub fn from_json(text: &[u8]) -> Result<OpMap, MapError> {
        let Json::Object(fields) = serde_json::from_slice(text)? else { return Err(MapError::Form) };
        let listed = fields.iter().find(|(key, _)| key == "remapped_opcodes");
        let pairs = match listed {
            Some((_, Json::Array(entries))) => entries.iter().map(listed_pair).collect::<Result<Vec<_>, _>>()?,
            Some(_) => return Err(MapError::Form),
            None => fields.iter().map(|(key, value)| plain_pair(key, value)).collect::<Result<_, _>>()?,
        };
        if pairs.is_empty() {
            return Err(MapError::Empty);
        }
        let mut map = OpMap::of([]);
        for (number, opcode) in pairs {
            if let Some(first) = map.get(number).filter(|first| *first != opcode) {
                return Err(MapError::Ambiguous { number, first: known(first), second: known(opcode) });
            }
            map.to[usize::from(number)] = Some(opcode);
        }
        Ok(map)
    }

    /// Writes the map as JSON, one number to a line.
    pub fn to_json(&self) -> String {
        let lines: Vec<String> =
            self.pairs().map(|(number, opcode)| format!("  \"{number}\": \"{}\"", known(opcode))).collect();
        format!("{{\n{}\n}}\n", lines.join(",\n"))
    }
}

fn known(opcode: u8) -> &'static str {
    opcode::name(opcode).unwrap_or("?")
}

/// `"12": "LOAD_CONST"`, or `"LOAD_CONST": 12`.
fn plain_pair(key: &str, value: &Json) -> Result<(u8, u8), MapError> {
    match value {
        Json::Text(name) => Ok((number(key)?, named(name)?)),
        Json::Number(value) => Ok((small(*value)?, named(key)?)),
        _ => Err(MapError::Form),
    }
}

/// An entry of pydecipher's list: the opcode of 2.7, and its number in the other interpreter.
fn listed_pair(entry: &Json) -> Result<(u8, u8), MapError> {
    let Json::Object(fields) = entry else { return Err(MapError::Form) };
    let field = |name: &str| match fields.iter().find(|(key, _)| key == name) {
        Some((_, Json::Number(value))) => small(*value),
        _ => Err(MapError::Form),
    };
    let opcode = field("opcode")?;
    match opcode::name(opcode) {
        Some(_) => Ok((field("remapped_value")?, opcode)),
        None => Err(MapError::Name(opcode.to_string())),
    }
}

fn number(text: &str) -> Result<u8, MapError> {
    text.parse().map_err(|_| MapError::Number(shown(text)))
}

fn small(value: i64) -> Result<u8, MapError> {
    u8::try_from(value).map_err(|_| MapError::Number(value.to_string()))
}

/// Finds an opcode by its name; `SLICE_1` is SLICE+1.
fn named(name: &str) -> Result<u8, MapError> {
    let is_it = |known: &str| known == name || known.contains('+') && known.replace('+', "_") == name;
    let found = (0..=255).find(|&opcode| opcode::name(opcode).is_some_and(is_it));
    found.ok_or_else(|| MapError::Name(shown(name)))
}

/// The beginning of a text of the file, fit for a message.
fn shown(text: &str) -> String {
    format!("{:?}", text.chars().take(40).collect::<String>())
}

/// JSON with all fields of an object, those of the same name too.
enum Json {
    Text(String),
    Number(i64),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
    Other,
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Json, D::Error> {
        from.deserialize_any(AnyJson)
    }
}

struct AnyJson;

impl<'de> Visitor<'de> for AnyJson {
    type Value = Json;

    fn expecting(&self, to: &mut fmt::Formatter) -> fmt::Result {
        to.write_str("JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(i64::try_from(value).unwrap_or(i64::MAX)))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = from.next_element()? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Json, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = from.next_entry()? {
            fields.push(field);
        }
        Ok(Json::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<OpMap, String> {
        OpMap::from_json(text.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn all_three_forms_name_the_same_map() {
        let map = OpMap::of([(12, 100), (13, 100), (200, 31)]);
        assert_eq!(read(r#"{"12": "LOAD_CONST", "13": "LOAD_CONST", "200": "SLICE+1"}"#), Ok(map.clone()));
        assert_eq!(read(r#"{"LOAD_CONST": 12, "13": "LOAD_CONST", "SLICE_1": 200}"#), Ok(map.clone()));
        let listed = r#"{"python_version": "2.7", "method": "x", "remapped_opcodes": [
            {"opcode": 100, "opname": "LOAD_CONST", "remapped_value": 12, "guess": false},
            {"opcode": 100, "remapped_value": 13}, {"opcode": 31, "opname": "SLICE_1", "remapped_value": 200}]}"#;
        assert_eq!(read(listed), Ok(map.clone()));
        assert_eq!(read(&map.to_json()), Ok(map));
    }

    #[test]
    fn what_is_no_map_is_refused_by_name() {
        for (text, part) in [
            ("", "no JSON"),
            ("[1]", "must be an object"),
            ("{}", "names no opcode"),
            (r#"{"256": "NOP"}"#, "\"256\" is no opcode number"),
            (r#"{"-1": "NOP"}"#, "is no opcode number"),
            (r#"{"NOP": 300}"#, "300 is no opcode number"),
            (r#"{"NOP": 18446744073709551615}"#, "is no opcode number"),
            (r#"{"NOP": 1.5}"#, "must be an object"),
            (r#"{"1": "LOAD_METHOD"}"#, "\"LOAD_METHOD\" is no opcode of Python 2.7"),
            (r#"{"1": "a\u001b[31mb"}"#, r"a\u{1b}[31mb"),
            (r#"{"1": "NOP", "1": "POP_TOP"}"#, "1 stands for both NOP and POP_TOP"),
            (r#"{"1": null}"#, "must be an object"),
            (r#"{"remapped_opcodes": 1}"#, "must be an object"),
            (r#"{"remapped_opcodes": [1]}"#, "must be an object"),
            (r#"{"remapped_opcodes": [{"opcode": 7, "remapped_value": 1}]}"#, "7 is no opcode of Python 2.7"),
            (r#"{"remapped_opcodes": [{"opcode": 1, "remapped_value": 256}]}"#, "256 is no opcode number"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        let deep = "[".repeat(100_000);
        assert!(read(&deep).unwrap_err().contains("no JSON"));
    }
}
