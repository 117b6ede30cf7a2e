//! Opens a .bct, compressed or not, and hands the events of its blocks to a sink: all of them, or those around some
//! instruction numbers.  Reports what is missing instead of failing: a damaged block costs only itself.

use std::fs::{File, TryLockError};
use std::io::{self, Seek};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::block::Block;
use super::budget::Budget;
use super::kept::{KeptBlock, KeptBlocks};
use super::pieces::{Found, Input, Pieces};
use super::{Flaw, TraceError};
use crate::format::bct::layout::{self, FILE_HEADER, FILE_MAGIC, Index, Piece, VERSION};
use crate::format::decompressed;
use crate::trace::{Sink, StreamError};

/// Words of a block that are decoded at a time.
const BATCH: usize = 1 << 14;

/// An open trace.
pub struct Reader {
    path: PathBuf,
    pieces: Pieces,
    index: Option<Index>,
    /// Instructions executed up to the end of the last intact block.
    reached: u64,
    /// Blocks that were read lately, if they are kept.
    kept: Option<KeptBlocks>,
    budget: Budget,
    /// Somebody still writes the file.
    pub growing: bool,
}

/// Whether a trace can be read once only: standard input, or what is no file, such as a pipe.
pub fn is_read_once(path: &Path) -> bool {
    path == Path::new("-") || std::fs::metadata(path).is_ok_and(|there| !there.is_file())
}

/// Whether a recorder still writes a file: it holds a lock as long as it lives.
pub fn is_written(file: &File) -> bool {
    match file.try_lock_shared() {
        Ok(()) => {
            // Failing to unlock would only keep a later recorder waiting until this process ends.
            let _ = file.unlock();
            false
        }
        Err(TryLockError::WouldBlock) => true,
        Err(TryLockError::Error(_)) => false,
    }
}

/// What is to be done with a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    Read,
    StepOver,
    /// Nothing after it is wanted either.
    Stop,
}

impl Want {
    /// Decides whether a block holds something of a window of instruction numbers.
    pub fn of(piece: &Piece, window: &Range<u64>) -> Want {
        if piece.before >= window.end {
            Want::Stop
        } else if piece.after().max(1) < window.start {
            // What happened after a block's last instruction belongs to that instruction.
            Want::StepOver
        } else {
            Want::Read
        }
    }
}

/// What comes next in a file.
pub enum Next {
    /// A block that can be read; its recorder has not finished an unfinished one.
    Block { offset: u64, is_unfinished: bool, block: Box<Block> },
    /// The trace is whole up to here, and this is its end.
    Finished,
    /// A block was not wanted, nor what comes after it.
    Stopped,
    /// No more bytes for now, or for ever if no process writes the file.  Some of them are no whole piece yet.
    Waiting { offset: u64, cut: bool },
}

/// How far reading came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A block was read; one that its recorder has not finished stands at this offset still.
    Block { unfinished: Option<u64> },
    /// The trace is whole up to here, and this is its end.
    Finished,
    /// A block was not wanted, nor what comes after it.
    Stopped,
    /// No more bytes for now, or for ever if no process writes the file.  Some of them are no whole piece yet.
    Waiting { offset: u64, cut: bool },
}

impl Reader {
    /// Opens a trace; `-` is standard input.
    pub fn open(path: &Path) -> Result<Reader, TraceError> {
        let input = input(path).map_err(|error| TraceError::Io(path.to_owned(), error))?;
        Reader::of_input(input, path)
    }

    /// Reads an open file from its beginning; errors call it `path`.
    pub fn of_file(mut file: File, path: &Path) -> Result<Reader, TraceError> {
        let input = file.rewind().and_then(|()| file_input(file));
        Reader::of_input(input.map_err(|error| TraceError::Io(path.to_owned(), error))?, path)
    }

    fn of_input(input: Input, path: &Path) -> Result<Reader, TraceError> {
        let failed = |error| TraceError::Io(path.to_owned(), error);
        let mut pieces = Pieces::new(input);
        check_header(path, pieces.peek(FILE_HEADER).map_err(failed)?)?;
        pieces.skip(FILE_HEADER as u64).map_err(failed)?;
        let index = pieces.file().and_then(read_index);
        Ok(Reader {
            path: path.to_owned(),
            pieces,
            index,
            reached: 0,
            kept: None,
            budget: Budget::default(),
            growing: false,
        })
    }

    /// The index of a finished trace, where it can be had without reading all of it.
    pub fn index(&self) -> Option<&Index> {
        self.index.as_ref()
    }

    /// The file, unless the trace comes through a pipe or is compressed.
    pub fn file(&self) -> Option<&File> {
        self.pieces.file()
    }

    /// Returns whether the file is compressed as a whole, so that nothing can be read of what is added to it.
    pub fn is_compressed(&self) -> bool {
        self.pieces.file().is_none() && self.path != Path::new("-")
    }

    /// Goes back to this offset, where a piece begins.
    pub fn go_back(&mut self, offset: u64) {
        self.pieces.seek(offset);
    }

