//! A folded trace as text or JSON lines.

use std::sync::Arc;

use indicatif::HumanCount;
use rustc_hash::{FxHashMap, FxHashSet};

use super::tree::{Id, Kind};
use super::{FoldPlan, Folded};
use crate::bytecode::Listing;
use crate::bytecode::escape::Printable;
use crate::format::lines::Lines;
use crate::format::{json, push_indent};
use crate::read::steps::Exit;
use crate::trace::SinkError;
use crate::views::left_out::LeftOut;
use crate::views::query::Query;

/// Nodes in each other that are printed; what is deeper is counted.
const DEEPEST: u32 = 200;

/// Writes the tree.
pub(super) fn write(
    folded: &Folded,
    plan: &FoldPlan,
    query: &Query,
    left_out: &LeftOut,
    lines: &mut Lines,
) -> Result<(), SinkError> {
    if query.json {
        query.write_head(lines, "fold", left_out)?;
    }
    let mut printer = Printer {
        folded,
        plan,
        is_json: query.json,
        lines,
        listings: FxHashMap::default(),
        printed: FxHashSet::default(),
    };
    for (thread, items) in &folded.threads {
        if *thread > 0 && !query.json {
            printer.lines.push(format!("thread {thread}\n").as_bytes())?;
        }
        printer.items(items, 0, None)?;
    }
    if !query.json {
        query.write_left_out(lines, left_out)?;
    }
    lines.finish().map(|_| ())
}

struct Printer<'a> {
    folded: &'a Folded,
    plan: &'a FoldPlan,
    is_json: bool,
    lines: &'a mut Lines,
    listings: FxHashMap<u32, Listing>,
    /// Frames and bodies of loops that were printed.
    printed: FxHashSet<Id>,
}

