//! Hears the events of a trace and makes its layers of them.  Code objects that one place makes again and again, all the same, are one
//! layer, so that a loop around `exec` takes no memory.

mod files;
mod place;
mod remembered;
mod whole;

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use sha2::{Digest, Sha256};

use super::contents::Contents;
use super::folder::Folder;
use super::{Layer, Layers, Origin, code, manifest};
use crate::bytecode::object::MarshalledCode;
use crate::bytecode::readable::{self, Changes};
use crate::bytecode::{CodeObject, Object};
use crate::select::Filter;
use crate::trace::by_id::ById;
use crate::trace::content::NewCode;
use crate::trace::library::{Library, Modules};
use crate::trace::origin::{Held, How, Made, WholeCode};
use crate::trace::{Code, Event, Laps, Run, Sink, SinkError, State, Taken, Then};
use place::{Making, Place, Same};
use remembered::{ENTRY, Remembered};

/// Layers, and bytes of their names and paths, beyond which further ones are only counted: a program can make new ones for ever.
const LAYERS: usize = 1 << 18;
const TEXTS: usize = 64 << 20;
/// Bytes of code objects among the constants of others, beyond which further ones are only counted: each has those that are in it too.
const INNER: usize = 256 << 20;

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
    /// The code objects that the program was given, by number.
    new_codes: Remembered<Rc<[u8]>>,
    contents: Contents,
    library: Library,
    kept: whole::Kept,
    /// Texts whose code object is not known yet.
    pending: BTreeMap<u32, Making>,
    /// By layer: under which names it stores what it makes of which code objects.
    stored: HashMap<usize, HashMap<[u8; 32], Vec<u8>>>,
    as_module: bool,
    /// Bytes of code objects that are among the constants of others.
    inner: usize,
    /// Bytes of the texts of all layers.
    texts: usize,
    /// The code object of the last run and its layer, for most runs follow one of the same.
    last: Option<(u32, Option<usize>)>,
    taken: Taken,
}

/// A code object that becomes a layer.
struct Found<'a> {
    marshal: &'a [u8],
    /// None where the data is none that 2.7 loads.
    plain: Option<&'a MarshalledCode>,
    missing: u32,
    stored_as: Option<Vec<u8>>,
}

impl Collector {
    pub(super) fn new(filter: Filter, folder: Option<Folder>, as_module: bool, modules: Modules) -> Collector {
        Collector {
            library: Library::new(modules),
            filter,
            folder,
            layers: Layers::default(),
            same: HashMap::new(),
            live: ById::default(),
            ids: Remembered::new(),
            makings: Remembered::new(),
            new_codes: Remembered::new(),
            contents: Contents::default(),
            kept: whole::Kept::default(),
            pending: BTreeMap::new(),
            stored: HashMap::new(),
            as_module,
            inner: 0,
            texts: 0,
            last: None,
            taken: Taken::default(),
        }
    }

    pub(super) fn layers(&self) -> &Layers {
        &self.layers
    }

    fn make(&mut self, made: &Made, at: &State) {
        let place = made.place.and_then(|(code, offset)| Some((*self.ids.get(code)?, offset)));
        let path = made.path.as_slice().into();
        let making = Making { how: made.how, instruction: at.instructions, place, path, text: made.text };
        if let Some(text) = made.text
            && self.contents.text_file(text).is_none()
            && self.pending.len() < LAYERS
        {
            self.pending.insert(text, making.clone());
        }
        self.makings.insert(made.number, making, made.path.len());
    }

    /// Adds a code object that is about to run to the layer that it is, or makes it a new one.
    fn add(&mut self, whole: &WholeCode, code: &Code) -> Result<(), SinkError> {
        let marshal = match &whole.held {
            Held::Marshal(marshal) => Rc::clone(marshal),
            Held::Library(code) => match self.library.marshal(code) {
                Some(marshal) => marshal,
                None => {
                    self.layers.unknown += 1;
                    return Ok(());
                }
            },
        };
        let making = whole.made.and_then(|number| self.makings.get(number)).cloned();
        let version_of = (code.first_id != code.id).then(|| self.ids.get(code.first_id).copied()).flatten();
        let plain = code::read(&marshal);
        let (place, origin) = self.origin(whole, code, making.clone());
        let making = making.filter(|making| making.how != How::Import && origin != Origin::Main);
        let digest = self.identity(&marshal, plain.as_ref().filter(|_| making.is_some()));
        let alias = making.as_ref().filter(|_| version_of.is_none()).map(|making| making.place());
        let keys = [Some(place), alias].into_iter().flatten().map(|place| Same { digest, place, version_of });
        let keys: Vec<Same> = keys.collect();
        let known = keys.iter().find_map(|same| self.same.get(same)).copied();
        let layer = match known {
            Some(layer) => layer,
            None => {
                let stored_as = self.stored_as(&origin, plain.as_ref());
                let new = Found { marshal: &marshal, plain: plain.as_ref(), missing: whole.missing, stored_as };
                let layer = Layer { version_of, code: code.id, ..self.new_layer(&code.object, origin, &new) };
                let text = making
                    .as_ref()
                    .filter(|_| matches!(layer.origin, Origin::Made { .. }))
                    .and_then(|making| making.text);
                let Some(layer) = self.push(layer, &new, text, keys)? else { return Ok(()) };
                if let (Some(making), Some(plain), None) = (&making, &plain, version_of) {
                    self.add_inner(layer, plain, making, code.object.is_of_library)?;
                }
                layer
            }
        };
        let known = &mut self.layers.layers[layer];
        if !known.ran {
            (known.ran, known.code) = (true, code.id);
        }
        known.objects += 1;
        self.live.insert(code.id, layer);
        self.ids.insert(code.id, layer, 0);
        self.last = None;
        Ok(())
    }

