//! The C libraries that built-in modules call and that are not CPython's own: where each lies, compiled. A library that this machine
//! cannot have is missing from the list, and the modules that call it are then left out.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

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
