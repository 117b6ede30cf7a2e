//! The values that wait for their run, as a sink keeps them, and how they fall to the units of the run once it is there.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::delegates::Delegates;
use super::reader::Reader;
use super::{Names, Role, Tag, Value, payload};
use crate::bytecode::CodeObject;
use crate::bytecode::decode::{Instruction, Unit, units};
use crate::trace::code::Code;
use crate::trace::event::{Event, Run};
use crate::trace::state::State;
use crate::trace::word::Kind;

/// Words of values since the last run.
#[derive(Debug, Default)]
pub struct Pending {
    words: Vec<u64>,
    renamed: Renamed,
    delegates: Delegates,
}

/// Names that got another text while values waited that mean the one before: the text that a name had up to a word.
pub(super) type Renamed = BTreeMap<(u32, usize), Rc<[u8]>>;

/// The values of one unit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UnitValues {
    /// What the frame was entered with, where it begins here.
    pub arguments: Vec<Value>,
    /// What the frame's last instruction before the run has produced: a call, whose frames came in between.
    pub late: Vec<Value>,
    /// What it consumed, in the order of source code.
    pub operands: Vec<Value>,
    pub results: Vec<Value>,
    /// The whole value stack before it, the top last.
    pub stack: Option<Vec<Value>>,
    /// The frame that begins with it runs the function that the caller's instruction calls.
    pub is_callee: bool,
}

impl UnitValues {
    /// Whether there is no value to print.
    pub fn is_empty(&self) -> bool {
        let lists = [&self.arguments, &self.late, &self.operands, &self.results];
        lists.iter().all(|list| list.is_empty()) && self.stack.is_none()
    }

    fn clear(&mut self) {
        self.arguments.clear();
        self.late.clear();
        self.operands.clear();
        self.results.clear();
        self.stack = None;
        self.is_callee = false;
    }
}

impl Pending {
    #[inline]
    pub fn push(&mut self, words: &[u64]) {
        self.words.extend_from_slice(words);
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    pub fn clear(&mut self) {
        self.words.clear();
        self.renamed.clear();
    }

    /// Takes note of an event that is no run: a name may be about to get another text.
    pub fn event(&mut self, event: &Event, at: &State) {
        if let Event::Name(name) = event
            && let Some(text) = at.names().get(name.name).filter(|_| !self.words.is_empty())
        {
            self.renamed.entry((name.name, self.words.len())).or_insert_with(|| Rc::clone(text));
        }
    }

    /// Hands each instruction of a run of `code` to `each`, with its number, its unit and, if it is the last of that, its values; forgets
    /// the values, also after an error.
    pub fn each<E>(
        &mut self,
        run: &Run,
        at: &State,
        code: &Code,
        mut each: impl FnMut(u64, &Unit, &Instruction, Option<&UnitValues>) -> Result<(), E>,
    ) -> Result<(), E> {
        let bytes = &code.object.bytes;
        let mut values = UnitValues::default();
        let mut number = at.instructions;
        let mut cursor = self.cursor(at.names(), &code.object);
        let units = units(bytes, run.start).take_while(|unit| unit.end <= run.end());
        let result = units.into_iter().try_for_each(|unit| {
            cursor.next(&unit.last, &mut values);
            unit.instructions(bytes).try_for_each(|instruction| {
                number += 1;
                let is_last = instruction.offset == unit.last.offset;
                each(number, &unit, &instruction, is_last.then_some(&values))
            })
        });
        self.clear();
        result
    }

    /// Begins to hand out the values of a run of `code`, unit by unit.
    pub fn cursor<'a>(&'a mut self, names: &'a Names, code: &'a CodeObject) -> Cursor<'a> {
        let count = self.words.len();
        Cursor {
            reader: Reader { words: &self.words, count, names, renamed: &self.renamed },
            delegates: &mut self.delegates,
            code,
            unit: -1,
            at: -1,
            last: Value::Missing,
            last_words: 1,
            copied: 0,
        }
    }
}

/// Hands out values in the order of units.
pub struct Cursor<'a> {
    reader: Reader<'a>,
    delegates: &'a mut Delegates,
    code: &'a CodeObject,
    /// The unit that the next value belongs to, as far as words say; -1 is before the run.
    unit: i64,
    /// The unit that was asked for last.
    at: i64,
    /// The last result, and the words that it took.
    last: Value,
    last_words: usize,
    /// Words that results which came once more in this unit would have taken.
    copied: usize,
}

/// Words of results that come once more in a unit, at most; others are not shown.
const MOST_COPIED: usize = 1 << 20;

impl Cursor<'_> {
    /// Returns whether no values are left.
    pub fn is_done(&self) -> bool {
        self.reader.words.is_empty()
    }

    /// Puts the values of the run's next unit, which ends with this instruction, into `out`.
    pub fn next(&mut self, instruction: &Instruction, out: &mut UnitValues) {
        out.clear();
        self.copied = 0;
        self.at += 1;
        self.read(out);
        self.delegates.name(self.code, instruction, out);
    }

    fn read(&mut self, out: &mut UnitValues) {
        while let Some((&word, rest)) = self.reader.words.split_first() {
            if Kind::of(word) != Kind::Value {
                self.reader.words = rest;
                continue;
            }
            let tag = Tag::of(word);
            let unit = self.unit + if tag == Tag::Step { payload(word) as i64 } else { (word >> 12 & 0xf) as i64 };
            if unit > self.at {
                return;
            }
            self.reader.words = rest;
            self.unit = unit;
            match tag {
                Tag::Step => {}
                Tag::Callee => out.is_callee = true,
                _ => self.take(word, out),
            }
        }
    }

    fn take(&mut self, word: u64, out: &mut UnitValues) {
        let role = word >> 9 & 7;
        let value = match Tag::of(word) {
            Tag::Same => {
                self.copied += self.last_words;
                if self.copied > MOST_COPIED { Value::Missing } else { self.last.clone() }
            }
            _ => {
                let words = self.reader.words.len();
                let value = self.reader.value(word, 0);
                if role == Role::Result as u64 {
                    (self.last, self.last_words) = (value.clone(), 1 + words - self.reader.words.len());
                }
                value
            }
        };
        match role {
            0 => out.operands.push(value),
            1 if self.unit < 0 => out.late.push(value),
            1 => out.results.push(value),
            2 => out.arguments.push(value),
            3 => out.stack.get_or_insert_default().push(value),
            _ => {}
        }
    }
}
