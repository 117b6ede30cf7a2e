//! The archives that stand beside an executable: cx_Freeze's and bbfreeze's, which hold the program, and py2exe's, which holds its modules.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::open::whole;
use crate::bytecode::file::{self, Asked, Contents, FileError, Kind};

/// Where freezers put an archive, from the executable's folder.
const PLACES: [&str; 4] = ["lib/library.zip", "library.zip", "lib/python27.zip", "python27.zip"];

/// Finds the archive of an executable that has no program in itself, which `error` says; None if there is none.
pub fn archive(file: &Path, error: &FileError, asked: &Asked) -> anyhow::Result<Option<(Contents, PathBuf)>> {
    if asked.is_strict || asked.member.is_some() || !is_executable(error) {
        return Ok(None);
    }
    let folder = file.parent().unwrap_or(Path::new(""));
    for place in PLACES.map(|place| folder.join(place)).into_iter().filter(|place| place.is_file()) {
        let contents = file::read(whole(&place)?, asked)?;
        let own = [&asked.stem[..], b"__main__"].concat();
        let is_own = match contents.kind {
            Kind::CxFreeze => contents.entries.iter().any(|entry| entry.name == own),
            kind => kind == Kind::BbFreeze,
        };
        if is_own {
            return Ok(Some((contents, place)));
        }
    }
    Ok(None)
}

fn is_executable(error: &FileError) -> bool {
    matches!(error, FileError::Pyc(crate::bytecode::pyc::PycError::OtherFile(_)))
}

/// Adds the modules of py2exe's archive, where it is a file of its own; returns its path.
pub fn add_library(contents: &mut Contents, file: &Path) -> anyhow::Result<Option<PathBuf>> {
    let Some(name) = contents.library.as_ref().filter(|name| !name.is_empty()) else { return Ok(None) };
    // The name is one of Windows, and hostile.
    let name = file::safe_path(name);
    let Some(name) = name.file_name().map(OsStr::as_bytes) else { return Ok(None) };
    let place = file.parent().unwrap_or(Path::new("")).join(OsStr::from_bytes(name));
    if file == Path::new("-") || !place.is_file() {
        return Ok(None);
    }
    let mut library = file::read(whole(&place)?, &Asked::default())?;
    contents.modules.append(&mut library.modules);
    contents.files.append(&mut library.files);
    Ok(Some(place))
}
