//! What an export is written to: a file that gets its name when it is whole, so that an older one stays until then; or standard output, or a
//! device, which have no other name.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::bytecode::escape::Printable;

/// Bytes that are written at a time.
const BUFFER: usize = 1 << 18;

/// An open output.
pub struct Target(BufWriter<Open>);

enum Open {
    /// With the name that it gets.
    New(NamedTempFile, PathBuf),
    Direct(File),
    Stdout(io::Stdout),
}

impl Target {
    /// Opens a file, to be named `path` when it is whole; `-` is standard output.
    pub fn create(path: &Path) -> io::Result<Target> {
        if path == Path::new("-") {
            return Ok(Target::of(Open::Stdout(io::stdout())));
        }
        if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
            return Ok(Target::of(Open::Direct(File::options().write(true).open(path)?)));
        }
        // What a link leads to is replaced, not the link.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Target::create_in(folder, path.clone())
    }

    /// Opens a file in `folder` that will be moved to `path`, whose folder may not be there yet.
    pub fn create_in(folder: &Path, path: PathBuf) -> io::Result<Target> {
        let file = tempfile::Builder::new().prefix(".bctrace-").suffix(".tmp").tempfile_in(folder);
        let file = file.map_err(|error| cause(error, folder))?;
        Ok(Target::of(Open::New(file, path)))
    }

    fn of(open: Open) -> Target {
        Target(BufWriter::with_capacity(BUFFER, open))
    }

    /// Writes what is held back and gives the file its name.
    pub fn commit(self) -> io::Result<()> {
        match self.0.into_inner().map_err(io::IntoInnerError::into_error)? {
            Open::New(file, path) => {
                file.as_file().set_permissions(fs::Permissions::from_mode(mode(&path)))?;
                if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                    fs::create_dir_all(folder)?;
                }
                file.persist(&path)?;
                Ok(())
            }
            Open::Direct(mut file) => file.flush(),
            Open::Stdout(mut stdout) => stdout.flush(),
        }
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Write for Open {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            // Its own errors name the temporary file.
            Open::New(file, _) => file.as_file_mut().write(bytes),
            Open::Direct(file) => file.write(bytes),
            Open::Stdout(stdout) => stdout.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Open::New(file, _) => file.as_file_mut().flush(),
            Open::Direct(file) => file.flush(),
            Open::Stdout(stdout) => stdout.flush(),
        }
    }
}

/// Why no file can be made in a folder, without the temporary name that tempfile adds.
fn cause(error: io::Error, folder: &Path) -> io::Error {
    // It has only the kind of error that it wraps.
    match error.kind() {
        io::ErrorKind::NotFound => {
            let what = format!("there is no folder {}; make it first", Printable::path(folder));
            io::Error::new(io::ErrorKind::NotFound, what)
        }
        kind if error.raw_os_error().is_none() => kind.into(),
        _ => error,
    }
}

/// The mode of the file: as it was, or as a new file has it.
fn mode(path: &Path) -> u32 {
    let umask = || {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("Umask:")).unwrap_or("077");
        u32::from_str_radix(line.trim(), 8).unwrap_or(0o077)
    };
    fs::metadata(path).map_or_else(|_| 0o666 & !umask(), |there| there.permissions().mode() & 0o777)
}
