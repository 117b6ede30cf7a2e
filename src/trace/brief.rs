//! Brief descriptions of code objects.  The traced process sends a code object's marshal data alone, or which module of the embedded library
//! it is, or, if it is a constant of one that it has just sent, its place there; the recorder makes the two records of each that a trace
//! has.  They are in the ring alone: no file has the record.

use std::collections::VecDeque;
use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::code::Code;
use super::codec::record;
use super::library::{self, LibraryCode, Modules};
use super::marshalled::Marshalled;
use super::origin::{Held, WholeCode};
use super::payload::{PayloadReader, PayloadWriter};
use super::state::Contradiction;
use super::word;
use crate::bytecode::CodeObject;
use crate::bytecode::object::MarshalledCode;

/// Bytes of marshal data that the recorder keeps: a code object can be named in those that were described last.
pub const KEPT: u64 = 2 << 20;

/// A code object that is about to run for the first time, as [`Code`] and [`WholeCode`] have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brief {
    pub id: u32,
    pub first_id: u32,
    pub parent: Option<u32>,
    pub made: Option<u32>,
    /// The standard library has made it of a text of its own.
    pub is_of_library: bool,
    pub content: Content,
}

/// What the recorder makes the rest of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    Marshal(Rc<[u8]>),
    /// Its path in the embedded library.
    Module(Rc<[u8]>),
    /// Its number among the parent's constants.
    Constant(u32),
}

impl Brief {
    /// Appends the record's words.
    pub fn encode(&self, out: &mut Vec<u64>) {
        let mut payload = PayloadWriter::default();
        payload.u32(self.id).u32(self.first_id).u32(number(self.parent)).u32(number(self.made));
        payload.u8(self.is_of_library.into());
        match &self.content {
            Content::Constant(constant) => payload.u8(CONSTANT).u32(*constant),
            Content::Module(module) => payload.u8(MODULE).bytes(module),
            Content::Marshal(marshal) => payload.u8(MARSHAL).bytes(marshal),
        };
        word::push_record(out, record::BRIEF, &payload.finish());
    }

    fn decode(payload: &[u8]) -> Option<Brief> {
        let mut reader = PayloadReader::new(payload);
        Some(Brief {
            id: reader.u32()?,
            first_id: reader.u32()?,
            parent: reader.u32()?.checked_sub(1),
            made: reader.u32()?.checked_sub(1),
            is_of_library: reader.u8()? != 0,
            content: match reader.u8()? {
                CONSTANT => Content::Constant(reader.u32()?),
                MODULE => Content::Module(reader.bytes()?.into()),
                MARSHAL => Content::Marshal(reader.bytes()?.into()),
                _ => return None,
            },
        })
    }
}

const CONSTANT: u8 = 0;
const MARSHAL: u8 = 1;
const MODULE: u8 = 2;

/// 0 for none, else one more.
fn number(id: Option<u32>) -> u32 {
    id.map_or(0, |id| id + 1)
}

/// The code objects that others can be named in, with what is known of each.  Both processes keep the same ones.
#[derive(Debug)]
pub struct Parents<T> {
    /// Bytes of marshal data so far, and where those of each code object begin; those of a nested one begin with its outermost parent's.
    bytes: u64,
    known: FxHashMap<u32, (u64, T)>,
    order: VecDeque<(u64, u32)>,
}

impl<T> Default for Parents<T> {
    fn default() -> Parents<T> {
        Parents { bytes: 0, known: FxHashMap::default(), order: VecDeque::new() }
    }
}

impl<T> Parents<T> {
    /// Adds a code object that has `length` bytes of marshal data of its own.
    pub fn add(&mut self, id: u32, length: usize, known: T) {
        let begin = self.bytes;
        self.bytes = self.bytes.saturating_add(length as u64);
        self.keep(id, begin, known);
        while let Some(&(begin, id)) = self.order.front()
            && self.bytes - begin > KEPT
        {
            self.order.pop_front();
            self.known.remove(&id);
        }
    }

    /// Adds one that was named in another one.
    pub fn add_nested(&mut self, id: u32, parent: u32, known: T) {
        if let Some((begin, _)) = self.known.get(&parent) {
            self.keep(id, *begin, known);
        }
    }

