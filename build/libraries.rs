//! The C libraries that built-in modules call and that are not CPython's own: where each lies, compiled. A library that this machine
//! cannot have is missing from the list, and the modules that call it are then left out.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::cache::Fingerprint;
use super::openssl;
use super::problem::Problem;
use super::recipe::Recipe;
use super::settings::Settings;

/// A compiled C library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    /// What a row in `modules` calls it.
    pub name: &'static str,
    /// The folder of its headers.
    pub headers: PathBuf,
    /// Its static archives, in the order in which the linker wants them.
    pub archives: Vec<PathBuf>,
    /// Whether a crate tells cargo to link it.
    pub linked_by_crate: bool,
}

impl Library {
    /// Returns digits that differ whenever a header of the library does.
    pub fn headers_hash(&self) -> Result<String, Problem> {
        let mut all = Fingerprint::default();
        add_headers(&self.headers, &mut all)
            .map_err(|error| Problem::io("read a library's headers", &self.headers, &error))?;
        Ok(all.digits())
    }
}

/// Adds each header in the folder and the folders in it, in the order of their names.
fn add_headers(folder: &Path, all: &mut Fingerprint) -> io::Result<()> {
    let paths: io::Result<Vec<PathBuf>> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            add_headers(&path, all)?;
        } else if path.extension().is_some_and(|extension| extension == "h") {
            all.part(path.file_name().unwrap_or_default().as_encoded_bytes());
            all.part(fs::read(&path)?);
        }
    }
    Ok(())
}

/// A library whose crate carries the source and compiles it.
struct CrateLibrary {
    name: &'static str,
    /// The variable in which the crate's build says where its headers are, and the one for the archive's folder.
    headers: &'static str,
    folder: &'static str,
    /// The archive, relative to that folder.
    archive: &'static str,
}

const CRATE_LIBRARIES: [CrateLibrary; 3] = [
    CrateLibrary { name: "zlib", headers: "DEP_Z_INCLUDE", folder: "DEP_Z_ROOT", archive: "lib/libz.a" },
    CrateLibrary { name: "bzip2", headers: "DEP_BZIP2_INCLUDE", folder: "DEP_BZIP2_ROOT", archive: "lib/libbz2.a" },
    CrateLibrary {
        name: "sqlite3",
        headers: "DEP_SQLITE3_INCLUDE",
        folder: "DEP_SQLITE3_LIB_DIR",
        archive: "libsqlite3.a",
    },
];

/// Returns the crates' libraries that cargo tells of, which in a build are all.
pub fn of_crates(var: &impl Fn(&str) -> Option<OsString>) -> Vec<Library> {
    let found = CRATE_LIBRARIES.iter().filter_map(|library| {
        Some(Library {
            name: library.name,
            headers: var(library.headers)?.into(),
            archives: vec![Path::new(&var(library.folder)?).join(library.archive)],
            linked_by_crate: true,
        })
    });
    found.collect()
}

/// Returns every library that the modules can have on this machine.
pub fn gather(settings: &Settings, recipe: &Recipe) -> Result<Vec<Library>, Problem> {
    let mut libraries = settings.libraries.clone();
    libraries.extend(openssl::get_or_make(settings, recipe)?);
    Ok(libraries)
}
