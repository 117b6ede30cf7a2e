//! manifest.json: one object with the layers of a trace, one line each; docs/formats.md describes it.

use super::folder::file_name;
use super::{Blob, Blobs, Layer, Layers, Origin, Text, Whole};
use crate::format::json;

/// Renders the manifest.
pub(super) fn render(layers: &Layers) -> Vec<u8> {
    let mut out = b"{\"manifest\":1".to_vec();
    json::push_list_member(&mut out, "argv", &layers.argv);
    json::push_member(&mut out, "left_out", layers.left_out + layers.unknown);
    match &layers.error {
        Some(error) => json::push_text_member(&mut out, "error", error.as_bytes()),
        None => json::push_member(&mut out, "error", "null"),
    }
    out.extend_from_slice(b",\"layers\":[");
    let wanted = layers.layers.iter().enumerate().filter(|(_, layer)| layer.wanted);
    for (index, (place, layer)) in wanted.enumerate() {
        out.extend_from_slice(if index == 0 { b"\n{" } else { b",\n{" });
        push_layer(&mut out, place, layer);
    }
    out.extend_from_slice(b"\n]");
    push_list(&mut out, "texts", &layers.texts, push_text);
    push_blobs(&mut out, &layers.blobs);
    push_list(&mut out, "wholes", &layers.wholes, push_whole);
    out.extend_from_slice(b"}\n");
    out
}

/// Appends a list of objects, one in each line, as a member; `push` appends the members of one and the brace that ends them.
fn push_list<T>(out: &mut Vec<u8>, name: &str, items: &[T], push: impl Fn(&mut Vec<u8>, &T)) {
    out.extend_from_slice(format!(",\"{name}\":[").as_bytes());
    for (index, item) in items.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"\n{" } else { b",\n{" });
        push(out, item);
    }
    out.push(b']');
}

/// Appends the members of a file of code that changed while it ran, and the brace that ends them.
fn push_whole(out: &mut Vec<u8>, whole: &Whole) {
    out.extend_from_slice(format!("\"layer\":{}", whole.layer + 1).as_bytes());
    json::push_text_member(out, "file", whole.file.as_bytes());
    json::push_hex_member(out, "sha256", &whole.sha256);
    out.push(b'}');
}

/// Bytes that a file will take in the manifest.
pub(super) fn whole_size(whole: &Whole) -> usize {
    let mut out = b",\n{".to_vec();
    push_whole(&mut out, whole);
    out.len()
}

/// Appends the members of a text and the brace that ends them.
fn push_text(out: &mut Vec<u8>, text: &Text) {
    out.extend_from_slice(format!("\"bytes\":{}", text.length).as_bytes());
    json::push_text_member(out, "file", text.file.as_bytes());
    json::push_hex_member(out, "sha256", &text.sha256);
    json::push_text_member(out, "origin", text.how.name().as_bytes());
    push_place(out, text.instruction, text.place);
    out.push(b'}');
}

fn push_place(out: &mut Vec<u8>, instruction: u64, place: Option<(usize, i32)>) {
    json::push_member(out, "instruction", instruction);
    json::push_optional_member(out, "layer", place.map(|(layer, _)| layer + 1));
    json::push_optional_member(out, "offset", place.map(|(_, offset)| offset));
}

/// Appends the strings that C functions had, as members.
fn push_blobs(out: &mut Vec<u8>, blobs: &Blobs) {
    json::push_member(out, "blobs_left_out", blobs.left_out);
    json::push_member(out, "blob_bytes_left_out", blobs.left_out_bytes);
    push_list(out, "blobs", &blobs.blobs, push_blob);
}

/// Appends the members of a blob and the brace that ends them.
fn push_blob(out: &mut Vec<u8>, blob: &Blob) {
    out.extend_from_slice(format!("\"bytes\":{}", blob.length).as_bytes());
    json::push_member(out, "kept", blob.kept);
    json::push_text_member(out, "file", blob.file.as_bytes());
    json::push_hex_member(out, "sha256", &blob.sha256);
    out.extend_from_slice(b",\"uses\":[");
    for (index, used) in blob.uses.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"{" } else { b",{" });
        out.extend_from_slice(format!("\"role\":\"{}\"", used.role.name()).as_bytes());
        json::push_text_member(out, "owner", &used.owner);
        json::push_text_member(out, "function", &used.name);
        push_place(out, used.instruction, used.place);
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
}

