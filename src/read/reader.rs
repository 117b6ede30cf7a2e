//! Opens a .bct, compressed or not, and hands the events of its blocks to a sink: all of them, or those around some
//! instruction numbers.  Tells what is missing instead of failing: a damaged block costs only itself.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::pieces::{Found, Input, Pieces};
use super::{Flaw, TraceError};
use crate::format::bct::layout::{self, FILE_HEADER, FILE_MAGIC, Index, Piece, VERSION};
use crate::format::decompressed;
use crate::trace::decoder::state_end;
use crate::trace::repeat::RepeatReader;
use crate::trace::{Decoder, Event, Run, Sink, SinkError, State, StreamError};

/// Words of a block that are decoded at a time.
const BATCH: usize = 1 << 14;
/// Words of events in a block at most: a few bytes can stand for any number of words, and what they do to a reader has an end.
const MOST_WORDS: u64 = 1 << 28;

/// An open trace.
pub struct Reader {
    path: PathBuf,
    pieces: Pieces,
    index: Option<Index>,
    /// Instructions executed up to the end of the last intact block.
    reached: u64,
    /// Somebody still writes the file.
    pub growing: bool,
}

/// What is to be done with a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    Read,
    StepOver,
    /// Nothing behind it is wanted either.
    Stop,
}

/// How far reading came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A block was read; one that its recorder has not finished stands at this offset still.
    Block { unfinished: Option<u64> },
    /// The trace is whole up to here, and this is its end.
    Finished,
    /// A block was not wanted, nor what is behind it.
    Stopped,
    /// No more bytes for now, or for ever if nobody writes the file.  Some of them are no whole piece yet.
    Waiting { offset: u64, cut: bool },
}

impl Reader {
    /// Opens a trace; `-` is standard input.
    pub fn open(path: &Path) -> Result<Reader, TraceError> {
        let failed = |error| TraceError::Io(path.to_owned(), error);
        let mut pieces = Pieces::new(input(path).map_err(failed)?);
        check_header(path, pieces.peek(FILE_HEADER).map_err(failed)?)?;
        pieces.skip(FILE_HEADER as u64).map_err(failed)?;
        let index = pieces.file().and_then(read_index);
        Ok(Reader { path: path.to_owned(), pieces, index, reached: 0, growing: false })
    }

    /// The index of a finished trace, where it can be had without reading all of it.
    pub fn index(&self) -> Option<&Index> {
        self.index.as_ref()
    }

    /// The file, unless the trace comes through a pipe or is compressed.
    pub fn file(&self) -> Option<&File> {
        self.pieces.file()
    }

    /// Tells whether the file is compressed as a whole, so that nothing can be read of what is added to it.
    pub fn is_compressed(&self) -> bool {
        self.pieces.file().is_none() && self.path != Path::new("-")
    }

    /// Goes back to this offset, where a piece begins.
    pub fn go_back(&mut self, offset: u64) {
        self.pieces.seek(offset);
    }

    /// Goes to the block with the first of these instruction numbers.
    pub fn go_to(&mut self, window: &Range<u64>) {
        let Some(index) = &self.index else { return };
        let place =
            index.blocks.partition_point(|block| block.before.saturating_add(block.instructions) < window.start);
        if let Some(block) = index.blocks.get(place).or(index.blocks.last()) {
            self.reached = block.before;
            let offset = block.offset;
            self.go_back(offset);
        }
    }

    /// Reads the next block that `want` asks for into the sink, past everything else; `known` words of its events are
    /// not handed on.  Whatever is missing or damaged on the way is told to `flaws`, which may end the reading.
    pub fn next(
        &mut self,
        want: &dyn Fn(&Piece) -> Want,
        known: &mut usize,
        sink: &mut dyn Sink,
        flaws: &mut dyn FnMut(Flaw) -> Result<(), TraceError>,
    ) -> Result<Progress, TraceError> {
        loop {
            let found = self.pieces.next(|piece| piece.is_block() && want(piece) == Want::Read);
            match found.map_err(|error| TraceError::Io(self.path.clone(), error))? {
                Found::Piece { offset, piece, payload: Some(payload) } => {
                    self.reached = piece.after();
                    match play(&payload, known, sink) {
                        Ok(()) => {}
                        Err(StreamError::Output(error)) => return Err(TraceError::Output(error)),
                        Err(error) => flaws(Flaw::no_trace(offset, &error))?,
                    }
                    let unfinished = (piece.piece_type == layout::UNFINISHED_BLOCK).then_some(offset);
                    return Ok(Progress::Block { unfinished });
                }
                Found::Piece { piece, payload: None, .. } => {
                    if piece.is_block() && want(&piece) == Want::Stop {
                        return Ok(Progress::Stopped);
                    }
                    if piece.is_block() {
                        self.reached = piece.after();
                    }
                }
                Found::Damage { offset, .. } if self.growing => {
                    // A block that is being written is whole the next time.
                    self.go_back(offset);
                    return Ok(Progress::Waiting { offset, cut: true });
                }
                Found::Damage { offset, bytes, header } => {
                    flaws(Flaw::damaged(offset, bytes, header, self.reached))?;
                    if let Some(piece) = header.filter(Piece::is_block) {
                        self.reached = piece.after();
                    }
                }
                Found::Trailer => return Ok(Progress::Finished),
                Found::End { offset, rest, .. } => return Ok(Progress::Waiting { offset, cut: rest > 0 }),
            }
        }
    }

