//! The objects of JSON lines that are no instructions: code objects, exceptions, and how the trace begins and ends.

use crate::format::json;
use crate::format::values::push_value;
use crate::trace::attempt::{Answer, Attempt, By};
use crate::trace::content::Use;
use crate::trace::event::LowMemory;
use crate::trace::origin::{Made, WholeCode};
use crate::trace::value::UnitValues;
use crate::trace::{Code, End, EndReason, Event, Raised, Start, State};

/// Appends the object of a code object.
pub(super) fn push_code(out: &mut Vec<u8>, code: &Code) {
    let object = &code.object;
    out.extend_from_slice(b"{\"type\":\"code\"");
    json::push_member(out, "code", code.id);
    json::push_member(out, "first_code", code.first_id);
    json::push_optional_member(out, "parent", code.parent);
    json::push_text_member(out, "name", &object.name);
    json::push_text_member(out, "filename", &object.filename);
    json::push_member(out, "first_line", object.first_line);
    json::push_member(out, "flags", object.flags);
    json::push_member(out, "argcount", object.argcount);
    json::push_member(out, "nlocals", object.nlocals);
    json::push_member(out, "stacksize", object.stacksize);
    json::push_hex_member(out, "bytes_hex", &object.bytes);
    if !object.original.is_empty() {
        json::push_hex_member(out, "original_hex", &object.original);
    }
    json::push_list_member(out, "constants", &object.constants);
    json::push_list_member(out, "names", &object.names);
    json::push_list_member(out, "varnames", &object.varnames);
    json::push_list_member(out, "cellvars", &object.cellvars);
    json::push_list_member(out, "freevars", &object.freevars);
    json::push_hex_member(out, "lnotab_hex", &object.lnotab);
    out.extend_from_slice(b"}\n");
}

/// Appends the object of a code object's first execution.
pub(super) fn push_layer(out: &mut Vec<u8>, whole: &WholeCode, code: &Code, at: &State) {
    push_moment(out, "layer", at);
    json::push_member(out, "code", code.id);
    json::push_member(out, "first_code", code.first_id);
    json::push_text_member(out, "name", &code.object.name);
    json::push_optional_member(out, "made", whole.made);
    json::push_member(out, "missing", whole.missing);
    out.extend_from_slice(b"}\n");
}

/// Appends the members of what has made code objects.
fn push_made(out: &mut Vec<u8>, made: &Made, at: &State) {
    push_moment(out, "made", at);
    json::push_member(out, "made", made.number);
    json::push_text_member(out, "how", made.how.name().as_bytes());
    json::push_optional_member(out, "by", made.place.map(|(code, _)| code));
    json::push_optional_member(out, "offset", made.place.map(|(_, offset)| offset));
    if !made.path.is_empty() {
        json::push_text_member(out, "path", &made.path);
    }
    if let Some(text) = made.text {
        json::push_member(out, "text", text);
    }
}

/// Appends the object of an exception.
pub(super) fn push_raised(out: &mut Vec<u8>, raised: &Raised, at: &State) {
    out.extend_from_slice(b"{\"type\":\"exception\"");
    json::push_member(out, "number", at.instructions);
    json::push_member(out, "thread", at.thread);
    if let Some(frame) = at.frame() {
        json::push_member(out, "frame", frame.id);
        json::push_member(out, "depth", frame.depth);
        json::push_member(out, "code", frame.code.id);
        json::push_text_member(out, "name", &frame.code.object.name);
    }
    json::push_text_member(out, "exception", &raised.type_name);
    json::push_text_member(out, "message", &raised.message);
    json::push_member(out, "propagated", raised.propagated);
    out.extend_from_slice(b"}\n");
}

/// Appends an instruction's values as members, each list where it has any.
pub(super) fn push_values(out: &mut Vec<u8>, values: &UnitValues) {
    let lists = [
        ("arguments", Some(&values.arguments)),
        ("returned", Some(&values.late)),
        ("stack", values.stack.as_ref()),
        ("operands", Some(&values.operands)),
        ("results", Some(&values.results)),
    ];
    for (key, list) in lists {
        let Some(list) = list.filter(|list| !list.is_empty()) else { continue };
        let texts = list.iter().map(|value| {
            let mut text = Vec::new();
            push_value(&mut text, value);
            text
        });
        json::push_list_member(out, key, &texts.collect::<Vec<_>>());
    }
}

