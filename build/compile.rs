//! Configures and compiles a source tree, and our own C files, into static archives. CPython's configure runs; its Makefile does
//! not, so no `make` is needed.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::cpython::CPython;
use super::libraries::Library;
use super::modules::{self, Module};
use super::problem::{NEXT_NO_SPACE, Problem};
use super::recipe::{Recipe, paths_with_extension};
use super::settings::Settings;
use super::sources;

/// As CPython's own Makefile; without the first two 2.7 is miscompiled. PIE and not PIC: the archive goes into executables
/// alone, where the compiler need not allow for interposed symbols. No debug information, whatever cargo's profile says.
pub const FLAGS: &[&str] = &["-fno-strict-aliasing", "-fwrapv", "-O3", "-g0", "-fPIE", "-DNDEBUG", "-DPy_BUILD_CORE"];

/// The archive of our own C files, as the linker wants it.
pub const OWN_ARCHIVE: &str = "bctrace_own";

/// What sets some files apart from the others when they are compiled.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct How {
    defines: Vec<(String, String)>,
    includes: Vec<PathBuf>,
}

type Groups = BTreeMap<How, Vec<PathBuf>>;

/// Starts a `cc` build that takes nothing from cargo's profile and says nothing about linking.
pub fn plain_cc(settings: &Settings) -> cc::Build {
    let mut build = cc::Build::new();
    build.target(&settings.target).host(&settings.host).no_default_flags(true);
    build.debug(false).opt_level(3).cargo_metadata(false);
    if let Some(path) = &settings.compiler {
        build.compiler(path);
    }
    build
}

/// Runs `./configure` in the tree; its output goes to `log`, after a failure with config.log.
pub fn configure(recipe: &Recipe, tree: &Path, log: &Path) -> Result<(), Problem> {
    let cannot = "configure CPython";
    let failed = |error| Problem::io(cannot, log, &error);
    let output = File::create(log).map_err(failed)?;
    let errors = output.try_clone().map_err(failed)?;
    let mut command = Command::new("sh");
    command.args(["./configure", "--enable-unicode=ucs4"]).current_dir(tree);
    // Only what the recipe knows may change the result.
    for name in ["CONFIG_SITE", "CPP", "CPPFLAGS", "LDFLAGS", "LIBS", "MAKEFLAGS"] {
        command.env_remove(name);
    }
    command.env("CC", &recipe.compiler.path).env("CFLAGS", recipe.compiler.args.join(" ")).env("LC_ALL", "C");
    command.stdin(Stdio::null()).stdout(output).stderr(errors);
    let status = command.status().map_err(|error| {
        let wrong = format!("`sh` could not be started: {error}");
        Problem::new(cannot, wrong, "install a POSIX shell as `sh`")
    })?;
    if status.success() {
        return Ok(());
    }
    let said = fs::read_to_string(log).unwrap_or_default();
    let details = fs::read_to_string(tree.join("config.log")).unwrap_or_default();
    let _ = fs::write(log, format!("{said}\n{details}"));
    let wrong = format!(
        "./configure ended with {status}; its last lines are\n{}\nall of it, with config.log, is in {}",
        last_lines(&said),
        log.display()
    );
    Err(Problem::new(cannot, wrong, advice_on(&format!("{said}{details}"))))
}

/// Compiles the configured tree into the CPython archive in `into`.
pub fn compile(settings: &Settings, recipe: &Recipe, tree: &Path, into: &Path) -> Result<(), Problem> {
    let mut objects = Vec::new();
    for (how, files) in groups(recipe, tree)? {
        let mut build = flagged_cc(settings, recipe);
        // The tree's place differs from build to build; __FILE__ shall not.
        let mut map = OsString::from("-ffile-prefix-map=");
        map.push(tree);
        map.push("/=");
        build.flag_if_supported(map).warnings(false).includes(&how.includes);
        build.include(tree).include(tree.join("Include")).include(settings.patch_dir());
        for (name, value) in &how.defines {
            build.define(name, value.as_str());
        }
        build.out_dir(into.join("objects")).files(files);
        objects.extend(build.try_compile_intermediates().map_err(|error| failed(&error, into))?);
    }
    let mut archive = plain_cc(settings);
    archive.out_dir(into).objects(objects).try_compile(CPython::ARCHIVE).map_err(|error| failed(&error, into))
}

/// Compiles our own C files, the table of built-in modules, and the modules that call one of `libraries`, into an archive in the
/// output directory. That takes seconds and depends on where cargo has put the crates, so it is no part of the recipe and is done
/// in every build.
pub fn compile_own(
    settings: &Settings,
    recipe: &Recipe,
    python: &CPython,
    libraries: &[Library],
) -> Result<(), Problem> {
    let into = &settings.out_dir;
    let modules = modules::possible(recipe.modules, libraries);
    let table = into.join("inittab.c");
    fs::write(&table, modules::inittab_c(&modules))
        .map_err(|error| Problem::io("write the table of built-in modules", &table, &error))?;
    let mut build = flagged_cc(settings, recipe);
    build.warnings(true).extra_warnings(true).flags(["-Wno-unused-parameter", "-Wno-missing-field-initializers"]);
    build
        .include(python.headers())
        .include(settings.patch_dir())
        .objects(linked_modules(settings, recipe, python, libraries)?);
    build.includes(libraries.iter().map(|library| &library.headers));
    build.out_dir(into).file(table).files(paths_with_extension(&settings.patch_dir(), "c")?);
    build.try_compile(OWN_ARCHIVE).map_err(|error| failed(&error, into))
}

