//! Where a format's bytes go: a file written in place, or standard output.  Whatever stops the writing, a file is left that
//! ends at a whole piece and, where the format has one, with an end that says so: room for that is kept in the file all the
//! time.

mod folder;
mod open;
mod replace;
mod samples;
mod store;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Read};

use super::Paint;
use super::compression::{Compression, Compressor, DEFLATE_NOTHING, DEFLATE_NOTHING_LONGER, Mark};
use crate::trace::SinkError;
pub use folder::{OutputFolder, is_taken};
pub use open::{Checked, OutputError, Replace, check_output, names_stdout};
use store::Store;
pub(super) use store::{Filler, Keep};

/// Uncompressed bytes between two sync points of a compressed file, and compressed bytes.  By size alone, so that equal runs
/// give equal bytes.  Tests want many of few bytes.
const SYNC: u64 = if cfg!(test) { 1 << 10 } else { 4 << 20 };
const SYNC_PACKED: u64 = 64 << 10;
/// The same in a file that is small, or has a limit, which is noticed there: a block of zstd.
const SYNC_SMALL: u64 = if cfg!(test) { 1 << 10 } else { 128 << 10 };
const SYNC_SMALL_PACKED: u64 = 4 << 10;
/// Room for the end of a compressed file: its marks, or what makes a reader step over the room, and a last line.
const ROOM: u64 = 4 << 10;

/// An open output.
pub struct Output {
    store: Store,
    compressor: Compressor,
    /// Compressed bytes that wait for the next sync point.
    pending: Vec<u8>,
    /// Uncompressed bytes taken, those since the last sync point, and those that are in the file for good.
    taken: u64,
    unsynced: u64,
    kept: u64,
    /// What can end the file after its last whole piece.
    mark: Mark,
    /// Bytes of room that are kept for the end, and what they hold; none if the format needs none.
    room: u64,
    filler: Option<Filler>,
    /// Bytes of the file at which the format should stop (--max-size).
    limit: u64,
    /// Bytes between two sync points at most.
    most_unsynced: u64,
    state: Writing,
    /// The colours of lines that are written for people.
    paint: Option<Paint>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    Open,
    /// A write has failed; the file ends at its last whole piece.
    Failed,
    /// It has its end.
    Ended,
}

/// Zeros are empty raw blocks of a zstd frame.
const ZSTD_FILLER: Filler = Filler { pattern: &[0], head: |_, _| Vec::new() };
/// Empty blocks of a deflate stream, and blocks of another length from the room's beginning to the next of these.
const DEFLATE_FILLER: Filler = Filler {
    pattern: &DEFLATE_NOTHING,
    head: |offset, _| DEFLATE_NOTHING_LONGER.repeat((DEFLATE_NOTHING.len() - (offset % 5) as usize) % 5),
};

impl Output {
    fn new(store: Store, compression: Compression) -> io::Result<Output> {
        let compressor = Compressor::new(compression)?;
        Ok(Output {
            mark: compressor.mark(),
            compressor,
            pending: Vec::new(),
            taken: 0,
            unsynced: 0,
            kept: 0,
            room: if store.is_own() && compression != Compression::None { ROOM } else { 0 },
            filler: match compression {
                Compression::None => None,
                Compression::Zstd => Some(ZSTD_FILLER),
                Compression::Gzip => Some(DEFLATE_FILLER),
            },
            store,
            limit: u64::MAX,
            most_unsynced: SYNC,
            state: Writing::Open,
            paint: None,
        })
    }

    /// An output into a pipe.
    pub fn of_pipe(file: File) -> io::Result<Output> {
        Output::new(Store::shared(file), Compression::None)
    }

    /// Has lines painted from now on.
    pub fn painted(self, paint: Paint) -> Output {
        Output { paint: Some(paint), ..self }
    }

    /// Sets the size of the file at which it is full.  If its pieces are `blocks`, that is looked at after each.
    pub(super) fn set_limit(&mut self, max_size: Option<u64>, blocks: bool) {
        self.limit = max_size.unwrap_or(u64::MAX);
        if self.limit != u64::MAX {
            self.most_unsynced = if blocks { 1 } else { SYNC_SMALL };
        }
    }

    /// Another handle of the file, if its bytes are the format's own: not compressed, and written by no other process.
    pub fn own_file(&self) -> Option<File> {
        let is_plain = self.store.is_own() && self.compressor.is_none();
        is_plain.then(|| self.store.file().try_clone().ok()).flatten()
    }

