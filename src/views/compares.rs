//! `bctrace show --compares`: every comparison, subscript and arithmetic with its operands' values, folded by its place in the
//! code, in the order in which the places first ran.

use std::collections::HashMap;

use super::show::check_values;
use crate::bytecode::Instruction;
use crate::bytecode::opcode;
use crate::bytecode::operand::Operand;
use crate::format::lines::Lines;
use crate::format::values::{Waiting, push_late, push_name, push_phrase};
use crate::format::{Options, Output};
use crate::trace::value::UnitValues;
use crate::trace::{Code, Event, Run, Sink, SinkError, State, Then};

/// Different values that a place shows at most; others are counted together.
const TEXTS: usize = 20;
/// Places at most; a program can make code for ever.
const PLACES: usize = 1 << 18;

/// Gathers comparisons and prints them at the end.
pub(super) struct Compares {
    lines: Lines,
    options: Options,
    waiting: Waiting,
    places: Vec<Place>,
    by_key: HashMap<Key, usize>,
    /// The key of an instruction of a code object by their numbers, for it is asked each time.
    by_code: HashMap<(u32, i32), Option<usize>>,
    /// By frame: what waits for its result, because it runs Python.
    open: HashMap<u64, (usize, Vec<u8>)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    name: Vec<u8>,
    filename: Vec<u8>,
    first_line: i32,
    offset: i32,
    opcode: u8,
}

struct Place {
    key: Key,
    line: i32,
    sign: Vec<u8>,
    count: u64,
    texts: Vec<(Vec<u8>, u64)>,
    others: u64,
}

impl Compares {
    pub(super) fn new(options: Options, output: Output) -> Compares {
        Compares {
            lines: Lines::new(output, options.max_size),
            options,
            waiting: Waiting::default(),
            places: Vec::new(),
            by_key: HashMap::new(),
            by_code: HashMap::new(),
            open: HashMap::new(),
        }
    }

    fn gather(&mut self, run: &Run, at: &State, frame: u64, code: &Code) -> Result<(), SinkError> {
        let selection = &self.options.selection;
        if !selection.filter.wants(&code.object) || !selection.wants_place(at) {
            self.waiting.clear();
            return Ok(());
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.each(run, at, code, |number, _, instruction, values| {
            let Some(values) = values else { return Ok(()) };
            self.settle(frame, values);
            if self.options.selection.wants_number(number) && shows(instruction) && !values.operands.is_empty() {
                self.add(frame, code, instruction, values);
            }
            Ok(())
        })?;
        self.waiting = waiting;
        Ok(())
    }

    /// Counts what waited for a result in this frame, which goes on.
    fn settle(&mut self, frame: u64, values: &UnitValues) {
        if let Some((place, mut text)) = self.open.remove(&frame) {
            push_late(&mut text, values);
            self.places[place].add(text);
        }
    }

    fn add(&mut self, frame: u64, code: &Code, instruction: &Instruction, values: &UnitValues) {
        let Some(place) = self.place(code, instruction) else { return };
        let mut text = Vec::new();
        push_phrase(&mut text, &code.object, instruction, values);
        if values.results.is_empty() {
            self.open.insert(frame, (place, text));
        } else {
            self.places[place].add(text);
        }
    }

    fn place(&mut self, code: &Code, instruction: &Instruction) -> Option<usize> {
        if let Some(place) = self.by_code.get(&(code.id, instruction.offset)) {
            return *place;
        }
        let object = &code.object;
        let key = Key {
            name: object.name.clone(),
            filename: object.filename.clone(),
            first_line: object.first_line,
            offset: instruction.offset,
            opcode: instruction.opcode,
        };
        let place = match self.by_key.get(&key) {
            Some(&place) => Some(place),
            None if self.places.len() >= PLACES => None,
            None => {
                let sign = match Operand::resolve(object, instruction) {
                    Operand::Text(text) => [b" (", text, b")"].concat(),
                    _ => Vec::new(),
                };
                let line = object.line(u32::try_from(instruction.offset).unwrap_or(0));
                self.places.push(Place { key: key.clone(), line, sign, count: 0, texts: Vec::new(), others: 0 });
                self.by_key.insert(key, self.places.len() - 1);
                Some(self.places.len() - 1)
            }
        };
        if self.by_code.len() >= PLACES {
            self.by_code.clear();
        }
        self.by_code.insert((code.id, instruction.offset), place);
        place
    }

    fn print(&mut self) -> Result<(), SinkError> {
        for (_, (place, text)) in std::mem::take(&mut self.open) {
            self.places[place].add(text);
        }
        for place in &self.places {
            place.print(&mut self.lines)?;
        }
        Ok(())
    }
}

impl Place {
    fn add(&mut self, text: Vec<u8>) {
        self.count += 1;
        match self.texts.iter().position(|(known, _)| *known == text) {
            Some(known) => self.texts[known].1 += 1,
            None if self.texts.len() < TEXTS => self.texts.push((text, 1)),
            None => self.others += 1,
        }
    }

    fn print(&self, lines: &mut Lines) -> Result<(), SinkError> {
        let out = lines.open();
        push_name(out, &self.key.name);
        out.extend_from_slice(b", ");
        push_name(out, &self.key.filename);
        let opname = opcode::name(self.key.opcode).unwrap_or("?");
        out.extend_from_slice(format!(":{}, at {} {opname}", self.line, self.key.offset).as_bytes());
        out.extend_from_slice(&self.sign);
        let times = if self.count == 1 { "once".to_string() } else { format!("{} times", self.count) };
        out.extend_from_slice(format!(", {times}\n").as_bytes());
        lines.ended()?;
        for (text, count) in &self.texts {
            let out = lines.open();
            out.extend_from_slice(format!("{count:>8} ").as_bytes());
            out.extend_from_slice(text);
            out.push(b'\n');
            lines.ended()?;
        }
        if self.others > 0 {
            lines.push(format!("{:>8}  with other values\n", self.others).as_bytes())?;
        }
        Ok(())
    }
}

/// Whether an instruction compares, subscripts or calculates.
fn shows(instruction: &Instruction) -> bool {
    match instruction.opcode {
        // COMPARE_OP, but for the search of a handler.
        107 => instruction.operand != Some(10),
        // Arithmetic of one and two operands, BINARY_SUBSCR, SLICE.
        10..=12 | 15 | 19..=33 | 55..=59 | 62..=67 | 75..=79 => true,
        _ => false,
    }
}

impl Sink for Compares {
    fn event(&mut self, event: &Event, at: &State) -> Result<(), SinkError> {
        match event {
            Event::Start(start) => check_values(start),
            _ => {
                self.waiting.event(event, at);
                Ok(())
            }
        }
    }

    fn run(&mut self, run: &Run, at: &State) -> Result<(), SinkError> {
        let Some(frame) = at.frame() else { return Ok(()) };
        if run.length > 0 && !(self.waiting.is_empty() && self.open.is_empty()) {
            self.gather(run, at, frame.id, &frame.code)?;
        }
        if matches!(run.then(), Then::Return | Then::Unwind) {
            self.settle(frame.id, &UnitValues::default());
        }
        Ok(())
    }

    fn values(&mut self, words: &[u64], _at: &State) -> Result<(), SinkError> {
        self.waiting.push(words);
        Ok(())
    }

    fn finish(&mut self) -> Result<u64, SinkError> {
        self.print()?;
        self.lines.finish()
    }

    fn written(&self) -> u64 {
        self.lines.written()
    }
}
