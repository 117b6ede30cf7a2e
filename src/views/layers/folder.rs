//! The folder that layers are written into: new files only, under names that no file system minds, and a manifest for which
//! room is kept, so that a full disk costs layers and not the list of them.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::{Layers, manifest};
use crate::bytecode::escape::Printable;
use crate::format::{OutputError, OutputFolder};
use crate::trace::SinkError;

/// Characters of a code object's name in the name of its file.
const NAME: usize = 64;
/// The name of the manifest.
const MANIFEST: &str = "manifest.json";
/// Bytes of room that are made at a time.
const STEP: usize = 4096;

/// A folder that was empty when it was opened.
#[derive(Debug)]
pub struct Folder {
    folder: OutputFolder,
    manifest: File,
    /// Bytes that the manifest will take at most, as far as is known, and bytes of its file.
    needed: usize,
    room: usize,
}

impl Folder {
    /// Opens an empty folder, or makes it.
    pub fn open(path: &Path) -> Result<Folder, OutputError> {
        let folder = OutputFolder::new(path)?;
        let manifest =
            folder.create(OsStr::new(MANIFEST)).map_err(|error| OutputError::Io(path.join(MANIFEST), error))?;
        Ok(Folder { folder, manifest, needed: 0, room: 0 })
    }

    /// Keeps room for this many bytes more in the manifest.
    pub(super) fn keep_room(&mut self, bytes: usize) -> io::Result<()> {
        let needed = self.needed + bytes;
        while self.room < needed {
            // Blanks, as the file of a killed recorder is no JSON anyway.
            let blanks = [b'\n'; STEP];
            self.manifest.write_all_at(&blanks, self.room as u64).map_err(|error| self.failed(MANIFEST, &error))?;
            self.room += STEP;
        }
        self.needed = needed;
        Ok(())
    }

    /// Writes a file; a part of one is not left.
    pub(super) fn write_file(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        // The folder was empty, so what has that name is of the program's making.
        let written = self.folder.create_anyway(OsStr::new(name)).and_then(|mut file| file.write_all(bytes));
        written.map_err(|error| {
            self.folder.remove(OsStr::new(name));
            self.failed(name, &error)
        })
    }

    pub(super) fn write_manifest(&self, layers: &Layers) -> Result<(), SinkError> {
        let manifest = manifest::render(layers);
        let written =
            self.manifest.write_all_at(&manifest, 0).and_then(|()| self.manifest.set_len(manifest.len() as u64));
        written.map_err(|error| self.failed(MANIFEST, &error))?;
        self.folder.harm().map_or(Ok(()), |harm| Err(SinkError::Lost(harm)))
    }

    /// Leaves nothing: no layer was written.
    pub(super) fn discard(&self) {
        self.folder.remove(OsStr::new(MANIFEST));
        self.folder.remove_if_new();
    }

    fn failed(&self, name: &str, error: &io::Error) -> io::Error {
        let path = self.folder.path_of(name);
        io::Error::new(error.kind(), format!("cannot write {}: {error}", Printable::path(&path)))
    }
}

/// The name of a layer's file: its number, and its code object's name as far as every file system takes it.
pub(super) fn file_name(place: usize, name: &[u8], suffix: &str) -> String {
    let is_safe = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let safe = |byte: &u8| if is_safe(byte) { char::from(*byte) } else { '_' };
    let name = name.strip_prefix(b"<").and_then(|name| name.strip_suffix(b">")).unwrap_or(name);
    let name: String = name.iter().take(NAME).map(safe).collect();
    let between = if name.is_empty() { "" } else { "-" };
    format!("{:04}{between}{name}.{suffix}", place + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_for_every_file_system() {
        let cases: [(&[u8], &str); 7] = [
            (b"<module>", "0001-module.pyc"),
            (b"main", "0001-main.pyc"),
            (b"../../etc/passwd", "0001-______etc_passwd.pyc"),
            (b"a\0b\nc d", "0001-a_b_c_d.pyc"),
            (b"", "0001.pyc"),
            (b"<>", "0001.pyc"),
            ("ü".as_bytes(), "0001-__.pyc"),
        ];
        for (name, file) in cases {
            assert_eq!(file_name(0, name, "pyc"), file);
        }
        assert_eq!(file_name(12344, b"f", "py"), "12345-f.py");
        assert_eq!(file_name(0, &[b'x'; 5000], "pyc").len(), 4 + 1 + NAME + 4);
    }
}
