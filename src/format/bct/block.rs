//! The block of a .bct that is being filled: the words of its events, and what it must repeat of earlier blocks so that
//! it can be read without them.

use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;

use super::bounds::{self, BLOCK_WORDS};
use crate::trace::event::Name;
use crate::trace::repeat::RepeatWriter;
use crate::trace::value::{self, NAMES};
use crate::trace::{Code, Event, Run, State};

/// A block on its way.
#[derive(Default)]
pub(super) struct Block {
    pub(super) begun: bool,
    /// The words of its events, shortened.
    body: Vec<u64>,
    repeats: RepeatWriter,
    /// Words of events at which it ends; 0 where it has not begun.
    full: u64,
    /// Words of its body that are numbers.
    numbers: usize,
    /// Instructions executed before it, and up to its end so far.
    pub(super) before: u64,
    pub(super) after: u64,
    /// An unfinished block stands in the file as far as this many words of its events.
    pub(super) shown: u64,
    /// Where the values begin whose run has not come yet, and the words since that execute nothing.
    awaiting: Option<Reached>,
    awaiting_idle: u64,
    /// The names that its values refer to, as they were before it; and for each name whether it or the block has it.
    names: BTreeMap<u32, Vec<u64>>,
    named: Vec<bool>,
    /// Code objects that it describes itself.
    described: HashSet<u32>,
    /// The words of the state before it.
    state: Vec<u64>,
    /// The words of the code objects of earlier blocks that it needs, by id.
    repeated: BTreeMap<u32, Vec<u64>>,
    repeated_words: usize,
    /// What its code objects take in memory, and of this what came after it had begun.
    weight: u64,
    added: u64,
    /// Words up to here that execute nothing.
    idle: u64,
    marks: Marks,
}

impl Block {
    /// Begins with the state before its first event.
    pub(super) fn begin(&mut self, at: &State) {
        self.begun = true;
        (self.before, self.after) = (at.instructions, at.instructions);
        at.push_record(&mut self.state);
        at.for_each_code_in_use(|code| self.repeat(code));
        self.added = 0;
        self.set_full();
    }

    /// Empties it for the next one.
    pub(super) fn clear(&mut self) {
        let (mut body, mut repeats) = (std::mem::take(&mut self.body), std::mem::take(&mut self.repeats));
        body.clear();
        body.shrink_to(2 * BLOCK_WORDS as usize);
        repeats.restart();
        *self = Block { body, repeats, ..Block::default() };
    }

    /// Words of its events, those that only repeat included.
    #[inline]
    pub(super) fn words(&self) -> u64 {
        self.repeats.position()
    }

    /// Returns whether `words` more make it too long, or it has not begun.
    #[inline]
    pub(super) fn is_full_with(&self, words: usize) -> bool {
        self.words() + words as u64 > self.full && self.can_end()
    }

    /// Values and the run that they belong to stay together, unless very much comes between them.
    #[cold]
    fn can_end(&self) -> bool {
        self.awaiting.is_none() || self.awaiting_idle >= bounds::MOST_IDLE
    }

    /// Adds a run, and with it the values that came before it.
    #[inline]
    pub(super) fn push_run(&mut self, run: &Run) {
        match run.narrow_word() {
            _ if run.length == 0 => return self.push_idle(run),
            Some(word) => {
                self.idle = 0;
                if !self.repeats.takes(word) {
                    self.push_new(word);
                }
            }
            None => self.push_record(&run.words().0),
        }
        if self.awaiting.is_some() {
            self.has_run();
        }
    }

    #[inline(never)]
    fn push_new(&mut self, word: u64) {
        self.repeats.put_new([word], |word| self.body.push(word));
    }

    #[cold]
    fn has_run(&mut self) {
        self.awaiting = None;
    }

    /// Adds a run that executes nothing.  Such runs repeat only among others: readers refuse a repetition of them alone.
    #[inline(never)]
    fn push_idle(&mut self, run: &Run) {
        let (words, count) = run.words();
        let begins = !self.repeats.is_repeating();
        if !begins && count == 1 && self.repeats.takes(words[0]) {
            // It repeats with the words before it.
        } else if begins && self.idle >= self.repeats.distance() {
            self.repeats.put_as_they_are(&words[..count], |word| self.body.push(word));
        } else {
            self.repeats.put_together(&words[..count], |word| self.body.push(word));
        }
        self.idle += count as u64;
        self.awaiting_idle += count as u64;
    }

    /// Adds the words of a record, or of a run that needs two.  Among values, which are not counted against the end of the block,
    /// nothing else repeats.
    #[inline(never)]
    pub(super) fn push_record(&mut self, words: &[u64]) {
        self.idle = 0;
        match self.awaiting {
            None => self.repeats.put_together(words, |word| self.body.push(word)),
            Some(_) => self.repeats.put_as_they_are(words, |word| self.body.push(word)),
        }
    }

    /// Returns whether it can take a code object that it uses next, or cannot end.
    #[inline]
    pub(super) fn has_room_for(&self, id: u32, at: &State) -> bool {
        self.marks.is_marked(id) || self.has_room_for_new(id, at)
    }

    #[cold]
    fn has_room_for_new(&self, id: u32, at: &State) -> bool {
        let is_here = self.described.contains(&id) || self.repeated.contains_key(&id);
        is_here || at.code(id).is_none_or(|code| self.has_room_to_describe(code))
    }

    /// Hears of a code object that its own events describe.
    pub(super) fn describe(&mut self, code: &Code) {
        self.described.insert(code.id);
        self.take_weight(code);
    }

    fn take_weight(&mut self, code: &Code) {
        self.weight += code.weight();
        self.added += code.weight();
    }

