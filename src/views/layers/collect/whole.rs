//! Puts together what ran of code that is changed while it runs, as protectors do: the outermost code object, and in it each function with
//! the bytes that ran most.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::rc::Rc;

use sha2::{Digest, Sha256};

use super::Collector;
use crate::bytecode::Object;
use crate::bytecode::object::MarshalledCode;
use crate::views::layers::{Layer, Origin, Whole, code, folder, manifest};

/// Bytes of marshalled code that are kept until the end; what comes later is not put together.
const KEPT: usize = 64 << 20;
/// How deep code objects lie in one another.
const DEPTH: usize = 100;

/// The code objects that can be needed at the end, by layer: the outermost ones, and all with changed bytes.
#[derive(Default)]
pub(super) struct Kept {
    marshals: BTreeMap<usize, Rc<[u8]>>,
    bytes: usize,
}

impl Kept {
    /// Keeps what a new layer may contribute.
    pub(super) fn add(&mut self, place: usize, layer: &Layer, marshal: &[u8]) {
        let is_needed = layer.version_of.is_some() || !matches!(layer.origin, Origin::Constant(_));
        if is_needed && self.bytes + marshal.len() <= KEPT {
            self.bytes += marshal.len();
            self.marshals.insert(place, marshal.into());
        }
    }
}

/// How layers belong together.  Versions of one code object count as one, by the place of the first.
struct Family<'a> {
    layers: &'a [Layer],
    kept: &'a Kept,
    versions: HashMap<usize, Vec<usize>>,
    /// The code objects among the constants of each.
    inner: HashMap<usize, Vec<usize>>,
}

impl Collector {
    /// Writes the files.
    pub(super) fn write_wholes(&mut self) -> io::Result<()> {
        let Some(folder) = &mut self.folder else { return Ok(()) };
        let family = Family::new(&self.layers.layers, &self.kept);
        let mut wholes = Vec::new();
        for root in family.changed_roots() {
            let Some(whole) = family.state(root).map(|code| family.put_together(root, code, 0)) else { continue };
            let Some(marshal) = code::canonical(&whole) else { continue };
            let layer = &self.layers.layers[root];
            let file = code::file(&marshal, Some(&whole), Some(layer.best_name()), self.as_module);
            let name = folder::file_name(root, layer.best_name(), "whole.pyc");
            let whole = Whole { file: name, sha256: Sha256::digest(&file.bytes).into(), layer: root };
            let room = folder.keep_room(manifest::whole_size(&whole));
            let result = room.and_then(|()| folder.write_file(&whole.file, &file.bytes));
            if let Err(error) = &result {
                self.layers.error = Some(error.to_string());
            }
            result?;
            wholes.push(whole);
        }
        self.layers.wholes = wholes;
        Ok(())
    }
}

impl Family<'_> {
    fn new<'a>(layers: &'a [Layer], kept: &'a Kept) -> Family<'a> {
        let mut family = Family { layers, kept, versions: HashMap::new(), inner: HashMap::new() };
        for (place, layer) in layers.iter().enumerate() {
            match (layer.version_of, &layer.origin) {
                (Some(first), _) => family.versions.entry(first).or_default().push(place),
                (None, Origin::Constant(outer)) => family.inner.entry(family.first(*outer)).or_default().push(place),
                _ => {}
            }
        }
        family
    }

    fn first(&self, place: usize) -> usize {
        self.layers.get(place).and_then(|layer| layer.version_of).unwrap_or(place)
    }

    /// The outermost code objects in which another one has changed.
    fn changed_roots(&self) -> BTreeSet<usize> {
        let root = |&changed: &usize| {
            let mut place = changed;
            for _ in 0..DEPTH {
                match self.layers.get(place).map(|layer| &layer.origin) {
                    Some(Origin::Constant(outer)) => place = self.first(*outer),
                    _ => break,
                }
            }
            (place != changed).then_some(place)
        };
        let is_wanted = |place: &usize| self.layers.get(*place).is_some_and(|layer| layer.wanted);
        self.versions.keys().filter_map(root).filter(is_wanted).collect()
    }

    /// A code object with the bytes that ran most; None if that is not kept.
    fn state(&self, first: usize) -> Option<MarshalledCode> {
        let versions = self.versions.get(&first).into_iter().flatten().copied();
        let ran = |place: &usize| self.layers.get(*place).map_or(0, |layer| layer.instructions);
        let most = [first].into_iter().chain(versions).max_by_key(ran)?;
        code::read(self.kept.marshals.get(&most)?)
    }

    fn put_together(&self, first: usize, code: MarshalledCode, depth: usize) -> MarshalledCode {
        let mut layers = self.inner.get(&first).cloned().unwrap_or_default();
        if layers.is_empty() || depth >= DEPTH {
            return code;
        }
        let mut constants: Vec<Object> = code.constants.to_vec();
        for constant in &mut constants {
            let Object::Code(inner) = constant else { continue };
            let Some(found) = layers.iter().position(|&place| self.is_it(place, inner)) else { continue };
            let place = layers.remove(found);
            let state = self.state(place).filter(|state| has_same_tables(state, inner));
            **inner = self.put_together(place, state.unwrap_or_else(|| (**inner).clone()), depth + 1);
        }
        MarshalledCode { constants: constants.into(), ..code }
    }

    fn is_it(&self, place: usize, code: &MarshalledCode) -> bool {
        let layer = &self.layers[place];
        layer.first_line == code.first_line && *layer.name == *code.name && *layer.filename == *code.filename
    }
}

fn has_same_tables(one: &MarshalledCode, other: &MarshalledCode) -> bool {
    one.argcount == other.argcount
        && one.names == other.names
        && one.varnames == other.varnames
        && one.constants.len() == other.constants.len()
}
