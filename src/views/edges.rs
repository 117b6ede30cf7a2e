//! `bctrace edges`: what ran of each code object, as text or as JSON lines.

use std::io::{self, Write};
use std::path::Path;

use crate::bytecode::escape::Printable;
use crate::format::json;
use crate::read::edges::{Edges, Executed};

/// Writes what ran.
pub fn print(edges: &Edges, trace: &Path, is_json: bool, out: &mut dyn Write) -> io::Result<()> {
    let mut buffer = Vec::new();
    if is_json {
        push_head(&mut buffer, edges, trace);
    }
    for (number, executed) in edges.codes.iter().enumerate() {
        match is_json {
            true => push_json(&mut buffer, number, executed),
            false => push_text(&mut buffer, number, executed),
        }
        out.write_all(&buffer)?;
        buffer.clear();
    }
    out.write_all(&buffer)?;
    out.flush()
}

fn push_text(out: &mut Vec<u8>, number: usize, executed: &Executed) {
    let code = &executed.code;
    let mut put = |text: String| out.extend_from_slice(text.as_bytes());
    if number > 0 {
        put("\n".into());
    }
    let (name, file) = (Printable::name(&code.name), Printable::text(&code.filename));
    put(format!("{name}, file \"{file}\", line {}: ", code.first_line));
    if executed.first != number {
        put("other bytes of the same code object, ".into());
    }
    let counted = |count: u64, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let (entered, instructions) = (executed.entered, executed.instructions());
    put(format!("entered {}, {}\n", counted(entered, "time"), counted(instructions, "instruction")));
    for (&unit, count) in &executed.units {
        put(format!("{unit:>8} {count:>12}"));
        let leaving: Vec<(u32, u64)> = executed.leaving(unit).collect();
        for (place, (to, times)) in leaving.iter().enumerate() {
            put(if place == 0 { "  -> ".into() } else { ", ".into() });
            put(if leaving.len() == 1 { to.to_string() } else { format!("{to} ({times})") });
        }
        if let Some(raised) = executed.raised.get(&unit) {
            put(format!("  raised {raised}"));
        }
        put("\n".into());
    }
    for (offset, count) in &executed.outside {
        put(format!("{offset:>8} {count:>12}  outside the code\n"));
    }
}

fn push_head(out: &mut Vec<u8>, edges: &Edges, trace: &Path) {
    out.extend_from_slice(b"{\"type\":\"view\"");
    json::push_text_member(out, "view", b"edges");
    json::push_member(out, "version", 1);
    json::push_text_member(out, "trace", trace.as_os_str().as_encoded_bytes());
    if let Some(sha256) = edges.start.as_ref().and_then(|start| start.sha256) {
        json::push_hex_member(out, "sha256", &sha256);
    }
    json::push_member(out, "skipped", edges.skipped);
    out.extend_from_slice(b"}\n");
}

fn push_json(out: &mut Vec<u8>, number: usize, executed: &Executed) {
    let code = &executed.code;
    out.extend_from_slice(b"{\"type\":\"code\"");
    json::push_member(out, "number", number);
    json::push_member(out, "first", executed.first);
    json::push_text_member(out, "name", &code.name);
    json::push_text_member(out, "file", &code.filename);
    json::push_member(out, "line", code.first_line);
    json::push_hex_member(out, "code", &code.bytes);
    json::push_member(out, "entered", executed.entered);
    json::push_member(out, "instructions", executed.instructions());
    push_array(out, "units", executed.units.iter().map(|(unit, count)| format!("[{unit},{count}]")));
    push_array(out, "edges", executed.edges.iter().map(|((from, to), count)| format!("[{from},{to},{count}]")));
    push_array(out, "raised", executed.raised.iter().map(|(unit, count)| format!("[{unit},{count}]")));
    push_array(out, "outside", executed.outside.iter().map(|(at, count)| format!("[{at},{count}]")));
    out.extend_from_slice(b"}\n");
}

fn push_array(out: &mut Vec<u8>, key: &str, items: impl Iterator<Item = String>) {
    let items: Vec<String> = items.collect();
    json::push_member(out, key, format_args!("[{}]", items.join(",")));
}
