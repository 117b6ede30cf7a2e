//! Downloads one file with the tools that a machine has: curl, wget or python3 from the web, apt-helper from the machine's own
//! Debian mirror. Verifies nothing; `source` does.

use std::path::Path;
use std::process::Command;

use super::command::run;

const APT_HELPER: &str = "/usr/lib/apt/apt-helper";

/// Downloads `url` to `file` with the first of curl, wget and python3 that is installed. Gives up after 5 s without a
/// connection, so that a machine without the network soon goes on to the next place.
pub fn from_web(url: &str, file: &Path) -> Result<(), String> {
    let mut curl = Command::new("curl");
    // A stalled transfer (under 1 kB/s for 20 s) ends too.
    curl.args(["--fail", "--location", "--silent", "--show-error", "--connect-timeout", "5"]);
    curl.args(["--speed-limit", "1000", "--speed-time", "20", "--output"]).arg(file).arg(url);
    let mut wget = Command::new("wget");
    // Only options that busybox's wget has or ignores too.
    wget.args(["-nv", "-T", "5", "-t", "1", "-O"]).arg(file).arg(url);
    let mut python = Command::new("python3");
    python.args(["-c", PYTHON_DOWNLOAD]).arg(url).arg(file);
    for mut command in [curl, wget, python] {
        if let Some(result) = if_installed(&mut command) {
            return result.map(|_| ());
        }
    }
    Err("none of curl, wget and python3 is installed".into())
}

const PYTHON_DOWNLOAD: &str = "\
import shutil, sys, urllib.request
with urllib.request.urlopen(sys.argv[1], timeout=5) as web, open(sys.argv[2], 'wb') as file:
    shutil.copyfileobj(web, file)
";

/// Asks apt which mirrors this machine uses. Works without root and before any list was fetched.
pub fn mirror_bases() -> Result<Vec<String>, String> {
    let mut apt = Command::new("apt-get");
    apt.args(["update", "--print-uris"]);
    let output = if_installed(&mut apt).ok_or("there is no apt-get on this machine")??;
    let bases = bases_in(&String::from_utf8_lossy(&output));
    if bases.is_empty() { Err("apt-get has no mirror configured".into()) } else { Ok(bases) }
}

/// Returns the distinct mirror bases in the output of `apt-get update --print-uris`, whose lines read
/// `'BASE/dists/SUITE/InRelease' LOCALNAME 0`.
pub fn bases_in(print_uris: &str) -> Vec<String> {
    let mut bases: Vec<String> = Vec::new();
    for line in print_uris.lines() {
        let Some(uri) = line.strip_prefix('\'').and_then(|rest| rest.split('\'').next()) else { continue };
        let Some((base, _)) = uri.split_once("/dists/") else { continue };
        if !bases.iter().any(|known| known == base) {
            bases.push(base.to_string());
        }
    }
    bases
}

/// Downloads `uri` to `file` through apt, with its proxies and its way to the mirror; apt checks the hash itself as well.
pub fn from_mirror(uri: &str, file: &Path, sha256: &str) -> Result<(), String> {
    let mut helper = Command::new(APT_HELPER);
    helper.args(["-o", "Acquire::http::Timeout=15", "-o", "Acquire::Retries=1", "download-file"]);
    helper.arg(uri).arg(file).arg(format!("SHA256:{sha256}"));
    match if_installed(&mut helper) {
        Some(result) => result.map(|_| ()),
        None => Err(format!("there is no {APT_HELPER}")),
    }
}

/// Runs a command to its end; none if it is not installed, else its output or its complaint in one line.
fn if_installed(command: &mut Command) -> Option<Result<Vec<u8>, String>> {
    match run(command, None) {
        Err(error) if error.is_missing() => None,
        result => Some(result.map_err(|error| error.in_one_line())),
    }
}
