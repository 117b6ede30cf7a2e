//! Reads what CPython 2.7's dis prints: one function or several, one after the other, with or without headings.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::row;
use super::tree;
use super::{ListingError, Problem, Program, printable};
use crate::bytecode::assemble::{Instruction, Item, Label, Operand};
use crate::bytecode::literal::{Interned, Reader};
use crate::bytecode::object::Object;
use crate::bytecode::opcode::{self, EXTENDED_ARG, OperandKind, op};

/// Larger offsets are no labels; no listing has them.
const MOST_OFFSET: u32 = 1 << 24;

/// A constant, as far as a listing says what it is.
#[derive(Clone, Debug)]
pub(super) enum Constant {
    Object(Object),
    /// A code object: its name, its file and its first line.
    Code(Reference),
}

/// What a listing says of a code object where it is a constant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reference {
    pub name: Vec<u8>,
    pub file: Vec<u8>,
    pub line: i32,
}

/// The instructions of one code object, and what they say of its tables.
#[derive(Clone, Debug, Default)]
pub(super) struct Section {
    /// The line of the listing that it begins in.
    pub at: usize,
    /// What stands before it, if that looks like a name.
    pub name: Option<Vec<u8>>,
    pub items: Vec<Item>,
    pub first_line: Option<i32>,
    pub constants: BTreeMap<u32, Constant>,
    pub names: BTreeMap<u32, Arc<[u8]>>,
    pub varnames: BTreeMap<u32, Arc<[u8]>>,
    /// Cell variables, and free ones after them.
    pub cells: BTreeMap<u32, Arc<[u8]>>,
    /// Locals that are read before they are written, in the order of the code: at least one more than the last of these are arguments.
    pub arguments: u32,
    stored: Vec<u32>,
    /// Cells that are written, and those that are read before.
    stored_cells: Vec<u32>,
    read_cells: Vec<u32>,
    last_offset: Option<u32>,
    after_prefix: bool,
}

pub(super) fn read(text: &[u8]) -> Result<Program, ListingError> {
    let mut listing = Listing::default();
    for (place, whole) in text.split(|&byte| byte == b'\n').enumerate() {
        let line = place + 1;
        let text = whole.trim_ascii();
        match row::split(text, false).map_err(|problem| ListingError { line, problem })? {
            Some(row) => listing.row(line, &row).map_err(|problem| ListingError { line, problem })?,
            None => listing.heading(text),
        }
    }
    if listing.sections.is_empty() {
        return Err(ListingError { line: 1, problem: Problem::Empty });
    }
    let Listing { sections, interned, unread, .. } = listing;
    let mut remarks = Vec::new();
    if unread > 0 {
        remarks.push(format!("{unread} constants cannot be read back from their text; None stands for them"));
    }
    tree::build(sections, interned, remarks)
}

#[derive(Default)]
struct Listing {
    sections: Vec<Section>,
    interned: Interned,
    heading: Option<Vec<u8>>,
    /// The next instruction begins another code object.
    is_over: bool,
    unread: usize,
}

impl Listing {
    fn heading(&mut self, text: &[u8]) {
        if text.is_empty() {
            return;
        }
        self.is_over = true;
        let text = text.strip_prefix(b"#").unwrap_or(text).trim_ascii();
        let text = text.strip_prefix(b"Disassembly of ").unwrap_or(text);
        let text = text.strip_suffix(b":").unwrap_or(text);
        let name = reference(text).map(|reference| reference.name).or_else(|| listed(text));
        let is_word = |text: &[u8]| text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_<>.".contains(byte));
        self.heading = name.or_else(|| is_word(text).then(|| text.to_vec())).or(self.heading.take());
    }

    fn row(&mut self, line: usize, row: &row::Row<'_>) -> Result<(), Problem> {
        let Some(opcode) = row.opcode else { return Ok(()) };
        let offset = row.label.and_then(|digits| std::str::from_utf8(digits).ok()).and_then(|text| text.parse().ok());
        let begins = match self.sections.last() {
            None => true,
            Some(last) => self.is_over || offset.zip(last.last_offset).is_some_and(|(offset, last)| offset <= last),
        };
        if begins {
            self.sections.push(Section { at: line, name: self.heading.take(), ..Section::default() });
            self.is_over = false;
        }
        let Some(section) = self.sections.last_mut() else { return Ok(()) };
        section.last_offset = offset;
        if let Some(offset) = offset.filter(|&offset| offset <= MOST_OFFSET) {
            section.items.push(Item::Label(Label(offset)));
        }
        if let Some(line) = row.line {
            section.first_line.get_or_insert(line);
            section.items.push(Item::Line(line));
        }
        let operand = match (opcode::has_argument(opcode), row::number(row.rest)) {
            (false, _) => Operand::Nothing,
            (true, Some((number, rest))) => {
                let number = u32::try_from(number).map_err(|_| Problem::Operand(printable(row.rest)))?;
                let rest = rest.trim_ascii();
                let meaning = rest.strip_prefix(b"(").and_then(|rest| rest.strip_suffix(b")"));
                self.unread += usize::from(!section.note(opcode, number, meaning, &mut self.interned));
                match meaning.and_then(jump) {
                    Some(target) => Operand::Target(Label(target)),
                    None => Operand::Number(number.cast_signed()),
                }
            }
            (true, None) => return Err(Problem::Operand(printable(row.rest.trim_ascii()))),
        };
        section.after_prefix = opcode == EXTENDED_ARG;
        section.items.push(Item::Instruction(Instruction { opcode, operand }));
        Ok(())
    }
}

