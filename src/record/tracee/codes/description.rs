//! How code objects are described: by the recorder, where it knows them or gets their marshal data, or here.

use super::Codes;
use crate::bytecode::CodeObject;
use crate::bytecode::code::is_library_name;
use crate::process::memory;
use crate::trace::brief::{self, Brief};
use crate::trace::encode_code;
use crate::trace::origin::{Held, WholeCode};
use crate::vm::Gil;
use crate::vm::hook::Place;
use crate::vm::lane::Lane;
use crate::vm::library::Module;
use crate::vm::object::{CodeRef, Whole};

/// What is written into the stream for a new version.
pub struct Description {
    pub content: Content,
    /// The id of a version that was forgotten for it.
    pub forgotten: Option<u32>,
}

/// What describes a code object.
pub enum Content {
    Brief(Brief),
    /// The payload of its CODE record, and the whole.
    Whole {
        code: Vec<u8>,
        whole: WholeCode,
    },
    /// The payload of the CODE record of what stands for code objects that could not be described.
    Nothing {
        code: Vec<u8>,
    },
}

/// What a new version is called in the stream: as in [`Brief`].
pub(super) struct Ids {
    pub(super) id: u32,
    pub(super) first_id: u32,
    pub(super) parent: Option<u32>,
}

/// What a code object is described by.
pub(super) enum Form {
    /// Its number among its parent's constants.
    Nested(u32),
    /// The module of the embedded library that it is.
    Module(Module),
    Whole(Whole),
}

impl Codes {
    /// How a code object is described; None if there is no memory for that.
    pub(super) fn form(&self, gil: Gil, code: CodeRef, at: &Place, lane: &Lane) -> Option<Form> {
        let (form, weight) = match self.brief_form(gil, code, at, lane) {
            Some(form) => (form, code.brief_weight(gil, at.first())),
            None => {
                let whole = code.whole(gil, at.first(), &memory::has_room)?;
                let weight = whole.weight();
                (Form::Whole(whole), weight)
            }
        };
        memory::has_room(weight).then_some(form)
    }

    /// The form of a code object that runs for the first time and has been no other since it was made, if the recorder knows it: as a
    /// constant of one that was described, or as a module of the embedded library.
    fn brief_form(&self, gil: Gil, code: CodeRef, at: &Place, lane: &Lane) -> Option<Form> {
        let is_new = lane.is_trusted()
            && self.tracing.copies.is_none()
            && !self.known.contains_key(&code.address())
            && code.runs_its_own(gil, at.first())
            && !code.is_translated();
        if !is_new {
            return None;
        }
        if let Some((parent, constant)) = self.parent(code)
            && self.kept.get(parent).is_some()
        {
            return Some(Form::Nested(constant));
        }
        let module = Module::at(self.origins.module(code.address())?)?;
        // import.c's update_compiled_module gives one that was found by another path that one's name.
        module.is_at(code.filename(gil)).then_some(Form::Module(module))
    }

    /// Whether a code object is one of the embedded library's as it was built: those are verified (tests/verified.rs).
    pub(super) fn is_verified_library(&self, code: CodeRef, form: &Form) -> bool {
        match form {
            Form::Nested(_) => self.parent(code).is_some_and(|(parent, _)| self.kept.get(parent) == Some(&true)),
            Form::Module(_) => true,
            Form::Whole(_) => false,
        }
    }

    /// What the stream gets of a code object, and what the hook keeps.
    pub(super) fn content(&self, gil: Gil, code: CodeRef, at: &Place, ids: Ids, form: Form) -> (Content, CodeObject) {
        let Ids { id, first_id, parent } = ids;
        let made = self.origins.get(code.address());
        // What has changed its bytes is not the library.
        let is_of_library =
            id == first_id && self.origins.is_of_library(code.address(), || is_library_name(code.filename(gil)));
        let brief = |content| {
            let object = CodeObject { is_of_library, ..code.describe_briefly(gil, at.first()) };
            (Content::Brief(Brief { id, first_id, parent, made, is_of_library, content }), object)
        };
        match form {
            Form::Nested(constant) => brief(brief::Content::Constant(constant)),
            Form::Module(module) => brief(brief::Content::Module(module.path.into())),
            Form::Whole(whole) if whole.is_plain && self.tracing.copies.is_none() && !code.is_translated() => {
                brief(brief::Content::Marshal(whole.marshal.into()))
            }
            Form::Whole(whole) => {
                let mut object = code.describe(gil, at.first());
                let is_copy = self.tracing.copies.as_ref().is_some_and(|copies| copies.has(&object));
                object.is_of_library = is_copy || is_of_library;
                let record = encode_code(id, first_id, parent, &object);
                let held = Held::Marshal(whole.marshal.into());
                let whole = WholeCode { code: id, made, missing: whole.missing, held };
                (Content::Whole { code: record, whole }, object)
            }
        }
    }

    /// Notes that a description is in the stream.
    pub fn described(&mut self, brief: &Brief) {
        match (&brief.content, brief.parent) {
            (brief::Content::Marshal(marshal), _) => self.kept.add(brief.id, marshal.len(), false),
            (brief::Content::Module(module), _) => {
                self.kept.add(brief.id, Module::named(module).map_or(0, |module| module.size), true);
            }
            (brief::Content::Constant(_), Some(parent)) => {
                let is_library = self.kept.get(parent) == Some(&true);
                self.kept.add_nested(brief.id, parent, is_library);
            }
            (brief::Content::Constant(_), None) => {}
        }
    }
}
