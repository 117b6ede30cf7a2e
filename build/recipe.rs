//! Everything that decides what the compiled CPython is, gathered before any work, and its fingerprint: two builds with one
//! fingerprint share one result.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::cache::Fingerprint;
use super::command::run;
use super::compile;
use super::modules::Module;
use super::problem::Problem;
use super::settings::Settings;
use super::source::{self, Pin};
use super::sources;

/// The text of the steps that decide what comes out, beside the data in a recipe; a change of one of them makes another result.
const STEPS: [&str; 5] = [
    include_str!("compile.rs"),
    include_str!("cpython.rs"),
    include_str!("libffi.rs"),
    include_str!("patch.rs"),
    include_str!("source.rs"),
];

/// Says how one CPython is built.
#[derive(Debug, Clone)]
pub struct Recipe {
    pub pin: Pin,
    pub target: String,
    pub compiler: Compiler,
    pub flags: &'static [&'static str],
    pub modules: &'static [Module],
    /// The patches in the order of application.
    pub patches: Vec<OwnFile>,
    /// Our headers that the patches include, directly or through another.
    pub headers: Vec<OwnFile>,
}

/// The C compiler that the `cc` crate settled on.
#[derive(Debug, Clone)]
pub struct Compiler {
    pub path: PathBuf,
    /// Arguments from the environment (CFLAGS, or behind the program in CC).
    pub args: Vec<String>,
    /// What `--version` prints.
    pub version: String,
}

/// A file of ours that goes into CPython.
#[derive(Debug, Clone)]
pub struct OwnFile {
    pub name: String,
    pub text: String,
}

impl Recipe {
    /// Gathers the recipe of the patched VM.
    pub fn patched(settings: &Settings, modules: &'static [Module]) -> Result<Self, Problem> {
        let folder = settings.patch_dir();
        let patches = own_files(&folder, "patch")?;
        let headers = included(&patches, own_files(&folder, "h")?);
        Ok(Recipe { patches, headers, ..Self::plain(settings, modules)? })
    }

    /// Gathers the recipe of CPython as it was released, compiled in the same way.
    pub fn plain(settings: &Settings, modules: &'static [Module]) -> Result<Self, Problem> {
        Ok(Recipe {
            pin: source::CPYTHON,
            target: settings.target.clone(),
            compiler: Compiler::find(settings)?,
            flags: compile::FLAGS,
            modules,
            patches: Vec::new(),
            headers: Vec::new(),
        })
    }

    /// Returns 16 hex digits that differ whenever anything that goes into the result does.
    pub fn fingerprint(&self) -> String {
        let mut all = Fingerprint::default();
        all.part(self.pin.sha256);
        all.part(&self.target);
        self.compiler.add_to(&mut all);
        all.part(self.flags.join("\0"));
        all.part(format!("{:?} {:?} {:?}", self.modules, sources::CORE, sources::BUILD_STAMP));
        for file in self.patches.iter().chain(&self.headers) {
            all.part(&file.name);
            all.part(&file.text);
        }
        STEPS.iter().for_each(|text| all.part(text));
        all.digits()
    }
}

impl Compiler {
    /// Adds all that tells one compiler from another.
    pub fn add_to(&self, all: &mut Fingerprint) {
        all.part(self.path.as_os_str().as_encoded_bytes());
        all.part(self.args.join("\0"));
        all.part(&self.version);
    }

    /// Finds the compiler as the `cc` crate does and checks that it starts.
    pub fn find(settings: &Settings) -> Result<Self, Problem> {
        let tool = compile::plain_cc(settings).try_get_compiler().map_err(|error| no_compiler(error.to_string()))?;
        let version = run(tool.to_command().arg("--version"), None).map_err(|error| no_compiler(error.to_string()))?;
        Ok(Compiler {
            path: tool.path().to_path_buf(),
            args: tool
                .args()
                .iter()
                .map(|arg| arg.to_string_lossy().into_owned())
                .filter(|arg| !is_warning(arg))
                .collect(),
            version: String::from_utf8_lossy(&version).into_owned(),
        })
    }

    /// Whether CPython's `./configure` chooses this compiler of its own accord, which sysconfig shows to programs: it prefers gcc.
    pub fn is_what_configure_takes(&self) -> bool {
        let is_gcc = || version_of("gcc").is_none_or(|version| version == without_name(&self.version));
        self.path == Path::new("cc") && self.args.is_empty() && is_gcc()
    }
}

/// Returns what a compiler says of its version, without its own name.
fn version_of(program: &str) -> Option<String> {
    let version = run(Command::new(program).arg("--version"), None).ok()?;
    Some(without_name(&String::from_utf8_lossy(&version)))
}

fn without_name(version: &str) -> String {
    version.split_once(' ').map_or(version, |(_, rest)| rest).to_string()
}

/// Whether the `cc` crate added the argument by itself: sysconfig tells the program what configure is told.
fn is_warning(argument: &str) -> bool {
    ["-Wall", "-Wextra"].contains(&argument)
}

fn no_compiler(wrong: String) -> Problem {
    let next = "install gcc or clang with the C library's headers (Debian, Ubuntu: apt install build-essential;\n\
                Fedora: dnf install gcc; Alpine: apk add build-base), or set CC to the compiler's path";
    Problem::new("find a C compiler", wrong, next)
}

/// Returns the folder's files with the extension, by name.
pub fn own_files(folder: &Path, extension: &str) -> Result<Vec<OwnFile>, Problem> {
    let mut files = Vec::new();
    for path in paths_with_extension(folder, extension)? {
        let text =
            fs::read_to_string(&path).map_err(|error| Problem::io("read our changes to CPython", &path, &error))?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        files.push(OwnFile { name, text });
    }
    Ok(files)
}

/// Returns the paths in the folder that have the extension, sorted.
pub fn paths_with_extension(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, Problem> {
    let failed = |error| Problem::io("read our changes to CPython", folder, &error);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|found| found == extension) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Returns the headers that a patch includes, or a header so found. The others concern our own C files alone, which are no
/// part of the recipe.
fn included(patches: &[OwnFile], headers: Vec<OwnFile>) -> Vec<OwnFile> {
    let (mut seen, mut unseen): (Vec<OwnFile>, _) = (Vec::new(), headers);
    loop {
        let includes = |file: &OwnFile, name: &str| file.text.contains(&format!("#include \"{name}\""));
        let reached = |header: &OwnFile| patches.iter().chain(&seen).any(|file| includes(file, &header.name));
        let Some(next) = unseen.iter().position(reached) else { break };
        seen.push(unseen.remove(next));
    }
    seen.sort_by(|a, b| a.name.cmp(&b.name));
    seen
}
