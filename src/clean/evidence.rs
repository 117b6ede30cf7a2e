//! What traces say about code objects: which instructions ran, in which order, for each version of a code object's bytes; and the code
//! objects that were made while the program ran.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::observed::Observed;
use crate::bytecode::CodeObject;
use crate::bytecode::code::nested;
use crate::bytecode::decode::units;
use crate::bytecode::marshal;
use crate::bytecode::object::{MarshalledCode, Object};
use crate::read::{Flaw, Reader, TraceError};
use crate::trace::origin::{Held, How, WholeCode};
use crate::trace::{Event, Run, Sink, SinkError, State, Then};

/// Bytes of layers that are kept; a program can make new ones for ever.
const LAYER_BYTES: usize = 256 << 20;

/// Code objects nested in each other in which bytes are replaced.
const DEPTH: usize = 64;

/// What is known of how code objects ran, by their code strings.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    pub codes: HashMap<Arc<[u8]>, Executed>,
    /// Code objects that the program made, each once, in the order in which they began to run.
    pub layers: Vec<Layer>,
    /// Code objects with bytes that replaced others: those with other bytes ran before, or the file has them with others.
    pub versions: Vec<MarshalledCode>,
    /// What calls returned; empty unless it is asked for.
    pub observed: Observed,
    /// The code objects of the file and of the layers; see [`identity`].
    stored: HashSet<[u8; 32]>,
    /// Bytes of layers so far, and layers that were left out.
    kept: usize,
    pub left_out: usize,
}

/// A code object that the program made out of data, or imported.
#[derive(Clone, Debug)]
pub struct Layer {
    pub how: How,
    /// Constants that the recording could not keep, with None in their place.
    pub missing: u32,
    pub code: MarshalledCode,
}

/// What ran of one code string.
#[derive(Clone, Debug, Default)]
pub struct Executed {
    /// How often control went from the unit at the first offset to the one at the second in one frame.
    pub edges: BTreeMap<(u32, u32), u64>,
    /// How often each unit ran.
    pub offsets: BTreeMap<u32, u64>,
    /// Units that raised an exception, and how often.
    pub raised: BTreeMap<u32, u64>,
}

impl Evidence {
    /// Makes what is known of a file's code objects before any trace is read: other bytes than theirs replaced them.
    pub fn of_file<'a>(codes: impl Iterator<Item = &'a MarshalledCode>) -> Evidence {
        let stored = codes.flat_map(nested).map(|(code, _)| identity_of(code)).collect();
        Evidence { stored, ..Evidence::default() }
    }

    /// Returns what ran of a code string; None if none of it did.
    pub fn of(&self, bytes: &[u8]) -> Option<&Executed> {
        self.codes.get(bytes).filter(|executed| !executed.offsets.is_empty())
    }

    /// Returns a code object and those among its constants, each with the bytes of which most instructions ran; None if these are the ones
    /// that it has.
    pub fn as_it_ran(&self, code: &MarshalledCode) -> Option<MarshalledCode> {
        self.replaced(code, 0)
    }

    fn replaced(&self, code: &MarshalledCode, depth: usize) -> Option<MarshalledCode> {
        let ran = |code: &MarshalledCode| self.of(&code.bytes).map_or(0, |executed| executed.offsets.len());
        let versions = self.versions.iter().filter(|version| ran(version) > ran(code) && is_same(version, code));
        let version = versions.max_by_key(|version| ran(version));
        let code = version.unwrap_or(code);
        let mut is_changed = version.is_some();
        let constants = code.constants.iter().map(|constant| match constant {
            Object::Code(inner) if depth < DEPTH => match self.replaced(inner, depth + 1) {
                Some(inner) => {
                    is_changed = true;
                    Object::Code(Box::new(inner))
                }
                None => constant.clone(),
            },
            other => other.clone(),
        });
        let constants: Vec<Object> = constants.collect();
        is_changed.then(|| MarshalledCode { constants: constants.into(), ..code.clone() })
    }

    /// Adds what a trace says.  What is missing or damaged in it goes to `flaws`.
    pub fn add(&mut self, mut reader: Reader, flaws: &mut dyn FnMut(Flaw)) -> Result<(), TraceError> {
        let mut collector = Collector::new(self);
        reader.read_all(&mut collector, &mut |flaw| {
            flaws(flaw);
            Ok(())
        })?;
        collector.finish_runs();
        Ok(())
    }
}

/// The SHA-256 of what makes a code object another one than those with the same bytes, and of the bytes.
fn identity(name: &[u8], first_line: i32, bytes: &[u8]) -> [u8; 32] {
    let hash = Sha256::new().chain_update((name.len() as u64).to_le_bytes()).chain_update(name);
    hash.chain_update(first_line.to_le_bytes()).chain_update(bytes).finalize().into()
}

fn identity_of(code: &MarshalledCode) -> [u8; 32] {
    identity(&code.name, code.first_line, &code.bytes)
}

/// Whether two code objects are one but for their bytes and what those refer to.
fn is_same(one: &MarshalledCode, other: &MarshalledCode) -> bool {
    one.name == other.name
        && one.filename == other.filename
        && one.first_line == other.first_line
        && one.argcount == other.argcount
        && one.names == other.names
        && one.varnames == other.varnames
        && one.constants.len() == other.constants.len()
}

/// Stretches of code that ran in one go: the code object's id, start and length.
type Stretch = (u32, u32, u32);