/// Compiles the modules that call one of the libraries; returns their object files.
fn linked_modules(
    settings: &Settings,
    recipe: &Recipe,
    python: &CPython,
    libraries: &[Library],
) -> Result<Vec<PathBuf>, Problem> {
    let into = &settings.out_dir;
    let mut objects = Vec::new();
    for module in recipe.modules {
        let Some(library) = libraries.iter().find(|library| module.library == Some(library.name)) else { continue };
        let mut build = flagged_cc(settings, recipe);
        for (name, value) in module.defines {
            build.define(name, *value);
        }
        build.warnings(false).include(python.headers());
        build.include(&library.headers);
        build.out_dir(into).files(module.sources.iter().map(|source| python.modules().join(source)));
        objects.extend(build.try_compile_intermediates().map_err(|error| failed(&error, into))?);
    }
    Ok(objects)
}

fn flagged_cc(settings: &Settings, recipe: &Recipe) -> cc::Build {
    let mut build = plain_cc(settings);
    build.flags(recipe.flags);
    build
}

/// Describes a compiler's or archiver's failure. What it printed was shown and is not kept, so a full disk, the commonest
/// reason beside our own mistakes, is looked for by writing to it.
fn failed(error: &cc::Error, into: &Path) -> Problem {
    let cannot = "compile CPython";
    let probe = into.join("probe");
    let written = fs::write(&probe, vec![1; 1 << 20]);
    let _ = fs::remove_file(&probe);
    if let Err(error) = written {
        return Problem::io(cannot, into, &error);
    }
    Problem::new(cannot, error.to_string(), "see the compiler's own messages, which come before this")
}

/// Returns the files to compile, each once, by how they are compiled.
fn groups(recipe: &Recipe, tree: &Path) -> Result<Groups, Problem> {
    let mut groups = Groups::new();
    let mut add = |how: How, file: PathBuf| {
        let files = groups.entry(how).or_default();
        if !files.contains(&file) {
            files.push(file);
        }
    };
    let platform = format!("\"{}\"", makefile_variable(&tree.join("Makefile"), "MACHDEP")?);
    for (folder, names) in sources::CORE {
        for name in names.split_whitespace() {
            let defines = match name {
                "getplatform" => owned(&[("PLATFORM", &platform)]),
                "getbuildinfo" => owned(&sources::BUILD_STAMP),
                _ => Vec::new(),
            };
            add(How { defines, ..How::default() }, tree.join(folder).join(format!("{name}.c")));
        }
    }
    for Module { sources, defines, includes, .. } in recipe.modules.iter().filter(|module| module.library.is_none()) {
        let includes = includes.iter().map(|include| tree.join(include)).collect();
        let how = How { defines: owned(defines), includes };
        for file in *sources {
            add(how.clone(), tree.join("Modules").join(file));
        }
    }
    Ok(groups)
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

/// Returns a variable's value as configure wrote it into the Makefile.
pub fn makefile_variable(makefile: &Path, name: &str) -> Result<String, Problem> {
    let cannot = "read what configure found";
    let text = fs::read_to_string(makefile).map_err(|error| Problem::io(cannot, makefile, &error))?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    value.map(|value| value.trim().to_string()).ok_or_else(|| {
        let wrong = format!("there is no {name} in {}", makefile.display());
        Problem::new(cannot, wrong, "delete the cache directory and build again")
    })
}

/// Copies the headers of the tree, pyconfig.h among them, into one folder.
pub fn keep_headers(tree: &Path, into: &Path) -> Result<(), Problem> {
    let failed = |error| Problem::io("keep CPython's headers", into, &error);
    fs::create_dir_all(into).map_err(failed)?;
    fs::copy(tree.join("pyconfig.h"), into.join("pyconfig.h")).map_err(failed)?;
    for entry in fs::read_dir(tree.join("Include")).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if let Some(name) = path.file_name().filter(|_| path.is_file()) {
            fs::copy(&path, into.join(name)).map_err(failed)?;
        }
    }
    Ok(())
}

/// Returns the lines of a tool's output that say why it failed.
pub fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}

/// Returns advice that suits what a failed tool printed.
fn advice_on(output: &str) -> String {
    if output.contains("No space left on device") {
        NEXT_NO_SPACE.to_string()
    } else if output.contains("compiler cannot create executables") || output.contains("sanity check") {
        "install the C library's headers and a linker (Debian, Ubuntu: apt install build-essential)".to_string()
    } else {
        "see the tools' own messages; gcc or clang with the C library's headers is needed, and 200 MB of disk"
            .to_string()
    }
}
