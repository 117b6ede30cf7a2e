//! `bctrace list`: what a program's file contains.

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use sha2::{Digest, Sha256};

use super::args::{AnswerFormat, ListArgs};
use super::message;
use super::program::{self, Program, Reading};
use super::screen::{self, CANNOT_WRITE, Screen};
use crate::bytecode::escape::Printable;
use crate::bytecode::file::{self, Code};
use crate::format::json;

/// Digits of a hash in text; JSON has all.
const DIGITS: usize = 16;

/// Runs the command.
pub fn run(args: &ListArgs) -> anyhow::Result<u8> {
    let program = program::read(&args.program, Reading::from(&args.file))?;
    let rows = rows(&program);
    let listing = match args.format {
        AnswerFormat::Text => text(&args.program, &program, &rows).into_bytes(),
        AnswerFormat::Json => lines(args, &program, &rows),
    };
    let screen = Screen::open(&args.screen, true);
    let mut out = screen.writer(None);
    let written = out.write_all(&listing).and_then(|()| out.flush());
    drop((out, screen));
    screen::result(written.map(|()| 0).context(CANNOT_WRITE))
}

/// One thing in a file.
pub struct Row<'a> {
    pub kind: &'static str,
    /// As the file has it; a script that has no name has that of its code object.
    pub name: Vec<u8>,
    pub bytes: &'a [u8],
    /// Of the code, if it is code.
    pub code: Option<&'a Code>,
    /// What comes after code has the code's name.
    pub after: Option<After>,
}

/// What data comes after, and where.
#[derive(Clone, Copy)]
pub struct After {
    /// The kind of the code.
    pub kind: &'static str,
    /// In the file that the code is in.
    pub offset: usize,
}

/// All that a file contains: scripts, modules, each with what comes after it, other files.
pub fn rows(program: &Program) -> Vec<Row<'_>> {
    let contents = &program.contents;
    let entries = contents.entries.iter().flat_map(|entry| match &entry.program {
        file::Program::Code(code) => of_code("script", name_of(&entry.name, code), code),
        file::Program::Source(source) => vec![of_bytes("source", &entry.name, source)],
    });
    let modules = contents.modules.iter().flat_map(|module| {
        let kind = if module.is_package { "package" } else { "module" };
        of_code(kind, module.name.clone(), &module.code)
    });
    let files = contents.files.iter().map(|file| of_bytes("file", &file.name, &file.bytes));
    entries.chain(modules).chain(files).collect()
}

/// Code, and what comes after it.
fn of_code<'a>(kind: &'static str, name: Vec<u8>, code: &'a Code) -> Vec<Row<'a>> {
    let tail = (!code.tail().is_empty())
        .then(|| Row { after: Some(After { kind, offset: code.marshal.end }), ..of_bytes("tail", &name, code.tail()) });
    let row = Row { kind, name, bytes: code.marshalled(), code: Some(code), after: None };
    [row].into_iter().chain(tail).collect()
}

fn of_bytes<'a>(kind: &'static str, name: &[u8], bytes: &'a [u8]) -> Row<'a> {
    Row { kind, name: name.to_vec(), bytes, code: None, after: None }
}

fn name_of(name: &[u8], code: &Code) -> Vec<u8> {
    match name {
        b"" => code.read().map(|code| code.name.to_vec()).unwrap_or_default(),
        name => name.to_vec(),
    }
}

impl Row<'_> {
    fn magic(&self) -> Option<u16> {
        self.code.and_then(|code| code.magic)
    }
}

/// The SHA-256 of bytes, in digits.
pub fn digest(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// The listing for people.
pub fn text(path: &Path, program: &Program, rows: &[Row]) -> String {
    let mut out = format!("# {}: {}\n", Printable::path(path), program.description());
    let _ = writeln!(out, "# {} bytes, SHA-256 {}", program.size, hexadecimal(&program.sha256));
    let width = rows.iter().map(|row| row.bytes.len().to_string().len()).max().unwrap_or(0).max("SIZE".len());
    let _ = writeln!(out, "{:<7}  {:>5}  {:>width$}  {:<DIGITS$}  NAME", "KIND", "MAGIC", "SIZE", "SHA-256");
    for row in rows {
        let magic = row.magic().map_or("-".to_owned(), |magic| magic.to_string());
        let digest = digest(row.bytes);
        let (size, mut name) = (row.bytes.len(), Printable::text(&row.name).to_string());
        if let Some(after) = row.after {
            let bytes = message::counted(size as u64, "byte");
            name = format!("{bytes} after the code object of {name}, at offset {}", after.offset);
        }
        let _ = writeln!(out, "{:<7}  {magic:>5}  {size:>width$}  {}  {name}", row.kind, &digest[..DIGITS]);
    }
    out
}

fn lines(args: &ListArgs, program: &Program, rows: &[Row]) -> Vec<u8> {
    let mut out = b"{\"type\":\"view\",\"view\":\"list\",\"version\":1".to_vec();
    push_head(&mut out, args.program.as_os_str().as_encoded_bytes(), program);
    out.extend_from_slice(b"}\n");
    for row in rows {
        out.push(b'{');
        push_row(&mut out, row);
        out.extend_from_slice(b"}\n");
    }
    out
}

/// Appends what is said of a whole file, each member after a comma.
pub fn push_head(out: &mut Vec<u8>, path: &[u8], program: &Program) {
    json::push_text_member(out, "path", path);
    json::push_text_member(out, "kind", program.contents.kind.name().as_bytes());
    json::push_member(out, "size", program.size);
    json::push_hex_member(out, "sha256", &program.sha256);
    let guesses: Vec<Vec<u8>> = program.contents.guesses.iter().map(|guess| guess.as_bytes().to_vec()).collect();
    json::push_list_member(out, "guesses", &guesses);
}

/// Appends the members of a row, without a comma before them.
pub fn push_row(out: &mut Vec<u8>, row: &Row) {
    out.extend_from_slice(b"\"type\":");
    json::push_string(out, row.kind.as_bytes());
    json::push_text_member(out, "name", &row.name);
    json::push_member(out, "size", row.bytes.len());
    json::push_hex_member(out, "sha256", &Sha256::digest(row.bytes));
    if row.code.is_some() {
        json::push_optional_member(out, "magic", row.magic());
    }
    if let Some(after) = row.after {
        json::push_member(out, "offset", after.offset);
    }
}