/// Hears a trace.
struct Collector<'a> {
    evidence: &'a mut Evidence,
    /// The code string of each code object.
    strings: HashMap<u32, Arc<[u8]>>,
    ran: HashMap<Stretch, u64>,
    /// Where control went from the end of a stretch, in one frame.
    joined: HashMap<(Stretch, u32), u64>,
    raised: HashMap<Stretch, u64>,
    /// The last stretch of each frame.
    last: HashMap<u64, Stretch>,
    /// How the code objects of each making were made.
    makings: HashMap<u32, How>,
    seen: HashSet<Vec<u8>>,
}

impl Collector<'_> {
    fn new(evidence: &mut Evidence) -> Collector<'_> {
        Collector {
            evidence,
            strings: HashMap::new(),
            ran: HashMap::new(),
            joined: HashMap::new(),
            raised: HashMap::new(),
            last: HashMap::new(),
            makings: HashMap::new(),
            seen: HashSet::new(),
        }
    }

    /// Keeps a code object that the program made or that replaces another one.
    fn keep(&mut self, whole: &WholeCode, at: &State) {
        let Some(described) = at.code(whole.code) else { return };
        let is_stored =
            |code: &CodeObject| self.evidence.stored.contains(&identity(&code.name, code.first_line, &code.bytes));
        let is_in_stored = |parent| at.code(parent).is_some_and(|parent| is_stored(&parent.object));
        let has_other_bytes = described.first_id != described.id || described.parent.is_some_and(is_in_stored);
        let is_version = has_other_bytes && !is_stored(&described.object);
        let is_of_file = has_other_bytes || described.parent.is_some() || described.first_id == 0;
        if described.is_stdlib || is_of_file && !is_version {
            return;
        }
        let Held::Marshal(marshal) = &whole.held else { return };
        let how = whole.made.and_then(|number| self.makings.get(&number)).copied();
        if self.evidence.kept + marshal.len() > LAYER_BYTES {
            self.evidence.left_out += 1;
            return;
        }
        if !self.seen.insert(marshal.to_vec()) {
            return;
        }
        let Ok((Object::Code(code), _)) = marshal::read(marshal) else { return };
        self.evidence.kept += marshal.len();
        self.evidence.stored.extend(nested(&code).map(|(code, _)| identity_of(code)));
        if is_version {
            self.evidence.versions.push(*code);
        } else if let Some(how) = how {
            self.evidence.layers.push(Layer { how, missing: whole.missing, code: *code });
        }
    }

    /// Makes counts of units and edges of the stretches.
    fn finish_runs(self) {
        let last_unit = |strings: &HashMap<u32, Arc<[u8]>>, (code, start, length): Stretch| {
            let bytes = strings.get(&code)?;
            let inside = units(bytes, start).take_while(|unit| unit.end <= start.saturating_add(length));
            inside.last().map(|unit| unit.start)
        };
        for (&(code, start, length), &count) in &self.ran {
            let Some(bytes) = self.strings.get(&code) else { continue };
            let executed = self.evidence.codes.entry(bytes.clone()).or_default();
            let mut before = None;
            for unit in units(bytes, start).take_while(|unit| unit.end <= start.saturating_add(length)) {
                *executed.offsets.entry(unit.start).or_default() += count;
                if let Some(before) = before {
                    *executed.edges.entry((before, unit.start)).or_default() += count;
                }
                before = Some(unit.start);
            }
        }
        for (&(stretch, next), &count) in &self.joined {
            let (Some(bytes), Some(unit)) = (self.strings.get(&stretch.0), last_unit(&self.strings, stretch)) else {
                continue;
            };
            let executed = self.evidence.codes.entry(bytes.clone()).or_default();
            *executed.edges.entry((unit, next)).or_default() += count;
        }
        for (&stretch, &count) in &self.raised {
            let (Some(bytes), Some(unit)) = (self.strings.get(&stretch.0), last_unit(&self.strings, stretch)) else {
                continue;
            };
            *self.evidence.codes.entry(bytes.clone()).or_default().raised.entry(unit).or_default() += count;
        }
    }
}

impl Sink for Collector<'_> {
    fn event(&mut self, event: &Event, at: &State) -> Result<(), SinkError> {
        match event {
            Event::Code(code) => {
                self.strings.entry(code.id).or_insert_with(|| code.object.bytes.as_slice().into());
            }
            Event::Made(made) => drop(self.makings.insert(made.number, made.how)),
            Event::WholeCode(whole) => self.keep(whole, at),
            Event::Raised(_) => {
                if let Some(stretch) = at.frame().and_then(|frame| self.last.get(&frame.id)) {
                    *self.raised.entry(*stretch).or_default() += 1;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn run(&mut self, run: &Run, at: &State) -> Result<(), SinkError> {
        let Some(frame) = at.frame() else { return Ok(()) };
        if run.length > 0 && !frame.code.is_stdlib {
            let stretch = (frame.code.id, run.start, run.length);
            *self.ran.entry(stretch).or_default() += 1;
            if let Some(before) = self.last.insert(frame.id, stretch)
                && before.0 == stretch.0
            {
                *self.joined.entry((before, run.start)).or_default() += 1;
            }
        }
        if matches!(run.then(), Then::Return | Then::Unwind) {
            self.last.remove(&frame.id);
        }
        Ok(())
    }

    fn values(&mut self, _words: &[u64], _at: &State) -> Result<(), SinkError> {
        Ok(())
    }

    fn written(&self) -> u64 {
        0
    }
}
