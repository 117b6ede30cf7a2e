//! Regenerates the Rust declarations of our C interface, under the cargo feature `bindgen` only. The committed file is what is
//! compiled, so a build needs no libclang.

use super::cpython::CPython;
use super::problem::Problem;
use super::settings::Settings;

#[cfg(not(feature = "bindgen"))]
pub fn generate(_settings: &Settings, _python: &CPython) -> Result<(), Problem> {
    Ok(())
}

/// Writes the bindings again if the headers say something else than they do.
#[cfg(feature = "bindgen")]
pub fn generate(settings: &Settings, python: &CPython) -> Result<(), Problem> {
    /// The headers in the patch folder whose declarations Rust sees.
    const HEADERS: [&str; 4] = ["bctrace_hook.h", "bctrace_lane.h", "bctrace_remap.h", "vm.h"];
    const BINDINGS: &str = "src/vm/ffi/bindings.rs";

    let mut builder = bindgen::Builder::default()
        .clang_arg(format!("-I{}", python.headers().display()))
        .clang_arg(format!("-I{}", settings.patch_dir().display()))
        .clang_args(["-idirafter".to_string(), compiler_headers(settings)])
        .raw_line("// Made by bindgen from the headers in cpython-2.7-patch/: `cargo build --features bindgen` makes it anew.")
        .use_core()
        .layout_tests(true);
    for header in HEADERS.map(|name| settings.patch_dir().join(name)) {
        builder = builder.header(header.to_string_lossy()).allowlist_file(header.to_string_lossy());
    }
    let next = "mend the headers, install libclang (Debian, Ubuntu: apt install libclang-dev), or build without\n\
                `--features bindgen`";
    let failed = |wrong: String| Problem::new("make the bindings", wrong, next);
    // bindgen panics where there is no libclang.
    let generated = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| builder.generate()));
    let generated = generated.map_err(|_| failed("bindgen panicked, as it does without libclang".into()))?;
    let text = generated.map_err(|error| failed(error.to_string()))?.to_string();
    let path = settings.crate_dir.join(BINDINGS);
    if std::fs::read_to_string(&path).is_ok_and(|current| current == text) {
        return Ok(());
    }
    std::fs::write(&path, text).map_err(|error| Problem::io("write the bindings", &path, &error))
}

/// Returns the folder of the C compiler's own stddef.h; a libclang that was installed alone has none.
#[cfg(feature = "bindgen")]
fn compiler_headers(settings: &Settings) -> String {
    let asked = super::compile::plain_cc(settings).get_compiler().to_command().arg("-print-file-name=include").output();
    asked.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_string()).unwrap_or_default()
}