    /// Adds a code object that the program was given.
    fn add_new(&mut self, new: &NewCode) -> Result<(), SinkError> {
        let marshal = match new.same {
            Some(same) => self.new_codes.get(same).map(Rc::clone),
            None => Some(Rc::clone(&new.marshal)),
        };
        let Some(marshal) = marshal else { return Ok(()) };
        if new.same.is_none() {
            self.new_codes.insert(new.number, Rc::clone(&marshal), marshal.len());
        }
        let (Some(making), Some(plain)) = (self.makings.get(new.made).cloned(), code::read(&marshal)) else {
            return Ok(());
        };
        let same = Same { digest: self.identity(&marshal, Some(&plain)), place: making.place(), version_of: None };
        let layer = match self.same.get(&same) {
            Some(&layer) => layer,
            None => {
                let found = Found { marshal: &marshal, plain: Some(&plain), missing: new.missing, stored_as: None };
                let object = CodeObject::from_marshal(&plain);
                let layer = self.new_layer(&object, making.origin(), &found);
                let Some(layer) = self.push(layer, &found, making.text, vec![same])? else { return Ok(()) };
                self.add_inner(layer, &plain, &making, false)?;
                layer
            }
        };
        self.layers.layers[layer].given += 1;
        Ok(())
    }

    /// Adds the code objects among the constants of one that the program has made, as layers that have not run.
    fn add_inner(
        &mut self,
        holder: usize,
        code: &MarshalledCode,
        making: &Making,
        is_of_library: bool,
    ) -> Result<(), SinkError> {
        let mut places: Vec<Option<usize>> = Vec::new();
        for inner in code::inner(code) {
            let Some(parent) = inner.parent.map_or(Some(holder), |place| places[place]) else {
                places.push(None);
                continue;
            };
            let marshal = if self.inner < INNER { code::canonical(inner.code) } else { None };
            let Some(marshal) = marshal else {
                self.layers.left_out += 1;
                places.push(None);
                continue;
            };
            self.inner += marshal.len();
            let digest = Sha256::digest(&marshal).into();
            let origin = Origin::Constant(parent);
            let keys = [Place::Origin(origin.clone()), making.place()];
            let keys = keys.map(|place| Same { digest, place, version_of: None });
            if let Some(&known) = self.same.get(&keys[0]) {
                places.push(Some(known));
                continue;
            }
            // What the same place has made by itself is a layer, and so is all that is in it.
            let made = self.same.get(&keys[1]).map(|&known| &self.layers.layers[known].origin);
            if matches!(made, Some(Origin::Made { .. })) {
                places.push(None);
                continue;
            }
            let stored_as = inner.stored_as.map(|name| name.to_vec());
            let found = Found { marshal: &marshal, plain: Some(inner.code), missing: 0, stored_as };
            let object = CodeObject { is_of_library, ..CodeObject::from_marshal(inner.code) };
            let layer = self.new_layer(&object, origin, &found);
            places.push(self.push(layer, &found, None, keys.into())?);
        }
        Ok(())
    }

    /// Adds a layer, writes its files, and remembers by what it is known again; None if there is no room for it.
    fn push(
        &mut self,
        mut layer: Layer,
        found: &Found,
        text: Option<u32>,
        keys: Vec<Same>,
    ) -> Result<Option<usize>, SinkError> {
        if self.layers.layers.len() >= LAYERS || self.texts >= TEXTS {
            self.layers.left_out += 1;
            return Ok(None);
        }
        let place = self.layers.layers.len();
        let file = code::file(found.marshal, found.plain, Some(layer.best_name()), self.as_module);
        layer.digest = Sha256::digest(&file.bytes).into();
        layer.changes = file.changes;
        if let Some(text) = text {
            self.pending.remove(&text);
            if layer.wanted {
                layer.text = self.write_text(place, &layer, text)?;
            }
        }
        if layer.wanted {
            self.write(place, &layer, &file.bytes)?;
            if self.folder.is_some() {
                self.kept.add(place, &layer, found.marshal);
            }
        }
        if let Some(plain) = found.plain {
            self.note_stored_names(place, plain);
        }
        self.texts += layer.texts();
        self.layers.layers.push(layer);
        for key in keys {
            self.same.entry(key).or_insert(place);
        }
        Ok(Some(place))
    }