    /// Returns whether it can take the description of a code object, or cannot end.
    pub(super) fn has_room_to_describe(&self, code: &Code) -> bool {
        !self.can_end() || self.added == 0 || self.added + code.weight() <= bounds::WEIGHT
    }

    /// What its code objects take in memory.
    pub(super) fn weight(&self) -> u64 {
        self.weight
    }

    /// Sees to it that a code object, which is used here, is described here.
    #[inline]
    pub(super) fn use_code(&mut self, id: u32, at: &State) {
        if !self.marks.mark(id)
            && let Some(code) = at.code(id)
        {
            self.repeat(code);
        }
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
            self.repeated_words += words.len();
            self.names.insert(name, words);
            self.set_full();
        }
    }

    /// Says that its own events give a name.
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

    /// Says that values come next.
    #[inline]
    pub(super) fn awaits_run_from(&mut self) {
        if self.awaiting.is_none() {
            self.awaiting = Some(self.reached());
            self.awaiting_idle = 0;
        }
    }

    /// All that it has.
    pub(super) fn reached(&self) -> Reached {
        Reached { body: self.body.len(), pending: self.repeats.pending().collect(), words: self.words() }
    }

    /// How far it can be shown: values without their run cannot.
    pub(super) fn settled(&self) -> Reached {
        self.awaiting.clone().unwrap_or_else(|| self.reached())
    }

    /// Adds words of values; `use_names` was called for them.  How many come at a time makes no difference.
    pub(super) fn push_values(&mut self, mut words: &[u64]) {
        self.idle = 0;
        while let Some((&word, rest)) = words.split_first() {
            if self.repeats.expects_nothing() && value::is_number(word) {
                let count = words.iter().position(|word| !value::is_number(*word)).unwrap_or(words.len());
                self.numbers += count;
                self.body.extend_from_slice(&words[..count]);
                self.repeats.keep_numbers(&words[..count]);
                words = &words[count..];
                continue;
            }
            if !self.repeats.takes(word) {
                self.push_new_value(word);
            }
            words = rest;
        }
    }

    #[inline]
    fn push_new_value(&mut self, word: u64) {
        match value::is_number(word) {
            true => {
                self.numbers += 1;
                self.repeats.put_new_number([word], |word| self.body.push(word));
            }
            false => self.push_new(word),
        }
    }

    #[inline]
    pub(super) fn executed(&mut self, instructions: u64) {
        self.after = instructions;
    }

    /// Instructions executed in it so far.
    pub(super) fn instructions(&self) -> u64 {
        self.after.saturating_sub(self.before)
    }

    /// Whether most of what it had to write of its events are numbers.
    pub(super) fn is_mostly_numbers(&self) -> bool {
        self.numbers > self.body.len() / 2
    }

    /// Appends all of its words: repeated code objects and names, the state, the events as far as `reached`.
    pub(super) fn push_payload(&self, reached: &Reached, out: &mut Vec<u8>) {
        let before = self.repeated.values().chain(self.names.values()).chain([&self.state]).map(Vec::as_slice);
        let all = before.chain([&self.body[..reached.body], &reached.pending]);
        all.for_each(|words| push_bytes(out, words));
    }

    #[cold]
    fn repeat(&mut self, code: &Rc<Code>) {
        if self.described.contains(&code.id) || self.repeated.contains_key(&code.id) {
            return;
        }
        let mut words = Vec::new();
        Event::Code(Rc::clone(code)).encode(&mut words);
        self.repeated_words += words.len();
        self.take_weight(code);
        self.repeated.insert(code.id, words);
        self.set_full();
    }

    fn set_full(&mut self) {
        self.full = bounds::full((self.state.len() + self.repeated_words) as u64);
    }
}

/// Appends the bytes of words.
fn push_bytes(out: &mut Vec<u8>, words: &[u64]) {
    let begin = out.len();
    out.resize(begin + words.len() * 8, 0);
    for (bytes, word) in out[begin..].chunks_exact_mut(8).zip(words) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
}

/// How far a block goes.
#[derive(Clone, Debug)]
pub(super) struct Reached {
    /// Words of `body`.
    body: usize,
    /// The repeat words that come after them.
    pending: Vec<u64>,
    words: u64,
}

impl Reached {
    /// Words of events, those that only repeat included.
    pub(super) fn words(&self) -> u64 {
        self.words
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::trace::repeat::RepeatReader;
    use crate::trace::value::{Role, Tag, pack};

    /// The words of the block's events, as they stand in it.
    fn body(pieces: &[&[u64]]) -> Vec<u64> {
        let mut block = Block::default();
        pieces.iter().for_each(|words| block.push_values(words));
        let Reached { body, pending, .. } = block.reached();
        [&block.body[..body], &pending].concat()
    }

    proptest! {
        #[test]
        fn values_stand_in_it_alike_however_many_come_at_a_time(
            numbers in proptest::collection::vec(0u64..8, 0..60), times in 1usize..5, most in 1usize..20, new: u32
        ) {
            let mut words = Vec::new();
            for (round, &number) in (0u64..).zip(numbers.repeat(times).iter()) {
                words.push(match number {
                    0 => pack(Tag::Object, Role::Operand, 1, number),
                    1 => pack(Tag::Int, Role::Result, 1, u64::from(new) + round),
                    _ => pack(Tag::Int, Role::Operand, 1, number),
                });
            }
            let pieces: Vec<&[u64]> = words.chunks(most).collect();
            prop_assert_eq!(body(&[&words]), body(&pieces));
            let (mut reader, packed) = (RepeatReader::default(), body(&pieces));
            prop_assert_eq!(reader.read(&packed, 1 << 20), Ok(packed.len()));
            prop_assert_eq!(reader.words(), &words[..]);
        }
    }
}
