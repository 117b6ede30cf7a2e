//! Text compressed with zstd without making the text: a run that was printed before is given to the compressor as a copy
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
use super::kept::Kept;
use super::output::Output;
use crate::bytecode::Listing;
use crate::trace::numbered;
use crate::trace::{Code, Event, Outside, Run, Sink, SinkError, State, Then};

/// A listing hands out runs with at least this much text in several pieces.
const ONE_PIECE: usize = 64 << 10;

/// Prints runs as compressed lines.
pub(super) struct ZstdText {
    output: Output,
    options: Options,
    packer: Packer,
    listings: Kept<Listing>,
    /// Bytes of text so far, and those that went to the file.
    taken: u64,
    synced: u64,
}

impl ZstdText {
    /// Makes a sink for options that select by code object only.
    pub(super) fn new(options: Options, mut output: Output) -> ZstdText {
        output.set_limit(options.max_size, false);
        let packer = Packer::new();
        ZstdText { output, options, packer, listings: Kept::default(), taken: 0, synced: 0 }
    }

    #[inline]
    fn print(&mut self, run: &Run, at: &State) -> Result<(), SinkError> {
        let Some(frame) = at.frame() else { return Ok(()) };
        let key = Key { code: frame.code.id, start: run.start, end: run.end() };
        if let Some(length) = self.packer.known(&key) {
            self.taken += length;
            self.packer.repeat(key);
            return if self.packer.is_full() { self.end_block() } else { Ok(()) };
        }
        self.print_new(key, &frame.code)
    }

    /// Prints a run that was not printed lately.
    fn print_new(&mut self, key: Key, code: &Code) -> Result<(), SinkError> {
        let Some(mut listing) = self.take_listing(code) else { return Ok(()) };
        let mut is_first = true;
        let result = listing.write_run(key.start, key.end, |text| {
            let is_all = std::mem::take(&mut is_first) && text.len() < ONE_PIECE;
            self.lines(is_all.then_some(key), text)
        });
        self.listings.put_back(code.id, listing);
        result.map(|_| ())
    }

    /// Takes whole lines that are not known to be a copy.
    fn lines(&mut self, key: Option<Key>, text: &[u8]) -> Result<(), SinkError> {
        self.taken += text.len() as u64;
        self.packer.add(key, text);
        if self.packer.is_full() { self.end_block() } else { Ok(()) }
    }

    /// Takes the listing of a wanted code object, made if need be.
    fn take_listing(&mut self, code: &Code) -> Option<Box<Listing>> {
        let (filter, resolve) = (&self.options.selection.filter, self.options.resolve);
        let list = || Listing::new(Arc::clone(&code.object), resolve);
        self.listings.prepare(code, || filter.wants(&code.object), list);
        self.listings.take(code.id)
    }

    fn outside(&mut self, outside: &Outside, at: &State) -> Result<(), SinkError> {
        let Some(frame) = at.frame() else { return Ok(()) };
        let Some(listing) = self.take_listing(&frame.code) else { return Ok(()) };
        let mut text = Vec::new();
        for (_, instruction) in numbered::of_outside(outside, at) {
            listing.push_instruction(&mut text, &instruction);
        }
        self.listings.put_back(frame.code.id, listing);
        self.lines(None, &text)
    }

    /// Ends the block, between lines; what has gathered goes to the file now and then.
    #[cold]
    fn end_block(&mut self) -> Result<(), SinkError> {
        self.packer.end_block();
        let packed = self.packer.packed.len();
        let is_full = self.output.is_full_with(packed as u64);
        if is_full || self.output.is_sync_point(self.taken - self.synced, packed, self.taken) {
            self.sync()?;
        }
        if is_full { Err(SinkError::Full) } else { Ok(()) }
    }

    fn sync(&mut self) -> Result<(), SinkError> {
        self.output.write_packed(&self.packer.packed)?;
        self.packer.packed.clear();
        self.synced = self.taken;
        Ok(())
    }
}

impl Sink for ZstdText {
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
        if let Then::CodeGone { code } = run.then() {
            self.listings.forget(code);
        }
        Ok(())
    }

    fn values(&mut self, _words: &[u64], _at: &State) -> Result<(), SinkError> {
        Ok(())
    }

    fn resume(&mut self) -> Result<(), SinkError> {
        Ok(self.output.resume()?)
    }

    fn finish(&mut self) -> Result<u64, SinkError> {
        if self.output.is_open() {
            self.packer.end_block();
            self.sync()?;
        }
        self.output.finish_packed()
    }

    fn written(&self) -> u64 {
        self.output.stored()
    }
}
