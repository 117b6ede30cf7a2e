//! Calls as JSON lines: an object for each, written when it ends; docs/formats.md describes them.

use crate::bytecode::opcode::{self, op};
use crate::bytecode::operand::Operand;
use crate::format::json;
use crate::format::lines::Lines;
use crate::format::values::{push_name, push_value};
use crate::read::steps::Entry;
use crate::trace::SinkError;
use crate::trace::value::Value;

use super::call::{Call, Kind, Outcome, Renderer};

pub(super) struct Json {
    lines: Lines,
}

impl Json {
    pub(super) fn new(lines: Lines) -> Json {
        Json { lines }
    }

    pub(super) fn finish(&mut self) -> Result<(), SinkError> {
        self.lines.finish().map(|_| ())
    }
}

impl Renderer for Json {
    fn begin(&mut self, _call: &Call) -> Result<(), SinkError> {
        Ok(())
    }

    fn end(&mut self, call: &Call, outcome: &Outcome, number: u64) -> Result<(), SinkError> {
        let out = self.lines.open();
        out.extend_from_slice(b"{\"type\":\"call\"");
        json::push_member(out, "call", call.id);
        json::push_optional_member(out, "parent", call.parent);
        json::push_member(out, "number", call.number);
        json::push_member(out, "last", number);
        json::push_member(out, "thread", call.thread);
        push_kind(out, &call.kind);
        push_outcome(out, outcome);
        out.extend_from_slice(b"}\n");
        self.lines.ended()
    }

    fn folded(&mut self, like: &Call, times: u64) -> Result<(), SinkError> {
        let out = self.lines.open();
        out.extend_from_slice(b"{\"type\":\"folded\"");
        json::push_optional_member(out, "parent", like.parent);
        json::push_member(out, "number", like.number);
        json::push_member(out, "times", times);
        json::push_member(out, "thread", like.thread);
        push_kind(out, &like.kind);
        out.extend_from_slice(b"}\n");
        self.lines.ended()
    }
}

fn push_kind(out: &mut Vec<u8>, kind: &Kind) {
    match kind {
        Kind::Instruction { code, instruction, operands } => {
            let offset = u32::try_from(instruction.offset).unwrap_or(0);
            let opname = opcode::name(instruction.opcode).unwrap_or_default();
            json::push_text_member(out, "name", &code.object.name);
            json::push_text_member(out, "filename", &code.object.filename);
            json::push_member(out, "line", code.object.line(offset));
            json::push_member(out, "offset", instruction.offset);
            json::push_text_member(out, "opname", opname.as_bytes());
            let (callee, arguments) = match operands.split_first() {
                Some((callee, arguments)) if opcode::is_call(instruction.opcode) => (Some(callee), arguments),
                _ => (None, &operands[..]),
            };
            match callee {
                Some(callee) => push_callee(out, callee),
                None => match Operand::resolve(&code.object, instruction) {
                    Operand::Text(name) if instruction.opcode == op::IMPORT_NAME => {
                        json::push_text_member(out, "callee", name);
                    }
                    _ => json::push_text_member(out, "callee", b""),
                },
            }
            push_texts(out, "arguments", arguments);
        }
        Kind::StandIn(used) => {
            json::push_text_member(out, "stand_in", &used.what);
            json::push_text_member(out, "kind", used.kind.name().as_bytes());
        }
        Kind::Frame { code, arguments, entry, .. } => {
            json::push_text_member(out, "callee", &code.object.name);
            json::push_text_member(out, "callee_filename", &code.object.filename);
            json::push_member(out, "callee_line", code.object.first_line);
            let entry = match entry {
                Entry::New => "new",
                Entry::Resumed => "resumed",
                Entry::Announced => "already running",
            };
            json::push_text_member(out, "entry", entry.as_bytes());
            push_texts(out, "arguments", arguments);
        }
    }
}

fn push_outcome(out: &mut Vec<u8>, outcome: &Outcome) {
    match outcome {
        Outcome::Returned(value) => json::push_text_member(out, "result", &text(value)),
        Outcome::Yielded(value) => json::push_text_member(out, "yields", &text(value)),
        Outcome::Raised(raised) => {
            json::push_text_member(out, "exception", &raised.type_name);
            json::push_text_member(out, "message", &raised.message);
        }
        Outcome::Unknown => {}
    }
}

/// What is called, by its name if it has one, and the object that it is called on.
fn push_callee(out: &mut Vec<u8>, callee: &Value) {
    match callee {
        Value::Object { what, name, receiver, .. } if what.is_called_by_name() => {
            let mut printed = Vec::new();
            push_name(&mut printed, name);
            json::push_text_member(out, "callee", &printed);
            if let Some(receiver) = receiver {
                json::push_text_member(out, "receiver", &text(receiver));
            }
        }
        other => json::push_text_member(out, "callee", &text(other)),
    }
}

fn text(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    push_value(&mut out, value);
    out
}

fn push_texts(out: &mut Vec<u8>, key: &str, values: &[Value]) {
    let texts: Vec<Vec<u8>> = values.iter().map(text).collect();
    json::push_list_member(out, key, &texts);
}
