//! Reads what `bctrace dis` prints, edited or not.

use std::collections::HashMap;
use std::sync::Arc;

use super::row::{self, Row};
use super::words::{bytes_of, flags_of, is_remark, word_of};
use super::{ListingError, Problem, Program, VERSION, printable};
use crate::bytecode::assemble::{
    AssembleError, Assembled, Instruction, Item, Label, Operand, assemble, depth, flags, lines,
};
use crate::bytecode::literal::{Interned, Reader, Word};
use crate::bytecode::object::{MarshalledCode, Object};
use crate::bytecode::opcode::{self, COMPARE_NAMES, OperandKind};

/// The lines of one code object.
struct Section<'a> {
    number: u32,
    line: usize,
    name: &'a [u8],
    lines: Vec<(usize, &'a [u8])>,
}

pub(super) fn read(text: &[u8]) -> Result<Program, ListingError> {
    let (time, sections) = sections(text)?;
    let mut interned = Interned::default();
    let mut remarks = Vec::new();
    let mut built: HashMap<u32, (MarshalledCode, bool)> = HashMap::new();
    // A code object is listed before those that it holds, so the last one holds none.
    for section in sections.iter().rev() {
        let mut builder = Builder::new(section, &mut built, &mut interned);
        let code = builder.build(&mut remarks)?;
        built.insert(section.number, (code, false));
    }
    let empty = ListingError { line: 1, problem: Problem::Empty };
    let first = sections.first().ok_or(empty.clone())?;
    let (code, _) = built.remove(&first.number).ok_or(empty)?;
    let mut unused: Vec<u32> = built.iter().filter(|(_, (_, is_used))| !is_used).map(|(number, _)| *number).collect();
    unused.sort_unstable();
    remarks.extend(unused.iter().map(|number| format!("code {number} is no constant of another one and is left out")));
    Ok(Program { code, interned, time, remarks })
}

/// Splits a listing into code objects.
fn sections(text: &[u8]) -> Result<(u32, Vec<Section<'_>>), ListingError> {
    let mut time = 0;
    let mut sections: Vec<Section<'_>> = Vec::new();
    for (place, whole) in text.split(|&byte| byte == b'\n').enumerate() {
        let line = place + 1;
        let text = whole.trim_ascii();
        // A fence of Markdown stands around a listing, not in it.
        if text.starts_with(b"#") || text.starts_with(b"```") {
            continue;
        }
        let fail = |problem| ListingError { line, problem };
        let (word, rest) = word_of(text);
        match word {
            b"listing" if rest != VERSION.to_string().as_bytes() => {
                return Err(fail(Problem::Version(printable(rest))));
            }
            b"listing" => {}
            b"time" if sections.is_empty() => {
                let number = row::number(rest).and_then(|(number, _)| u32::try_from(number).ok());
                time = number.ok_or_else(|| fail(Problem::Number("time")))?;
            }
            b"code" => {
                let number = row::number(rest).and_then(|(number, name)| Some((u32::try_from(number).ok()?, name)));
                let (number, name) = number.ok_or_else(|| fail(Problem::Number("code")))?;
                sections.push(Section { number, line, name, lines: Vec::new() });
            }
            _ => match sections.last_mut() {
                Some(section) => section.lines.push((line, text)),
                None if text.is_empty() => {}
                None => return Err(fail(Problem::NoCode)),
            },
        }
    }
    Ok((time, sections))
}

/// Makes a code object of its lines.
struct Builder<'a, 's> {
    section: &'a Section<'s>,
    /// Code objects that are listed later, and whether one has them as a constant.
    built: &'a mut HashMap<u32, (MarshalledCode, bool)>,
    interned: &'a mut Interned,
    code: MarshalledCode,
    constants: Vec<Object>,
    stacksize: Option<i32>,
    flags: Option<i32>,
    nlocals: Option<i32>,
    lnotab: Option<Vec<u8>>,
    /// Whether the code string and the line table are interned, if the listing says so.
    is_interned: Option<(bool, bool)>,
    items: Vec<Item>,
    /// The line of the listing of each item.
    lines: Vec<usize>,
    labels: HashMap<&'s [u8], u32>,
    /// By label: the line that needs it first, and whether an instruction has it.
    known: Vec<(usize, bool)>,
}

