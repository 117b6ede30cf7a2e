//! Text compressed with zstd without making the text: a run that was printed before is told to the compressor as a copy
//! of its earlier text, so a loop costs the same few nanoseconds per run as in a .bct.  The result is an ordinary zstd
//! frame.

mod block;
mod history;
mod sequences;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use self::history::{Key, Packer};
use super::Options;
use super::output::Output;
use crate::bytecode::Listing;
use crate::trace::by_id::ById;
use crate::trace::numbered;
use crate::trace::{Code, Event, Outside, Run, Sink, SinkError, State, Then};

/// Bytes of listings that are kept; beyond it all are made anew.
const KEPT: usize = 32 << 20;
/// Bytes of text, and of compressed output, after which what is there goes to the file.
const SYNC_TEXT: u64 = 4 << 20;
const SYNC_PACKED: usize = 256 << 10;
/// A listing hands out runs with at least this much text in several pieces.
const ONE_PIECE: usize = 64 << 10;

/// Prints runs as compressed lines.
pub(super) struct PackedText {
    output: Output,
    options: Options,
    packer: Packer,
    codes: ById<Option<Box<Listing>>>,
    kept: usize,
    /// Bytes of text so far, those that went to the file, and how many there may be.
    taken: u64,
    synced: u64,
    max_size: u64,
}

impl PackedText {
    /// Makes a sink for options that select by code object only.
    pub(super) fn new(options: Options, output: Output) -> PackedText {
        let max_size = options.max_size.unwrap_or(u64::MAX);
        let packer = Packer::new();
        PackedText { output, options, packer, codes: ById::default(), kept: 0, taken: 0, synced: 0, max_size }
    }

    #[inline]
    fn print(&mut self, run: &Run, at: &State) -> Result<(), SinkError> {
        let Some(frame) = at.frame() else { return Ok(()) };
        let key = Key { code: frame.code.id, start: run.start, end: run.end() };
        if let Some(length) = self.packer.known(&key)
            && self.taken + length <= self.max_size
        {
            self.taken += length;
            self.packer.repeat(key);
            return if self.packer.is_full() { self.end_block() } else { Ok(()) };
        }
        self.print_new(key, &frame.code)
    }

    /// Prints a run that was not printed lately.
    fn print_new(&mut self, key: Key, code: &Code) -> Result<(), SinkError> {
        let Some(mut listing) = self.take_listing(code) else { return Ok(()) };
        self.kept = self.kept.saturating_sub(listing.memory());
        let mut is_first = true;
        let result = listing.write_run(key.start, key.end, |text| {
            let is_all = std::mem::take(&mut is_first) && text.len() < ONE_PIECE;
            self.lines(is_all.then_some(key), text)
        });
        self.kept += listing.memory();
        self.codes.insert(code.id, Some(listing));
        result.map(|_| ())
    }

    /// Takes whole lines that are not known to be a copy.
    fn lines(&mut self, key: Option<Key>, text: &[u8]) -> Result<(), SinkError> {
        let room = usize::try_from(self.max_size - self.taken).unwrap_or(usize::MAX);
        if text.len() <= room {
            self.taken += text.len() as u64;
            self.packer.add(key, text);
            return if self.packer.is_full() { self.end_block() } else { Ok(()) };
        }
        let whole = text[..room].iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
        self.taken += whole as u64;
        self.max_size = self.taken;
        self.packer.add(None, &text[..whole]);
        Err(SinkError::Full)
    }

    /// Takes the listing of a wanted code object out of the table, made if need be.
    fn take_listing(&mut self, code: &Code) -> Option<Box<Listing>> {
        match self.codes.get_mut(code.id) {
            Some(Some(_)) => self.codes.remove(code.id)?,
            Some(None) => None,
            None if !self.options.selection.filter.wants(&code.object) => {
                self.codes.insert(code.id, None);
                None
            }
            None => {
                if self.kept > KEPT {
                    self.codes.clear();
                    self.kept = 0;
                }
                let listing = Listing::new(Arc::clone(&code.object), self.options.resolve);
                self.kept += listing.memory();
                Some(Box::new(listing))
            }
        }
    }

    fn outside(&mut self, outside: &Outside, at: &State) -> Result<(), SinkError> {
        let Some(frame) = at.frame() else { return Ok(()) };
        let Some(listing) = self.take_listing(&frame.code) else { return Ok(()) };
        let mut text = Vec::new();
        for (_, instruction) in numbered::of_outside(outside, at) {
            listing.push_instruction(&mut text, &instruction);
        }
        self.codes.insert(frame.code.id, Some(listing));
        self.lines(None, &text)
    }

    /// Ends the block, between lines; what has gathered goes to the file now and then.
    #[cold]
    fn end_block(&mut self) -> Result<(), SinkError> {
        self.packer.end_block();
        if self.taken - self.synced >= SYNC_TEXT || self.packer.packed.len() >= SYNC_PACKED {
            self.sync()?;
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), SinkError> {
        self.output.write_packed(&self.packer.packed)?;
        self.packer.packed.clear();
        self.synced = self.taken;
        Ok(())
    }
}

impl Sink for PackedText {
    fn event(&mut self, event: &Event, at: &State) -> Result<(), SinkError> {
        match event {
            Event::Outside(outside) => self.outside(outside, at),
            _ => Ok(()),
        }
    }

    #[inline]
    fn run(&mut self, run: &Run, at: &State) -> Result<(), SinkError> {
        if run.length > 0 {
            self.print(run, at)?;
        }
        if let Then::CodeGone { code } = run.then()
            && let Some(Some(listing)) = self.codes.remove(code)
        {
            self.kept = self.kept.saturating_sub(listing.memory());
        }
        Ok(())
    }

    fn values(&mut self, _words: &[u64], _at: &State) -> Result<(), SinkError> {
        Ok(())
    }

    fn finish(&mut self) -> Result<u64, SinkError> {
        self.packer.end_block();
        self.sync()?;
        Ok(self.output.finish_packed()?)
    }

    fn written(&self) -> u64 {
        self.taken
    }
}
