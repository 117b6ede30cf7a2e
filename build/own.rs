//! Our own C files, and the modules that call a library of a crate's, compiled; and the standard library, packed. Made once for
//! everything that goes into them, in seconds, and kept in the cache, so that clippy, a test and a build share one.

use std::fs;
use std::path::{Path, PathBuf};

use super::cache::{self, Fingerprint};
use super::compile::{failed, flagged_cc, plain_cc, without_prefix};
use super::cpython::CPython;
use super::libraries::Library;
use super::modules;
use super::problem::Problem;
use super::recipe::{Recipe, own_files, paths_with_extension};
use super::settings::{SANITIZERS, Settings};
use super::stdlib;

/// The text of the steps that decide what comes out, beside those of the recipe.
const STEPS: [&str; 3] = [include_str!("own.rs"), include_str!("modules.rs"), include_str!("stdlib.rs")];

/// The folder of what was made.
#[derive(Debug, Clone)]
pub struct Own {
    pub folder: PathBuf,
}

impl Own {
    /// The archive's name as the linker wants it.
    pub const ARCHIVE: &str = "bctrace_own";

    /// Returns the packed standard library.
    pub fn library(&self) -> PathBuf {
        self.folder.join(stdlib::LIBRARY)
    }

    /// Returns the file that is there as long as the folder is whole.
    pub fn stamp(&self) -> PathBuf {
        self.folder.join(cache::STAMP)
    }
}

/// Returns what goes with this CPython and these libraries from the cache, after making it if it is not there.
pub fn get_or_make(
    settings: &Settings,
    recipe: &Recipe,
    python: &CPython,
    libraries: &[Library],
) -> Result<Own, Problem> {
    let fingerprint = fingerprint(settings, recipe, libraries)?;
    let folder = cache::get_or_make(settings, "own", &fingerprint, |folder, _| {
        settings.progress.say("compiling bctrace's own C files and the standard library");
        let scratch = folder.join("scratch");
        fs::create_dir(&scratch).map_err(|error| Problem::io("make a build folder", &scratch, &error))?;
        let objects = compile(settings, recipe, python, libraries, &scratch)?;
        plain_cc(settings)
            .out_dir(folder)
            .objects(objects)
            .try_compile(Own::ARCHIVE)
            .map_err(|error| failed(&error, folder))?;
        stdlib::make(settings, python, libraries, folder, &scratch)?;
        fs::remove_dir_all(&scratch).map_err(|error| Problem::io("remove a build folder", &scratch, &error))
    })?;
    Ok(Own { folder })
}

/// Returns digits that differ whenever something that goes into the result does.
pub fn fingerprint(settings: &Settings, recipe: &Recipe, libraries: &[Library]) -> Result<String, Problem> {
    let mut all = Fingerprint::default();
    all.part(recipe.fingerprint());
    for extension in ["c", "h", "py"] {
        for file in own_files(&settings.patch_dir(), extension)? {
            all.part(&file.name);
            all.part(&file.text);
        }
    }
    for library in libraries {
        all.part(library.name);
        all.part(library.headers_hash()?);
    }
    if settings.sanitize {
        all.part(SANITIZERS);
    }
    STEPS.iter().for_each(|text| all.part(text));
    Ok(all.digits())
}

/// Compiles our own C files, the tables of modules, and the modules that call one of `libraries`; returns the object files.
fn compile(
    settings: &Settings,
    recipe: &Recipe,
    python: &CPython,
    libraries: &[Library],
    into: &Path,
) -> Result<Vec<PathBuf>, Problem> {
    let modules = modules::possible(recipe.modules, libraries);
    let tables = into.join("tables.c");
    fs::write(&tables, modules::tables_c(&modules))
        .map_err(|error| Problem::io("write the tables of modules", &tables, &error))?;
    let mut build = flagged_cc(settings, recipe);
    build.warnings(true).extra_warnings(true).flags(["-Wno-unused-parameter", "-Wno-missing-field-initializers"]);
    build.flag_if_supported(without_prefix(&settings.crate_dir));
    if settings.sanitize {
        build.flag(SANITIZERS);
    }
    build.include(python.headers()).include(settings.patch_dir());
    build.includes(libraries.iter().map(|library| &library.headers));
    build.out_dir(into).file(tables).files(paths_with_extension(&settings.patch_dir(), "c")?);
    let mut objects = build.try_compile_intermediates().map_err(|error| failed(&error, into))?;
    objects.extend(linked_modules(settings, recipe, python, libraries, into)?);
    Ok(objects)
}

/// Compiles the modules that call one of the libraries; returns their object files.
fn linked_modules(
    settings: &Settings,
    recipe: &Recipe,
    python: &CPython,
    libraries: &[Library],
    into: &Path,
) -> Result<Vec<PathBuf>, Problem> {
    let mut objects = Vec::new();
    for module in recipe.modules {
        let Some(library) = libraries.iter().find(|library| module.library == Some(library.name)) else { continue };
        let mut build = flagged_cc(settings, recipe);
        for (name, value) in module.defines {
            build.define(name, *value);
        }
        build.warnings(false).include(python.headers()).include(&library.headers).include(settings.patch_dir());
        build.out_dir(into).files(module.sources.iter().map(|source| python.modules().join(source)));
        objects.extend(build.try_compile_intermediates().map_err(|error| failed(&error, into))?);
    }
    Ok(objects)
}
