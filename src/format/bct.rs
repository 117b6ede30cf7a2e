//! The trace file: the stream itself in compressed, checksummed blocks, each readable without its neighbours, and an
//! index at the end.  Blocks end by the size of their content alone, so that equal runs give equal bytes.

mod block;
mod body;
pub mod bounds;
mod ending;
pub mod layout;
mod needs;

use std::io::{self, Cursor};

use zstd::bulk::Compressor;

use self::block::Block;
use self::body::Reached;
use self::ending::{Kept, Reserve};
use self::layout::{BLOCK, BlockPlace, INDEX, Index, Piece, STORED_ZSTD, UNFINISHED_BLOCK};
use super::Options;
use super::output::{Keep, Output};
use crate::trace::state::TakesUsual;
use crate::trace::totals::Counter;
use crate::trace::{Decoder, Event, Run, Sink, SinkError, State, StreamError};

/// zstd's level: a harder search finds no more in what programs do, and the recorder must keep up with the VM.
const LEVEL: i32 = 1;
/// The level after a block of numbers that took more than a `DENSE`th of its length in the file: there can be so many of these, all of them
/// different, that zstd would take several times as long as the VM.
const DENSE_LEVEL: i32 = -2;
const DENSE: usize = 4;
/// Bytes of memory that are kept for the next block.
const BUFFER: usize = 16 * bounds::BLOCK_WORDS as usize;
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
    /// The bytes of the block, as they are and packed: memory that stays, so that the kernel need not make it for each block.
    raw: Vec<u8>,
    piece: Vec<u8>,
    /// What the file holds for good, should nothing more fit into it; and what its end then takes.
    kept: Kept,
    reserve: Reserve,
    /// The number of the next frame when an event came last.
    next_frame: u64,
    /// The file has reached its limit: only how the trace ends is still taken.
    is_full: bool,
    /// The block that ends is the last one, whatever comes.
    is_last: bool,
}

impl Bct {
    pub(super) fn new(options: Options, mut output: Output) -> Bct {
        let mut compressor = Compressor::default();
        compressor.set_compression_level(LEVEL).expect("zstd takes this level");
        output.set_limit(options.max_size, true);
        Bct {
            output,
            block: Block::default(),
            index: Index::default(),
            counter: Counter::default(),
            compressor,
            record: Vec::new(),
            raw: Vec::new(),
            piece: Vec::new(),
            kept: Kept::default(),
            reserve: Reserve::default(),
            next_frame: 0,
            is_full: false,
            is_last: false,
        }
    }

    /// Begins another block.
    #[cold]
    fn begin_block(&mut self, at: &State) -> Result<(), SinkError> {
        self.end_block(at.next_frame)?;
        if self.output.is_full() && !self.is_full {
            self.is_full = true;
            return Err(SinkError::Full);
        }
        if self.output.taken() == 0 {
            self.write(&layout::file_header())?;
        }
        self.block.begin(at);
        Ok(())
    }

    /// Takes the usual runs with which `words` begin, as long as the block has room for them and has the code objects that they enter;
    /// returns how many these are.
    fn usual_runs(&mut self, words: &[u64], decoder: &mut Decoder) -> usize {
        let Bct { block, counter, .. } = self;
        let words = &words[..words.len().min(block.room_for_runs())];
        let before = decoder.state().instructions;
        let taken = decoder.usual_runs(words, &mut Usual { block, counter });
        let State { instructions, thread, .. } = *decoder.state();
        counter.thread_executes(thread, instructions - before);
        block.push_runs(&words[..taken]);
        block.executed(instructions);
        taken
    }

    /// Returns whether the block has room for the code object that an event describes or uses, or cannot end.
    fn has_room_for(&self, event: &Event, at: &State) -> bool {
        let needs = &self.block.needs;
        let has_room = match event {
            Event::Code(code) => needs.has_room_to_describe(code),
            Event::Announce(frame) => needs.has_room_for(frame.code, at),
            Event::WholeCode(whole) => needs.has_room_for(whole.code, at),
            _ => true,
        };
        has_room || !self.block.can_end()
    }

    /// Returns whether the block has room for the code object that a run enters, if it enters one, or cannot end.
    #[inline]
    fn has_room_after(&self, run: &Run, at: &State) -> bool {
        let needs = &self.block.needs;
        run.code_after()
            .is_none_or(|code| needs.is_marked(code) || needs.has_room_for(code, at) || !self.block.can_end())
    }

    /// Writes nothing more but an end, since what comes next has no place in a block; what came before is kept.
    #[cold]
    fn give_up(&mut self, next_frame: u64) -> io::Error {
        self.is_last = true;
        let ended = self.end_block(next_frame);
        self.output.fail();
        ended.err().unwrap_or_else(too_large)
    }

