//! PyInstaller's archives (CArchive): a cookie, at any position of any file, leads to a table of contents, and that to scripts, modules,
//! an archive of modules (pyz.rs), libraries and data.

use memchr::memmem;

use super::limit::{Limit, MOST_MEMBERS};
use super::{Asked, Contents, Entry, FileError, Kind, Member, Module, Program};
use super::{candidate, pyz};

const WHAT: &str = "the PyInstaller archive";
const MAGIC: &[u8] = b"MEI\x0c\x0b\x0a\x0b\x0e";
/// Bytes of a cookie: since 2.1 it names the library of Python, before it does not.
const COOKIES: [usize; 2] = [88, 24];
/// Bytes of a table's row before the name.
const ROW: usize = 18;
/// Places of the magic that are looked at.
const MOST_PLACES: usize = 100;

/// Where an archive lies.
#[derive(Clone, Copy, Debug)]
struct Archive<'a> {
    bytes: &'a [u8],
    table: &'a [u8],
    /// As 27 for 2.7.
    python: u32,
    /// Of the cookie, in bytes.
    cookie: usize,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
struct Row<'a> {
    kind: u8,
    name: &'a [u8],
    data: &'a [u8],
    /// Bytes that it unpacks to, and whether it is packed.
    size: u32,
    is_packed: bool,
}

/// Reads an archive; None if the file has none.
pub fn read(bytes: &[u8], asked: &Asked, limit: &mut Limit) -> Result<Option<Contents>, FileError> {
    let Some(found) = find(bytes) else { return Ok(None) };
    let (archive, rows) = found.map_err(|why| FileError::Damaged { what: WHAT, why })?;
    if let Some(python) = other_python(archive.python) {
        return Err(FileError::OtherPython { what: WHAT, python });
    }
    let mut contents = Contents::new(Kind::PyInstaller);
    contents.guesses.push(format!("its cookie has {} bytes", archive.cookie));
    let mut key = None;
    let mut archives = Vec::new();
    for row in rows {
        limit.member().map_err(|error| FileError::of_member(WHAT, row.name, error))?;
        let unpacked = match row.is_packed {
            true => limit.inflate(row.data, true, Some(row.size.into())),
            false => limit.copy(row.data),
        };
        let bytes = unpacked.map_err(|error| FileError::of_member(WHAT, row.name, error))?;
        match row.kind {
            b's' => contents.entries.push(entry(row.name, bytes)?),
            b'm' | b'M' => match candidate::in_container(bytes) {
                Ok(code) => {
                    key = key.or_else(|| pyz::key(row.name, &code));
                    let name = row.name.strip_suffix(b".pyc").unwrap_or(row.name).to_vec();
                    contents.modules.push(Module { name, is_package: row.kind == b'M', code });
                }
                Err(bytes) => contents.files.push(Member { name: row.name.to_vec(), bytes }),
            },
            b'z' => archives.push((row.name, bytes)),
            // Options of the bootloader, and archives that the program shares with another.
            b'o' => contents.guesses.push(format!("an option of the bootloader: {}", printable(row.name))),
            b'd' => contents.guesses.push(format!("a part of it is in another file: {}", printable(row.name))),
            kind => {
                contents.has_unpacked |= matches!(kind, b'b' | b'x' | b'Z');
                contents.files.push(Member { name: row.name.to_vec(), bytes });
            }
        }
    }
    for (name, bytes) in archives {
        pyz::read(&bytes, name, key.as_deref(), &mut contents, limit)?;
    }
    choose(&mut contents, asked)?;
    Ok(Some(contents))
}

fn printable(name: &[u8]) -> String {
    crate::bytecode::escape::Printable::text(name).to_string()
}

/// A script is marshalled code, in versions before 2.0 source.
fn entry(name: &[u8], bytes: Vec<u8>) -> Result<Entry, FileError> {
    let program = match candidate::in_container(bytes) {
        Ok(code) => Program::Code(code),
        Err(bytes) if bytes.contains(&0) => {
            let why = "it is no code object of 2.7".to_owned();
            return Err(FileError::DamagedMember { what: WHAT, member: name.to_vec(), why });
        }
        Err(source) => Program::Source(source),
    };
    Ok(Entry { name: name.to_vec(), program })
}

fn choose(contents: &mut Contents, asked: &Asked) -> Result<(), FileError> {
    let Some(member) = &asked.member else { return Ok(()) };
    let stem = member.strip_suffix(b".pyc").unwrap_or(member);
    let entry = contents.entries.iter().find(|entry| entry.name == stem).cloned();
    let module = || contents.modules.iter().find(|module| module.name == stem);
    let of_module =
        || module().map(|module| Entry { name: module.name.clone(), program: Program::Code(module.code.clone()) });
    let entry = entry.or_else(of_module).ok_or_else(|| FileError::NoMember(member.clone()))?;
    contents.entries = vec![entry];
    Ok(())
}

