//! The name by which a program finds its interpreter again: sys.executable.  A process that starts that gets the interpreter and not
//! `bctrace`, with whatever arguments and environment, and though there is one file for both.

use std::ffi::{CStr, CString, OsStr};
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};

/// The name of the link, and what a name that means the interpreter begins with.
const NAME: &str = "python2.7";
const BEGINNING: &[u8] = b"python";

/// Returns by which name this process was started as the interpreter; none where it is `bctrace`.
pub fn started_as() -> Option<PathBuf> {
    let typed = std::env::args_os().next().map(PathBuf::from);
    // What was executed says more than argv[0], which the caller can make up; but for a script it is the script.
    executed().into_iter().chain(typed).find(|name| means_interpreter(name))
}

/// Returns what sys.executable is to be.
pub fn path() -> CString {
    let path = match started_as() {
        Some(name) if name.is_absolute() => name,
        Some(name) if name.components().count() > 1 => std::path::absolute(&name).unwrap_or(name),
        _ => binary().map(|binary| link_to(&binary).unwrap_or_else(|_| spelled(&binary))).unwrap_or_default(),
    };
    CString::new(path.into_os_string().into_vec()).unwrap_or_default()
}

fn means_interpreter(name: &Path) -> bool {
    let begins = name.file_name().is_some_and(|last| last.as_bytes().starts_with(BEGINNING));
    begins || binary().is_some_and(|binary| name.as_os_str() == spelled(&binary).as_os_str())
}

/// Returns the path of this program's file; without /proc the one that was given to exec.
fn binary() -> Option<PathBuf> {
    let given = || std::path::absolute(executed()?).ok().filter(|path| path.is_file());
    std::env::current_exe().ok().or_else(given)
}

/// Returns the path that was given to exec.
fn executed() -> Option<PathBuf> {
    // SAFETY: asks for a number.
    let name = unsafe { libc::getauxval(libc::AT_EXECFN) } as *const libc::c_char;
    // SAFETY: the kernel puts a C string there for the life of the process.
    let name = (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) })?;
    Some(PathBuf::from(OsStr::from_bytes(name.to_bytes())))
}

/// Returns a link to the binary that is called as Python is.  It stays, since children may outlive this process, and is the same for
/// every run of this binary by this user.
fn link_to(binary: &Path) -> io::Result<PathBuf> {
    let own = own_folder()?;
    let folder = own.join(binary.strip_prefix("/").unwrap_or(binary));
    let link = folder.join(NAME);
    if fs::read_link(&link).is_ok_and(|target| target == binary) {
        return Ok(link);
    }
    fs::create_dir_all(&folder)?;
    match symlink(binary, &link) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        // Another run may have made it just now.
        _ if fs::read_link(&link)? == binary => Ok(link),
        _ => Err(io::Error::other("it is another link")),
    }
}

/// Returns the folder of this user in which bctrace keeps what outlives a process; no other user can write there.
pub fn own_folder() -> io::Result<PathBuf> {
    // SAFETY: asks for a number.
    let user = unsafe { libc::geteuid() };
    let folder = std::env::temp_dir().join(format!("bctrace-{user}"));
    if !folder.is_absolute() {
        return Err(io::Error::other("it depends on the working directory"));
    }
    match DirBuilder::new().mode(0o700).create(&folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = fs::symlink_metadata(&folder)?;
    if found.is_dir() && found.uid() == user && found.mode() & 0o022 == 0 {
        Ok(folder)
    } else {
        Err(io::Error::other("it is somebody else's"))
    }
}

/// Returns the binary's path as no user types it: what sys.executable is where no link can be made.
fn spelled(binary: &Path) -> PathBuf {
    match (binary.parent(), binary.file_name()) {
        (Some(folder), Some(name)) => {
            let mut path = folder.as_os_str().to_os_string();
            path.push("/./");
            path.push(name);
            PathBuf::from(path)
        }
        _ => binary.to_path_buf(),
    }
}
