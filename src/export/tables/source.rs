//! A trace that is read more than once: its hash, which names it in every table, is needed before its first row.  What comes through a pipe
//! is copied into a temporary file without a name.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::code;
use crate::export::ExportError;
use crate::format::decompressed;
use crate::read::{Reader, TraceError, is_read_once};

/// Bytes of a stream after which it must have turned out to be a trace.
const LOOKED_AT: u64 = 1 << 16;

/// An open trace.
pub struct Source {
    file: File,
    /// As the user named it.
    path: PathBuf,
}

impl Source {
    /// Opens a trace; `-` is standard input.
    pub fn open(path: &Path) -> Result<Source, ExportError> {
        let failed = |error| TraceError::Io(path.to_owned(), error);
        if path == Path::new("-") {
            return Source::copied(io::stdin().lock(), path);
        }
        let file = File::open(path).map_err(failed)?;
        if is_read_once(path) {
            return Source::copied(file, path);
        }
        let source = Source { file, path: path.to_owned() };
        // It says what is no trace.
        source.reader()?;
        Ok(source)
    }

    fn copied(mut stream: impl Read, path: &Path) -> Result<Source, ExportError> {
        let failed = |error: io::Error| {
            let shown = crate::format::Named::input(path);
            ExportError::Refused(format!("cannot copy {shown} into a temporary file: {error}"))
        };
        let mut source = Source { file: tempfile::tempfile().map_err(failed)?, path: path.to_owned() };
        io::copy(&mut stream.by_ref().take(LOOKED_AT), &mut source.file).map_err(failed)?;
        source.reader()?;
        source.file.seek(io::SeekFrom::End(0)).map_err(failed)?;
        io::copy(&mut stream, &mut source.file).map_err(failed)?;
        Ok(source)
    }

    /// Begins to read it anew; one reader at a time is of use.
    pub fn reader(&self) -> Result<Reader, TraceError> {
        let failed = |error| TraceError::Io(self.path.clone(), error);
        Reader::of_file(self.file.try_clone().map_err(failed)?, &self.path)
    }

    /// The SHA-256 of the trace, unpacked if it is compressed, in hexadecimal digits.
    pub fn hash(&self) -> Result<String, TraceError> {
        let failed = |error| TraceError::Io(self.path.clone(), error);
        let mut file = &self.file;
        file.rewind().map_err(failed)?;
        let mut hash = Sha256::new();
        let mut unpacked = decompressed(file).map_err(failed)?;
        let mut buffer = vec![0; 1 << 18];
        // What cannot be unpacked the reader reports.
        while let Ok(count @ 1..) = unpacked.read(&mut buffer) {
            hash.update(&buffer[..count]);
        }
        Ok(code::hex(&hash.finalize()))
    }
}
