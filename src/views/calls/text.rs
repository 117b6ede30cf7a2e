//! Calls as an indented tree.  A line is a call; what it calls stands below it, indented, and its result after it, or below if it has
//! called others.

use indicatif::HumanCount;

use crate::bytecode::escape::Printable;
use crate::bytecode::opcode::op;
use crate::bytecode::operand::Operand;
use crate::format::lines::Lines;
use crate::format::push_indent;
use crate::format::values::{push_arguments, push_name, push_operands, push_raised, push_value};
use crate::read::steps::Entry;
use crate::trace::SinkError;
use crate::trace::event::StandInUse;
use crate::views::left_out::LeftOut;
use crate::views::query::Query;

use super::call::{Call, Kind, Outcome, Renderer};

pub(super) struct Text {
    lines: Lines,
    thread: u32,
    /// The call whose line has no end yet.
    open: Option<u64>,
}

impl Text {
    pub(super) fn new(lines: Lines) -> Text {
        Text { lines, thread: 0, open: None }
    }

    pub(super) fn finish(&mut self, query: &Query, left_out: &LeftOut) -> Result<(), SinkError> {
        self.end_line()?;
        query.write_left_out(&mut self.lines, left_out)?;
        self.lines.finish().map(|_| ())
    }

    /// Begins a line about a call.  If the line before is another thread's, the number of this one stands in between.
    fn begin_line(&mut self, call: &Call) -> Result<(), SinkError> {
        self.end_line()?;
        if call.thread != self.thread {
            self.thread = call.thread;
            self.lines.push(format!("thread {}\n", call.thread).as_bytes())?;
        }
        push_indent(self.lines.open(), call.indent);
        Ok(())
    }

    fn end_line(&mut self) -> Result<(), SinkError> {
        if self.open.take().is_none() {
            return Ok(());
        }
        self.lines.open().push(b'\n');
        self.lines.ended()
    }
}

impl Renderer for Text {
    fn begin(&mut self, call: &Call) -> Result<(), SinkError> {
        self.begin_line(call)?;
        push_call(self.lines.open(), &call.kind);
        self.open = Some(call.id);
        Ok(())
    }

    fn end(&mut self, call: &Call, outcome: &Outcome, _number: u64) -> Result<(), SinkError> {
        let is_open = self.open == Some(call.id);
        if matches!(outcome, Outcome::Unknown) {
            return if is_open { self.end_line() } else { Ok(()) };
        }
        if is_open {
            self.lines.open().push(b' ');
        } else {
            self.begin_line(call)?;
        }
        self.open = None;
        let line = self.lines.open();
        push_outcome(line, outcome);
        line.push(b'\n');
        self.lines.ended()
    }

    fn folded(&mut self, like: &Call, times: u64) -> Result<(), SinkError> {
        self.begin_line(like)?;
        let line = self.lines.open();
        line.extend_from_slice(format!("... {} more of ", HumanCount(times)).as_bytes());
        push_call(line, &like.kind);
        line.push(b'\n');
        self.lines.ended()
    }
}

fn push_call(line: &mut Vec<u8>, kind: &Kind) {
    match kind {
        Kind::Instruction { code, instruction, operands } => {
            if instruction.opcode == op::IMPORT_NAME {
                line.extend_from_slice(b"import ");
                if let Operand::Text(name) = Operand::resolve(&code.object, instruction) {
                    // That of `from . import m` is empty.
                    push_name(line, if name.is_empty() { b"." } else { name });
                }
            }
            push_operands(line, &code.object, instruction, operands);
        }
        Kind::StandIn(used) => {
            if used.kind == StandInUse::Import {
                line.extend_from_slice(b"import ");
            }
            line.extend_from_slice(Printable::text(&used.what).to_string().as_bytes());
        }
        Kind::Frame { code, arguments, entry, .. } => {
            push_name(line, &code.object.name);
            match entry {
                Entry::New => {
                    line.push(b'(');
                    push_arguments(line, &code.object, arguments);
                    line.push(b')');
                }
                Entry::Resumed => line.extend_from_slice(b" resumed"),
                Entry::Announced => line.extend_from_slice(b" (already running)"),
            }
        }
    }
}

fn push_outcome(line: &mut Vec<u8>, outcome: &Outcome) {
    match outcome {
        Outcome::Returned(value) => {
            line.extend_from_slice(b"-> ");
            push_value(line, value);
        }
        Outcome::Yielded(value) => {
            line.extend_from_slice(b"-> yields ");
            push_value(line, value);
        }
        Outcome::Raised(raised) => {
            line.extend_from_slice(b"-> ");
            push_raised(line, raised);
        }
        Outcome::Unknown => {}
    }
}