/// Appends the object of an event that concerns the whole trace, if it is one.
pub(super) fn push_milestone(out: &mut Vec<u8>, event: &Event, at: &State) {
    match event {
        Event::Start(start) => push_start(out, start),
        Event::Made(made) => push_made(out, made, at),
        Event::Stop(reason) => {
            push_moment(out, "stop", at);
            json::push_text_member(out, "option", reason.option().as_bytes());
        }
        Event::LowMemory(what) => {
            push_moment(out, "low_memory", at);
            json::push_text_member(
                out,
                "unrecorded",
                if *what == LowMemory::TheRest { b"the rest" } else { b"some code" },
            );
        }
        Event::Skipped(skipped) if skipped.iterations > 0 => {
            push_moment(out, "left_out", at);
            json::push_member(out, "thread", at.thread);
            json::push_member(out, "iterations", skipped.iterations);
            json::push_member(out, "instructions", skipped.instructions);
            json::push_member(out, "frames", skipped.frames);
        }
        Event::Attempt(attempt) => {
            out.extend_from_slice(b"{\"type\":\"attempt\"");
            push_attempt_members(out, attempt);
        }
        Event::Repeated(repeated) => {
            out.extend_from_slice(b"{\"type\":\"repeated\"");
            json::push_optional_member(out, "attempt", repeated.attempt);
            json::push_member(out, "times", repeated.times);
        }
        Event::Unmapped(unmapped) => {
            push_moment(out, "unmapped", at);
            json::push_member(out, "opcode", unmapped.number);
            json::push_list_member(out, "stack", &unmapped.stack);
            json::push_member(out, "below", unmapped.below);
            json::push_list_member(out, "candidates", &unmapped.candidates);
        }
        Event::Input(input) => {
            push_moment(out, "input", at);
            json::push_member(out, "thread", at.thread);
            json::push_text_member(out, "read", &input.bytes);
            json::push_member(out, "left_out", input.left_out);
        }
        Event::StandIn(used) => {
            push_moment(out, "stand_in", at);
            json::push_member(out, "thread", at.thread);
            json::push_text_member(out, "kind", used.kind.name().as_bytes());
            json::push_text_member(out, "what", &used.what);
            json::push_member(out, "left_out", used.left_out);
        }
        Event::Content(content) => {
            push_moment(out, "content", at);
            json::push_member(out, "content", content.number);
            json::push_member(out, "length", content.length);
            json::push_text_member(out, "bytes", &content.bytes);
        }
        Event::NewCode(new) => {
            push_moment(out, "new_code", at);
            json::push_member(out, "new_code", new.number);
            json::push_member(out, "made", new.made);
            json::push_optional_member(out, "same", new.same);
        }
        Event::Use(used) => push_use(out, used, at),
        Event::Finished => push_moment(out, "finished", at),
        Event::End(end) => push_end(out, end, at),
        _ => return,
    }
    out.extend_from_slice(b"}\n");
}

fn push_use(out: &mut Vec<u8>, used: &Use, at: &State) {
    push_moment(out, "use", at);
    json::push_optional_member(out, "content", used.content);
    json::push_text_member(out, "role", used.role.name().as_bytes());
    json::push_text_member(out, "owner", &used.owner);
    json::push_text_member(out, "function", &used.name);
    json::push_optional_member(out, "by", used.place.map(|(code, _)| code));
    json::push_optional_member(out, "offset", used.place.map(|(_, offset)| offset));
    json::push_member(out, "length", used.length);
    json::push_member(out, "times", used.times);
}

fn push_moment(out: &mut Vec<u8>, record_type: &str, at: &State) {
    out.extend_from_slice(format!("{{\"type\":\"{record_type}\"").as_bytes());
    json::push_member(out, "number", at.instructions);
}

/// Appends an attempt as members of an object.
pub fn push_attempt_members(out: &mut Vec<u8>, attempt: &Attempt) {
    json::push_text_member(out, "deed", attempt.deed.name().as_bytes());
    json::push_list_member(out, "targets", &attempt.targets);
    json::push_member(out, "allowed", attempt.answer == Answer::Allowed);
    json::push_optional_member(out, "errno", attempt.answer.error());
    if !attempt.option.is_empty() {
        json::push_text_member(out, "option", &attempt.option_text());
    }
    let by = match attempt.by {
        By::Program => "program",
        By::Library => "library",
        By::Process => "process",
    };
    json::push_text_member(out, "by", by.as_bytes());
    json::push_optional_member(out, "thread", attempt.thread);
    if let Some(site) = &attempt.site {
        json::push_member(out, "number", site.instruction);
        json::push_text_member(out, "name", &site.name);
        json::push_text_member(out, "filename", &site.filename);
        json::push_member(out, "offset", site.offset);
        if let Some((name, filename)) = &site.caller {
            json::push_text_member(out, "caller", name);
            json::push_text_member(out, "caller_filename", filename);
        }
    }
}

fn push_start(out: &mut Vec<u8>, start: &Start) {
    out.extend_from_slice(b"{\"type\":\"start\"");
    push_start_members(out, start);
}

/// Appends what is known of a trace's beginning as members of an object.
pub fn push_start_members(out: &mut Vec<u8>, start: &Start) {
    json::push_text_member(out, "bctrace", &start.version);
    json::push_text_member(out, "python", &start.vm);
    json::push_list_member(out, "argv", &start.argv);
    json::push_list_member(out, "options", &start.options);
    match &start.sha256 {
        Some(hash) => json::push_hex_member(out, "sha256", hash),
        None => json::push_optional_member(out, "sha256", None::<u64>),
    }
    json::push_text_member(out, "sandbox", start.sandbox.name().as_bytes());
    json::push_list_member(out, "environment", &start.environment);
}

fn push_end(out: &mut Vec<u8>, end: &End, at: &State) {
    push_moment(out, "end", at);
    push_end_members(out, end);
}

/// Appends what is known of a trace's end as members of an object.
pub fn push_end_members(out: &mut Vec<u8>, end: &End) {
    let (reason, detail): (&str, Option<&[u8]>) = match &end.reason {
        EndReason::Exited(_) => ("exited", None),
        EndReason::Killed(_) => ("killed", None),
        EndReason::Stopped(reason) => ("stopped", Some(reason.option().as_bytes())),
        EndReason::Tampered(why) => ("tampered", Some(why)),
        EndReason::OutputFailed(why) => ("output failed", Some(why)),
        EndReason::Unknown => ("unknown", None),
    };
    json::push_text_member(out, "reason", reason.as_bytes());
    match end.reason {
        EndReason::Exited(status) => json::push_member(out, "status", status),
        EndReason::Killed(signal) => json::push_member(out, "signal", signal),
        EndReason::Unknown => {}
        _ => json::push_text_member(out, "detail", detail.unwrap_or_default()),
    }
    json::push_member(out, "finished", end.finished);
    json::push_member(out, "replaced", end.replaced);
    if let Some((name, offset, opname)) = &end.place {
        json::push_text_member(out, "name", name);
        json::push_member(out, "offset", offset);
        json::push_text_member(out, "opname", opname);
    }
}
