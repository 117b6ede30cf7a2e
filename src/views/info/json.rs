//! What is in a trace, as one JSON object on one line.

use std::os::unix::ffi::OsStrExt;

use super::Info;
use crate::format::{json, push_end_members, push_start_members};
use crate::trace::totals::CodeTotal;

pub(super) fn render(info: &Info) -> Vec<u8> {
    let mut out = b"{\"type\":\"info\"".to_vec();
    json::push_text_member(&mut out, "trace", info.trace.as_os_str().as_bytes());
    json::push_member(&mut out, "format_version", info.version);
    json::push_optional_member(&mut out, "bytes", info.bytes);
    json::push_member(&mut out, "blocks", info.blocks);
    if let Some(start) = &info.start {
        push_start_members(&mut out, start);
    }
    json::push_member(&mut out, "executed", info.executed);
    json::push_member(&mut out, "recorded", info.totals.instructions);
    json::push_member(&mut out, "left_out", info.left_out());
    json::push_member(&mut out, "left_out_at_shutdown", info.left_out_at_shutdown());
    json::push_member(&mut out, "left_out_of_loops", info.capped().instructions);
    json::push_member(&mut out, "iterations_left_out", info.capped().iterations);
    json::push_member(&mut out, "frames", info.totals.frames);
    json::push_member(&mut out, "exceptions", info.totals.exceptions);
    match &info.end {
        Some(end) => {
            out.extend_from_slice(b",\"end\":{\"executed\":");
            out.extend_from_slice(end.instructions.to_string().as_bytes());
            push_end_members(&mut out, end);
            if let Some(raised) = info.uncaught() {
                json::push_text_member(&mut out, "exception", &raised.type_name);
                json::push_text_member(&mut out, "message", &raised.message);
            }
            out.push(b'}');
        }
        None => json::push_member(&mut out, "end", "null"),
    }
    let flaws: Vec<Vec<u8>> = info.flaws.iter().map(|flaw| flaw.to_string().into_bytes()).collect();
    json::push_list_member(&mut out, "flaws", &flaws);
    push_threads(&mut out, info);
    push_codes(&mut out, info);
    out.extend_from_slice(b"}\n");
    out
}

fn push_threads(out: &mut Vec<u8>, info: &Info) {
    out.extend_from_slice(b",\"threads\":[");
    for (place, (thread, instructions)) in info.totals.threads.iter().enumerate() {
        let between = if place == 0 { "" } else { "," };
        out.extend_from_slice(format!("{between}{{\"thread\":{thread},\"instructions\":{instructions}}}").as_bytes());
    }
    out.push(b']');
    json::push_member(out, "other_threads", info.totals.other_threads);
}

fn push_codes(out: &mut Vec<u8>, info: &Info) {
    out.extend_from_slice(b",\"codes\":[");
    for (place, code) in info.totals.codes.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        push_code(out, code);
    }
    out.extend_from_slice(b"],\"other_codes\":");
    push_code(out, &info.totals.other_codes);
}

fn push_code(out: &mut Vec<u8>, code: &CodeTotal) {
    out.extend_from_slice(format!("{{\"objects\":{}", code.objects).as_bytes());
    json::push_text_member(out, "name", &code.name);
    json::push_text_member(out, "filename", &code.filename);
    json::push_member(out, "first_line", code.first_line);
    json::push_member(out, "versions", code.versions);
    json::push_member(out, "frames", code.frames);
    json::push_member(out, "instructions", code.instructions);
    out.push(b'}');
}