    fn keep(&mut self, id: u32, begin: u64, known: T) {
        self.known.insert(id, (begin, known));
        self.order.push_back((begin, id));
    }

    /// What is known of a code object, while it is kept.
    pub fn get(&self, id: u32) -> Option<&T> {
        let (begin, known) = self.known.get(&id)?;
        (self.bytes - begin <= KEPT).then_some(known)
    }
}

/// Where the recorder has a code object: in one that has marshal data of its own, by the numbers of the constants on the way.
#[derive(Clone, Debug)]
pub struct Place {
    outermost: Rc<Outermost>,
    path: Rc<[u32]>,
}

#[derive(Debug)]
struct Outermost {
    marshalled: Marshalled,
    /// The path and the checksum of the library's module that it is.
    module: Option<(Rc<[u8]>, u32)>,
}

impl Place {
    /// That of a code object that has this marshal data of its own.
    fn outermost(marshal: Rc<[u8]>, module: Option<(Rc<[u8]>, u32)>) -> Place {
        Place { outermost: Rc::new(Outermost { marshalled: Marshalled::new(marshal), module }), path: [].into() }
    }

    /// The code object.
    fn read(&self) -> Result<&MarshalledCode, Contradiction> {
        self.outermost.marshalled.at(&self.path)
    }

    /// What a trace says that it holds.
    fn held(&self) -> Result<Held, Contradiction> {
        Ok(match &self.outermost.module {
            Some((module, checksum)) => Held::Library(LibraryCode {
                module: Rc::clone(module),
                checksum: *checksum,
                path: Rc::clone(&self.path),
            }),
            None => Held::Marshal(self.outermost.marshalled.alone(&self.path)?),
        })
    }
}

/// Makes whole descriptions of brief ones.
#[derive(Debug)]
pub struct Unfolding {
    parents: Parents<Place>,
    modules: Modules,
}

impl Unfolding {
    pub fn new(modules: Modules) -> Unfolding {
        Unfolding { parents: Parents::default(), modules }
    }

