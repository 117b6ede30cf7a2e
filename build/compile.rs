//! Configures and compiles a source tree into a static archive. CPython's configure runs; its Makefile does not, so no `make` is
//! needed.

use std::any::Any;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use super::command::run;
use super::cpython::CPython;
use super::modules::Module;
use super::problem::{NEXT_NO_SPACE, Problem};
use super::progress::Counter;
use super::recipe::Recipe;
use super::settings::Settings;
use super::sources;

/// As CPython's own Makefile; without the first two 2.7 is miscompiled. PIE and not PIC: the archive goes into executables
/// alone, where the compiler need not allow for interposed symbols. No debug information, whatever cargo's profile says.
pub const FLAGS: &[&str] = &["-fno-strict-aliasing", "-fwrapv", "-O3", "-g0", "-fPIE", "-DNDEBUG", "-DPy_BUILD_CORE"];

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
    let mut command = Command::new(tree.join("configure"));
    command.arg("--enable-unicode=ucs4").current_dir(tree);
    // Only what the recipe knows may change the result.
    for name in ["CONFIG_SITE", "CPP", "CPPFLAGS", "LDFLAGS", "LIBS", "MAKEFLAGS"] {
        command.env_remove(name);
    }
    if recipe.compiler.is_what_configure_takes() {
        command.env_remove("CC").env_remove("CFLAGS");
    } else {
        command.env("CC", &recipe.compiler.path).env("CFLAGS", recipe.compiler.args.join(" "));
    }
    let Err(error) = run(&mut command, Some(log)) else { return Ok(()) };
    let details = fs::read_to_string(tree.join("config.log")).unwrap_or_default();
    let _ = fs::write(log, format!("{}\n{details}", error.said()));
    Err(Problem::new("configure CPython", error.to_string(), advice_on(&format!("{}{details}", error.said()))))
}

/// Compiles the configured tree into the CPython archive in `into`. The commands and the compiler's messages go to `log`.
pub fn compile(settings: &Settings, recipe: &Recipe, tree: &Path, into: &Path, log: &Path) -> Result<(), Problem> {
    let groups = groups(recipe, tree)?;
    let count = groups.values().map(Vec::len).sum();
    let log = CompileLog::open(log, settings.progress.counter("files of CPython compiled", count))?;
    let mut objects = Vec::new();
    for (how, files) in groups {
        let mut build = flagged_cc(settings, recipe);
        build.message_logger(Some(log.clone())).warnings(false).includes(&how.includes);
        build.flag_if_supported(without_prefix(tree));
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

/// Starts a `cc` build with the recipe's flags.
pub fn flagged_cc(settings: &Settings, recipe: &Recipe) -> cc::Build {
    let mut build = plain_cc(settings);
    build.flags(recipe.flags);
    build
}

/// Returns the flag that keeps the folder's place, which differs from build to build, out of __FILE__.
pub fn without_prefix(folder: &Path) -> OsString {
    let mut map = OsString::from("-ffile-prefix-map=");
    map.push(folder);
    map.push("/=");
    map
}

/// Writes each compiler command and its messages to a file, and counts the commands.
struct CompileLog {
    file: File,
    counter: Counter,
}

impl CompileLog {
    fn open(path: &Path, counter: Counter) -> Result<Arc<Self>, Problem> {
        let file = File::options().create(true).append(true).open(path);
        let file = file.map_err(|error| Problem::io("write the build's log", path, &error))?;
        Ok(Arc::new(CompileLog { file, counter }))
    }
}

impl cc::BuildMessageLogger for CompileLog {
    fn log(&self, kind: cc::BuildMessageKind, message: cc::BuildMessage<'_>, _: &dyn Any) {
        let _ = writeln!(&self.file, "{message}");
        if matches!(kind, cc::BuildMessageKind::CompileCommand) {
            self.counter.count();
        }
    }
}

/// Describes a compiler's or archiver's failure. The error does not say why, so a full disk, the commonest reason beside our own
/// mistakes, is looked for by writing to it.
pub fn failed(error: &cc::Error, into: &Path) -> Problem {
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