    /// The number of the last instruction that was read or stepped over.
    pub fn reached(&self) -> u64 {
        self.reached
    }
}

fn input(path: &Path) -> io::Result<Input> {
    if path == Path::new("-") {
        return Ok(Input::Stream(decompressed(io::stdin().lock())?));
    }
    let file = File::open(path)?;
    let mut first = [0; FILE_MAGIC.len()];
    if file.metadata()?.is_file() && file.read_at(&mut first, 0)? == first.len() && first == FILE_MAGIC {
        return Ok(Input::File(file));
    }
    Ok(Input::Stream(decompressed(file)?))
}

fn check_header(path: &Path, header: &[u8]) -> Result<(), TraceError> {
    let not_a_trace = |why| Err(TraceError::NotATrace(path.to_owned(), why));
    let Some((magic, version)) = header.split_at_checked(FILE_MAGIC.len()) else {
        return not_a_trace("it is too short to be a .bct; record one: bctrace program.pyc trace.bct");
    };
    if magic != FILE_MAGIC {
        return not_a_trace(match magic {
            [0x03, 0xf3, b'\r', b'\n', ..] => "it is a .pyc; record a trace of it first: bctrace program.pyc trace.bct",
            _ if magic[1..8] == FILE_MAGIC[1..8] => {
                "it was a .bct, but was changed as text on its way; copy it as binary"
            }
            _ => "it is no .bct; only traces recorded as .bct can be read, text and JSON lines cannot",
        });
    }
    match version.first_chunk().map(|bytes| u32::from_le_bytes(*bytes)) {
        Some(VERSION) => Ok(()),
        Some(other) => Err(TraceError::Version(path.to_owned(), other)),
        None => not_a_trace("it ends inside its header"),
    }
}

/// Reads the index of a finished file; None where there is none or it is damaged, which a walk finds out.
fn read_index(file: &File) -> Option<Index> {
    let length = file.metadata().ok()?.len();
    let mut trailer = [0; layout::TRAILER];
    file.read_exact_at(&mut trailer, length.checked_sub(layout::TRAILER as u64)?).ok()?;
    let offset = layout::index_offset(&trailer)?;
    let mut pieces = Pieces::new(Input::File(file.try_clone().ok()?));
    pieces.seek(offset);
    match pieces.next(|piece| piece.piece_type == layout::INDEX).ok()? {
        Found::Piece { payload: Some(payload), .. } => Index::decode(&payload),
        _ => None,
    }
}

/// Hands a block's events to the sink, but for those in the first `known` words of them.
fn play(payload: &[u8], known: &mut usize, sink: &mut dyn Sink) -> Result<(), StreamError> {
    let broken = |why| StreamError::Contradiction { after: 0, why };
    if !payload.len().is_multiple_of(8) {
        return Err(broken("a block that ends inside a word"));
    }
    let words: Vec<u64> =
        payload.chunks_exact(8).map(|bytes| u64::from_le_bytes(bytes.try_into().expect("eight bytes"))).collect();
    let begin = state_end(&words).ok_or_else(|| broken("a block without a state"))?;
    let (before, mut packed) = words.split_at(begin);
    let mut decoder = Decoder::of_block();
    decoder.decode(before, &mut Unheard)?;
    let mut repeats = RepeatReader::default();
    while !packed.is_empty() || repeats.has_rest() {
        let read = repeats.read(packed, BATCH).map_err(broken)?;
        packed = &packed[read..];
        if repeats.position() > MOST_WORDS {
            return Err(broken("a block of more events than any holds"));
        }
        let events = repeats.words();
        let first = repeats.position() as usize - events.len();
        let old = known.saturating_sub(first).min(events.len());
        let mut taken = decoder.decode(&events[..old], &mut Unheard)?;
        if taken == old {
            taken += decoder.decode(&events[old..], sink)?;
        }
        repeats.take(taken);
    }
    *known = repeats.position() as usize;
    match repeats.words().is_empty() {
        true => Ok(()),
        false => {
            let why = "a block that ends inside an event";
            Err(StreamError::Contradiction { after: decoder.state().instructions, why })
        }
    }
}

/// Takes events that are only to move the state.
struct Unheard;

impl Sink for Unheard {
    fn event(&mut self, _event: &Event, _at: &State) -> Result<(), SinkError> {
        Ok(())
    }

    fn run(&mut self, _run: &Run, _at: &State) -> Result<(), SinkError> {
        Ok(())
    }

    fn values(&mut self, _words: &[u64], _at: &State) -> Result<(), SinkError> {
        Ok(())
    }

    fn written(&self) -> u64 {
        0
    }
}
