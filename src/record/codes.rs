//! The code objects that the hook knows, by address: their versions as described, and whether they are wanted.  Shrinks as they die.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::origins::Origins;
use super::plan::{Tracing, Trigger};
use crate::bytecode::{CodeObject, Layout};
use crate::trace::origin::Layer;
use crate::trace::state::encode_code;
use crate::trace::word;
use crate::vm::Gil;
use crate::vm::hook::Place;
use crate::vm::object::CodeRef;

/// One state of a code object's bytes.
#[derive(Debug)]
pub struct Version {
    /// Its number in the stream.
    pub id: u32,
    /// The described bytes.
    pub bytes: Arc<[u8]>,
    pub layout: Layout,
    /// Its id and its offsets need no wide words.
    pub is_narrow: bool,
    /// Some filter wants it.
    pub wanted: bool,
    pub start_at: Option<Trigger>,
    pub stop_at: Option<Trigger>,
}

impl Version {
    /// Instructions of the sequential units from `start` to `end`.
    #[inline]
    pub fn count(&self, start: u32, end: u32) -> u64 {
        self.layout.count(&self.bytes, start, end).unwrap_or(0)
    }

    /// Whether a trigger must see each of its units.
    #[inline]
    pub fn is_watched(&self, started: bool) -> bool {
        self.stop_at.is_some() || (self.start_at.is_some() && !started)
    }
}

/// All versions of one live code object; the last one used stands last.
#[derive(Debug)]
struct Known {
    versions: Vec<Rc<Version>>,
    parent: Option<u32>,
}

impl Known {
    /// Makes room for another version where there are many: one goes that no frame has.  The first one stays, as the others are
    /// versions of it.  Gives the id of what is gone.
    fn forget_one(&mut self) -> Option<u32> {
        if self.versions.len() < VERSIONS {
            return None;
        }
        let unused = self.versions.iter().skip(1).position(|version| Rc::strong_count(version) == 1)?;
        Some(self.versions.remove(unused + 1).id)
    }
}

/// A direct-mapped cache in front of the table: a frame's entry should not hash.
#[derive(Clone, Debug, Default)]
struct Recent {
    code: usize,
    first: usize,
    version: Option<Rc<Version>>,
}

const RECENT: usize = 1 << 10;

/// Versions of one code object that are remembered: code can change itself for ever.  One that was forgotten and comes again is another.
const VERSIONS: usize = 64;

/// The table.
pub struct Codes {
    tracing: Rc<Tracing>,
    known: HashMap<usize, Known>,
    /// Which described code object has, or had, this live one among its constants.
    parents: HashMap<usize, u32>,
    recent: Box<[Recent]>,
    next_id: u32,
    pub origins: Origins,
}

/// A version, and what describes it where it is new.
pub struct Found {
    pub version: Rc<Version>,
    pub description: Option<Description>,
}

/// What the stream is told of a new version.
pub struct Description {
    /// The payload of its CODE record.
    pub code: Vec<u8>,
    pub layer: Layer,
    /// The id of a version that was forgotten for it.
    pub forgotten: Option<u32>,
}

impl Codes {
    pub fn new(tracing: Rc<Tracing>) -> Codes {
        Codes {
            tracing,
            known: HashMap::new(),
            parents: HashMap::new(),
            recent: vec![Recent::default(); RECENT].into(),
            next_id: 0,
            origins: Origins::default(),
        }
    }

    /// The version that the code string at `first` had when it was last seen.
    #[inline]
    pub fn recent(&self, code: usize, first: usize) -> Option<&Rc<Version>> {
        let entry = &self.recent[slot_of(code)];
        if entry.code == code && entry.first == first { entry.version.as_ref() } else { None }
    }

    /// Finds the version whose bytes are those at `at.first`, or makes one.
    pub fn find(&mut self, gil: Gil, code: CodeRef, at: &Place) -> Found {
        let bytes = code.bytes(gil, at.first);
        let found = match self.known.get_mut(&code.address()) {
            Some(known) => match known.versions.iter().position(|version| *version.bytes == *bytes) {
                Some(position) => Found { version: Rc::clone(&known.versions[position]), description: None },
                None => self.describe(gil, code, at),
            },
            None => self.describe(gil, code, at),
        };
        self.recent[slot_of(code.address())] =
            Recent { code: code.address(), first: at.first, version: Some(Rc::clone(&found.version)) };
        found
    }

    fn describe(&mut self, gil: Gil, code: CodeRef, at: &Place) -> Found {
        let object = code.describe(gil, at.first);
        let id = self.next_id;
        self.next_id += 1;
        let known = self
            .known
            .entry(code.address())
            .or_insert_with(|| Known { versions: Vec::new(), parent: self.parents.get(&code.address()).copied() });
        if known.versions.is_empty() {
            code.children(gil).into_iter().for_each(|child| {
                self.parents.insert(child, id);
            });
        }
        let first_id = known.versions.first().map_or(id, |version| version.id);
        let whole = code.whole(gil, at.first);
        let made = self.origins.get(code.address());
        let layer = Layer { code: id, made, missing: whole.missing, marshal: whole.marshal.into() };
        let forgotten = known.forget_one();
        let description = Description { code: encode_code(id, first_id, known.parent, &object), layer, forgotten };
        let version = Rc::new(make_version(&self.tracing, id, gil, code, object));
        known.versions.push(Rc::clone(&version));
        Found { version, description: Some(description) }
    }

    /// Forgets a code object whose address may be used again; returns the ids that are gone with it.
    pub fn forget(&mut self, code: usize) -> Vec<u32> {
        self.origins.forget(code);
        self.parents.remove(&code);
        let Some(known) = self.known.remove(&code) else {
            return Vec::new();
        };
        let entry = &mut self.recent[slot_of(code)];
        if entry.code == code {
            *entry = Recent::default();
        }
        known.versions.iter().map(|version| version.id).collect()
    }
}

fn make_version(tracing: &Tracing, id: u32, gil: Gil, code: CodeRef, object: CodeObject) -> Version {
    let name = code.name(gil);
    let trigger = |option: &Option<Trigger>| option.clone().filter(|trigger| trigger.name == name);
    Version {
        id,
        layout: Layout::new(&object.bytes),
        is_narrow: id < word::NARROW && object.bytes.len() < word::NARROW as usize,
        wanted: tracing.filter.wants(&object),
        start_at: trigger(&tracing.start_at),
        stop_at: trigger(&tracing.stop_at),
        bytes: object.bytes.into(),
    }
}

#[inline]
fn slot_of(code: usize) -> usize {
    // Code objects are at least 128 bytes apart.
    (code >> 7 ^ code >> 17) & (RECENT - 1)
}