impl Printer<'_> {
    fn items(&mut self, items: &[Id], depth: u32, code: Option<u32>) -> Result<(), SinkError> {
        items.iter().try_for_each(|id| self.node(*id, depth, code))
    }

    fn node(&mut self, id: Id, depth: u32, code: Option<u32>) -> Result<(), SinkError> {
        let node = self.folded.tree.node(id);
        if depth > DEEPEST {
            return self.remark(
                depth,
                "deeper",
                &format!("... deeper: {}", instructions(node.instructions)),
                node.instructions,
            );
        }
        match &node.kind {
            Kind::Run { code, start, end } => self.run(*code, *start, *end, depth, node.instructions),
            Kind::Frame { code, exit, body } => {
                let is_root = depth == 0 && !self.is_json;
                let name = self.name(*code);
                let is_known = !self.printed.insert(id) && node.height > 0 && !self.unfolds(Some(*code), body);
                if is_known {
                    let text = format!("{name} as above: {}", instructions(node.instructions));
                    return self.remark(depth, "frame", &text, node.instructions);
                }
                if self.is_json {
                    self.remark(depth, "frame", &name, node.instructions)?;
                }
                // The frames that C code has entered stand at the left.
                let inside = if is_root { depth } else { depth + 1 };
                self.items(body, inside, Some(*code))?;
                self.exit(*exit, inside)
            }
            Kind::Loop { body, times } if self.unfolds(code, body) => {
                (0..*times).try_for_each(|_| self.items(body, depth, code))
            }
            Kind::Loop { body, times } => {
                let text = format!("x{times} ({}):", instructions(node.instructions));
                self.counted(depth, "loop", &text, *times, node.instructions)?;
                self.items(body, depth + 1, code)
            }
            Kind::Recursion { code, exit, before, after, inner, times } => {
                let (code, exit) = (*code, *exit);
                if self.unfolds(Some(code), before) || self.unfolds(Some(code), after) {
                    return self.unfolded(code, exit, [before, after], *inner, *times, depth);
                }
                let name = self.name(code);
                let text =
                    format!("{name} x{times} in each other ({}), before each call:", instructions(node.instructions));
                self.counted(depth, "recursion", &text, *times, node.instructions)?;
                self.items(before, depth + 1, Some(code))?;
                self.remark(
                    depth,
                    "innermost",
                    &format!("{name}, the innermost:"),
                    self.folded.tree.node(*inner).instructions,
                )?;
                self.node(*inner, depth, Some(code))?;
                self.counted(depth, "after", &format!("{name} x{times}, after each call:"), *times, 0)?;
                self.items(after, depth + 1, Some(code))?;
                self.exit(exit, depth + 1)
            }
        }
    }

    /// A recursion in full.
    fn unfolded(
        &mut self,
        code: u32,
        exit: Option<Exit>,
        [before, after]: [&Vec<Id>; 2],
        inner: Id,
        times: u64,
        depth: u32,
    ) -> Result<(), SinkError> {
        let at = |level: u64| depth.saturating_add(u32::try_from(level).unwrap_or(u32::MAX)).min(DEEPEST);
        for level in 1..=times {
            self.items(before, at(level), Some(code))?;
        }
        self.node(inner, at(times), Some(code))?;
        for level in (1..=times).rev() {
            self.items(after, at(level), Some(code))?;
            self.exit(exit, at(level))?;
        }
        Ok(())
    }

    /// Whether a loop or frame is to be printed in full: one of its places was named.
    fn unfolds(&self, code: Option<u32>, body: &[Id]) -> bool {
        let Some(number) = code else { return false };
        let object = &self.folded.codes[number as usize].object;
        let holds = |offset: u32| {
            body.iter().any(|id| match &self.folded.tree.node(*id).kind {
                Kind::Run { code, start, end } => *code == number && (*start..*end).contains(&offset),
                _ => false,
            })
        };
        self.plan.unfold.iter().any(|place| place.name.matches(&object.name) && place.offset.is_none_or(holds))
    }

    fn name(&self, code: u32) -> String {
        Printable::name(&self.folded.codes[code as usize].object.name).to_string()
    }

    fn run(&mut self, code: u32, start: u32, end: u32, depth: u32, count: u64) -> Result<(), SinkError> {
        let object = &self.folded.codes[code as usize].object;
        if self.is_json {
            let out = self.lines.open();
            out.extend_from_slice(b"{\"type\":\"run\"");
            json::push_member(out, "depth", depth);
            json::push_text_member(out, "name", &object.name);
            json::push_text_member(out, "filename", &object.filename);
            json::push_member(out, "offset", start);
            json::push_member(out, "end", end);
            json::push_member(out, "instructions", count);
            out.extend_from_slice(b"}\n");
            return self.lines.ended();
        }
        let resolve = self.plan.resolve;
        let listing = self.listings.entry(code).or_insert_with(|| Listing::new(Arc::clone(object), resolve));
        let mut text = Vec::new();
        listing.write_run(start, end, |lines| {
            text.extend_from_slice(lines);
            Ok::<(), SinkError>(())
        })?;
        for line in text.split_inclusive(|&byte| byte == b'\n') {
            let out = self.lines.open();
            push_indent(out, depth);
            out.extend_from_slice(line);
            self.lines.ended()?;
        }
        Ok(())
    }

    /// Says how a frame was left, if it did not return.
    fn exit(&mut self, exit: Option<Exit>, depth: u32) -> Result<(), SinkError> {
        match exit {
            Some(Exit::Return) => Ok(()),
            Some(Exit::Yield) => self.remark(depth, "yields", "... yields", 0),
            Some(Exit::Unwind) => self.remark(depth, "raises", "... left by an exception", 0),
            None => self.remark(depth, "open", "... still running at the end", 0),
        }
    }

    fn remark(&mut self, depth: u32, kind: &str, text: &str, instructions: u64) -> Result<(), SinkError> {
        self.counted(depth, kind, text, 1, instructions)
    }

    fn counted(&mut self, depth: u32, kind: &str, text: &str, times: u64, instructions: u64) -> Result<(), SinkError> {
        let out = self.lines.open();
        if self.is_json {
            out.extend_from_slice(b"{\"type\":");
            json::push_string(out, kind.as_bytes());
            json::push_member(out, "depth", depth);
            json::push_text_member(out, "text", text.as_bytes());
            json::push_member(out, "times", times);
            json::push_member(out, "instructions", instructions);
            out.extend_from_slice(b"}\n");
        } else {
            push_indent(out, depth);
            out.extend_from_slice(text.as_bytes());
            out.push(b'\n');
        }
        self.lines.ended()
    }
}

fn instructions(count: u64) -> String {
    match count {
        1 => "1 instruction".to_owned(),
        count => format!("{} instructions", HumanCount(count)),
    }
}
