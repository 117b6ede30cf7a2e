//! Tables as CSV (RFC 4180): a line of names, then a line for each row.  Null is an empty field, an empty text two quotes; bytes are
//! hexadecimal digits.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::batch::{Batch, Data};
use super::schema::{Kind, RUN, Which};
use super::writer::Writer;
use crate::export::target::Target;
use crate::trace::SinkError;

/// The files of the tables that are wanted.
pub struct Csv {
    /// What every row begins with: the trace.
    run: Vec<u8>,
    files: Vec<(Which, Target)>,
    scratch: Vec<u8>,
}

/// The file of a table, where a folder is asked for.
pub fn path_of(folder: &Path, which: Which) -> PathBuf {
    folder.join(format!("{}.csv", which.table().name))
}

impl Csv {
    /// Opens the files, each with its line of names.
    pub fn open(files: Vec<(Which, PathBuf)>, run: &str) -> Result<Csv, SinkError> {
        let open = |(which, path): (Which, PathBuf)| {
            let mut target = Target::create(&path)?;
            let columns = which.table().columns.iter().map(|column| column.name);
            let names: Vec<&str> = [RUN].into_iter().chain(columns).collect();
            target.write_all(format!("{}\n", names.join(",")).as_bytes())?;
            Ok((which, target))
        };
        let files = files.into_iter().map(open).collect::<Result<_, SinkError>>()?;
        Ok(Csv { run: run.as_bytes().to_vec(), files, scratch: Vec::new() })
    }
}

impl Writer for Csv {
    fn write(&mut self, which: Which, batch: Batch) -> Result<(), SinkError> {
        let Some((_, target)) = self.files.iter_mut().find(|(table, _)| *table == which) else { return Ok(()) };
        // The place of each column's next cell that is not null.
        let mut places = vec![0; batch.columns.len()];
        for row in 0..batch.rows {
            self.scratch.extend_from_slice(&self.run);
            for (number, (cells, column)) in batch.columns.iter().zip(batch.table.columns).enumerate() {
                self.scratch.push(b',');
                if cells.levels.get(row).is_none_or(|level| *level == 1) {
                    push_cell(&mut self.scratch, &cells.data, places[number], column.kind);
                    places[number] += 1;
                }
            }
            self.scratch.push(b'\n');
            if self.scratch.len() > 1 << 16 {
                target.write_all(&self.scratch)?;
                self.scratch.clear();
            }
        }
        target.write_all(&self.scratch)?;
        self.scratch.clear();
        Ok(())
    }

    fn commit(self) -> Result<(), SinkError> {
        for (_, target) in self.files {
            target.commit()?;
        }
        Ok(())
    }
}

fn push_cell(out: &mut Vec<u8>, data: &Data, place: usize, kind: Kind) {
    match data {
        Data::Integers(values) => out.extend_from_slice(itoa::Buffer::new().format(values[place]).as_bytes()),
        Data::Words(values) => out.extend_from_slice(values[place].as_bytes()),
        Data::Booleans(values) => out.extend_from_slice(if values[place] { b"true" } else { b"false" }),
        Data::Strings(bytes, ends) => {
            let from = place.checked_sub(1).map_or(0, |before| ends[before]);
            let cell = &bytes[from..ends[place]];
            match kind {
                Kind::Bytes => push_digits(out, cell),
                _ => push_text(out, cell),
            }
        }
    }
}

fn push_digits(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    if bytes.is_empty() {
        out.extend_from_slice(b"\"\"");
    }
    for byte in bytes {
        out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

/// Appends a text, in quotes if it needs them.  It holds no line break.
fn push_text(out: &mut Vec<u8>, text: &[u8]) {
    let needs_quotes = |byte: &u8| matches!(byte, b',' | b'"' | b' ' | b'#' | b'\'' | b';');
    if !text.is_empty() && !text.iter().any(needs_quotes) {
        out.extend_from_slice(text);
        return;
    }
    out.push(b'"');
    for &byte in text {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(push: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        push(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_text_is_quoted_where_it_must_be_and_an_empty_one_is_no_null() {
        for (text, field) in [("a", "a"), ("", "\"\""), ("a,b", "\"a,b\""), ("\"", "\"\"\"\""), ("<x>", "<x>")] {
            assert_eq!(written(|out| push_text(out, text.as_bytes())), field);
        }
        assert_eq!(written(|out| push_digits(out, b"\x00\xff")), "00ff");
    }
}
