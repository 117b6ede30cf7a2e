//! The layers as text: a line each, under the layer that it comes from.

use std::io::{self, Write};

use super::{Blob, Layer, Layers, Origin};
use crate::bytecode::escape::Printable;
use crate::format::push_indent;

/// Writes the tree.  Layers that a filter leaves out have no line; what comes from them stands under the next one above.
pub(super) fn write(layers: &Layers, out: &mut dyn Write) -> io::Result<()> {
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); layers.layers.len()];
    let mut open = Vec::new();
    for (place, layer) in layers.layers.iter().enumerate() {
        // A layer comes from an earlier one; what a damaged trace says otherwise is a root.
        match layer.parent().filter(|&parent| parent < place) {
            Some(parent) => children[parent].push(place),
            None => open.push((place, 0)),
        }
    }
    open.reverse();
    while let Some((place, level)) = open.pop() {
        let layer = &layers.layers[place];
        if layer.wanted {
            let mut text = Vec::new();
            push_indent(&mut text, level);
            writeln!(text, "{}", line(place, layer))?;
            out.write_all(&text)?;
        }
        let below = level + u32::from(layer.wanted);
        open.extend(children[place].iter().rev().map(|&child| (child, below)));
    }
    for text in &layers.texts {
        let how = text.how.name();
        writeln!(
            out,
            "text of {} bytes that no code comes of: {how} at instruction {}",
            text.length, text.instruction
        )?;
    }
    for blob in &layers.blobs.blobs {
        write_blob(blob, out)?;
    }
    if layers.blobs.left_out > 0 {
        let (count, bytes) = (layers.blobs.left_out, layers.blobs.left_out_bytes);
        writeln!(out, "and {count} more strings of {bytes} bytes that are not recorded")?;
    }
    if layers.unknown > 0 {
        let unknown = layers.unknown;
        writeln!(
            out,
            "and {unknown} code objects of a standard library that this bctrace does not have; `bctrace info` says which one recorded"
        )?;
    }
    if layers.left_out > 0 {
        writeln!(out, "and {} more code objects", layers.left_out)?;
    }
    Ok(())
}

fn write_blob(blob: &Blob, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{} {} bytes", blob.file, blob.length)?;
    for used in &blob.uses {
        let (owner, name) = (Printable::text(&used.owner), Printable::text(&used.name));
        let layer = used.place.map(|(layer, offset)| format!(" in {:04} at {offset}", layer + 1)).unwrap_or_default();
        writeln!(out, "  {} of {owner}.{name} at instruction {}{layer}", used.role.name(), used.instruction)?;
    }
    Ok(())
}

fn line(place: usize, layer: &Layer) -> String {
    let (name, filename) = (Printable::name(&layer.name), Printable::text(&layer.filename));
    let mut line = format!("{:04} {name} ({filename}, line {}): ", place + 1, layer.first_line);
    if let Some(stored) = &layer.stored_as {
        line += &format!("stored as {}; ", Printable::name(stored));
    }
    line += &origin(layer);
    line += &match layer.instructions {
        0 if !layer.ran => "; never ran".to_string(),
        0 => "; no instruction recorded".to_string(),
        1 => format!("; instruction {}", layer.first),
        count => format!("; {count} instructions, {} to {}", layer.first, layer.last),
    };
    if layer.count() > 1 {
        line += &format!("; made {} times", layer.count());
    }
    if layer.missing > 0 {
        line += &format!("; {} constants left out", layer.missing);
    }
    line
}

fn origin(layer: &Layer) -> String {
    if let Some(first) = layer.version_of {
        return format!("other bytes of {:04}", first + 1);
    }
    match &layer.origin {
        Origin::Made { instruction, path, .. } if !path.is_empty() => {
            let path = Printable::text(path);
            format!("{} of {path} at instruction {instruction}", layer.origin.name())
        }
        Origin::Made { instruction, .. } => format!("{} at instruction {instruction}", layer.origin.name()),
        other => other.name().to_string(),
    }
}
