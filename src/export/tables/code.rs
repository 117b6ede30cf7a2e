//! The rows of code objects: described once, with what made them.

use std::fmt::Write;
use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet};
use sha2::{Digest, Sha256};

use super::batch::Batch;
use crate::bytecode::CodeObject;
use crate::export::text::list;
use crate::trace::origin::Made;
use crate::trace::{Code, Event};

/// MADE records that are remembered; a forged trace can have any number.
const REMEMBERED: usize = 1 << 18;

/// Knows which code objects have a row.
#[derive(Default)]
pub struct Codes {
    /// A code object whose origin comes next, if the trace says it.
    waiting: Option<Rc<Code>>,
    /// The code objects that are alive and have a row.
    known: FxHashSet<u32>,
    /// The last one that was asked for.
    last: Option<u32>,
    made: FxHashMap<u32, Made>,
}

impl Codes {
    /// Takes an event, whatever it is.
    pub fn event(&mut self, event: &Event, rows: &mut Batch) {
        match event {
            Event::WholeCode(whole) => {
                if let Some(code) = self.waiting.take_if(|code| code.id == whole.code) {
                    let made = whole.made.and_then(|number| self.made.get(&number));
                    write(&code, made, rows);
                    return;
                }
            }
            Event::Made(made) => {
                if self.made.len() >= REMEMBERED {
                    self.made.clear();
                }
                self.made.insert(made.number, made.clone());
            }
            _ => {}
        }
        self.finish(rows);
        if let Event::Code(code) = event
            && self.known.insert(code.id)
        {
            self.waiting = Some(Rc::clone(code));
        }
    }

    /// Makes sure that a code object that runs has a row: its description can be in a part of the trace that is damaged.
    #[inline]
    pub fn runs(&mut self, code: &Code, rows: &mut Batch) {
        if self.last != Some(code.id) {
            self.last = Some(code.id);
            if self.known.insert(code.id) {
                self.finish(rows);
                write(code, None, rows);
            }
        }
    }

    /// Forgets a code object that is no more.
    pub fn forget(&mut self, code: u32) {
        self.known.remove(&code);
    }

    /// Writes the row that waits.
    pub fn finish(&mut self, rows: &mut Batch) {
        if let Some(code) = self.waiting.take() {
            write(&code, None, rows);
        }
    }
}

fn write(code: &Code, made: Option<&Made>, rows: &mut Batch) {
    let object = &code.object;
    let row = rows.row().number(code.id.into()).number(code.first_id.into());
    let row = row.optional(code.parent, |row, parent| row.number(parent.into()));
    let row = row.text(&object.name).text(&object.filename).integer(object.first_line.into());
    let row = row.number(object.flags.into()).number(object.argcount.into());
    let row = row.number(object.nlocals.into()).number(object.stacksize.into());
    let row = row.plain(content_hash(object).as_bytes()).plain(hex(&Sha256::digest(&object.bytes)).as_bytes());
    let original = Some(&object.original).filter(|original| !original.is_empty());
    let row = row.plain(&object.bytes).optional(original, |row, bytes| row.plain(bytes));
    let row = row.plain(&list(&object.constants)).plain(&list(&object.names)).plain(&list(&object.varnames));
    let row = row.boolean(code.is_stdlib);
    let row = row.optional(made, |row, made| row.word(made.how.name()));
    let place = made.and_then(|made| made.place);
    let row = row.optional(place, |row, (code, _)| row.number(code.into()));
    let row = row.optional(place, |row, (_, offset)| row.integer(offset.into()));
    let path = made.map(|made| &made.path).filter(|path| !path.is_empty());
    row.optional(path, |row, path| row.text(path));
}

/// The hash of what makes code the same wherever it stands: not its file, nor its lines.
fn content_hash(object: &CodeObject) -> String {
    let mut hash = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    add(&object.name);
    add(&object.bytes);
    [object.flags, object.argcount, object.nlocals].iter().for_each(|number| add(&number.to_le_bytes()));
    let lists = [&object.constants, &object.names, &object.varnames, &object.cellvars, &object.freevars];
    for list in lists {
        add(&(list.len() as u64).to_le_bytes());
        list.iter().for_each(|text| add(text));
    }
    hex(&hash.finalize())
}

/// Writes bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        write!(digits, "{byte:02x}").expect("writing to memory does not fail");
        digits
    })
}
