//! Hears the events of a trace and makes its layers of them.  Code objects that one place makes again and again, all the same, are one
//! layer, so that a loop around `exec` takes no memory.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::rc::Rc;

use sha2::{Digest, Sha256};

use super::folder::Folder;
use super::{Layer, Layers, Origin, manifest};
use crate::bytecode::pyc;
use crate::select::Filter;
use crate::trace::by_id::ById;
use crate::trace::origin::{How, Made, WholeCode};
use crate::trace::{Code, Event, Run, Sink, SinkError, State, Then};

/// Layers, and bytes of their names and paths, beyond which further ones are only counted: a program can make new ones for ever.
const LAYERS: usize = 1 << 18;
const TEXTS: usize = 64 << 20;
/// Bytes of code objects, and of makings, that are remembered for what may come of them, and what an entry takes besides its texts; the
/// oldest are forgotten.
const REMEMBERED: usize = 64 << 20;
const ENTRY: usize = 64;

/// Collects layers.
pub(super) struct Collector {
    filter: Filter,
    folder: Option<Folder>,
    layers: Layers,
    same: HashMap<Same, usize>,
    /// The layers of living code objects, by id.
    live: ById<usize>,
    /// The layers of all code objects, also of those that are gone and have left functions behind.
    ids: Remembered<usize>,
    makings: Remembered<Making>,
    /// Bytes of the texts of all layers.
    texts: usize,
    /// The code object of the last run and its layer, for most runs follow one of the same.
    last: Option<(u32, Option<usize>)>,
}

/// What makes two code objects one layer.
#[derive(PartialEq, Eq, Hash)]
struct Same {
    digest: [u8; 32],
    place: Place,
    version_of: Option<usize>,
}

/// Where a code object comes from, whenever it was.
#[derive(PartialEq, Eq, Hash)]
enum Place {
    Origin(Origin),
    Making(How, Option<(usize, i32)>, Rc<[u8]>),
}

/// A making, placed in the trace.
#[derive(Clone)]
struct Making {
    how: How,
    instruction: u64,
    place: Option<(usize, i32)>,
    path: Rc<[u8]>,
}

/// A map from ascending numbers that forgets the lowest ones.
struct Remembered<T> {
    map: BTreeMap<u32, (T, usize)>,
    /// The sum of what the entries take.
    bytes: usize,
}

impl<T> Remembered<T> {
    fn new() -> Remembered<T> {
        Remembered { map: BTreeMap::new(), bytes: 0 }
    }

    fn get(&self, number: u32) -> Option<&T> {
        self.map.get(&number).map(|(value, _)| value)
    }

    /// Adds a value that refers to this many bytes.
    fn insert(&mut self, number: u32, value: T, bytes: usize) {
        let bytes = bytes + ENTRY;
        self.bytes += bytes;
        if let Some((_, before)) = self.map.insert(number, (value, bytes)) {
            self.bytes -= before;
        }
        while self.bytes > REMEMBERED
            && let Some((_, (_, bytes))) = self.map.pop_first()
        {
            self.bytes -= bytes;
        }
    }
}

impl Collector {
    pub(super) fn new(filter: Filter, folder: Option<Folder>) -> Collector {
        Collector {
            filter,
            folder,
            layers: Layers::default(),
            same: HashMap::new(),
            live: ById::default(),
            ids: Remembered::new(),
            makings: Remembered::new(),
            texts: 0,
            last: None,
        }
    }

    pub(super) fn layers(&self) -> &Layers {
        &self.layers
    }

    fn make(&mut self, made: &Made, at: &State) {
        let place = made.place.and_then(|(code, offset)| Some((*self.ids.get(code)?, offset)));
        let making = Making { how: made.how, instruction: at.instructions, place, path: made.path.as_slice().into() };
        self.makings.insert(made.number, making, made.path.len());
    }

    /// Adds a code object to the layer that it is, or makes it a new one.
    fn add(&mut self, whole: &WholeCode, code: &Code) -> Result<(), SinkError> {
        let file = pyc::of_marshal(&whole.marshal);
        let digest: [u8; 32] = Sha256::digest(&file).into();
        let making = whole.made.and_then(|number| self.makings.get(number)).cloned();
        let version_of = (code.first_id != code.id).then(|| self.ids.get(code.first_id).copied()).flatten();
        let (place, origin) = self.origin(whole, code, making);
        let same = Same { digest, place, version_of };
        let layer = match self.same.get(&same) {
            Some(&layer) => layer,
            None if self.layers.layers.len() >= LAYERS || self.texts >= TEXTS => {
                self.layers.left_out += 1;
                return Ok(());
            }
            None => {
                let layer = Layer { version_of, ..self.new_layer(whole, code, origin, digest) };
                let place = self.layers.layers.len();
                if layer.wanted {
                    self.write(place, &layer, &file)?;
                }
                self.texts += layer.texts();
                self.layers.layers.push(layer);
                self.same.insert(same, place);
                place
            }
        };
        self.layers.layers[layer].objects += 1;
        self.live.insert(code.id, layer);
        self.ids.insert(code.id, layer, 0);
        self.last = None;
        Ok(())
    }

