//! Reads a listing of `bctrace dis` as far as coverage needs it: which line has which instruction of which code object.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use indicatif::HumanBytes;
use rustc_hash::FxHashMap;

use crate::bytecode::escape::Printable;
use crate::bytecode::magic::MAGIC;
use crate::bytecode::shell;
use crate::bytecode::{CodeObject, opcode};
use crate::export::text::exact;
use crate::format::why;

/// Bytes of a listing, and of a line in it, at most.
const MOST: u64 = 1 << 30;
const LONGEST: u64 = 64 << 20;

/// A listing.
pub struct Listing {
    /// Its absolute path, on one line.
    pub path: String,
    pub codes: Vec<Listed>,
    /// By code string and first line.
    places: FxHashMap<(Vec<u8>, i32), Vec<usize>>,
}

/// A code object in a listing.
pub struct Listed {
    /// The line that it begins with.
    pub heading: u32,
    /// Its number and name, without a comma.
    pub shown: String,
    name: String,
    first_line: i32,
    /// The line of each instruction, by its offset.
    pub rows: BTreeMap<u32, u32>,
    /// The lines of conditional jumps.
    pub conditionals: Vec<u32>,
    bytes: Vec<u8>,
    /// Its tables are over and its instructions follow.
    has_rows: bool,
}

impl Listing {
    /// Reads a file; the error says what is wrong with it.
    pub fn read(path: &Path) -> Result<Listing, String> {
        let shown = Printable::path(path);
        let failed = |error: std::io::Error| format!("cannot read {shown}: {}", why(path, &error));
        let file = File::open(path).map_err(failed)?;
        let full = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let mut listing =
            Listing { path: exact(full.as_os_str().as_bytes()), codes: Vec::new(), places: FxHashMap::default() };
        let (mut is_listing, mut is_program) = (false, false);
        let (mut reader, mut line) = (BufReader::new(file.take(MOST)), Vec::new());
        for number in 1.. {
            line.clear();
            let read = reader.by_ref().take(LONGEST).read_until(b'\n', &mut line).map_err(failed)?;
            if line.pop_if(|last| *last == b'\n').is_none() && read as u64 == LONGEST {
                return Err(format!("{shown} is no listing: it has a line of more than {}", HumanBytes(LONGEST)));
            }
            if read == 0 && reader.get_ref().limit() == 0 {
                return Err(format!("{shown} is longer than {}, the most that is read of a listing", HumanBytes(MOST)));
            }
            if read == 0 {
                break;
            }
            is_listing = is_listing || line == b"listing 1";
            is_program |= number == 1 && line.starts_with(&MAGIC.to_le_bytes());
            if is_listing {
                listing.take(number, &String::from_utf8_lossy(&line));
            }
        }
        if !is_listing {
            let program = if is_program { path } else { Path::new("program.pyc") };
            // Never the file itself.
            let into = program.with_extension(if path.extension() == Some("lst".as_ref()) { "txt" } else { "lst" });
            let (program, into) = (shell::Word::path(program), shell::Word::path(&into));
            return Err(format!("{shown} is no listing; make one with `bctrace dis {program} > {into}`"));
        }
        for (place, code) in listing.codes.iter().enumerate() {
            listing.places.entry((code.bytes.clone(), code.first_line)).or_default().push(place);
        }
        Ok(listing)
    }

    fn take(&mut self, number: u32, line: &str) {
        if let Some(rest) = line.strip_prefix("code ") {
            let (digits, name) = rest.split_once(' ').unwrap_or((rest, ""));
            let name = name.split("  # in ").next().unwrap_or_default();
            self.codes.push(Listed {
                heading: number,
                shown: format!("{digits} {}", name.replace(',', "\\x2c")),
                name: name.to_owned(),
                first_line: 0,
                rows: BTreeMap::new(),
                conditionals: Vec::new(),
                bytes: Vec::new(),
                has_rows: false,
            });
            return;
        }
        let Some(code) = self.codes.last_mut() else { return };
        if line.is_empty() {
            code.has_rows = true;
        } else if !code.has_rows {
            if let Some(first) = line.strip_prefix("  line       ").and_then(|rest| rest.parse().ok()) {
                code.first_line = first;
            }
        } else if let Some(row) = Row::of(line)
            && row.offset as usize == code.bytes.len()
        {
            code.bytes.extend_from_slice(&row.bytes);
            code.rows.insert(row.offset, number);
            if opcode::of_name(row.name).is_some_and(opcode::is_conditional) {
                code.conditionals.push(number);
            }
        }
    }

    /// Finds the code object of a trace.
    pub fn find(&self, object: &CodeObject) -> Option<usize> {
        let found = [&object.bytes, &object.original].into_iter().find_map(|bytes| {
            let key = (bytes.clone(), object.first_line);
            self.places.get(&key).filter(|_| !bytes.is_empty())
        })?;
        // Several lambdas of one line can be equal.
        let name = exact(&object.name);
        found.iter().copied().find(|place| self.codes[*place].name == name).or(found.first().copied())
    }
}

/// The line of an instruction.
#[derive(Debug, PartialEq, Eq)]
struct Row<'a> {
    offset: u32,
    bytes: Vec<u8>,
    /// Its opcode's name; empty for bytes that are no instruction.
    name: &'a str,
}

impl Row<'_> {
    fn of(line: &str) -> Option<Row<'_>> {
        let (place, rest) = line.split_once(":  ")?;
        let mut words = place.split_whitespace().rev();
        let offset = words.next()?.parse().ok()?;
        if !words.all(|word| word == ">>" || word.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit())) {
            return None;
        }
        let rest = rest.split("  # ").next().unwrap_or_default();
        let rest = rest.split_once(".bytes").map_or(rest, |(_, bytes)| bytes);
        let byte = |word: &str| (word.len() == 2).then(|| u8::from_str_radix(word, 16).ok()).flatten();
        let is_count =
            |word: &&str| *word == "-" || word.strip_suffix('x').is_some_and(|digits| digits.parse::<u64>().is_ok());
        let words = rest.split_whitespace().skip_while(is_count);
        let bytes: Vec<u8> = words.clone().map_while(byte).collect();
        let name = words.clone().nth(bytes.len()).unwrap_or_default();
        (!bytes.is_empty()).then_some(Row { offset, bytes, name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_with_and_without_counts() {
        for (line, offset, bytes, name) in [
            ("     3        0:  64 01 00  LOAD_CONST           1  (2)", 0, &[0x64, 1, 0][..], "LOAD_CONST"),
            ("       >>    12:       12x  53        RETURN_VALUE", 12, &[0x53], "RETURN_VALUE"),
            ("             13:         -  64 00 00  LOAD_CONST", 13, &[0x64, 0, 0], "LOAD_CONST"),
            ("             16:            .bytes 64 00  # no whole instruction", 16, &[0x64, 0], ""),
            ("             16:         -            .bytes 64  # no", 16, &[0x64], ""),
        ] {
            assert_eq!(Row::of(line), Some(Row { offset, bytes: bytes.to_vec(), name }));
        }
        for line in ["  consts     0  'a 5:  64 00 00'", "#     12:  53  X", "  file       'x:  64'"] {
            assert_eq!(Row::of(line), None, "{line}");
        }
    }
}
