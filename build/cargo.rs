//! All that is said to cargo: what to link, and when to run build.rs again.

use super::commit::HeadLog;
use super::cpython::CPython;
use super::libraries::Library;
use super::modules;
use super::own::Own;
use super::settings::{COMPILER_VARIABLES, Settings, VARIABLES};

/// What the VM takes from the system, all of it in the C library or beside it.
pub const SYSTEM_LIBRARIES: [&str; 4] = ["pthread", "dl", "util", "m"];

/// Tells cargo when the build is out of date. What the cache holds is watched too, so that an emptied cache is noticed.
pub fn watch(settings: &Settings, python: &CPython, own: &Own, head: &HeadLog) {
    for name in VARIABLES {
        println!("cargo:rerun-if-env-changed={name}");
    }
    let target = &settings.target;
    for name in COMPILER_VARIABLES {
        for variant in [name.to_string(), format!("{name}_{target}"), format!("{name}_{}", target.replace('-', "_"))] {
            println!("cargo:rerun-if-env-changed={variant}");
        }
    }
    let steps = [settings.crate_dir.join("build"), settings.patch_dir(), python.stamp(), own.stamp()];
    for path in steps.iter().chain(&head.watched) {
        println!("cargo:rerun-if-changed={}", path.display());
    }
}

/// Tells cargo to link the VM, whole, and to export the Python C API (and nothing else of ours) from the program.
pub fn link(settings: &Settings, python: &CPython, own: &Own, libraries: &[Library]) {
    // Whole, since extension modules that the program loads may need what the VM itself never calls. Not bundled into the
    // rlib, which would copy the archive for every profile.
    for (folder, archive) in [(&python.folder, CPython::ARCHIVE), (&own.folder, Own::ARCHIVE)] {
        println!("cargo:rustc-link-search=native={}", folder.display());
        println!("cargo:rustc-link-lib=static:+whole-archive,-bundle={archive}");
    }
    let made = libraries.iter().filter(|library| !library.linked_by_crate);
    for archive in made.flat_map(|library| &library.archives) {
        let (folder, name) = (archive.parent().unwrap_or(archive), archive.file_stem().unwrap_or_default());
        let name = name.to_string_lossy();
        println!("cargo:rustc-link-search=native={}", folder.display());
        println!("cargo:rustc-link-lib=static:-bundle={}", name.strip_prefix("lib").unwrap_or(&name));
    }
    for library in SYSTEM_LIBRARIES {
        println!("cargo:rustc-link-lib=dylib={library}");
    }
    // -rdynamic would export zlib and others too, which a loaded extension would then use instead of its own.
    let exports = settings.crate_dir.join("build/exports.list");
    println!("cargo:rustc-link-arg-bins=-Wl,--dynamic-list={}", exports.display());
    // At a fixed address, as a plain python2.7 is: nothing is relocated at each start, and the addresses of built-in types, which
    // their hashes are made of, are the same in every run.
    println!("cargo:rustc-link-arg-bins=-no-pie");
    if settings.sanitize {
        SANITIZER_RUNTIMES.iter().for_each(|argument| println!("cargo:rustc-link-arg-bins={argument}"));
    }
}

/// GCC's run-time libraries of the sanitizers.  rustc links with `-nodefaultlibs`, so `-fsanitize` would not add them.  They are linked
/// statically because AddressSanitizer has to come before libc.
const SANITIZER_RUNTIMES: [&str; 6] =
    ["-Wl,--whole-archive", "-l:libasan.a", "-Wl,--no-whole-archive", "-l:libubsan.a", "-ldl", "-lm"];

/// Tells rustc what the source's `env!` and `include_bytes!` find.
pub fn name(settings: &Settings, python: &CPython, own: &Own, libraries: &[Library], head: &HeadLog) {
    let modules: Vec<&str> = modules::with_library(libraries).map(|module| module.name).collect();
    println!("cargo:rustc-env=BCTRACE_LIBRARY={}", own.library().display());
    println!("cargo:rustc-env=BCTRACE_HEAD_LOG={}", head.path.display());
    println!("cargo:rustc-env=BCTRACE_TARGET={}", settings.target);
    println!("cargo:rustc-env=BCTRACE_LINKED_MODULES={}", modules.join(", "));
    // For the tests, which compile an extension module.
    println!("cargo:rustc-env=BCTRACE_PYTHON_HEADERS={}", python.headers().display());
}

/// Shows a note that does not stop the build.
pub fn warn(note: &str) {
    println!("cargo:warning={note}");
}