    /// Remembers under which names a layer stores what it makes, where those are not the code objects' own.
    fn note_stored_names(&mut self, place: usize, plain: &MarshalledCode) {
        for (index, name) in readable::stored_names(plain) {
            if self.texts < TEXTS
                && let Some(Object::Code(inner)) = plain.constants.get(index)
                && let Some(digest) = code::identity(inner)
            {
                self.texts += name.len() + ENTRY;
                self.stored.entry(place).or_default().insert(digest, name.to_vec());
            }
        }
    }

    fn stored_as(&self, origin: &Origin, plain: Option<&MarshalledCode>) -> Option<Vec<u8>> {
        let Origin::Constant(parent) = origin else { return None };
        self.stored.get(parent)?.get(&code::identity(plain?)?).cloned()
    }

    /// What identifies a code object: whatever of its strings is interned, if it is one that the program has made.
    fn identity(&self, marshal: &[u8], plain: Option<&MarshalledCode>) -> [u8; 32] {
        plain.and_then(code::identity).unwrap_or_else(|| Sha256::digest(marshal).into())
    }

    fn origin(&self, whole: &WholeCode, code: &Code, making: Option<Making>) -> (Place, Origin) {
        let simple = |origin: Origin| (Place::Origin(origin.clone()), origin);
        match (code.parent, making) {
            (Some(parent), _) => simple(self.ids.get(parent).map_or(Origin::Lost, |&layer| Origin::Constant(layer))),
            // The interpreter compiles what it has to run before the first frame.
            (None, Some(Making { instruction: 0, .. })) if code.first_id == 0 => simple(Origin::Main),
            (None, Some(making)) => (making.place(), making.origin()),
            (None, None) if whole.made.is_some() => simple(Origin::Lost),
            // The first frame of a trace is the main program's.
            (None, None) if code.first_id == 0 => simple(Origin::Main),
            (None, None) => simple(Origin::Before),
        }
    }

    fn new_layer(&self, object: &CodeObject, origin: Origin, found: &Found) -> Layer {
        Layer {
            code: 0,
            name: object.name.clone(),
            filename: object.filename.clone(),
            first_line: object.first_line,
            origin,
            version_of: None,
            stored_as: found.stored_as.clone(),
            digest: [0; 32],
            flags: object.flags.cast_signed(),
            changes: Changes::default(),
            text: None,
            ran: false,
            missing: found.missing,
            objects: 0,
            given: 0,
            instructions: 0,
            first: 0,
            last: 0,
            wanted: self.filter.wants(object),
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
        layer.last = at.instructions + count + self.taken.until_last();
        layer.instructions += count * self.taken.times();
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
            Event::Content(content) => self.contents.keep(content),
            Event::NewCode(new) => self.add_new(new)?,
            Event::Use(used) => self.add_use(used, at)?,
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
        self.write_other_texts()?;
        self.write_wholes()?;
        let has_files = !self.layers.texts.is_empty() || !self.layers.blobs.blobs.is_empty();
        match &self.folder {
            Some(folder) if !has_files && !self.layers.layers.iter().any(|layer| layer.wanted) => folder.discard(),
            Some(folder) => folder.write_manifest(&self.layers)?,
            None => {}
        }
        Ok(0)
    }

    fn values(&mut self, _words: &[u64], _at: &State) -> Result<(), SinkError> {
        Ok(())
    }

    fn laps(&mut self, laps: &Laps, at: &State) -> bool {
        self.taken.begin(laps, at, true)
    }

    fn laps_end(&mut self, _at: &State) {
        self.taken.end();
    }

    fn written(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Decoder;
    use crate::trace::library::LibraryCode;

    #[test]
    fn what_this_library_does_not_have_is_counted() {
        let mut collector = Collector::new(Filter::default(), None, false, |_| None);
        let mut decoder = Decoder::default();
        let held = Held::Library(LibraryCode { module: b"os.py"[..].into(), checksum: 7, path: [1].into() });
        let events = [
            Event::Code(Rc::new(Code::new(0, 0, None, CodeObject::default()))),
            Event::WholeCode(WholeCode { code: 0, made: None, missing: 0, held }),
        ];
        events.iter().for_each(|event| decoder.event(event, &mut collector).expect("events that can come"));
        assert_eq!((collector.layers().layers.len(), collector.layers().unknown), (0, 1));
    }
}
