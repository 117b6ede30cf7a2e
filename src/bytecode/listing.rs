//! Owns the text lines of one code object. Lines of the canonical chain are rendered once, so that a run
//! is one slice; overlapping code goes through a small cache; a listing too large to keep is made again
//! for each run.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::Arc;

use super::code::CodeObject;
use super::decode::{Instruction, Unit, units};
use super::escape::{self, Part};
use super::opcode;
use super::operand::Operand;

/// Listings beyond this many bytes are not kept: 1 MB of code can name a 4 KB constant 300,000 times.
pub const KEPT_LIMIT: usize = 32 << 20;
/// Bytes of rendered runs kept for overlapping code, per code object; beyond it all are dropped.
const CACHE_LIMIT: usize = 1 << 20;
/// Runs with more text than this are handed out in pieces and not cached.
const PIECE: usize = 64 << 10;
/// What a cache entry costs besides its text.
const ENTRY_COST: usize = 96;
/// Marks an offset where no kept line begins.
const NONE: u32 = u32::MAX;

/// The lines of one version of a code object, raw or with operands resolved.
#[derive(Debug)]
pub struct Listing {
    lines: Lines,
    text: Vec<u8>,
    /// For each offset of the code, where its line begins in `text`; empty if nothing is kept.
    positions: Vec<u32>,
    cache: HashMap<(u32, u32), Box<[u8]>>,
    cached: usize,
    scratch: Vec<u8>,
}

impl Listing {
    /// Renders the canonical lines of `code`; with `resolve` operands are shown as what they refer to.
    pub fn new(code: Arc<CodeObject>, resolve: bool) -> Listing {
        let lines = Lines::new(code, resolve);
        let (text, positions) = render_all(&lines).unwrap_or_default();
        Listing { lines, text, positions, cache: HashMap::new(), cached: 0, scratch: Vec::new() }
    }

    /// Returns about how many bytes the listing holds in memory, for callers that limit the sum.
    pub fn memory(&self) -> usize {
        let fixed = size_of::<Listing>() + size_of::<CodeObject>() + 3 * self.lines.prefix.len();
        fixed + self.text.capacity() + self.positions.capacity() * 4 + self.cached + self.scratch.capacity()
    }

    /// Returns the lines of the run `start..end` where they are kept: one slice, no work. None for
    /// runs that begin off the canonical chain and for listings that are too large.
    #[inline]
    pub fn slice(&self, start: u32, end: u32) -> Option<&[u8]> {
        let first = *self.positions.get(start as usize)?;
        let last = *self.positions.get(end as usize)?;
        // NONE is beyond every text's end.
        self.text.get(first as usize..last as usize)
    }