    /// Writes the file of a layer; the manifest says if that is not possible.
    fn write(&mut self, place: usize, layer: &Layer, file: &[u8]) -> io::Result<()> {
        let Some(folder) = &mut self.folder else { return Ok(()) };
        let room = folder.keep_room(manifest::layer_size(place, layer));
        let result = room.and_then(|()| folder.write_layer(place, &layer.name, file));
        if let Err(error) = &result {
            self.layers.error = Some(error.to_string());
        }
        result
    }

    fn origin(&self, whole: &WholeCode, code: &Code, making: Option<Making>) -> (Place, Origin) {
        let simple = |origin: Origin| (Place::Origin(origin.clone()), origin);
        match (code.parent, making) {
            (Some(parent), _) => simple(self.ids.get(parent).map_or(Origin::Lost, |&layer| Origin::Constant(layer))),
            // The interpreter compiles what it has to run before the first frame.
            (None, Some(Making { instruction: 0, .. })) if code.first_id == 0 => simple(Origin::Main),
            (None, Some(Making { how, instruction, place, path })) => {
                let origin = Origin::Made { how, instruction, place, path: path.to_vec() };
                (Place::Making(how, place, path), origin)
            }
            (None, None) if whole.made.is_some() => simple(Origin::Lost),
            // The first frame of a trace is the main program's.
            (None, None) if code.first_id == 0 => simple(Origin::Main),
            (None, None) => simple(Origin::Before),
        }
    }

    fn new_layer(&self, whole: &WholeCode, code: &Code, origin: Origin, digest: [u8; 32]) -> Layer {
        Layer {
            code: code.id,
            name: code.object.name.clone(),
            filename: code.object.filename.clone(),
            first_line: code.object.first_line,
            origin,
            version_of: None,
            digest,
            missing: whole.missing,
            objects: 0,
            instructions: 0,
            first: 0,
            last: 0,
            wanted: self.filter.wants(&code.object),
        }
    }

    #[inline]
    fn executed(&mut self, count: u64, at: &State) {
        let Some(frame) = at.frame() else { return };
        let id = frame.code.id;
        let layer = match self.last {
            Some((last, layer)) if last == id => layer,
            _ => {
                let layer = self.live.get(id).copied();
                self.last = Some((id, layer));
                layer
            }
        };
        let Some(layer) = layer.and_then(|layer| self.layers.layers.get_mut(layer)) else { return };
        if layer.instructions == 0 {
            layer.first = at.instructions + 1;
        }
        layer.last = at.instructions + count;
        layer.instructions += count;
    }
}

impl Sink for Collector {
    fn event(&mut self, event: &Event, at: &State) -> Result<(), SinkError> {
        match event {
            Event::Outside(outside) => self.executed(outside.count(), at),
            Event::Start(start) => {
                self.layers.argv = start.argv.clone();
                if let Some(folder) = &mut self.folder {
                    folder.keep_room(manifest::head_size(&start.argv))?;
                }
            }
            Event::Made(made) => self.make(made, at),
            Event::WholeCode(whole) => {
                if let Some(code) = at.code(whole.code).cloned() {
                    self.add(whole, &code)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    #[inline]
    fn run(&mut self, run: &Run, at: &State) -> Result<(), SinkError> {
        if run.count > 0 {
            self.executed(run.count, at);
        }
        if let Then::CodeGone { code } = run.then() {
            self.live.remove(code);
            self.last = None;
        }
        Ok(())
    }

    /// Writes the manifest; the layers' own files are written as they come.  If there are none, no folder is left either.
    fn finish(&mut self) -> Result<u64, SinkError> {
        match &self.folder {
            Some(folder) if !self.layers.layers.iter().any(|layer| layer.wanted) => folder.discard(),
            Some(folder) => folder.write_manifest(&self.layers)?,
            None => {}
        }
        Ok(0)
    }

    fn values(&mut self, _words: &[u64], _at: &State) -> Result<(), SinkError> {
        Ok(())
    }

    fn written(&self) -> u64 {
        0
    }
}
