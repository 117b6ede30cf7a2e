//! What `bctrace clean` says of each code object: as text, as JSON lines, side by side, and the list of files in manifest.json.

use std::fmt::Write;
use std::sync::Arc;

use super::Clean;
use crate::bytecode::code::nested;
use crate::bytecode::escape::Printable;
use crate::bytecode::object::MarshalledCode;
use crate::bytecode::{CodeObject, Layout, Listing};
use crate::clean::{CodeReport, Outcome};
use crate::cli::list::hexadecimal;
use crate::format::json;

/// Columns of the code before, side by side.
const COLUMN: usize = 64;

/// Renders manifest.json.
pub fn manifest(files: &[Clean]) -> Vec<u8> {
    let mut out = b"{\"manifest\":1,\"files\":[".to_vec();
    for (number, file) in files.iter().enumerate() {
        out.extend_from_slice(if number == 0 { b"\n" } else { b",\n" });
        out.extend_from_slice(b"{\"number\":");
        out.extend_from_slice((number + 1).to_string().as_bytes());
        json::push_text_member(&mut out, "file", file.name.as_bytes());
        json::push_text_member(&mut out, "name", &file.original.name);
        json::push_text_member(&mut out, "filename", &file.original.filename);
        json::push_text_member(&mut out, "made", file.made.unwrap_or("program").as_bytes());
        let count = |wanted: &str| file.rebuilt.report.iter().filter(|one| word(&one.result) == wanted).count();
        for wanted in ["unchanged", "rebuilt", "plain", "kept"] {
            json::push_member(&mut out, wanted, count(wanted));
        }
        out.extend_from_slice(b",\"renamed\":[");
        for (number, one) in file.rebuilt.renamed.iter().enumerate() {
            let of_all = if one.function.is_none() { "true" } else { "false" };
            out.extend_from_slice(if number == 0 { b"{" } else { b",{" });
            out.extend_from_slice(format!("\"global\":{of_all}").as_bytes());
            json::push_text_member(&mut out, "function", one.function.as_deref().unwrap_or_default());
            json::push_text_member(&mut out, "before", &one.before);
            json::push_text_member(&mut out, "after", &one.after);
            out.push(b'}');
        }
        out.extend_from_slice(b"],\"originals\":[");
        for (number, one) in file.rebuilt.report.iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            out.extend_from_slice(format!("{comma}\"{}\"", hexadecimal(&one.original)).as_bytes());
        }
        out.extend_from_slice(b"]}");
    }
    out.extend_from_slice(b"\n]}\n");
    out
}

/// Renders a report of each code object as text; `explain` adds the code before and after.
pub fn text(files: &[Clean], explain: bool) -> Vec<u8> {
    let mut out = String::new();
    for file in files {
        let made = file.made.map_or(String::new(), |made| format!(", made by {made}"));
        let _ = writeln!(out, "{}{made}", file.name);
        let codes = nested(&file.original).zip(nested(&file.rebuilt.code));
        for (one, ((before, _), (after, _))) in file.rebuilt.report.iter().zip(codes) {
            of_code(&mut out, one);
            if explain && one.result != Outcome::Unchanged {
                side_by_side(&mut out, before, after);
            }
        }
    }
    out.into_bytes()
}

fn of_code(out: &mut String, one: &CodeReport) {
    let indent = "  ".repeat(one.depth + 1);
    let ran = if one.ran { "" } else { ", never ran" };
    let (before, after) = (one.instructions_before, one.instructions_after);
    let _ =
        writeln!(out, "{indent}{}: {before} -> {after} instructions, {}{ran}", one.shown_name(), sentence(&one.result));
    for change in &one.changes {
        let last = change.offsets.end.saturating_sub(1).max(change.offsets.start);
        let _ = writeln!(out, "{indent}    {}-{last}: {}", change.offsets.start, change.why);
    }
    for assumed in &one.assumed {
        let _ = writeln!(out, "{indent}    assumed: {}", Printable::text(assumed.as_bytes()));
    }
}

fn sentence(result: &Outcome) -> String {
    match result {
        Outcome::Unchanged => "unchanged".into(),
        Outcome::Rebuilt(sign) => format!("rebuilt because of {sign}"),
        Outcome::Plain(sign, why) => format!("rebuilt because of {sign}, block by block: {why}"),
        Outcome::Kept(why) => format!("kept as it is: {why}"),
    }
}

fn word(result: &Outcome) -> &'static str {
    match result {
        Outcome::Unchanged => "unchanged",
        Outcome::Rebuilt(_) => "rebuilt",
        Outcome::Plain(..) => "plain",
        Outcome::Kept(_) => "kept",
    }
}

/// Renders the same as JSON lines.
pub fn lines(files: &[Clean]) -> Vec<u8> {
    let mut out = b"{\"type\":\"view\",\"view\":\"clean\",\"version\":1}\n".to_vec();
    for file in files {
        for one in &file.rebuilt.report {
            out.extend_from_slice(b"{\"type\":\"code\"");
            json::push_text_member(&mut out, "file", file.name.as_bytes());
            json::push_text_member(&mut out, "name", &one.name);
            json::push_text_member(&mut out, "readable", &one.readable);
            json::push_member(&mut out, "depth", one.depth);
            json::push_member(&mut out, "instructions_before", one.instructions_before);
            json::push_member(&mut out, "instructions_after", one.instructions_after);
            json::push_member(&mut out, "ran", one.ran);
            json::push_text_member(&mut out, "result", word(&one.result).as_bytes());
            json::push_text_member(&mut out, "why", sentence(&one.result).as_bytes());
            out.extend_from_slice(b",\"changes\":[");
            for (number, change) in one.changes.iter().enumerate() {
                out.extend_from_slice(if number == 0 { b"{" } else { b",{" });
                out.extend_from_slice(
                    format!("\"start\":{},\"end\":{}", change.offsets.start, change.offsets.end).as_bytes(),
                );
                json::push_text_member(&mut out, "why", change.why.as_bytes());
                out.push(b'}');
            }
            out.push(b']');
            let assumed: Vec<Vec<u8>> = one.assumed.iter().map(|text| text.clone().into_bytes()).collect();
            json::push_list_member(&mut out, "assumed", &assumed);
            out.extend_from_slice(b"}\n");
        }
    }
    out
}

/// Puts the instructions before and after next to each other.
fn side_by_side(out: &mut String, before: &MarshalledCode, after: &MarshalledCode) {
    let (left, right) = (listed(before), listed(after));
    for row in 0..left.len().max(right.len()) {
        let of = |lines: &[String]| lines.get(row).cloned().unwrap_or_default();
        let (left, right) = (of(&left), of(&right));
        let cut: String = left.chars().take(COLUMN - 1).collect();
        let _ = writeln!(out, "        {cut:COLUMN$}{right}");
    }
}

/// The instructions of a code object from its first byte on, without its name.
fn listed(code: &MarshalledCode) -> Vec<String> {
    let object = CodeObject { name: Vec::new(), ..CodeObject::from_marshal(code) };
    let end = Layout::new(&object.bytes).chain_end();
    let mut text = Vec::new();
    let mut listing = Listing::new(Arc::new(object), true);
    // Writing to memory does not fail.
    let _ = listing.write_run(0, end, |lines| {
        text.extend_from_slice(lines);
        Ok::<(), std::io::Error>(())
    });
    String::from_utf8_lossy(&text).lines().map(|line| line.trim_start_matches("> ").to_owned()).collect()
}
