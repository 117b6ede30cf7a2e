//! The code objects that the hook knows, by address: their versions as described, and whether they are wanted.  Shrinks as they die.

mod description;

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use description::Ids;
pub use description::{Content, Description};

use super::origins::Origins;
use super::threads::Threads;
use crate::bytecode::{CodeObject, Layout, verify};
use crate::record::plan::Tracing;
use crate::select::Trigger;
use crate::trace::brief::Parents;
use crate::trace::encode_code;
use crate::trace::word;
use crate::vm::Gil;
use crate::vm::hook::Place;
use crate::vm::lane::{self, Lane, LaneVersion};
use crate::vm::object::CodeRef;

/// One state of a code object's bytes.
#[derive(Debug)]
pub struct Version {
    /// Its number in the stream.
    pub id: u32,
    /// What frames in the lane have of it.
    pub lane: LaneVersion,
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
    /// versions of it.  Gives what is gone.
    fn forget_one(&mut self, lane: &Lane, threads: &Threads) -> Option<Rc<Version>> {
        if self.versions.len() < VERSIONS {
            return None;
        }
        let unused = self.versions.iter().skip(1).position(|version| !is_used(version.lane, lane, threads))?;
        Some(self.versions.remove(unused + 1))
    }
}

/// A direct-mapped cache in front of the table: a frame's entry should not hash.
#[derive(Clone, Debug, Default)]
struct Recent {
    code: usize,
    first: usize,
    version: Option<Rc<Version>>,
}

/// Versions of one code object that are remembered: code can change itself for ever.  One that was forgotten and comes again is another.
const VERSIONS: usize = 64;

/// The name of what stands for code objects that could not be described.
const NOT_DESCRIBED: &[u8] = b"<not described>";

/// The table.
pub struct Codes {
    tracing: Rc<Tracing>,
    known: HashMap<usize, Known>,
    /// Which described code object has, or had, this live one among its constants, and which of them it is.
    parents: HashMap<usize, (u32, u32)>,
    /// The code objects that the recorder keeps, and whether each is the embedded library's.
    kept: Parents<bool>,
    recent: Box<[Recent]>,
    /// All versions, by their numbers in the lane.
    versions: Vec<Option<Rc<Version>>>,
    next_id: u32,
    /// What describes versions that only the interpreter's own frames have run, by their ids: the stream does not know them.
    held_back: HashMap<u32, Description>,
    /// What stands for all that could not be described.
    undescribed: Option<Rc<Version>>,
    pub origins: Origins,
}

/// A version, and what describes it where it is new.
pub struct Found {
    pub version: Rc<Version>,
    pub description: Option<Description>,
}

impl Codes {
    pub fn new(tracing: Rc<Tracing>) -> Codes {
        Codes {
            tracing,
            known: HashMap::new(),
            parents: HashMap::new(),
            kept: Parents::default(),
            recent: vec![Recent::default(); lane::KNOWN].into(),
            versions: Vec::new(),
            next_id: 0,
            held_back: HashMap::new(),
            undescribed: None,
            origins: Origins::default(),
        }
    }

    /// Goes on in a process that was forked, whose stream has none.
    pub fn begin_anew(&mut self) {
        let origins = std::mem::take(&mut self.origins).begin_anew();
        *self = Codes { origins, ..Codes::new(Rc::clone(&self.tracing)) };
    }

    /// The version that the code string at `first` had when it was last seen.
    #[inline]
    pub fn recent(&self, code: usize, first: usize) -> Option<&Rc<Version>> {
        let entry = &self.recent[lane::place_of(code)];
        if entry.code == code && entry.first == first { entry.version.as_ref() } else { None }
    }

    /// The version that some frame has.
    pub fn version(&self, of: LaneVersion) -> &Rc<Version> {
        self.versions[of.index()].as_ref().expect("a version stays as long as a frame has it")
    }

    /// Finds the version whose bytes are those at `at.first()`, or makes one.
    pub fn find(&mut self, gil: Gil, code: CodeRef, at: &Place, lane: &mut Lane, threads: &Threads) -> Found {
        let bytes = code.bytes(gil, at.first());
        let found = match self.known.get_mut(&code.address()) {
            Some(known) => match known.versions.iter().position(|version| *version.bytes == *bytes) {
                Some(position) => {
                    let version = Rc::clone(&known.versions[position]);
                    let description = self.held_back.remove(&version.id);
                    Some(Found { version, description })
                }
                None => self.describe(gil, code, at, lane, threads),
            },
            None => self.describe(gil, code, at, lane, threads),
        };
        let Some(found) = found else {
            return self.undescribed(lane);
        };
        let (address, version) = (code.address(), &found.version);
        let place = lane::place_of(address);
        self.recent[place] = Recent { code: address, first: at.first(), version: Some(Rc::clone(version)) };
        lane.set_known(place, address, at.first(), (version.wanted && version.is_narrow).then_some(version.lane));
        found
    }