    /// Makes the two records of a code object of its brief one, and keeps it.
    pub fn unfold(&mut self, payload: &[u8]) -> Result<(Code, WholeCode), Contradiction> {
        let brief = Brief::decode(payload).ok_or("a record that does not hold what its type says")?;
        let Brief { id, first_id, parent, made, is_of_library, content } = brief;
        let nested_in = parent.filter(|_| matches!(content, Content::Constant(_)));
        let place = match content {
            Content::Marshal(marshal) => Place::outermost(marshal, None),
            Content::Module(module) => {
                let marshal = (self.modules)(&module).ok_or("a module that the library does not have")?;
                let checksum = library::checksum(&marshal);
                Place::outermost(marshal.into(), Some((module, checksum)))
            }
            Content::Constant(constant) => {
                let held = nested_in.and_then(|parent| self.parents.get(parent));
                let held = held.ok_or("a code object in one that is not kept")?;
                let path = held.path.iter().copied().chain([constant]).collect();
                Place { outermost: Rc::clone(&held.outermost), path }
            }
        };
        let object = CodeObject { is_of_library, ..CodeObject::from_marshal(place.read()?) };
        let whole = WholeCode { code: id, made, missing: 0, held: place.held()? };
        match nested_in {
            Some(parent) => self.parents.add_nested(id, parent, place),
            None => self.parents.add(id, place.outermost.marshalled.len(), place),
        }
        Ok((Code::new(id, first_id, parent, object), whole))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytecode::marshal;
    use crate::bytecode::object::Object;
    use crate::trace::library::Library;
    use crate::trace::{Decoder, StreamError, ignore};

    /// The main code of a fixture that has a function, as it stands in the file.
    const MARSHAL: &[u8] = include_bytes!("../../fixtures/factorial.pyc").split_at(8).1;

    fn function() -> u32 {
        let Ok((Object::Code(code), _)) = marshal::read(MARSHAL) else { panic!("a code object") };
        code.constants.iter().position(|constant| matches!(constant, Object::Code(_))).expect("a function") as u32
    }

    /// A library that has one module.
    fn modules(path: &[u8]) -> Option<Vec<u8>> {
        (path == b"m.py").then(|| MARSHAL.to_vec())
    }

    fn module(path: &[u8]) -> Brief {
        Brief { content: Content::Module(path.into()), ..whole(&[]) }
    }

    fn whole(marshal: &[u8]) -> Brief {
        let content = Content::Marshal(marshal.into());
        Brief { id: 0, first_id: 0, parent: None, made: Some(3), is_of_library: false, content }
    }

    fn nested(id: u32, parent: u32, constant: u32) -> Brief {
        let content = Content::Constant(constant);
        Brief { id, first_id: id, parent: Some(parent), made: None, is_of_library: true, content }
    }

    fn unfold(unfolding: &mut Unfolding, brief: &Brief) -> (Code, WholeCode) {
        let mut words = Vec::new();
        brief.encode(&mut words);
        let payload = word::payload_from_words(&words[1..], word::record_fields(words[0]).1).expect("a payload");
        unfolding.unfold(&payload).expect("two records")
    }

    #[test]
    fn a_brief_description_is_made_whole() {
        let (mut unfolding, mut library) = (Unfolding::new(modules), Library::new(modules));
        let module = Brief { id: 2, first_id: 2, ..module(b"m.py") };
        for brief in [whole(MARSHAL), nested(1, 0, function()), module, nested(3, 2, function())] {
            let (code, written) = unfold(&mut unfolding, &brief);
            assert_eq!((code.id, code.first_id, code.parent), (brief.id, brief.first_id, brief.parent));
            assert_eq!((written.code, written.made, written.missing), (brief.id, brief.made, 0));
            let marshal = match &written.held {
                Held::Marshal(marshal) => Rc::clone(marshal),
                Held::Library(code) => library.marshal(code).expect("it is the library's"),
            };
            assert_eq!(matches!(written.held, Held::Library(_)), brief.id >= 2);
            let Ok((Object::Code(read), length)) = marshal::read(&marshal) else { panic!("a code object") };
            let object = CodeObject { is_of_library: brief.is_of_library, ..CodeObject::from_marshal(&read) };
            assert_eq!((object, length), ((*code.object).clone(), marshal.len()));
            let name = if brief.parent.is_some() { &b"recur_factorial"[..] } else { b"<module>" };
            assert_eq!(code.object.name, name);
        }
    }

    #[test]
    fn what_was_described_too_long_ago_is_not_kept() {
        let mut parents = Parents::default();
        parents.add(0, 100, 'a');
        parents.add_nested(1, 0, 'b');
        parents.add_nested(3, 2, 'c');
        parents.add(4, KEPT as usize - 100, 'd');
        assert_eq!([0, 1, 3, 4].map(|id| parents.get(id).copied()), [Some('a'), Some('b'), None, Some('d')]);
        parents.add(5, 1, 'e');
        assert_eq!([0, 1, 4, 5].map(|id| parents.get(id).copied()), [None, None, Some('d'), Some('e')]);
        assert_eq!(parents.known.len(), 2);
    }

    #[test]
    fn a_description_of_what_is_not_there_is_refused() {
        let refused = |briefs: [Brief; 2]| {
            let mut words = Vec::new();
            briefs.iter().for_each(|brief| brief.encode(&mut words));
            match Decoder::of_ring(modules).decode(&words, &mut ignore()) {
                Err(StreamError::Contradiction { why, .. }) => why,
                other => panic!("{other:?}"),
            }
        };
        let of = |nested| refused([whole(MARSHAL), nested]);
        assert_eq!(of(nested(1, 7, function())), "a code object in one that is not kept");
        assert_eq!(of(Brief { parent: None, ..nested(1, 0, function()) }), "a code object in one that is not kept");
        assert_eq!(of(nested(1, 0, 1 << 30)), "a code object where another constant is");
        assert_eq!(of(nested(1, 0, function() + 1)), "a code object where another constant is");
        assert_eq!(of(nested(0, 0, function())), "a code object with the id of a live one");
        assert_eq!(refused([module(b"n.py"), nested(1, 0, function())]), "a module that the library does not have");
        assert_eq!(refused([whole(&MARSHAL[..40]), nested(1, 0, 0)]), "a code object that cannot be read");
        assert_eq!(refused([whole(b"N"), nested(1, 0, 0)]), "a code object that cannot be read");
    }
}