impl Section {
    /// Takes in what an operand means; false if a constant cannot be read.
    fn note(&mut self, opcode: u8, operand: u32, meaning: Option<&[u8]>, interned: &mut Interned) -> bool {
        let text = meaning.unwrap_or_default();
        let mut name = || {
            let name: Arc<[u8]> = text.into();
            interned.add(&name);
            name
        };
        let table = match opcode::operand_kind(opcode) {
            OperandKind::Constant if meaning.is_some() => return self.note_constant(operand, text, interned),
            OperandKind::Name => &mut self.names,
            OperandKind::Local => {
                if opcode == op::STORE_FAST {
                    self.stored.push(operand);
                } else if !self.stored.contains(&operand) {
                    self.arguments = self.arguments.max(operand.saturating_add(1));
                }
                &mut self.varnames
            }
            OperandKind::Free => {
                match opcode {
                    op::STORE_DEREF => self.stored_cells.push(operand),
                    op::LOAD_DEREF if !self.stored_cells.contains(&operand) => self.read_cells.push(operand),
                    _ => {}
                }
                &mut self.cells
            }
            _ => return true,
        };
        if meaning.is_some() {
            table.entry(operand).or_insert_with(&mut name);
        }
        true
    }

    /// Gives the arguments that are cell variables, those of the first `count` cells with a value that no instruction gives them, their
    /// places among the locals: no instruction names these.  Returns these arguments for people.
    pub(super) fn place_cell_arguments(&mut self, count: usize) -> Vec<String> {
        let is_given = |cell: &u32| self.read_cells.contains(cell) || !self.stored_cells.contains(cell);
        let cells = self.cells.range(..u32::try_from(count).unwrap_or(u32::MAX));
        let names: Vec<Arc<[u8]>> =
            cells.filter(|(cell, _)| is_given(cell)).map(|(_, name)| Arc::clone(name)).collect();
        for name in &names {
            // Only the last of all locals leaves no gap.
            let place = (0..).find(|place| !self.varnames.contains_key(place)).unwrap_or(0);
            self.varnames.insert(place, Arc::clone(name));
            self.arguments = self.arguments.max(place.saturating_add(1));
        }
        names.iter().map(|name| printable(name)).collect()
    }

    fn note_constant(&mut self, index: u32, text: &[u8], interned: &mut Interned) -> bool {
        if let Some(reference) = reference(text) {
            self.constants.insert(index, Constant::Code(reference));
            return true;
        }
        let mut reader = Reader::new(text);
        let object = reader.object(&mut |_| None);
        match object {
            Ok(object) if reader.rest().is_empty() => {
                interned.absorb(reader.interned);
                self.constants.insert(index, Constant::Object(object));
                true
            }
            _ => {
                self.constants.insert(index, Constant::Object(Object::None));
                false
            }
        }
    }
}

/// The name of the function in a call, as `>>> dis.dis(module.NAME)`.
fn listed(text: &[u8]) -> Option<Vec<u8>> {
    let call = b"dis(";
    let at = text.windows(call.len()).position(|window| window == call)?;
    let path = text[at + call.len()..].strip_suffix(b")")?;
    let name = path.rsplit(|&byte| byte == b'.').next()?;
    let is_name = !name.is_empty() && name.iter().all(|&byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then(|| name.to_vec())
}

/// Reads `to 27`, as dis writes it after a jump.
fn jump(meaning: &[u8]) -> Option<u32> {
    let digits = meaning.strip_prefix(b"to ")?;
    let digits = digits.strip_suffix(b"L").unwrap_or(digits);
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Reads `<code object NAME at 0x7f00, file "FILE", line N>`.
fn reference(text: &[u8]) -> Option<Reference> {
    let text = text.strip_prefix(b"<code object ")?.strip_suffix(b">")?;
    let find = |part: &[u8]| text.windows(part.len()).rposition(|window| window == part);
    let (file_at, line_at) = (find(b", file \"")?, find(b"\", line ")?);
    let before = &text[..file_at];
    let name = before.windows(4).rposition(|window| window == b" at ").map_or(before, |at| &before[..at]);
    let file = text.get(file_at + 8..line_at)?;
    let line = std::str::from_utf8(text.get(line_at + 8..)?).ok()?.parse().ok()?;
    Some(Reference { name: name.to_vec(), file: file.to_vec(), line })
}