    /// Hands the lines of the run `start..end` to `out`, in order, in pieces of bounded size. Returns
    /// false, with nothing handed out, where sequence from `start` does not lead to `end`.
    pub fn write_run<E>(
        &mut self,
        start: u32,
        end: u32,
        mut out: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<bool, E> {
        if let Some(slice) = self.slice(start, end) {
            out(slice)?;
            return Ok(true);
        }
        if let Some(text) = self.cache.get(&(start, end)) {
            out(text)?;
            return Ok(true);
        }
        if !self.lines.is_run(start, end) {
            return Ok(false);
        }
        self.render_run(start, end, out)?;
        Ok(true)
    }

    /// Appends the line of one instruction, which need not be one of the code bytes: programs can run
    /// what lies before or after them.
    pub fn push_instruction(&self, line: &mut Vec<u8>, instruction: &Instruction) {
        self.lines.push(line, instruction);
    }

    fn render_run<E>(&mut self, start: u32, end: u32, mut out: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut buffer = std::mem::take(&mut self.scratch);
        buffer.clear();
        let mut whole = true;
        for unit in units(&self.lines.code.bytes, start).take_while(|unit| unit.end <= end) {
            self.lines.push_unit(&mut buffer, &unit);
            if buffer.len() >= PIECE {
                out(&buffer)?;
                buffer.clear();
                whole = false;
            }
        }
        out(&buffer)?;
        if whole {
            self.remember((start, end), &buffer);
        }
        buffer.shrink_to(2 * PIECE);
        self.scratch = buffer;
        Ok(())
    }

    fn remember(&mut self, run: (u32, u32), text: &[u8]) {
        let cost = text.len() + ENTRY_COST;
        if self.cached + cost > CACHE_LIMIT {
            self.cache.clear();
            self.cached = 0;
        }
        self.cached += cost;
        self.cache.insert(run, text.into());
    }
}

/// Renders the canonical chain; None beyond [`KEPT_LIMIT`].
fn render_all(lines: &Lines) -> Option<(Vec<u8>, Vec<u32>)> {
    let bytes = &lines.code.bytes;
    if bytes.len() > KEPT_LIMIT {
        return None;
    }
    let mut text = Vec::new();
    let mut positions = vec![NONE; bytes.len() + 1];
    let mut walk = units(bytes, 0);
    for unit in walk.by_ref() {
        positions[unit.start as usize] = text.len() as u32;
        lines.push_unit(&mut text, &unit);
        if text.len() > KEPT_LIMIT {
            return None;
        }
    }
    positions[walk.offset() as usize] = text.len() as u32;
    text.shrink_to_fit();
    Some((text, positions))
}

/// Makes single lines: what the kept text, the cache and the pieces are built from.
#[derive(Debug)]
struct Lines {
    code: Arc<CodeObject>,
    resolve: bool,
    name_has_escape: bool,
    /// `NAME> ` for lines without any escape, or, if the name has one, for all lines.
    prefix: Vec<u8>,
    /// `NAME> ` for lines whose operand has an escape.
    prefix_doubled: Vec<u8>,
}

impl Lines {
    fn new(code: Arc<CodeObject>, resolve: bool) -> Lines {
        let name_has_escape = escape::has_escape(&code.name, Part::Name);
        let prefix = |doubled| {
            let mut prefix = Vec::with_capacity(code.name.len() + 2);
            escape::push(&mut prefix, &code.name, Part::Name, doubled);
            prefix.extend_from_slice(b"> ");
            prefix
        };
        let (prefix, prefix_doubled) = (prefix(name_has_escape), prefix(true));
        Lines { code, resolve, name_has_escape, prefix, prefix_doubled }
    }

    fn is_run(&self, start: u32, end: u32) -> bool {
        let mut walk = units(&self.code.bytes, start);
        while walk.offset() < end && walk.next().is_some() {}
        walk.offset() == end
    }

    fn push_unit(&self, text: &mut Vec<u8>, unit: &Unit) {
        for instruction in unit.instructions(&self.code.bytes) {
            self.push(text, &instruction);
        }
    }

    fn push(&self, text: &mut Vec<u8>, instruction: &Instruction) {
        let Some(name) = opcode::name(instruction.opcode) else {
            text.extend_from_slice(&self.prefix);
            push_number(text, instruction.offset);
            text.push(b' ');
            push_number(text, i32::from(self.code.number(instruction.offset, instruction.opcode)));
            text.extend_from_slice(b" **********INVALID**********\n");
            return;
        };
        let operand = match instruction.operand {
            Some(value) if !self.resolve => Operand::Number(value),
            _ => Operand::resolve(&self.code, instruction),
        };
        let doubled =
            self.name_has_escape || matches!(operand, Operand::Text(raw) if escape::has_escape(raw, Part::Operand));
        text.extend_from_slice(if doubled { &self.prefix_doubled } else { &self.prefix });
        push_number(text, instruction.offset);
        text.push(b' ');
        text.extend_from_slice(name.as_bytes());
        push_operand(text, operand, doubled);
        text.push(b'\n');
    }
}

fn push_operand(text: &mut Vec<u8>, operand: Operand<'_>, doubled: bool) {
    match operand {
        Operand::Nothing => return,
        Operand::Number(value) | Operand::Target(value) => {
            text.extend_from_slice(b" (");
            push_number(text, value);
        }
        Operand::Text(raw) => {
            text.extend_from_slice(b" (");
            escape::push(text, raw, Part::Operand, doubled);
        }
        Operand::OutOfRange(index) => {
            text.extend_from_slice(b" (<out of range ");
            push_number(text, index);
            text.push(b'>');
        }
    }
    text.push(b')');
}

fn push_number(text: &mut Vec<u8>, number: i32) {
    write!(text, "{number}").expect("writing to memory does not fail");
}

#[cfg(test)]
mod tests;