    /// Ends the block, if one has begun; the next frame has this number.
    fn end_block(&mut self, next_frame: u64) -> io::Result<()> {
        if !self.block.begun {
            return Ok(());
        }
        if let Err(error) = self.pack_block(BLOCK, &self.block.reached()) {
            // Blocks that wait in a compressor are lost with it; the file ends after those that it has.
            self.output.fail();
            return Err(error);
        }
        self.choose_level()?;
        self.index.push(BlockPlace {
            offset: self.output.taken(),
            before: self.block.before,
            instructions: self.block.instructions(),
        });
        let mut piece = std::mem::take(&mut self.piece);
        self.write(&piece)?;
        if self.is_last {
            self.output.sync()?;
        }
        piece.shrink_to(BUFFER);
        self.raw.shrink_to(BUFFER);
        self.piece = piece;
        if self.output.kept() == self.output.taken() {
            self.kept.advance(self.block.after, next_frame, &mut self.counter);
        }
        self.block.clear();
        Ok(())
    }

    /// Chooses how hard the next block is packed, by how this one was: not by the clock, so that equal runs give equal bytes.
    fn choose_level(&mut self) -> io::Result<()> {
        let is_dense = self.block.is_mostly_numbers() && self.piece.len() > self.raw.len() / DENSE;
        self.compressor.set_compression_level(if is_dense { DENSE_LEVEL } else { LEVEL })
    }

    /// Writes a whole piece, and keeps room after it for the end.
    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.output.keep_room(self.reserve.bytes(&self.index, &self.counter), ending::FILLER);
        self.output.write(piece, Keep::Nothing)
    }

    /// Packs the block as far as it goes, into `piece`.
    fn pack_block(&mut self, piece_type: u16, reached: &Reached) -> io::Result<()> {
        if self.block.needs.weight() > bounds::MAX_WEIGHT {
            return Err(too_large());
        }
        self.raw.clear();
        self.block.push_payload(reached, &mut self.raw);
        let instructions = self.block.instructions();
        let piece = Piece { piece_type, before: self.block.before, instructions, ..Piece::default() };
        pack_into(&mut self.piece, &mut self.compressor, piece, &self.raw)
    }

    /// Ends the file of an output that has failed, as far as it is kept: with a block that says why, and an index.
    #[cold]
    fn end_failed(&mut self, end: &Event, at: &State) -> io::Result<()> {
        let totals = self.kept.totals(&mut self.counter);
        let begin = self.output.kept();
        self.index.cut(begin, self.kept.instructions);
        let header = layout::file_header();
        let header = if begin == 0 { &header[..] } else { &[] };
        let place = BlockPlace {
            offset: begin + header.len() as u64,
            before: self.kept.instructions,
            instructions: at.instructions.saturating_sub(self.kept.instructions),
        };
        let piece =
            Piece { piece_type: BLOCK, before: place.before, instructions: place.instructions, ..Piece::default() };
        let block = pack(&mut self.compressor, piece, &self.reserve.last_block(&self.kept, end, at))?;
        self.index.push(place);
        let offset = place.offset + block.len() as u64;
        let index = pack_index(&mut self.compressor, &self.index.encode(&totals), offset)?;
        self.output.end_with(&[header, &block, &index].concat());
        Ok(())
    }
}

/// Counts usual runs that enter only code objects which the block has: their words are all that it needs of them.
struct Usual<'a> {
    block: &'a Block,
    counter: &'a mut Counter,
}

impl TakesUsual for Usual<'_> {
    #[inline(always)]
    fn enters(&mut self, code: u32) -> bool {
        self.block.needs.is_marked(code) && self.counter.enters(code)
    }

    #[inline(always)]
    fn executes(&mut self, code: u32, count: u64) {
        self.counter.executes(code, count);
    }
}

/// Makes the index piece that stands at this offset, and the trailer after it.
fn pack_index(compressor: &mut Compressor, index: &[u8], offset: u64) -> io::Result<Vec<u8>> {
    let mut out = pack(compressor, Piece { piece_type: INDEX, ..Piece::default() }, index)?;
    out.extend_from_slice(&layout::trailer(offset));
    Ok(out)
}

/// The error of a block that no reader would take.
fn too_large() -> io::Error {
    io::Error::other("a code object, or the stack, is too large for a .bct; record as text instead")
}

/// Makes a whole piece, its header filled in.
fn pack(compressor: &mut Compressor, piece: Piece, raw: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    pack_into(&mut out, compressor, piece, raw)?;
    Ok(out)
}