    /// Describes a version; None if the program has left too little memory.
    fn describe(&mut self, gil: Gil, code: CodeRef, at: &Place, lane: &mut Lane, threads: &Threads) -> Option<Found> {
        let form = self.form(gil, code, at, lane)?;
        let is_verified = self.is_verified_library(code, &form);
        self.known.try_reserve(1).ok()?;
        self.versions.try_reserve(1).ok()?;
        lane.reserve_version()?;
        let id = self.next_id;
        self.next_id += 1;
        let parent = self.parent(code).map(|(parent, _)| parent);
        let known = self.known.entry(code.address()).or_insert_with(|| Known { versions: Vec::new(), parent });
        let ids = Ids { id, first_id: known.versions.first().map_or(id, |version| version.id), parent: known.parent };
        if ids.first_id == id {
            let children = code.children(gil);
            // Without room for them they have no known parent.
            if self.parents.try_reserve(children.len()).is_ok() {
                self.parents.extend(children.into_iter().map(|(child, constant)| (child, (id, constant))));
            }
        }
        let forgotten = known.forget_one(lane, threads);
        let (content, object) = self.content(gil, code, at, ids, form);
        let version = Rc::new(make_version(&self.tracing, id, gil, code, object, lane));
        if !is_verified && !verify::is_verified(&version.bytes, &version.layout, &code.facts(gil)) {
            lane.distrust();
        }
        self.known.entry(code.address()).and_modify(|known| known.versions.push(Rc::clone(&version)));
        self.add(&version);
        let forgotten = forgotten.map(|version| {
            self.remove(&version, lane);
            version.id
        });
        Some(Found { version, description: Some(Description { content, forgotten }) })
    }

    /// The code object among whose constants another one is, where the stream knows that one, and its number there.
    fn parent(&self, code: CodeRef) -> Option<(u32, u32)> {
        let parent = self.parents.get(&code.address()).copied();
        parent.filter(|(parent, _)| !self.held_back.contains_key(parent))
    }

    /// Adds a version to those that frames have.
    fn add(&mut self, version: &Rc<Version>) {
        let index = version.lane.index();
        self.versions.resize(self.versions.len().max(index + 1), None);
        self.versions[index] = Some(Rc::clone(version));
    }

    /// What stands for a code object that could not be described; it is described itself the first time.
    #[cold]
    fn undescribed(&mut self, lane: &mut Lane) -> Found {
        lane.distrust();
        if let Some(version) = &self.undescribed {
            let version = Rc::clone(version);
            let description = self.held_back.remove(&version.id);
            return Found { version, description };
        }
        let object = CodeObject { name: NOT_DESCRIBED.to_vec(), ..CodeObject::default() };
        let id = self.next_id;
        self.next_id += 1;
        let code = encode_code(id, id, None, &object);
        let bytes: Arc<[u8]> = Arc::from([]);
        let version = Rc::new(Version {
            id,
            lane: lane.add_version(Arc::clone(&bytes), Arc::clone(&bytes), id),
            layout: Layout::new(&bytes),
            is_narrow: false,
            wanted: false,
            start_at: None,
            stop_at: None,
            bytes,
        });
        self.add(&version);
        self.undescribed = Some(Rc::clone(&version));
        Found { version, description: Some(Description { content: Content::Nothing { code }, forgotten: None }) }
    }

    /// Whether a version stands for code objects that could not be described.
    pub fn is_undescribed(&self, version: &Rc<Version>) -> bool {
        self.undescribed.as_ref().is_some_and(|undescribed| Rc::ptr_eq(undescribed, version))
    }

    /// Keeps what describes a version until the stream needs it; until then each of its frames is looked up.
    pub fn hold_back(&mut self, version: &Version, code: usize, description: Description, lane: &mut Lane) {
        self.held_back.insert(version.id, description);
        let place = lane::place_of(code);
        self.recent[place] = Recent::default();
        lane.set_known(place, code, 0, None);
    }

    /// What describes a version, if that was held back.
    pub fn take_held_back(&mut self, version: &Version) -> Option<Description> {
        self.held_back.remove(&version.id)
    }

    /// Removes a version that no frame has.
    fn remove(&mut self, version: &Version, lane: &mut Lane) {
        self.versions[version.lane.index()] = None;
        lane.remove_version(version.lane);
    }

    /// Forgets a code object whose address may be used again; returns the ids that are gone with it.  A version that a frame has stays,
    /// for an extension that switches stacks can free frames that were never left.
    pub fn forget(&mut self, code: usize, lane: &mut Lane, threads: &Threads) -> Vec<u32> {
        self.origins.forget(code);
        self.parents.remove(&code);
        let Some(known) = self.known.remove(&code) else {
            return Vec::new();
        };
        let place = lane::place_of(code);
        if self.recent[place].code == code {
            self.recent[place] = Recent::default();
            lane.set_known(place, code, 0, None);
        }
        for version in &known.versions {
            if !is_used(version.lane, lane, threads) {
                self.remove(version, lane);
            }
        }
        let ids = known.versions.iter().map(|version| version.id);
        ids.filter(|id| self.held_back.remove(id).is_none()).collect()
    }
}

/// Whether a frame on the stack of any thread has a version.
fn is_used(version: LaneVersion, lane: &Lane, threads: &Threads) -> bool {
    lane.frames().iter().any(|frame| frame.version() == version) || threads.has(version)
}

fn make_version(tracing: &Tracing, id: u32, gil: Gil, code: CodeRef, object: CodeObject, lane: &mut Lane) -> Version {
    let name = code.name(gil);
    let trigger = |option: &Option<Trigger>| option.clone().filter(|trigger| trigger.name.matches(name));
    let wanted = tracing.filter.wants(&object);
    let layout = Layout::new(&object.bytes);
    let bytes: Arc<[u8]> = object.bytes.into();
    Version {
        id,
        lane: lane.add_version(Arc::clone(&bytes), layout.segment_lengths(), id),
        layout,
        is_narrow: id < word::NARROW && bytes.len() < word::NARROW as usize,
        wanted,
        start_at: trigger(&tracing.start_at),
        stop_at: trigger(&tracing.stop_at),
        bytes,
    }
}
