//! OpenSSL 1.1.1, which _ssl and _hashlib call, from the source that the openssl-src crate carries: compiled by its own Configure and
//! Makefile, once per compiler, and kept in the cache. Where make or perl is missing it is left out, and that is said.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::cache::{self, Fingerprint};
use super::cargo;
use super::command::run;
use super::compile::plain_cc;
use super::libraries::Library;
use super::problem::Problem;
use super::recipe::Recipe;
use super::settings::Settings;

/// What Configure is told. Nothing is installed in the prefix. /etc/ssl is where Linux systems keep, or link to, the certificates
/// that they trust. What loads or runs other code, and what no module of Python calls, stays out.
const OPTIONS: [&str; 8] =
    ["--prefix=/usr", "--openssldir=/etc/ssl", "no-shared", "no-dso", "no-engine", "no-async", "no-tests", "-fPIE"];

const CANNOT: &str = "compile OpenSSL";

/// What Configure and its scripts use of Perl. Debian's perl-base, which is always there, lacks some of it.
const PERL_MODULES: [&str; 6] =
    ["-MFindBin", "-MFile::Compare", "-MFile::Copy", "-MFile::Path", "-MFile::Spec::Functions", "-MGetopt::Std"];

/// The archives, in the linker's order.
const ARCHIVES: [&str; 2] = ["libssl.a", "libcrypto.a"];

/// Variables that change what Configure does; cc's own decision on the compiler stands.
const CONFIGURES_VARIABLES: [&str; 8] =
    ["CROSS_COMPILE", "CFLAGS", "CPPFLAGS", "LDFLAGS", "LDLIBS", "ARFLAGS", "RANLIB", "OPENSSL_LOCAL_CONFIG_DIR"];

/// Returns the library, after making it if it is not in the cache; none where it is not wanted or cannot be made.
pub fn get_or_make(settings: &Settings, recipe: &Recipe) -> Result<Option<Library>, Problem> {
    let Some(source) = source() else { return Ok(None) };
    if let Some(missing) = missing_tool(None) {
        cargo::warn(&format!(
            "`import ssl` will fail, since OpenSSL cannot be compiled: {missing}. To have it, install make and perl (Debian, \
             Ubuntu: apt install make perl), touch build.rs, and build again"
        ));
        return Ok(None);
    }
    let make = |folder: &Path, log: &Path| make(settings, recipe, &source, folder, log);
    let folder = cache::get_or_make(settings, "openssl", &fingerprint(&source, recipe)?, make)?;
    Ok(Some(Library {
        name: "openssl",
        headers: folder.join("include"),
        archives: ARCHIVES.iter().map(|archive| folder.join(archive)).collect(),
        linked_by_crate: false,
    }))
}

#[cfg(feature = "ssl")]
fn source() -> Option<PathBuf> {
    Some(openssl_src::source_dir())
}

#[cfg(not(feature = "ssl"))]
fn source() -> Option<PathBuf> {
    None
}

/// Says which tool is missing, if one is. `path` is searched instead of PATH.
pub fn missing_tool(path: Option<&OsStr>) -> Option<&'static str> {
    let works = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).envs(path.map(|path| ("PATH", path)));
        run(&mut command, None).is_ok()
    };
    if !works("make", &["--version"]) {
        Some("there is no `make`")
    } else if !works("perl", &["-e1"]) {
        Some("there is no `perl`")
    } else if !works("perl", &[&PERL_MODULES[..], &["-e1"]].concat()) {
        Some("`perl` lacks some of its standard modules")
    } else {
        None
    }
}

/// Returns hex digits that differ whenever anything that decides what comes out does.
fn fingerprint(source: &Path, recipe: &Recipe) -> Result<String, Problem> {
    let version = source.join("include/openssl/opensslv.h");
    let version =
        fs::read_to_string(&version).map_err(|error| Problem::io("read OpenSSL's source", &version, &error))?;
    let mut all = Fingerprint::default();
    all.part(version);
    all.part(&recipe.target);
    recipe.compiler.add_to(&mut all);
    all.part(OPTIONS.join("\0"));
    all.part(include_str!("openssl.rs"));
    Ok(all.digits())
}

/// Fills `folder` with the headers and archives. The tools' output goes to `log`.
fn make(settings: &Settings, recipe: &Recipe, source: &Path, folder: &Path, log: &Path) -> Result<(), Problem> {
    let failed = |error: io::Error| Problem::io(CANNOT, folder, &error);
    settings.progress.say(&format!("building OpenSSL 1.1.1, once; log: {}", log.display()));
    let tree = folder.join("source");
    copy_folder(source, &tree).map_err(failed)?;
    let run = |command: &mut Command| {
        let next = "build with --no-default-features to do without the modules _ssl and _hashlib";
        run(command.current_dir(&tree), Some(log)).map_err(|error| Problem::new(CANNOT, error.to_string(), next))
    };
    run(&mut configure(settings, recipe)?)?;
    let mut build = Command::new("make");
    // The date of the release, so that equal builds give equal bytes.
    build.arg("build_libs").env("SOURCE_DATE_EPOCH", "1694436000").env_remove("MFLAGS").env_remove("MAKEFLAGS");
    if let Some(flags) = &settings.make_flags {
        build.env("MAKEFLAGS", flags);
    }
    run(&mut build)?;
    copy_folder(&tree.join("include/openssl"), &folder.join("include/openssl")).map_err(failed)?;
    for archive in ARCHIVES {
        fs::rename(tree.join(archive), folder.join(archive)).map_err(failed)?;
    }
    fs::remove_dir_all(&tree).map_err(failed)
}

fn configure(settings: &Settings, recipe: &Recipe) -> Result<Command, Problem> {
    let archiver = plain_cc(settings).try_get_archiver().map_err(|error| {
        Problem::new(CANNOT, error.to_string(), "set AR to a working archiver, such as that of binutils")
    })?;
    let target = if recipe.target.starts_with("aarch64") { "linux-aarch64" } else { "linux-x86_64" };
    let mut command = Command::new("perl");
    command.arg("./Configure").arg(target).args(OPTIONS).args(&recipe.compiler.args);
    for name in CONFIGURES_VARIABLES {
        command.env_remove(name);
    }
    command.env("CC", &recipe.compiler.path).env("AR", archiver.get_program());
    Ok(command)
}

/// Copies what is in a folder, folders in it included.
fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let copy = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &copy)?;
        } else {
            fs::copy(entry.path(), copy)?;
        }
    }
    Ok(())
}
