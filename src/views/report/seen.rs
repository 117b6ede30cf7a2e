//! The values that each instruction had: the first, the last, and how many different ones, for the listings of a report.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet, FxHasher};

use crate::bytecode::{CodeObject, Instruction, effect};
use crate::format::values::push_values;
use crate::read::steps::Exit;
use crate::read::visit::Place;
use crate::trace::value::{UnitValues, Value};
use crate::trace::{Code, Frame, Laps, Raised, SinkError, State};
use crate::views::query::View;
use crate::views::room::{Room, weight};
use crate::views::same::{Numbers, hash_value};

/// Different values of an instruction that are counted.
const DISTINCT: usize = 1000;
/// Characters of a value that are shown.
const SHOWN: usize = 80;
/// About the bytes that an instruction takes, besides its values, and each different value of it.
const PLACE: u64 = 400;
const VALUE: u64 = 16;

/// What instructions consumed and produced, by code object and offset.
pub(super) struct Seen {
    room: Room,
    objects: HashMap<Arc<CodeObject>, usize>,
    by_code: FxHashMap<u32, usize>,
    places: FxHashMap<(usize, i32), Values>,
    /// By frame: what the instruction consumed whose result comes with the frame's next unit.
    open: FxHashMap<u64, (usize, Instruction, Vec<Value>)>,
}

/// The values of one instruction.
struct Values {
    instruction: Instruction,
    first: UnitValues,
    last: Option<UnitValues>,
    distinct: FxHashSet<u64>,
}

impl Seen {
    pub(super) fn new(memory: u64) -> Seen {
        Seen {
            room: Room::new(memory),
            objects: HashMap::new(),
            by_code: FxHashMap::default(),
            places: FxHashMap::default(),
            open: FxHashMap::default(),
        }
    }

    /// The first value of an instruction, the last one if that is another, and how many there were if there were several.
    pub(super) fn of(&self, object: &CodeObject, offset: i32) -> Option<(String, String, String)> {
        let values = self.places.get(&(*self.objects.get(object)?, offset))?;
        let text = |of: &UnitValues| {
            let mut out = Vec::new();
            push_values(&mut out, object, &values.instruction, of);
            cut(String::from_utf8_lossy(&out).trim_start())
        };
        let distinct = match values.distinct.len() {
            1 => String::new(),
            DISTINCT => format!("at least {DISTINCT}"),
            count => count.to_string(),
        };
        Some((text(&values.first), values.last.as_ref().map_or(String::new(), text), distinct))
    }

    fn object(&mut self, code: &Code) -> usize {
        if let Some(object) = self.by_code.get(&code.id) {
            return *object;
        }
        let next = self.objects.len();
        let object = *self.objects.entry(Arc::clone(&code.object)).or_insert(next);
        if self.room.has(PLACE) {
            self.by_code.insert(code.id, object);
        }
        object
    }

    fn take(&mut self, object: usize, instruction: &Instruction, operands: &[Value], results: &[Value]) {
        if operands.is_empty() && results.is_empty() {
            return;
        }
        let key = (object, instruction.offset);
        let bytes = || operands.iter().chain(results).map(weight).sum::<u64>();
        let Some(values) = self.places.get_mut(&key) else {
            if self.room.take(PLACE + 2 * bytes()) {
                let first = values_of(operands, results);
                let distinct = FxHashSet::from_iter([hash_of(operands, results)]);
                self.places.insert(key, Values { instruction: *instruction, first, last: None, distinct });
            }
            return;
        };
        let last = values.last.as_ref().unwrap_or(&values.first);
        if last.operands == operands && last.results == results {
            return;
        }
        if values.distinct.len() < DISTINCT && self.room.has(VALUE) {
            values.distinct.insert(hash_of(operands, results));
        }
        values.last = Some(values_of(operands, results));
    }

    /// Takes what a frame's last instruction consumed, now that its results are there.
    fn settle(&mut self, frame: u64, results: &[Value]) {
        if let Some((object, instruction, operands)) = self.open.remove(&frame) {
            self.take(object, &instruction, &operands, results);
        }
    }
}

fn values_of(operands: &[Value], results: &[Value]) -> UnitValues {
    UnitValues { operands: operands.to_vec(), results: results.to_vec(), ..UnitValues::default() }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn hash_of(operands: &[Value], results: &[Value]) -> u64 {
    let mut hasher = FxHasher::default();
    operands.len().hash(&mut hasher);
    operands.iter().chain(results).for_each(|value| hash_value(value, Numbers::Count, &mut hasher));
    hasher.finish()
}

impl View for Seen {
    fn what(&self) -> &'static str {
        "values"
    }

    fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    fn unit(&mut self, place: &Place, is_wanted: bool, values: &UnitValues) -> Result<(), SinkError> {
        if !self.open.is_empty() {
            self.settle(place.frame.id, &values.late);
        }
        if !is_wanted {
            return Ok(());
        }
        let instruction = &place.unit.last;
        let object = self.object(&place.frame.code);
        let is_due =
            values.results.is_empty() && effect::of(instruction.opcode, instruction.operand.unwrap_or(0)).results > 0;
        if is_due && !values.operands.is_empty() {
            self.open.insert(place.frame.id, (object, *instruction, values.operands.clone()));
        } else {
            self.take(object, instruction, &values.operands, &values.results);
        }
        Ok(())
    }

    fn left(&mut self, frame: &Frame, _exit: Exit, _number: u64, _is_wanted: bool) -> Result<(), SinkError> {
        self.settle(frame.id, &[]);
        Ok(())
    }

    fn raised(&mut self, frame: &Frame, _raised: &Raised, _number: u64) -> Result<(), SinkError> {
        self.settle(frame.id, &[]);
        Ok(())
    }

    /// The values of one lap are those of all.
    fn laps(&mut self, _laps: &Laps, _at: &State) -> bool {
        true
    }
}