impl<'a, 's> Builder<'a, 's> {
    fn new(
        section: &'a Section<'s>,
        built: &'a mut HashMap<u32, (MarshalledCode, bool)>,
        interned: &'a mut Interned,
    ) -> Self {
        let empty: Arc<[u8]> = [].into();
        let code = MarshalledCode {
            argcount: 0,
            nlocals: 0,
            stacksize: 0,
            flags: 0,
            bytes: empty.clone(),
            constants: Vec::new().into(),
            names: Vec::new(),
            varnames: Vec::new(),
            freevars: Vec::new(),
            cellvars: Vec::new(),
            filename: empty.clone(),
            name: empty.clone(),
            first_line: 1,
            lnotab: empty,
        };
        Builder {
            section,
            built,
            interned,
            code,
            constants: Vec::new(),
            stacksize: None,
            flags: None,
            nlocals: None,
            lnotab: None,
            is_interned: None,
            items: Vec::new(),
            lines: Vec::new(),
            labels: HashMap::new(),
            known: Vec::new(),
        }
    }

    fn build(&mut self, remarks: &mut Vec<String>) -> Result<MarshalledCode, ListingError> {
        let fail = |line: usize| move |problem: Problem| ListingError { line, problem };
        let line = self.section.line;
        self.code.name = self.name(self.section.name).map_err(fail(line))?;
        let mut in_constants = false;
        for &(line, text) in &self.section.lines {
            if text.is_empty() {
                in_constants = false;
                continue;
            }
            let (word, rest) = word_of(text);
            in_constants = word == b"consts" || in_constants && word[0].is_ascii_digit();
            if in_constants {
                self.constant(if word == b"consts" { rest } else { text }).map_err(fail(line))?;
            } else if !self.table(word, rest).map_err(fail(line))? {
                match row::split(text, true).map_err(fail(line))? {
                    Some(row) => self.row(line, &row).map_err(fail(line))?,
                    None => return Err(fail(line)(Problem::Unknown(printable(text)))),
                }
            }
        }
        self.finish(remarks)
    }

