//! What a block repeats of earlier ones, so that it can be read without them: the state before it, the code objects that it uses, and
//! the names that its values refer to.

use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;

use super::bounds;
use crate::trace::event::Name;
use crate::trace::value::{self, NAMES};
use crate::trace::{Code, Event, State};

/// What is repeated so far.
#[derive(Default)]
pub(super) struct Needs {
    /// The words of the state before the block.
    state: Vec<u64>,
    /// Code objects that the block describes itself.
    described: HashSet<u32>,
    /// The words of the code objects of earlier blocks, by id.
    codes: BTreeMap<u32, Vec<u64>>,
    /// The names, as they were before the block; and for each name whether it or the block has it.
    names: BTreeMap<u32, Vec<u64>>,
    named: Vec<bool>,
    /// Words of the state, the code objects and the names.
    words: usize,
    /// What all code objects of the block take in memory, and of this what came after it had begun.
    weight: u64,
    added: u64,
    marks: Marks,
}

impl Needs {
    /// Begins with the state before the block's first event.
    pub(super) fn begin(&mut self, at: &State) {
        at.push_record(&mut self.state);
        self.words += self.state.len();
        at.for_each_code_in_use(|code| self.repeat(code));
        self.added = 0;
    }

    /// Words of all that is repeated.
    pub(super) fn words(&self) -> u64 {
        self.words as u64
    }

    /// All that is repeated, in the order in which it stands in the block.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &[u64]> {
        self.codes.values().chain(self.names.values()).chain([&self.state]).map(Vec::as_slice)
    }

    /// What the block's code objects take in memory.
    pub(super) fn weight(&self) -> u64 {
        self.weight
    }

    /// Returns whether the block is known to have the description of a code object.
    #[inline]
    pub(super) fn is_marked(&self, id: u32) -> bool {
        self.marks.is_marked(id)
    }

    /// Returns whether the block can take the use of a code object.
    #[cold]
    pub(super) fn has_room_for(&self, id: u32, at: &State) -> bool {
        let is_here = self.described.contains(&id) || self.codes.contains_key(&id);
        is_here || at.code(id).is_none_or(|code| self.has_room_to_describe(code))
    }

    /// Returns whether the block can take the description of a code object.
    pub(super) fn has_room_to_describe(&self, code: &Code) -> bool {
        self.added == 0 || self.added + code.weight() <= bounds::WEIGHT
    }

    /// Returns whether any block can take the description of a code object besides those that this one has.
    pub(super) fn can_describe(&self, code: &Code) -> bool {
        self.weight + code.weight() <= bounds::MAX_WEIGHT
    }

    /// Hears of a code object that the block's own events describe.
    pub(super) fn describe(&mut self, code: &Code) {
        self.described.insert(code.id);
        self.take_weight(code);
    }

    fn take_weight(&mut self, code: &Code) {
        self.weight += code.weight();
        self.added += code.weight();
    }

    /// Sees to it that a code object, which is used, is described.
    #[inline]
    pub(super) fn use_code(&mut self, id: u32, at: &State) {
        if !self.marks.mark(id)
            && let Some(code) = at.code(id)
        {
            self.repeat(code);
        }
    }

    #[cold]
    fn repeat(&mut self, code: &Rc<Code>) {
        if self.described.contains(&code.id) || self.codes.contains_key(&code.id) {
            return;
        }
        let mut words = Vec::new();
        Event::Code(Rc::clone(code)).encode(&mut words);
        self.words += words.len();
        self.take_weight(code);
        self.codes.insert(code.id, words);
    }

    /// Sees to it that the block has the names that words of values refer to.
    pub(super) fn use_names(&mut self, words: &[u64], at: &State) {
        for name in words.iter().filter_map(|word| value::name_of(*word)) {
            self.use_name(name, at);
        }
    }

    #[inline]
    fn use_name(&mut self, name: u32, at: &State) {
        if !self.is_first(name)
            && let Some(text) = at.names().get(name)
        {
            let mut words = Vec::new();
            Event::Name(Name { name, text: Rc::clone(text) }).encode(&mut words);
            self.words += words.len();
            self.names.insert(name, words);
        }
    }

    /// Says that the block's own events give a name.
    pub(super) fn define_name(&mut self, name: u32) {
        self.is_first(name);
    }

    /// Whether the block does not have a name yet; from now on it has.
    #[inline]
    fn is_first(&mut self, name: u32) -> bool {
        if self.named.is_empty() {
            self.named.resize(NAMES, false);
        }
        self.named.get_mut(name as usize).is_none_or(|named| std::mem::replace(named, true))
    }
}

/// The code objects that were looked at lately: every call of the program asks.
struct Marks([u32; 256]);

impl Default for Marks {
    fn default() -> Self {
        Marks([u32::MAX; 256])
    }
}

impl Marks {
    #[inline]
    fn is_marked(&self, code: u32) -> bool {
        self.0[code as usize % 256] == code
    }

    /// Marks `code`; returns whether it was marked.
    #[inline]
    fn mark(&mut self, code: u32) -> bool {
        let place = &mut self.0[code as usize % 256];
        let marked = *place == code;
        *place = code;
        marked
    }
}
