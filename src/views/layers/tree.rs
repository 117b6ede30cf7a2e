//! The layers as text: a line each, under the layer that it comes from.

use std::io::{self, Write};

use super::{Layer, Layers, Origin};
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
    if layers.left_out > 0 {
        writeln!(out, "and {} more code objects", layers.left_out)?;
    }
    Ok(())
}

fn line(place: usize, layer: &Layer) -> String {
    let (name, filename) = (Printable::name(&layer.name), Printable::text(&layer.filename));
    let mut line = format!("{:04} {name} ({filename}, line {}): ", place + 1, layer.first_line);
    line += &origin(layer);
    line += &match layer.instructions {
        0 => "; no instruction recorded".to_string(),
        1 => format!("; instruction {}", layer.first),
        count => format!("; {count} instructions, {} to {}", layer.first, layer.last),
    };
    if layer.objects > 1 {
        line += &format!("; made {} times", layer.objects);
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
