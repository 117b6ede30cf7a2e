//! Gets the pinned CPython source tarball and unpacks it. Every copy, wherever it comes from, is checked for size and sha256 before use.

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::cache::hex;
use super::cargo;
use super::fetch;
use super::problem::Problem;
use super::settings::Settings;

/// Names one exact source tarball and where it can be had.
#[derive(Debug, Clone, Copy)]
pub struct Pin {
    pub file: &'static str,
    /// The tarball's top folder.
    pub folder: &'static str,
    pub size: u64,
    pub sha256: &'static str,
    pub url: &'static str,
    /// Paths below a Debian-style mirror's base: Debian has 2.7 in main, Ubuntu in universe.
    pub mirror_paths: &'static [&'static str],
}

pub const CPYTHON: Pin = Pin {
    file: "Python-2.7.18.tgz",
    folder: "Python-2.7.18",
    size: 17_539_408,
    sha256: "da3080e3b488f648a3d7a4560ddee895284c3380b11d6de75edb986526b9a814",
    url: "https://www.python.org/ftp/python/2.7.18/Python-2.7.18.tgz",
    mirror_paths: &[
        "pool/main/p/python2.7/python2.7_2.7.18.orig.tar.gz",
        "pool/universe/p/python2.7/python2.7_2.7.18.orig.tar.gz",
    ],
};

/// Folders of the tarball that no step reads.
const NOT_UNPACKED: [&str; 6] = ["Demo", "Doc", "Mac", "PC", "PCbuild", "RISCOS"];

/// Returns the path of a verified copy: the user's own, the cache's, or a fresh download into the cache.
///
/// A bad file that the user named is an error. A bad file in the cache is named in a warning and downloaded again.
pub fn obtain(settings: &Settings, pin: &Pin) -> Result<PathBuf, Problem> {
    if let Some(path) = &settings.tarball {
        verify(path, pin).map_err(|wrong| {
            Problem::new(
                "use the tarball that BCTRACE_CPYTHON_TARBALL names",
                format!("{}: {wrong}", path.display()),
                format!("point it at {} ({} bytes, sha256 {}), or unset it", pin.file, pin.size, pin.sha256),
            )
        })?;
        return Ok(path.clone());
    }
    let cached = settings.cache_dir.join(pin.file);
    let mut tried = Vec::new();
    match verify(&cached, pin) {
        Ok(()) => return Ok(cached),
        Err(wrong) => tried.push(format!("{}: {wrong}", cached.display())),
    }
    if cached.exists() {
        cargo::warn(&format!("{}; it is not used, but replaced", tried[0]));
    }
    fs::create_dir_all(&settings.cache_dir)
        .map_err(|error| Problem::io("create the cache directory", &settings.cache_dir, &error))?;
    download(settings, pin, &cached, tried)?;
    Ok(cached)
}

/// Says why `path` is not the pinned file, or nothing.
pub fn verify(path: &Path, pin: &Pin) -> Result<(), String> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err("not there".into()),
        Err(error) => return Err(error.to_string()),
    };
    let size = file.metadata().map_err(|error| error.to_string())?.len();
    if size != pin.size {
        return Err(format!("{size} bytes instead of {}: truncated or another file", pin.size));
    }
    let mut hash = Sha256::new();
    let mut block = vec![0; 1 << 16];
    loop {
        match file.read(&mut block) {
            Ok(0) => break,
            Ok(length) => hash.update(&block[..length]),
            Err(error) => return Err(error.to_string()),
        }
    }
    let found = hex(&hash.finalize());
    if found == pin.sha256 { Ok(()) } else { Err(format!("sha256 {found} instead of {}", pin.sha256)) }
}

fn download(settings: &Settings, pin: &Pin, cached: &Path, mut tried: Vec<String>) -> Result<(), Problem> {
    if settings.offline {
        tried.push("BCTRACE_OFFLINE is set: nothing was looked for on the network".into());
        return Err(not_to_be_had(pin, cached, tried));
    }
    settings.progress.say(&format!("downloading {} ({} MB)", pin.file, pin.size / 1_000_000));
    // One name per process: two builds may download at once, and each renames a whole file.
    let part = cached.with_file_name(format!("{}.{}.part", pin.file, std::process::id()));
    let fetched = try_each_place(pin, &part, &mut tried);
    if !fetched {
        let _ = fs::remove_file(&part);
        return Err(not_to_be_had(pin, cached, tried));
    }
    fs::rename(&part, cached).map_err(|error| Problem::io("keep the downloaded tarball", cached, &error))
}

/// Downloads to `part` from the first place that gives the pinned file; notes in `tried` how each other place failed.
fn try_each_place(pin: &Pin, part: &Path, tried: &mut Vec<String>) -> bool {
    let mut attempt = |name: String, fetched: Result<(), String>| {
        match fetched.and_then(|()| verify(part, pin)) {
            Ok(()) => return true,
            Err(wrong) => tried.push(format!("{name}: {wrong}")),
        }
        let _ = fs::remove_file(part);
        false
    };
    if attempt(pin.url.to_string(), fetch::from_web(pin.url, part)) {
        return true;
    }
    let bases = match fetch::mirror_bases() {
        Ok(bases) => bases,
        Err(wrong) => return attempt("apt's mirror".into(), Err(wrong)),
    };
    for base in &bases {
        for path in pin.mirror_paths {
            let uri = format!("{base}/{path}");
            if attempt(uri.clone(), fetch::from_mirror(&uri, part, pin.sha256)) {
                return true;
            }
        }
    }
    false
}

fn not_to_be_had(pin: &Pin, cached: &Path, tried: Vec<String>) -> Problem {
    let wrong = format!("no place has {} ({} bytes, sha256 {})", pin.file, pin.size, pin.sha256);
    let next =
        format!("get that file and either set BCTRACE_CPYTHON_TARBALL to its path or put it at {}", cached.display());
    Problem::new("get the CPython 2.7.18 source", wrong, next).tried(tried)
}

/// Unpacks the tarball below `into` and returns the source tree's folder.
pub fn unpack(tarball: &Path, pin: &Pin, into: &Path) -> Result<PathBuf, Problem> {
    let failed = |error: io::Error| {
        let mut problem = Problem::io(format!("unpack {}", tarball.display()), into, &error);
        problem.wrong = with_causes(&error);
        problem
    };
    let file = File::open(tarball).map_err(|error| Problem::io("open the source tarball", tarball, &error))?;
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(io::BufReader::new(file)));
    for entry in archive.entries().map_err(failed)? {
        let mut entry = entry.map_err(failed)?;
        if is_wanted(&entry.path().map_err(failed)?, pin) {
            entry.unpack_in(into).map_err(failed)?;
        }
    }
    let tree = into.join(pin.folder);
    if tree.join("configure").is_file() {
        return Ok(tree);
    }
    Err(Problem::new(
        format!("unpack {}", tarball.display()),
        format!("there is no {}/configure in it", pin.folder),
        format!("use {}, sha256 {}", pin.file, pin.sha256),
    ))
}

/// Writes an error with the errors that it stands for: the tar crate's own say which file, the innermost why.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

fn is_wanted(path: &Path, pin: &Pin) -> bool {
    let Ok(inner) = path.strip_prefix(pin.folder) else { return false };
    !NOT_UNPACKED.iter().any(|folder| inner.starts_with(folder))
}
