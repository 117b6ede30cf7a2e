//! `bctrace show --calls`: the calls of a trace as a tree, Python's and C's, with arguments and results.  A line is a call; what
//! it calls stands below it, indented, and its result behind it, or below where it has called others.

use std::collections::HashMap;

use super::show::check_values;
use crate::bytecode::Instruction;
use crate::format::lines::Lines;
use crate::format::values::{Waiting, push_arguments, push_escaped, push_late, push_name, push_operands, push_value};
use crate::format::{Options, Output};
use crate::trace::value::{UnitValues, Value, What};
use crate::trace::{Event, Frame, Run, Sink, SinkError, State, Then};

const IMPORT_NAME: u8 = 108;
const EXEC_STMT: u8 = 85;
const RETURN_VALUE: u8 = 83;
const YIELD_VALUE: u8 = 86;

/// Prints calls as they come.
pub(super) struct Calls {
    lines: Lines,
    options: Options,
    waiting: Waiting,
    /// The line that is still without its end: it is of a call that has called nothing yet.
    line: Vec<u8>,
    active: HashMap<u64, Active>,
    thread: u32,
    /// An exception that has been raised and not been told.
    raised: Option<Vec<u8>>,
}

/// What goes on in a frame.
#[derive(Default)]
struct Active {
    /// Of the calls that it makes.
    indent: usize,
    /// Its line is to be printed with the arguments, which come with its first run.
    unnamed: bool,
    /// It is a generator's that goes on.
    resumed: bool,
    /// It has made a call whose result is not there.
    open: Option<Open>,
    /// What it returns or yields.
    gives: Option<Vec<u8>>,
}

/// A call that waits for its result.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    /// Of a Python function: its frame tells the result.
    Python,
    Other,
}

impl Calls {
    pub(super) fn new(options: Options, output: Output) -> Calls {
        Calls {
            lines: Lines::new(output, options.max_size),
            options,
            waiting: Waiting::default(),
            line: Vec::new(),
            active: HashMap::new(),
            thread: 0,
            raised: None,
        }
    }

    // -- Lines -------------------------------------------------------------------------------------------------------------

    /// Ends the line that is open.
    fn end_line(&mut self) -> Result<(), SinkError> {
        if !self.line.is_empty() {
            self.line.push(b'\n');
            self.lines.push(&self.line)?;
            self.line.clear();
        }
        Ok(())
    }

    /// Begins a call's line.
    fn begin_line(&mut self, indent: usize) -> Result<(), SinkError> {
        self.end_line()?;
        self.line.extend(std::iter::repeat_n(b' ', 2 * indent));
        Ok(())
    }

    /// Ends a call with this text: on its own line, where that is still open.
    fn result(&mut self, indent: usize, text: &[u8]) -> Result<(), SinkError> {
        let spaces = self.line.iter().take_while(|&&byte| byte == b' ').count();
        if !self.line.is_empty() && spaces == 2 * indent {
            self.line.push(b' ');
        } else {
            self.begin_line(indent)?;
        }
        self.line.extend_from_slice(text);
        self.end_line()
    }

    // -- Frames ------------------------------------------------------------------------------------------------------------