/// Bytes that the layer at this place will take in the manifest at most.
pub(super) fn layer_size(place: usize, layer: &Layer) -> usize {
    /// Digits of the numbers that grow.
    const GROWING: usize = 6 * 20;
    let mut out = b",\n".to_vec();
    push_layer(&mut out, place, layer);
    out.len() + GROWING
}

/// Bytes that all else in the manifest takes at most.
pub(super) fn head_size(argv: &[Vec<u8>]) -> usize {
    /// What a message of an error takes, escaped, and the names of the members.
    const REST: usize = 16 << 10;
    let mut out = Vec::new();
    json::push_list_member(&mut out, "argv", argv);
    out.len() + REST
}

/// Renders the layers as JSON lines.
pub(super) fn lines(layers: &Layers) -> Vec<u8> {
    let mut out = b"{\"type\":\"view\",\"view\":\"layers\",\"version\":1".to_vec();
    json::push_list_member(&mut out, "argv", &layers.argv);
    json::push_member(&mut out, "left_out", layers.left_out + layers.unknown);
    out.extend_from_slice(b"}\n");
    for (place, layer) in layers.layers.iter().enumerate().filter(|(_, layer)| layer.wanted) {
        out.extend_from_slice(b"{\"type\":\"layer\",");
        push_layer(&mut out, place, layer);
        out.push(b'\n');
    }
    for text in &layers.texts {
        out.extend_from_slice(b"{\"type\":\"text\",");
        push_text(&mut out, text);
        out.push(b'\n');
    }
    for blob in &layers.blobs.blobs {
        out.extend_from_slice(b"{\"type\":\"blob\",");
        push_blob(&mut out, blob);
        out.push(b'\n');
    }
    out
}

/// Appends the members of a layer and the brace that ends them.
fn push_layer(out: &mut Vec<u8>, place: usize, layer: &Layer) {
    let number = |place: usize| place + 1;
    out.extend_from_slice(format!("\"number\":{}", number(place)).as_bytes());
    json::push_text_member(out, "file", file_name(place, layer.best_name(), "pyc").as_bytes());
    json::push_hex_member(out, "sha256", &layer.digest);
    json::push_optional_member(out, "code", layer.ran.then_some(layer.code));
    json::push_member(out, "ran", layer.ran);
    json::push_text_member(out, "name", &layer.name);
    if let Some(name) = &layer.stored_as {
        json::push_text_member(out, "stored_as", name);
    }
    json::push_text_member(out, "filename", &layer.filename);
    json::push_member(out, "first_line", layer.first_line);
    json::push_optional_member(out, "parent", layer.parent().map(number));
    json::push_optional_member(out, "version_of", layer.version_of.map(number));
    push_origin(out, &layer.origin);
    let executed = |at: u64| (layer.instructions > 0).then_some(at);
    json::push_optional_member(out, "first_instruction", executed(layer.first));
    json::push_optional_member(out, "last_instruction", executed(layer.last));
    json::push_member(out, "instructions", layer.instructions);
    json::push_member(out, "objects", layer.count());
    json::push_member(out, "missing", layer.missing);
    if let Some(text) = &layer.text {
        json::push_text_member(out, "text", text.as_bytes());
    }
    json::push_member(out, "flags", layer.flags);
    if layer.changes.flags {
        json::push_member(out, "flags_masked", true);
    }
    if layer.changes.armor {
        json::push_member(out, "armor_removed", true);
    }
    out.push(b'}');
}

fn push_origin(out: &mut Vec<u8>, origin: &Origin) {
    json::push_text_member(out, "origin", origin.name().as_bytes());
    if let Origin::Made { instruction, place, path, .. } = origin {
        json::push_member(out, "instruction", instruction);
        json::push_optional_member(out, "offset", place.map(|(_, offset)| offset));
        if !path.is_empty() {
            json::push_text_member(out, "path", path);
        }
    }
}

impl Origin {
    /// The word for it.
    pub fn name(&self) -> &'static str {
        match self {
            Origin::Main => "main program",
            Origin::Before => "before the trace",
            Origin::Constant(_) => "constant",
            Origin::Made { how, .. } => how.name(),
            Origin::Lost => "lost",
        }
    }
}
