//! The folder that layers are written into: new files only, under names that no file system minds.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{Layers, manifest};
use crate::bytecode::escape::Printable;

/// Characters of a code object's name in the name of its file.
const NAME: usize = 64;

/// Why a folder cannot take layers.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("cannot write code objects into {}: it is not empty; name a new folder", Printable::path(.0))]
    NotEmpty(PathBuf),
    #[error("cannot write code objects into {}: {}", Printable::path(.0), .1)]
    Io(PathBuf, io::Error),
}

/// A folder that was empty when it was opened.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Opens an empty folder, or makes it.
    pub fn open(path: &Path) -> Result<Folder, FolderError> {
        let failed = |error| FolderError::Io(path.to_owned(), error);
        match fs::create_dir(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if fs::read_dir(path).map_err(failed)?.next().is_some() {
                    return Err(FolderError::NotEmpty(path.to_owned()));
                }
            }
            result => result.map_err(failed)?,
        }
        Ok(Folder { path: path.to_owned() })
    }

    /// Writes the .pyc of the layer at this place.
    pub(super) fn write_layer(&self, place: usize, name: &[u8], pyc: &[u8]) -> io::Result<()> {
        self.write(&file_name(place, name), pyc)
    }

    pub(super) fn write_manifest(&self, layers: &Layers) -> io::Result<()> {
        self.write("manifest.json", &manifest::render(layers))
    }

    /// Makes a new file.  The folder was empty, so what has that name is of the program's making: it goes, and is not followed.
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.path.join(name);
        let _ = fs::remove_file(&path);
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        file.and_then(|mut file| file.write_all(bytes))
            .map_err(|error| io::Error::new(error.kind(), format!("cannot write {}: {error}", Printable::path(&path))))
    }
}

/// The name of a layer's file: its number, and its code object's name as far as every file system takes it.
pub(super) fn file_name(place: usize, name: &[u8]) -> String {
    let is_safe = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let safe = |byte: &u8| if is_safe(byte) { char::from(*byte) } else { '_' };
    let name = name.strip_prefix(b"<").and_then(|name| name.strip_suffix(b">")).unwrap_or(name);
    let name: String = name.iter().take(NAME).map(safe).collect();
    let between = if name.is_empty() { "" } else { "-" };
    format!("{:04}{between}{name}.pyc", place + 1)
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
            assert_eq!(file_name(0, name), file);
        }
        assert_eq!(file_name(12344, b"f"), "12345-f.pyc");
        assert_eq!(file_name(0, &[b'x'; 5000]).len(), 4 + 1 + NAME + 4);
    }
}