    /// Keeps the blocks that are read from now on, up to some size.
    pub fn keep_blocks(&mut self) {
        self.kept.get_or_insert_default();
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

    /// Finds the next block that `want` asks for, past everything else.  Each thing that is missing or damaged on the way goes to `flaws`,
    /// which may end the reading.
    pub fn next_block(
        &mut self,
        want: &dyn Fn(&Piece) -> Want,
        flaws: &mut dyn FnMut(Flaw) -> Result<(), TraceError>,
    ) -> Result<Next, TraceError> {
        loop {
            let offset = self.pieces.offset();
            if let Some(kept) = self.kept.as_mut().and_then(|kept| kept.get(offset))
                && want(&kept.piece) == Want::Read
                && let Ok(block) = self.block(&kept.piece, kept.words)
            {
                self.reached = kept.piece.after();
                self.pieces.seek(kept.end);
                return Ok(Next::Block { offset, is_unfinished: false, block: Box::new(block) });
            }
            let found = self.pieces.next(|piece| piece.is_block() && want(piece) == Want::Read);
            match found.map_err(|error| TraceError::Io(self.path.clone(), error))? {
                Found::Piece { offset, piece, payload: Some(payload) } => {
                    self.reached = piece.after();
                    let is_unfinished = piece.piece_type == layout::UNFINISHED_BLOCK;
                    let words = Block::words(&payload);
                    drop(payload);
                    if let (Ok(words), Some(kept), false) = (&words, &mut self.kept, is_unfinished) {
                        let (end, words) = (self.pieces.offset(), Rc::clone(words));
                        kept.put(KeptBlock { offset, end, piece, words });
                    }
                    match words.and_then(|words| self.block(&piece, words)) {
                        Ok(block) => return Ok(Next::Block { offset, is_unfinished, block: Box::new(block) }),
                        Err(error) => flaws(Flaw::no_trace(offset, &error))?,
                    }
                }
                // Where a recorder keeps room for the end, it will write the next block.
                Found::Piece { offset, piece, .. } if piece.piece_type == layout::ROOM => {
                    return Ok(Next::Waiting { offset, cut: false });
                }
                Found::Piece { piece, payload: None, .. } => {
                    if piece.is_block() && want(&piece) == Want::Stop {
                        return Ok(Next::Stopped);
                    }
                    if piece.is_block() {
                        self.reached = piece.after();
                    }
                }
                Found::Damage { offset, .. } if self.growing => {
                    // A block that is being written is whole the next time.
                    self.go_back(offset);
                    return Ok(Next::Waiting { offset, cut: true });
                }
                Found::Damage { offset, bytes, header } => {
                    flaws(Flaw::damaged(offset, bytes, header, self.reached))?;
                    if let Some(piece) = header.filter(Piece::is_block) {
                        self.reached = piece.after();
                    }
                }
                Found::Trailer => return Ok(Next::Finished),
                Found::End { offset, rest, .. } => return Ok(Next::Waiting { offset, cut: rest > 0 }),
            }
        }
    }

    /// Begins to read the events of a block.
    fn block(&self, piece: &Piece, words: Rc<[u64]>) -> Result<Block, StreamError> {
        self.budget.earn(piece.stored.into());
        Block::new(words, self.budget.clone())
    }

    /// Reads the next block that `want` asks for into the sink, but for the first `known` words of its events; sets `known` to all of
    /// them.
    pub fn next(
        &mut self,
        want: &dyn Fn(&Piece) -> Want,
        known: &mut u64,
        sink: &mut dyn Sink,
        flaws: &mut dyn FnMut(Flaw) -> Result<(), TraceError>,
    ) -> Result<Progress, TraceError> {
        Ok(match self.next_block(want, flaws)? {
            Next::Block { offset, is_unfinished, mut block } => {
                let result = loop {
                    match block.advance(BATCH, *known, sink) {
                        Ok(true) => {}
                        Ok(false) => break Ok(()),
                        Err(StreamError::Output(error)) => return Err(error.into()),
                        Err(error) => break flaws(Flaw::no_trace(offset, &error)),
                    }
                };
                result?;
                *known = block.position();
                Progress::Block { unfinished: is_unfinished.then_some(offset) }
            }
            Next::Finished => Progress::Finished,
            Next::Stopped => Progress::Stopped,
            Next::Waiting { offset, cut } => Progress::Waiting { offset, cut },
        })
    }

    /// Reads all blocks of a finished or abandoned file into the sink; returns how many there were.
    pub fn read_all(
        &mut self,
        sink: &mut dyn Sink,
        flaws: &mut dyn FnMut(Flaw) -> Result<(), TraceError>,
    ) -> Result<u64, TraceError> {
        self.read_wanted(&|_| Want::Read, sink, flaws)
    }

    /// Reads the blocks that `want` asks for, up to one at which it stops, into the sink; returns how many there were.
    pub fn read_wanted(
        &mut self,
        want: &dyn Fn(&Piece) -> Want,
        sink: &mut dyn Sink,
        flaws: &mut dyn FnMut(Flaw) -> Result<(), TraceError>,
    ) -> Result<u64, TraceError> {
        let mut blocks = 0;
        loop {
            match self.next(want, &mut 0, sink, flaws)? {
                Progress::Block { .. } => blocks += 1,
                Progress::Finished | Progress::Stopped => return Ok(blocks),
                Progress::Waiting { offset, cut } => {
                    flaws(Flaw::unfinished(self.reached(), cut.then_some(offset)))?;
                    return Ok(blocks);
                }
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
    file_input(File::open(path)?)
}

fn file_input(file: File) -> io::Result<Input> {
    let mut first = [0; FILE_MAGIC.len()];
    if file.metadata()?.is_file() && file.read_at(&mut first, 0)? == first.len() && first == FILE_MAGIC {
        return Ok(Input::File(file));
    }
    Ok(Input::Stream(decompressed(file)?))
}

fn check_header(path: &Path, header: &[u8]) -> Result<(), TraceError> {
    let not_a_trace = |why| Err(TraceError::NotATrace(path.to_owned(), why));
    if header.is_empty() {
        return not_a_trace("it is empty");
    }
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