/// The same in memory that is there; what it held is gone.
fn pack_into(out: &mut Vec<u8>, compressor: &mut Compressor, mut piece: Piece, raw: &[u8]) -> io::Result<()> {
    if raw.len() > bounds::MAX_PAYLOAD {
        return Err(too_large());
    }
    let header = layout::PIECE_HEADER;
    out.clear();
    out.resize(header, 0);
    // zstd writes into what is reserved; it need not be zeroed, and how much more there is changes nothing.
    out.reserve(zstd::zstd_safe::compress_bound(raw.len()));
    let mut end = Cursor::new(&mut *out);
    end.set_position(header as u64);
    piece.stored = compressor.compress_to_buffer(raw, &mut end)? as u32;
    piece.storage = STORED_ZSTD;
    piece.raw = raw.len() as u32;
    piece.checksum = layout::checksum(&out[header..]);
    out[..header].copy_from_slice(&piece.encode());
    Ok(())
}

impl Sink for Bct {
    fn event(&mut self, event: &Event, at: &State) -> Result<(), SinkError> {
        if self.output.has_failed() {
            if let Event::End(_) = event {
                self.end_failed(event, at)?;
            }
            return Ok(());
        }
        self.next_frame = at.next_frame;
        if !self.has_room_for(event, at) {
            self.begin_block(at)?;
        }
        let mut record = std::mem::take(&mut self.record);
        record.clear();
        event.encode(&mut record);
        let is_too_heavy = matches!(event, Event::Code(code) if !self.block.needs.can_describe(code));
        if record.len() * 8 > bounds::MAX_RECORD || is_too_heavy {
            return Err(self.give_up(at.next_frame).into());
        }
        if self.block.is_full_with(record.len()) {
            self.begin_block(at)?;
        }
        self.block.push_record(&record);
        if let Event::Start(_) = event {
            self.reserve.start(&record);
        }
        record.shrink_to(RECORD_WORDS);
        self.record = record;
        self.block.executed(match event {
            Event::Outside(outside) => at.instructions + outside.count(),
            Event::Skipped(skipped) => at.instructions.saturating_add(skipped.instructions),
            _ => at.instructions,
        });
        let needs = &mut self.block.needs;
        match event {
            Event::Code(code) => needs.describe(code),
            Event::Announce(frame) => needs.use_code(frame.code, at),
            Event::Name(name) => needs.define_name(name.name),
            Event::WholeCode(whole) => needs.use_code(whole.code, at),
            _ => {}
        }
        self.counter.event(event, at);
        Ok(())
    }

    fn run(&mut self, run: &Run, at: &State) -> Result<(), SinkError> {
        if self.block.is_full_with(run.words().1) || !self.has_room_after(run, at) {
            self.begin_block(at)?;
        }
        self.counter.run(run, at);
        if let Some(code) = run.code_after() {
            self.block.needs.use_code(code, at);
        }
        self.block.push_run(run);
        self.block.executed(at.instructions + run.count);
        Ok(())
    }

    fn runs(&mut self, words: &[u64], decoder: &mut Decoder) -> Result<usize, StreamError> {
        let mut taken = 0;
        loop {
            taken += self.usual_runs(&words[taken..], decoder);
            let Some(&word) = words.get(taken) else { return Ok(taken) };
            if !decoder.run_of(word, self)? {
                return Ok(taken);
            }
            taken += 1;
        }
    }

    fn values(&mut self, words: &[u64], at: &State) -> Result<(), SinkError> {
        // Where a block ends must not hang on how many words come at a time.
        if self.block.is_full_with(1) {
            self.begin_block(at)?;
        }
        self.block.push_values(words, at);
        Ok(())
    }

    /// Shows the block so far to readers of the growing file.  It is written again when it is full, so time leaves no
    /// mark.
    fn flush(&mut self) -> Result<(), SinkError> {
        let settled = self.block.settled();
        if self.block.begun && self.block.shown < settled.position {
            self.pack_block(UNFINISHED_BLOCK, &settled)?;
            if self.output.write_ahead(&self.piece) {
                self.block.shown = settled.position;
            }
        }
        Ok(())
    }

    fn resume(&mut self) -> Result<(), SinkError> {
        Ok(self.output.resume()?)
    }

    fn finish(&mut self) -> Result<u64, SinkError> {
        if self.output.is_open() {
            self.end_block(self.next_frame)?;
            if self.output.taken() == 0 {
                self.write(&layout::file_header())?;
            }
            let index = self.index.encode(&self.counter.totals());
            let end = pack_index(&mut self.compressor, &index, self.output.taken())?;
            self.output.write_end(&end)?;
        }
        self.output.finish()
    }

    fn written(&self) -> u64 {
        self.output.stored()
    }
}
