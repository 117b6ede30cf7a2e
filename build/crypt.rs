//! libcrypt, which the module crypt calls: the static archive that the C library's development files bring, or none. The shared
//! one is not libc's own and its version differs from system to system, so the binary must not need it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::cargo;
use super::compile::plain_cc;
use super::libraries::Library;
use super::problem::Problem;
use super::recipe::Recipe;
use super::settings::Settings;

/// The archive's name in the output directory, so that the linker need not look into the system's folder, where more lies.
const ARCHIVE: &str = "libbctrace_crypt.a";

/// Shows whether the archive is there and can go into a position-independent program.
const PROBE: &str = "char *crypt(const char *, const char *);
int main(int argc, char **argv) { return crypt(argv[0], argv[0]) != 0; }
";

/// Finds the archive and copies it; says so where there is none.
pub fn find(settings: &Settings, recipe: &Recipe) -> Result<Option<Library>, Problem> {
    let archive = settings.out_dir.join(ARCHIVE);
    let found = system_archive(settings, recipe);
    let Some(found) = found.filter(|found| links(settings, found)) else {
        cargo::warn("the module crypt is left out: the C compiler finds no static libcrypt.a that it can link");
        return Ok(None);
    };
    fs::copy(&found, &archive).map_err(|error| Problem::io("copy libcrypt.a", &archive, &error))?;
    Ok(Some(Library { name: "crypt", headers: None, archives: vec![archive], linked_by_crate: false }))
}

/// Asks the compiler, which answers with the bare name where it has no such file.
fn system_archive(settings: &Settings, recipe: &Recipe) -> Option<PathBuf> {
    let compiler = plain_cc(settings).try_get_compiler().ok()?;
    let output = compiler.to_command().args(&recipe.compiler.args).arg("-print-file-name=libcrypt.a").output().ok()?;
    let path = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim_end());
    path.is_absolute().then_some(path)
}

fn links(settings: &Settings, archive: &Path) -> bool {
    let source = settings.out_dir.join("crypt_probe.c");
    let Ok(compiler) = plain_cc(settings).try_get_compiler() else { return false };
    let mut command = compiler.to_command();
    command.args(["-fPIE", "-pie", "-o"]).arg(settings.out_dir.join("crypt_probe")).arg(&source).arg(archive);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    fs::write(&source, PROBE).is_ok() && command.status().is_ok_and(|status| status.success())
}