    /// Takes the units of a run of the current frame.
    fn take_units(&mut self, run: &Run, at: &State, frame: &Frame) -> Result<(), SinkError> {
        let selection = &self.options.selection;
        if !selection.filter.wants(&frame.code.object) || !selection.wants_place(at) {
            self.waiting.clear();
            return Ok(());
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        let result = waiting.each(run, at, &frame.code, |number, _, instruction, values| match values {
            Some(values) if self.options.selection.wants_number(number) => self.take(frame, instruction, values),
            _ => Ok(()),
        });
        self.waiting = waiting;
        result
    }

    fn take(&mut self, frame: &Frame, instruction: &Instruction, values: &UnitValues) -> Result<(), SinkError> {
        let mut active = self.active.remove(&frame.id).unwrap_or_default();
        let result = self.take_unit(&mut active, frame, instruction, values);
        self.active.insert(frame.id, active);
        result
    }

    fn take_unit(
        &mut self,
        active: &mut Active,
        frame: &Frame,
        instruction: &Instruction,
        values: &UnitValues,
    ) -> Result<(), SinkError> {
        let code = &frame.code.object;
        if std::mem::take(&mut active.unnamed) {
            self.begin_line(active.indent.saturating_sub(1))?;
            push_name(&mut self.line, &code.name);
            if std::mem::take(&mut active.resumed) {
                self.line.extend_from_slice(b" resumed");
            } else {
                self.line.push(b'(');
                push_arguments(&mut self.line, code, &values.arguments);
                self.line.push(b')');
            }
        }
        if let Some(open) = active.open.take() {
            let mut text = Vec::new();
            push_late(&mut text, values);
            match (open, self.raised.take()) {
                // Its frame has told it.
                (Open::Python, _) => {}
                (Open::Other, Some(raised)) if text.is_empty() => self.result(active.indent, &raised)?,
                (Open::Other, _) if text.is_empty() => self.end_line()?,
                (Open::Other, _) => self.result(active.indent, &text[1..])?,
            }
        }
        (active.gives, self.raised) = (None, None);
        match instruction.opcode {
            131 | 140..=142 | EXEC_STMT if values.operands.is_empty() => {}
            131 | 140..=142 | EXEC_STMT | IMPORT_NAME => {
                self.begin_line(active.indent)?;
                if instruction.opcode == IMPORT_NAME {
                    self.line.extend_from_slice(b"import ");
                    push_name(&mut self.line, name(code, instruction));
                }
                push_operands(&mut self.line, code, instruction, &values.operands);
                match values.results.first() {
                    Some(result) => {
                        self.line.extend_from_slice(b" -> ");
                        push_value(&mut self.line, result);
                        self.end_line()?;
                    }
                    None => active.open = Some(if is_python(&values.operands) { Open::Python } else { Open::Other }),
                }
            }
            RETURN_VALUE | YIELD_VALUE => {
                let word = if instruction.opcode == YIELD_VALUE { "-> yields " } else { "-> " };
                let mut text = word.as_bytes().to_vec();
                values.operands.iter().for_each(|value| push_value(&mut text, value));
                active.gives = Some(text);
            }
            _ => {}
        }
        Ok(())
    }

    /// A frame is entered, or again, from the current one.
    fn enter(&mut self, at: &State, id: u64, is_new: bool) {
        let caller = at.frame().and_then(|frame| self.active.get(&frame.id));
        let (indent, open) = caller.map_or((0, None), |caller| (caller.indent, caller.open));
        let is_direct = open == Some(Open::Python) && is_new;
        let indent = match open {
            _ if caller.is_none() => 0,
            Some(Open::Other) => indent + 1,
            _ => indent,
        };
        let entered = Active { indent: indent + 1, unnamed: !is_direct, resumed: !is_new, open: None, gives: None };
        self.active.insert(id, entered);
    }

    /// The current frame is left.
    fn leave(&mut self, frame: &Frame, is_unwound: bool) -> Result<(), SinkError> {
        let Some(active) = self.active.remove(&frame.id) else { return Ok(()) };
        if active.unnamed || !self.options.selection.filter.wants(&frame.code.object) {
            return Ok(());
        }
        let text = match is_unwound {
            true => self.raised.clone().unwrap_or_else(|| b"-> raises".to_vec()),
            false => active.gives.unwrap_or_else(|| b"->".to_vec()),
        };
        self.result(active.indent.saturating_sub(1), &text)
    }
}

/// Whether what is called is a Python function.
fn is_python(operands: &[Value]) -> bool {
    matches!(operands.first(), Some(Value::Object { what: What::Function | What::Method, .. }))
}

fn name<'a>(code: &'a crate::bytecode::CodeObject, instruction: &Instruction) -> &'a [u8] {
    match crate::bytecode::operand::Operand::resolve(code, instruction) {
        crate::bytecode::operand::Operand::Text(text) => text,
        _ => b"?",
    }
}

impl Sink for Calls {
    fn event(&mut self, event: &Event, at: &State) -> Result<(), SinkError> {
        match event {
            Event::Start(start) => check_values(start)?,
            Event::Raised(raised) => {
                let mut text = b"-> raises ".to_vec();
                push_name(&mut text, &raised.type_name);
                if !raised.message.is_empty() {
                    text.extend_from_slice(b": ");
                    push_escaped(&mut text, &raised.message);
                }
                self.raised = Some(text);
            }
            _ => self.waiting.event(event, at),
        }
        Ok(())
    }

    fn run(&mut self, run: &Run, at: &State) -> Result<(), SinkError> {
        let frame = at.frame().cloned();
        if let Some(frame) = &frame
            && run.length > 0
        {
            if at.thread != self.thread {
                self.thread = at.thread;
                self.begin_line(0)?;
                self.line.extend_from_slice(format!("thread {}", at.thread).as_bytes());
                self.end_line()?;
            }
            self.take_units(run, at, frame)?;
        }
        match (run.then(), &frame) {
            (Then::Call { .. }, _) => self.enter(at, at.next_frame, true),
            (Then::Resume { slot }, _) => {
                if let Some(suspended) = at.suspended(slot) {
                    self.enter(at, suspended.id, false);
                }
            }
            (Then::Return, Some(frame)) | (Then::Yield { .. }, Some(frame)) => self.leave(frame, false)?,
            (Then::Unwind, Some(frame)) => self.leave(frame, true)?,
            _ => {}
        }
        Ok(())
    }

    fn values(&mut self, words: &[u64], _at: &State) -> Result<(), SinkError> {
        self.waiting.push(words);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.lines.flush()
    }

    fn finish(&mut self) -> Result<u64, SinkError> {
        self.end_line()?;
        self.lines.finish()
    }

    fn written(&self) -> u64 {
        self.lines.written()
    }
}