    /// Goes on after the process that this one is a copy of: what that has written since is written again, in its place.
    pub(super) fn resume(&mut self) -> io::Result<()> {
        self.store.resume()
    }

    /// Returns whether the bytes are compressed on their way.
    pub(super) fn is_compressed(&self) -> bool {
        !self.compressor.is_none()
    }

    /// Returns whether the bytes of lines are to become a zstd frame.
    pub(super) fn is_zstd(&self) -> bool {
        matches!(self.compressor, Compressor::Zstd(_))
    }

    /// Keeps `bytes` of room for the end from the next write on; `filler` is what they hold if nothing is compressed.
    pub(super) fn keep_room(&mut self, bytes: u64, filler: Filler) {
        if self.store.is_own() {
            self.room = bytes + if self.is_compressed() { ROOM } else { 0 };
            self.filler.get_or_insert(filler);
        }
    }

    /// The bytes taken, before compression.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// Of the bytes taken, those that are in the file and stay there.
    pub(super) fn kept(&self) -> u64 {
        self.kept
    }

    /// The bytes of the file so far; those that wait to be compressed are not among them.
    pub(super) fn stored(&self) -> u64 {
        self.store.stored()
    }

    /// Returns whether `unsynced` bytes, `packed` when compressed, that come last of `taken` should go to the file: an eighth of it at
    /// most, for what has not gone there is lost if it does not fit.
    pub(super) fn is_sync_point(&self, unsynced: u64, packed: usize, taken: u64) -> bool {
        let most = (taken / 8).clamp(SYNC_SMALL, SYNC).min(self.most_unsynced);
        unsynced >= most || packed as u64 >= (self.stored() / 8).clamp(SYNC_SMALL_PACKED, SYNC_PACKED)
    }

    /// Returns whether the file has reached its limit.
    pub(super) fn is_full(&self) -> bool {
        self.is_full_with(0)
    }

    /// Returns whether it would have with `more` bytes.
    pub(super) fn is_full_with(&self, more: u64) -> bool {
        self.stored() + more >= self.limit
    }

    /// Returns whether a write has failed, and the file has no end yet.
    pub(super) fn has_failed(&self) -> bool {
        self.state == Writing::Failed
    }

    /// Writes nothing more but an end: what comes next has no place in the file.
    pub(super) fn fail(&mut self) {
        self.state = Writing::Failed;
    }

    /// Returns whether more can be written.
    pub(super) fn is_open(&self) -> bool {
        self.state == Writing::Open
    }

    /// Takes a piece of output that ends at a whole line or block.  After an error only [`Output::end_with`] and
    /// [`Output::finish`] make sense.
    pub(super) fn write(&mut self, bytes: &[u8], keep: Keep) -> io::Result<()> {
        let mut painted = Vec::new();
        let bytes = match self.paint {
            Some(paint) => {
                paint.push(bytes, &mut painted);
                &painted
            }
            None => bytes,
        };
        self.taken += bytes.len() as u64;
        if !self.is_compressed() {
            return self.store_piece(bytes, keep);
        }
        self.unsynced += bytes.len() as u64;
        let sync = self.is_sync_point(self.unsynced, 0, self.taken);
        self.compressor.compress(bytes, sync, &mut self.pending)?;
        if sync {
            return self.store_pending();
        }
        if self.is_sync_point(self.unsynced, self.pending.len(), self.taken) { self.sync() } else { Ok(()) }
    }

