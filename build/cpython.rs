//! One compiled CPython, from tarball to archive, made once per recipe and kept in the cache.

use std::fs;
use std::path::{Path, PathBuf};

use super::cache;
use super::compile;
use super::libffi;
use super::patch;
use super::problem::Problem;
use super::recipe::Recipe;
use super::settings::Settings;
use super::source;

/// The folder of a compiled CPython.
#[derive(Debug, Clone)]
pub struct CPython {
    pub folder: PathBuf,
}

impl CPython {
    /// The archive's name as the linker wants it.
    pub const ARCHIVE: &str = "bctrace_cpython";

    /// Returns the folder of Python.h, pyconfig.h and all other headers.
    pub fn headers(&self) -> PathBuf {
        self.folder.join("include")
    }

    /// Returns the standard library's sources.
    pub fn library(&self) -> PathBuf {
        self.folder.join("Lib")
    }

    /// Returns the sources of extension modules, as CPython's Modules/.
    pub fn modules(&self) -> PathBuf {
        self.folder.join("Modules")
    }

    /// Returns the Makefile that configure wrote; its variables tell what was found.
    pub fn makefile(&self) -> PathBuf {
        self.folder.join("Makefile")
    }

    /// Returns the file that is there as long as the folder is whole.
    pub fn stamp(&self) -> PathBuf {
        self.folder.join(cache::STAMP)
    }
}

/// Returns the CPython of this recipe from the cache, after making it if it is not there.
pub fn get_or_make(settings: &Settings, recipe: &Recipe) -> Result<CPython, Problem> {
    let make = |folder: &Path, log: &Path| make(settings, recipe, folder, log);
    Ok(CPython { folder: cache::get_or_make(settings, "cpython", &recipe.fingerprint(), make)? })
}

/// Fills `folder` with the archive, its headers, and the parts of the source that later steps read. Commands and their output go
/// to `log`.
fn make(settings: &Settings, recipe: &Recipe, folder: &Path, log: &Path) -> Result<(), Problem> {
    let tarball = source::obtain(settings, &recipe.pin)?;
    let tree = source::unpack(&tarball, &recipe.pin, folder)?;
    for file in &recipe.patches {
        patch::apply(&file.name, &file.text, &tree)?;
    }
    settings.progress.say(&format!("building CPython 2.7.18, once, in a minute or two; log: {}", log.display()));
    compile::configure(recipe, &tree, log)?;
    libffi::write_headers(&tree)?;
    compile::compile(settings, recipe, &tree, folder, log)?;
    compile::keep_headers(&tree, &folder.join("include"))?;
    for name in ["Lib", "LICENSE", "Makefile", "Modules"] {
        let kept = folder.join(name);
        fs::rename(tree.join(name), &kept).map_err(|error| Problem::io("keep a part of CPython", &kept, &error))?;
    }
    for scratch in [tree, folder.join("objects")] {
        fs::remove_dir_all(&scratch).map_err(|error| Problem::io("remove a build folder", &scratch, &error))?;
    }
    Ok(())
}
