//! Blocks of comparisons as text or JSON lines.

use indicatif::HumanCount;

use super::blocks::{Block, Blocks, Kept};
use super::line::{push_json, sign_of, text};
use super::pieces::Pass;
use crate::format::json;
use crate::format::lines::Lines;
use crate::format::values::push_value;
use crate::trace::SinkError;
use crate::trace::value::Value;
use crate::views::left_out::LeftOut;
use crate::views::query::Query;

/// Writes the blocks, the most relevant one first.
pub(super) fn write(blocks: Blocks, query: &Query, left_out: LeftOut, lines: &mut Lines) -> Result<(), SinkError> {
    let left_out = LeftOut { dropped: blocks.room.dropped, ..left_out };
    if query.json {
        query.write_head(lines, "compares", &left_out)?;
    }
    for block in blocks.ranked() {
        for (place, kept) in block.shown().into_iter().enumerate() {
            match query.json {
                true => push_object(lines.open(), &block, kept, place == 0),
                false => push_line(lines.open(), &block, kept, place == 0),
            }
            lines.ended()?;
        }
    }
    if !query.json {
        query.write_left_out(lines, &left_out)?;
    }
    lines.finish().map(|_| ())
}

fn push_line(out: &mut Vec<u8>, block: &Block, kept: &Kept, is_first: bool) {
    if !is_first {
        out.extend_from_slice(b"    ");
        let line = text(&kept.comparison);
        // The place is the one of the line before.
        let mut place = Vec::new();
        super::line::push_place_of(&mut place, &kept.comparison);
        out.extend_from_slice(line.strip_prefix(&place[..]).unwrap_or(&line));
        push_times(out, kept.times);
        out.push(b'\n');
        return;
    }
    out.extend_from_slice(&text(&kept.comparison));
    push_times(out, block.times);
    out.push(b'\n');
    let sign = sign_of(&kept.comparison);
    for (what, pass) in ["whole", "longest"].into_iter().zip(block.passes.shown()) {
        if block.joins(pass) {
            out.extend_from_slice(format!("    {what}: ").as_bytes());
            pass.push(out, &sign);
            if pass.cut > 0 {
                out.extend_from_slice(format!("  ({} more pieces)", HumanCount(pass.cut)).as_bytes());
            }
            out.push(b'\n');
        }
    }
    if let Some(pass) = block.passes.shown().next() {
        push_sources(out, pass);
    }
}

fn push_times(out: &mut Vec<u8>, times: u64) {
    if times > 1 {
        out.extend_from_slice(format!("  ({} times)", HumanCount(times)).as_bytes());
    }
}

/// Says what the operands are pieces of, where the whole does not show it.
fn push_sources(out: &mut Vec<u8>, pass: &Pass) {
    let sources: Vec<&Value> = pass.from.iter().flatten().map(|source| &*source.whole).collect();
    let Some((first, rest)) = sources.split_first() else { return };
    out.extend_from_slice(b"    pieces of: ");
    push_value(out, first);
    for source in rest.iter().filter(|source| *source != first) {
        out.extend_from_slice(b" and ");
        push_value(out, source);
    }
    out.push(b'\n');
}

fn push_object(out: &mut Vec<u8>, block: &Block, kept: &Kept, is_first: bool) {
    push_json(out, &kept.comparison, kept.times);
    json::push_member(out, "place_times", block.times);
    json::push_member(out, "input", block.is_input());
    let rank = format!("{:?}", block.rank()).to_lowercase();
    json::push_text_member(out, "rank", rank.as_bytes());
    if is_first {
        for pass in block.passes.shown().take(1) {
            if block.joins(pass) {
                let wholes = [0, 1].map(|side| {
                    let mut text = Vec::new();
                    pass.push_side(&mut text, side);
                    text
                });
                json::push_list_member(out, "whole", &wholes);
            }
            let sources: Vec<Vec<u8>> = pass
                .from
                .iter()
                .flatten()
                .map(|source| {
                    let mut text = Vec::new();
                    push_value(&mut text, &source.whole);
                    text
                })
                .collect();
            json::push_list_member(out, "pieces_of", &sources);
        }
    }
    out.extend_from_slice(b"}\n");
}