    /// Sees to it that all that was taken is in the file.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if !self.is_compressed() {
            return Ok(());
        }
        self.compressor.compress(&[], true, &mut self.pending)?;
        self.store_pending()
    }

    fn store_pending(&mut self) -> io::Result<()> {
        self.unsynced = 0;
        let mut pending = std::mem::take(&mut self.pending);
        let result = self.store_piece(&pending, Keep::Nothing);
        pending.clear();
        self.pending = pending;
        result
    }

    /// Takes blocks of a zstd frame that its maker has compressed.
    pub(super) fn write_packed(&mut self, blocks: &[u8]) -> io::Result<()> {
        let result = self.store_piece(blocks, Keep::Nothing);
        if result.is_ok() {
            self.mark = Mark::Zstd { begun: true };
        }
        result
    }

    /// Writes a whole piece to the file, and keeps room after it.
    fn store_piece(&mut self, bytes: &[u8], keep: Keep) -> io::Result<()> {
        if !self.is_open() {
            return Err(io::Error::other("the output has failed before"));
        }
        let end = self.stored() + bytes.len() as u64 + self.room;
        let room = self.filler.filter(|_| self.room > 0);
        let result = room.map_or(Ok(()), |filler| self.store.make_room(end, filler));
        if let Err(error) = result.and_then(|()| self.store.append(bytes, keep)) {
            self.state = Writing::Failed;
            return Err(error);
        }
        self.mark = self.compressor.mark();
        self.kept = self.taken;
        if let Some(filler) = room {
            // It is there for readers of an unfinished file alone.
            let _ = self.store.write_ahead(&(filler.head)(self.stored(), self.store.room()));
        }
        Ok(())
    }

    /// Writes something provisional that the next write replaces, for readers of a growing file; false if that is
    /// impossible.
    pub(super) fn write_ahead(&mut self, bytes: &[u8]) -> bool {
        let Some(filler) = self.filler.filter(|_| self.store.is_own() && !self.is_compressed()) else { return false };
        let length = bytes.len() as u64;
        // Provisional bytes that do not fit are no failure yet.
        if !self.is_open() || self.store.make_room(self.stored() + length + self.room, filler).is_err() {
            return false;
        }
        let head = (filler.head)(self.stored() + length, self.store.room() - length);
        self.store.write_ahead(&[bytes, &head].concat()).is_ok()
    }

    /// Ends a file whose writing has failed with these bytes, after its last whole piece, where room was kept for them.
    /// False if they do not fit.
    pub(super) fn end_with(&mut self, last: &[u8]) -> bool {
        let fits = self.has_failed() && self.store.is_own();
        let ended = fits && self.store.append(&self.mark.end_with(last), Keep::Nothing).is_ok();
        if ended {
            self.state = Writing::Ended;
        }
        ended
    }

    /// Ends a file of lines whose writing has failed with this line, over its last lines if need be.
    pub(super) fn end_with_line(&mut self, line: &[u8]) -> bool {
        if self.is_compressed() {
            return self.end_with(line);
        }
        let ended = self.has_failed() && self.store.end_with_line(line);
        if ended {
            self.state = Writing::Ended;
        }
        ended
    }

    /// Takes the last piece of the output.  The room that was kept for it is its own.
    pub(super) fn write_end(&mut self, bytes: &[u8]) -> io::Result<()> {
        (self.room, self.filler) = (0, None);
        self.write(bytes, Keep::Nothing)
    }

    /// Ends the output; returns the bytes of the file.  It is an error if others have changed it meanwhile.
    pub(super) fn finish(&mut self) -> Result<u64, SinkError> {
        if self.is_open() && self.is_compressed() {
            self.compressor.compress(&[], true, &mut self.pending)?;
            self.pending.extend_from_slice(&self.compressor.mark().end_with(&[]));
            let last = std::mem::take(&mut self.pending);
            self.end(&last)?;
        }
        self.cut()
    }

    /// Ends a frame of packed blocks; returns the bytes of the file.
    pub(super) fn finish_packed(&mut self) -> Result<u64, SinkError> {
        if self.is_open() {
            let last = self.mark.end_with(&[]);
            self.end(&last)?;
        }
        self.cut()
    }

    /// Writes what ends the file.
    fn end(&mut self, last: &[u8]) -> io::Result<()> {
        let result = self.store.append(last, Keep::Nothing);
        self.state = if result.is_ok() { Writing::Ended } else { Writing::Failed };
        result
    }

    /// Takes the room away, and looks whether the file is what was written.
    fn cut(&mut self) -> Result<u64, SinkError> {
        if self.has_failed() {
            // The first error is the one to report; if nothing more can be done, the file is as the disk left it.
            if self.is_compressed() && self.stored() > 0 {
                self.end_with(&[]);
            }
            let _ = self.store.cut();
            return Ok(self.stored());
        }
        self.store.cut()?;
        self.state = Writing::Ended;
        match self.store.harm() {
            Some(harm) => Err(SinkError::Lost(harm)),
            None => Ok(self.stored()),
        }
    }
}

/// Takes compression off an input, as its first bytes say.
pub fn decompressed<'a>(mut input: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut first = Vec::new();
    input.by_ref().take(4).read_to_end(&mut first)?;
    let is_zstd = first == [0x28, 0xb5, 0x2f, 0xfd];
    let is_gzip = first.starts_with(&[0x1f, 0x8b]);
    let whole = io::Cursor::new(first).chain(input);
    Ok(match (is_zstd, is_gzip) {
        (true, _) => Box::new(zstd::stream::read::Decoder::new(whole)?),
        (_, true) => Box::new(flate2::read::MultiGzDecoder::new(whole)),
        _ => Box::new(whole),
    })
}
