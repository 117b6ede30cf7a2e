//! The code objects of a report: equal ones, however often a program has made them, are one entry.

use std::collections::HashMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::bytecode::CodeObject;
use crate::trace::Code;
use crate::trace::by_id::ById;

/// Entries that are kept at most: a program can make new code objects for ever.
const MOST: usize = 1 << 14;

/// The place of an entry.
pub(super) type EntryId = u32;

/// Equal code objects.
#[derive(Debug)]
pub(super) struct Entry {
    /// The id of the first of them in the trace.
    pub(super) code: u32,
    pub(super) object: Arc<CodeObject>,
    pub(super) is_stdlib: bool,
    /// The entry that the same code object was before its bytes changed.
    pub(super) version_of: Option<EntryId>,
    /// Instructions executed in its own frames.
    pub(super) instructions: u64,
    /// Frames that were entered, and generators that went on.
    pub(super) entered: u64,
    /// The number of its first instruction.
    pub(super) first: u64,
    /// How often each run of it was executed, by offset of its first byte and of the one after its last.
    pub(super) runs: HashMap<(u32, u32), u64>,
    /// How often a run that ends at this offset ended in a jump.
    pub(super) jumps: HashMap<u32, u64>,
}

/// All entries, and where each living code object belongs.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub(super) list: Vec<Entry>,
    known: HashMap<[u8; 32], EntryId>,
    places: ById<EntryId>,
    /// Code objects for which there was no room.
    pub(super) left_out: u64,
}

impl Entries {
    /// The entry of a code object; None where there is no room for it.
    #[inline]
    pub(super) fn of(&mut self, code: &Code) -> Option<EntryId> {
        match self.places.get(code.id) {
            Some(&entry) => (entry != EntryId::MAX).then_some(entry),
            None => self.place(code),
        }
    }

    #[cold]
    fn place(&mut self, code: &Code) -> Option<EntryId> {
        let version_of = (code.first_id != code.id).then(|| self.places.get(code.first_id).copied()).flatten();
        let key = key(&code.object);
        let entry = match self.known.get(&key) {
            Some(&entry) => entry,
            None if self.list.len() >= MOST => {
                self.left_out += 1;
                EntryId::MAX
            }
            None => {
                let entry = self.list.len() as EntryId;
                self.list.push(Entry {
                    code: code.id,
                    object: Arc::clone(&code.object),
                    is_stdlib: code.is_stdlib,
                    version_of: version_of.filter(|&first| first != EntryId::MAX),
                    instructions: 0,
                    entered: 0,
                    first: 0,
                    runs: HashMap::new(),
                    jumps: HashMap::new(),
                });
                self.known.insert(key, entry);
                entry
            }
        };
        self.places.insert(code.id, entry);
        (entry != EntryId::MAX).then_some(entry)
    }

    /// A code object is gone: its id comes never again.
    pub(super) fn forget(&mut self, code: u32) {
        self.places.remove(code);
    }
}

/// What makes two code objects equal: a hash of all that a listing of them shows.
fn key(object: &CodeObject) -> [u8; 32] {
    let mut hash = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    [&object.name, &object.filename, &object.bytes, &object.lnotab].into_iter().for_each(|bytes| add(bytes));
    add(&object.first_line.to_le_bytes());
    for list in [&object.constants, &object.names, &object.varnames, &object.cellvars, &object.freevars] {
        add(&(list.len() as u64).to_le_bytes());
        list.iter().for_each(|text| add(text));
    }
    hash.finalize().into()
}
