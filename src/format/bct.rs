//! The trace file: the stream itself in compressed, checksummed blocks, each readable without its neighbours, and an
//! index at the end.  Blocks end by the size of their content alone, so that equal runs give equal bytes.

mod block;
pub mod layout;

use std::io;

use zstd::bulk::Compressor;

use self::block::{Block, Reached};
use self::layout::{BLOCK, BlockPlace, INDEX, Index, Piece, STORED_ZSTD, UNFINISHED_BLOCK};
use super::Options;
use super::output::{Keep, Output};
use crate::trace::totals::Counter;
use crate::trace::value;
use crate::trace::{Event, Run, Sink, SinkError, State, Then};

/// zstd's level: a harder search finds no more in what programs do, and the recorder must keep up with the VM.
const LEVEL: i32 = 1;
/// Words of room that are kept for the next record.
const RECORD_WORDS: usize = 1 << 17;

/// Writes blocks.
pub(super) struct Bct {
    output: Output,
    block: Block,
    index: Index,
    counter: Counter,
    compressor: Compressor<'static>,
    /// The words of one record on their way into the block.
    record: Vec<u64>,
    /// Bytes of events so far, and how many there may be; none once that is reached: then only how the trace ends is still taken.
    taken: u64,
    max_size: u64,
}

impl Bct {
    pub(super) fn new(options: Options, output: Output) -> Bct {
        let mut compressor = Compressor::default();
        compressor.set_compression_level(LEVEL).expect("zstd takes this level");
        Bct {
            output,
            block: Block::default(),
            index: Index::default(),
            counter: Counter::default(),
            compressor,
            record: Vec::new(),
            taken: layout::FILE_HEADER as u64,
            max_size: options.max_size.unwrap_or(u64::MAX),
        }
    }

    /// Begins another block.
    #[cold]
    fn begin_block(&mut self, at: &State) -> Result<(), SinkError> {
        self.end_block()?;
        if self.output.taken() == 0 {
            self.output.write(&layout::file_header(), Keep::Nothing)?;
        }
        self.block.begin(at);
        Ok(())
    }

    /// Counts the bytes of an event against --max-size.
    #[inline]
    fn count(&mut self, bytes: usize) -> Result<(), SinkError> {
        let taken = self.taken + bytes as u64;
        if taken > self.max_size {
            return Err(self.limit());
        }
        self.taken = taken;
        Ok(())
    }

    #[cold]
    fn limit(&mut self) -> SinkError {
        self.max_size = 0;
        SinkError::Full
    }

    fn end_block(&mut self) -> Result<(), SinkError> {
        if !self.block.begun {
            return Ok(());
        }
        let piece = self.packed_block(BLOCK, &self.block.reached())?;
        let place = BlockPlace {
            offset: self.output.taken(),
            before: self.block.before,
            instructions: self.block.instructions(),
        };
        self.output.write(&piece, Keep::Nothing)?;
        self.index.blocks.push(place);
        self.block.clear();
        Ok(())
    }

    /// Packs the block as far as it goes.
    fn packed_block(&mut self, piece_type: u16, reached: &Reached) -> io::Result<Vec<u8>> {
        let raw = self.block.payload(reached);
        let instructions = self.block.instructions();
        let piece = Piece { piece_type, before: self.block.before, instructions, ..Piece::default() };
        pack(&mut self.compressor, piece, &raw)
    }
}

/// Makes a whole piece, its header filled in.
fn pack(compressor: &mut Compressor, mut piece: Piece, raw: &[u8]) -> io::Result<Vec<u8>> {
    if raw.len() > layout::MAX_PIECE {
        return Err(io::Error::other("a code object is too large for a .bct; record as text instead"));
    }
    let mut out = vec![0; layout::PIECE_HEADER + zstd::zstd_safe::compress_bound(raw.len())];
    let payload = &mut out[layout::PIECE_HEADER..];
    let stored = compressor.compress_to_buffer(raw, payload)?;
    piece.storage = STORED_ZSTD;
    piece.stored = stored as u32;
    piece.raw = raw.len() as u32;
    piece.checksum = layout::checksum(&payload[..stored]);
    out[..layout::PIECE_HEADER].copy_from_slice(&piece.encode());
    out.truncate(layout::PIECE_HEADER + stored);
    Ok(out)
}

impl Sink for Bct {
    fn event(&mut self, event: &Event, at: &State) -> Result<(), SinkError> {
        let mut record = std::mem::take(&mut self.record);
        record.clear();
        event.encode(&mut record);
        let bytes = record.len() * 8;
        if !matches!(event, Event::Stop(_) | Event::Finished | Event::End(_)) {
            self.count(bytes)?;
        }
        if self.block.is_full_with(record.len()) {
            self.begin_block(at)?;
        }
        self.block.push_record(&record);
        record.shrink_to(RECORD_WORDS);
        self.record = record;
        self.block.executed(match event {
            Event::Outside(outside) => at.instructions + outside.count(),
            Event::Skipped(skipped) => at.instructions.saturating_add(skipped.instructions),
            _ => at.instructions,
        });
        match event {
            Event::Code(code) => {
                self.block.described.insert(code.id);
            }
            Event::Announce(frame) => self.block.use_code(frame.code, at),
            Event::Name(name) => self.block.define_name(name.name),
            Event::Layer(layer) => self.block.use_code(layer.code, at),
            _ => {}
        }
        self.counter.event(event, at);
        Ok(())
    }

    #[inline]
    fn run(&mut self, run: &Run, at: &State) -> Result<(), SinkError> {
        let (_, count) = run.words();
        self.count(count * 8)?;
        if self.block.is_full_with(count) {
            self.begin_block(at)?;
        }
        self.block.push_run(run);
        self.block.executed(at.instructions + run.count);
        if let Then::Call { code } | Then::Version { code } = run.then() {
            self.block.use_code(code, at);
        }
        self.counter.run(run, at);
        Ok(())
    }

    fn values(&mut self, words: &[u64], at: &State) -> Result<(), SinkError> {
        // Where a block or the trace ends must not hang on how many words come at a time.
        if self.block.is_full_with(1) {
            self.begin_block(at)?;
        }
        self.block.awaits_run_from();
        let fits = usize::try_from(self.max_size.saturating_sub(self.taken) / 8).unwrap_or(usize::MAX);
        let (taken, left) = words.split_at(fits.min(words.len()));
        self.count(size_of_val(taken))?;
        for &word in taken {
            if let Some(name) = value::name_of(word) {
                self.block.use_name(name, at);
            }
            self.block.push_value(word);
        }
        self.count(size_of_val(left))
    }

    /// Shows the block so far to readers of the growing file.  It is written again when it is full, so time leaves no
    /// mark.
    fn flush(&mut self) -> Result<(), SinkError> {
        let settled = self.block.settled();
        if self.block.begun && self.block.shown < settled.words() {
            let piece = self.packed_block(UNFINISHED_BLOCK, &settled)?;
            if self.output.write_ahead(&piece) {
                self.block.shown = settled.words();
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<u64, SinkError> {
        self.end_block()?;
        if self.output.taken() == 0 {
            self.output.write(&layout::file_header(), Keep::Nothing)?;
        }
        let index = self.index.encode(&self.counter.totals());
        let offset = self.output.taken();
        let mut end = pack(&mut self.compressor, Piece { piece_type: INDEX, ..Piece::default() }, &index)?;
        end.extend_from_slice(&layout::trailer(offset));
        self.output.write(&end, Keep::Nothing)?;
        Ok(self.output.finish()?)
    }

    fn written(&self) -> u64 {
        self.taken
    }
}