    /// Reads a line of a table; false if it is none.
    fn table(&mut self, word: &[u8], rest: &'s [u8]) -> Result<bool, Problem> {
        let number = |what| match row::number(rest).map(|(number, _)| i32::try_from(number)) {
            Some(Ok(number)) => Ok(number),
            _ => Err(Problem::Number(what)),
        };
        match word {
            b"file" => {
                let mut reader = Reader::new(rest);
                self.code.filename = reader.file_name()?;
                self.interned.absorb(reader.interned);
            }
            b"line" => self.code.first_line = number("line")?,
            b"argcount" => self.code.argcount = number("argcount")?.max(0),
            b"nlocals" => self.nlocals = Some(number("nlocals")?.max(0)),
            b"stacksize" => self.stacksize = Some(number("stacksize")?),
            b"flags" => self.flags = Some(flags_of(rest)?),
            b"names" => self.code.names = self.names(rest)?,
            b"varnames" => self.code.varnames = self.names(rest)?,
            b"cellvars" => self.code.cellvars = self.names(rest)?,
            b"freevars" => self.code.freevars = self.names(rest)?,
            b"lnotab" => self.lnotab = Some(bytes_of(rest)?),
            b"interned" => {
                let has = |wanted: &[u8]| rest.split(u8::is_ascii_whitespace).any(|word| word == wanted);
                self.is_interned = Some((has(b"code"), has(b"lnotab")));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn name(&mut self, text: &[u8]) -> Result<Arc<[u8]>, Problem> {
        let mut reader = Reader::new(text);
        let name = reader.name()?;
        self.interned.absorb(reader.interned);
        Ok(name)
    }

    fn names(&mut self, text: &[u8]) -> Result<Vec<Arc<[u8]>>, Problem> {
        let mut reader = Reader::new(text);
        let mut names = Vec::new();
        loop {
            names.push(reader.name()?);
            reader.skip_spaces();
            if !reader.eat(b",") {
                break;
            }
        }
        if !is_remark(reader.rest()) {
            return Err(Problem::Operand(printable(reader.rest())));
        }
        self.interned.absorb(reader.interned);
        Ok(names)
    }

    fn constant(&mut self, text: &[u8]) -> Result<(), Problem> {
        let (number, rest) = row::number(text).ok_or(Problem::Number("consts"))?;
        if usize::try_from(number) != Ok(self.constants.len()) {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            return Err(Problem::ConstantOrder(number, self.constants.len()));
        }
        let constant = self.literal(rest)?;
        self.constants.push(constant);
        Ok(())
    }

    fn literal(&mut self, text: &[u8]) -> Result<Object, Problem> {
        let mut reader = Reader::new(text);
        let mut missing = None;
        let built = &mut *self.built;
        let object = reader.object(&mut |word| match word {
            Word::Code(number) => match built.get_mut(&number) {
                Some((code, is_used)) => {
                    *is_used = true;
                    Some(Object::Code(Box::new(code.clone())))
                }
                None => {
                    missing = Some(number);
                    None
                }
            },
            Word::Repr(_) => None,
        });
        if let Some(number) = missing {
            return Err(Problem::NoSuchCode(number));
        }
        let object = object?;
        if !is_remark(reader.rest()) {
            return Err(Problem::Operand(printable(reader.rest())));
        }
        self.interned.absorb(reader.interned);
        Ok(object)
    }

    fn label(&mut self, line: usize, label: &'s [u8]) -> Label {
        let next = self.known.len() as u32;
        let number = *self.labels.entry(label).or_insert(next);
        if number == next {
            self.known.push((line, false));
        }
        Label(number)
    }

    fn push(&mut self, line: usize, item: Item) {
        self.items.push(item);
        self.lines.push(line);
    }

    fn row(&mut self, line: usize, row: &Row<'s>) -> Result<(), Problem> {
        if let Some(text) = row.label {
            let label = self.label(line, text);
            if std::mem::replace(&mut self.known[label.0 as usize].1, true) {
                return Err(Problem::LabelTwice(printable(text)));
            }
            self.push(line, Item::Label(label));
        }
        if let Some(source) = row.line {
            self.push(line, Item::Line(source));
        }
        let rest = row.rest.trim_ascii();
        let Some(opcode) = row.opcode else {
            self.push(line, Item::Bytes(bytes_of(rest)?));
            return Ok(());
        };
        let operand = self.operand(line, opcode, rest)?;
        self.push(line, Item::Instruction(Instruction { opcode, operand }));
        Ok(())
    }

    fn operand(&mut self, line: usize, opcode: u8, rest: &'s [u8]) -> Result<Operand, Problem> {
        let (word, after) = word_of(rest);
        if word == b"swallows" {
            let bytes = bytes_of(after)?;
            return bytes.try_into().map(Operand::Swallowed).map_err(|_| Problem::Operand(printable(rest)));
        }
        if !opcode::has_argument(opcode) {
            return if is_remark(rest) { Ok(Operand::Nothing) } else { Err(Problem::Operand(printable(rest))) };
        }
        if word == b"to" {
            return Ok(Operand::Target(self.label(line, word_of(after).0)));
        }
        let fits = |number: i64| i32::try_from(number).ok().or(u32::try_from(number).ok().map(u32::cast_signed));
        match row::number(rest) {
            Some((number, _)) => fits(number).map(Operand::Number).ok_or_else(|| Problem::Operand(printable(rest))),
            None => self.meant(opcode, rest).map(Operand::Number),
        }
    }

    /// Finds what is written in brackets without its index, or adds it to its table.
    fn meant(&mut self, opcode: u8, rest: &[u8]) -> Result<i32, Problem> {
        let bad = || Problem::Operand(printable(rest));
        let inner = rest.strip_prefix(b"(").ok_or_else(bad)?;
        let end = inner.iter().rposition(|&byte| byte == b')').ok_or_else(bad)?;
        let inner = &inner[..end];
        let kind = opcode::operand_kind(opcode);
        if kind == OperandKind::Constant {
            let constant = self.literal(inner)?;
            self.constants.push(constant);
            return Ok(self.constants.len() as i32 - 1);
        }
        if kind == OperandKind::Compare {
            let found = COMPARE_NAMES.iter().position(|name| name.as_bytes() == inner);
            return found.map(|index| index as i32).ok_or_else(bad);
        }
        let name = self.name(inner)?;
        let cells = self.code.cellvars.len();
        let (table, before) = match kind {
            OperandKind::Name => (&mut self.code.names, 0),
            OperandKind::Local => (&mut self.code.varnames, 0),
            OperandKind::Free if self.code.cellvars.contains(&name) => (&mut self.code.cellvars, 0),
            OperandKind::Free => (&mut self.code.freevars, cells),
            _ => return Err(bad()),
        };
        let index = table.iter().position(|known| *known == name).unwrap_or_else(|| {
            table.push(name);
            table.len() - 1
        });
        Ok((before + index) as i32)
    }

    fn finish(&mut self, remarks: &mut Vec<String>) -> Result<MarshalledCode, ListingError> {
        let lines_of = std::mem::take(&mut self.lines);
        let line_of = |error: &AssembleError| error.item().and_then(|item| lines_of.get(item)).copied();
        let at = self.section.line;
        if let Some((label, number)) = self.labels.iter().find(|(_, number)| !self.known[**number as usize].1) {
            let line = self.known[*number as usize].0;
            return Err(ListingError { line, problem: Problem::NoTarget(printable(label)) });
        }
        let assembled = assemble(&self.items)
            .map_err(|error| ListingError { line: line_of(&error).unwrap_or(at), problem: Problem::Assemble(error) })?;
        let bytes: Arc<[u8]> = assembled.bytes.as_slice().into();
        let mut code = self.code.clone();
        code.lnotab = self.line_table(&assembled, remarks).into();
        code.stacksize = match self.stacksize {
            Some(size) => size,
            None => depth::of(&bytes)
                .map(u32::cast_signed)
                .map_err(|error| ListingError { line: at, problem: Problem::Depth(error) })?,
        };
        let has_cells = !code.cellvars.is_empty() || !code.freevars.is_empty();
        code.flags = self.flags.unwrap_or_else(|| {
            let scope = if code.varnames.is_empty() { flags::Scope::Module } else { flags::Scope::Function };
            flags::of(scope, &bytes, !code.freevars.is_empty(), has_cells).cast_signed()
        });
        code.nlocals = self.nlocals.unwrap_or(code.varnames.len() as i32);
        code.constants = std::mem::take(&mut self.constants).into();
        code.bytes = bytes;
        let usual = (code.bytes.len() < 2, code.lnotab.len() < 2);
        let (is_code, is_lnotab) = self.is_interned.unwrap_or(usual);
        for (string, is_interned) in [(&code.bytes, is_code), (&code.lnotab, is_lnotab)] {
            if is_interned {
                self.interned.add(string);
            }
        }
        Ok(code)
    }

    /// The given line table, as long as every instruction is where the listing says.
    fn line_table(&mut self, assembled: &Assembled, remarks: &mut Vec<String>) -> Vec<u8> {
        let usual = || lines::write(self.code.first_line, &assembled.lines);
        let Some(given) = self.lnotab.take() else { return usual() };
        let texts: HashMap<u32, &[u8]> = self.labels.iter().map(|(text, number)| (*number, *text)).collect();
        let has_moved = self.items.iter().zip(&assembled.offsets).any(|(item, offset)| match item {
            Item::Label(label) => texts.get(&label.0).is_some_and(|text| *text != offset.to_string().as_bytes()),
            _ => false,
        });
        if has_moved {
            let number = self.section.number;
            remarks.push(format!("the lnotab of code {number} is made of its lines, since instructions have moved"));
            return usual();
        }
        given
    }
}