/// Names the Python of an archive that is not of 2.7.
fn other_python(number: u32) -> Option<String> {
    match number {
        27 | 207 => None,
        20..=39 => Some(format!("Python {}.{}", number / 10, number % 10)),
        300..=399 => Some(format!("Python 3.{}", number - 300)),
        // Some builds leave it empty; the code says what it is.
        0 => None,
        other => Some(format!("an unknown Python ({other})")),
    }
}

type Found<'a> = Result<(Archive<'a>, Vec<Row<'a>>), String>;

/// Looks for the last cookie whose table is whole; an error if there are cookies and none is that.
fn find(bytes: &[u8]) -> Option<Found<'_>> {
    let mut first = None;
    for at in memmem::rfind_iter(bytes, MAGIC).take(MOST_PLACES) {
        for cookie in COOKIES {
            match archive(bytes, at, cookie) {
                Ok((archive, rows)) if !rows.is_empty() => return Some(Ok((archive, rows))),
                // The bootloader has the magic among its constants, and there no length follows it.
                Ok(_) | Err(None) => {}
                Err(Some(why)) => first = first.or(Some(why)),
            }
        }
    }
    first.map(Err)
}

/// Reads the cookie of one length at one place; an error without words if that cannot be one.
fn archive(bytes: &[u8], at: usize, cookie: usize) -> Result<(Archive<'_>, Vec<Row<'_>>), Option<String>> {
    let rest = bytes.get(at..at + cookie).ok_or(None)?;
    let number = |place: usize| {
        rest.get(place..place + 4).and_then(|four| four.first_chunk()).map(|four| u32::from_be_bytes(*four))
    };
    let [Some(length), Some(table), Some(table_length), Some(python)] = [8, 12, 16, 20].map(number) else {
        return Err(None);
    };
    if cookie == COOKIES[0] && !names_library(&rest[24..]) {
        return Err(None);
    }
    let is_likely = matches!(python, 0 | 20..=39 | 207 | 300..=399);
    let fail = |why: &str| Err(is_likely.then(|| why.to_owned()));
    let (length, table, table_length) = (length as usize, table as usize, table_length as usize);
    let Some(begin) = (at + cookie).checked_sub(length) else {
        return fail("its length is more than the file has");
    };
    let whole = &bytes[begin..at + cookie];
    let Some(rows) = table.checked_add(table_length).and_then(|end| whole.get(table..end)) else {
        return fail("its table of contents lies outside of it");
    };
    let archive = Archive { bytes: whole, table: rows, python, cookie };
    archive.rows().map(|rows| (archive, rows)).map_err(|why| is_likely.then_some(why))
}

/// Whether the rest of a cookie is the name of a library, as libpython2.7.so.1.0 and python27.dll, and NULs.
fn names_library(text: &[u8]) -> bool {
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    name.iter().all(|byte| (b' '..=b'~').contains(byte))
        && rest.iter().all(|byte| *byte == 0)
        && memmem::find(&name.to_ascii_lowercase(), b"python").is_some()
}

impl<'a> Archive<'a> {
    fn rows(&self) -> Result<Vec<Row<'a>>, String> {
        let mut rest = self.table;
        let mut rows = Vec::new();
        // Those that are too many are not counted to their end.
        while !rest.is_empty() && rows.len() <= MOST_MEMBERS {
            let number = rows.len() + 1;
            let row = self.row(rest).ok_or_else(|| format!("row {number} of its table of contents is no row"))?;
            let (length, row) = row;
            rest = &rest[length..];
            rows.push(row);
        }
        Ok(rows)
    }

    /// Reads the row that begins the table; returns its length too.
    fn row(&self, table: &'a [u8]) -> Option<(usize, Row<'a>)> {
        let number = |place: usize| table.get(place..)?.first_chunk().map(|four| u32::from_be_bytes(*four));
        let length = number(0)? as usize;
        let row = table.get(..length).filter(|row| row.len() >= ROW)?;
        let (at, packed) = (number(4)? as usize, number(8)? as usize);
        let data = self.bytes.get(at..at.checked_add(packed)?)?;
        let name = &row[ROW..];
        let name = &name[..name.iter().position(|byte| *byte == 0).unwrap_or(name.len())];
        Some((length, Row { kind: row[17], name, data, size: number(12)?, is_packed: row[16] != 0 }))
    }
}
