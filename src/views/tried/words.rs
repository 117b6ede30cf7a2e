//! The words for attempts.  What a program has chosen is escaped, and in quotes where it could be mistaken for words of ours.

use std::fmt::{self, Display, Formatter};

use crate::bytecode::escape::Printable;
use crate::bytecode::shell;
use crate::trace::attempt::{Attempt, Deed};

/// A deed and its targets as a phrase.
pub struct Doing<'a>(pub Deed, pub &'a [Vec<u8>]);

impl Display for Doing<'_> {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let Doing(deed, targets) = *self;
        let (verb, anything, between, end) = phrase(deed);
        match targets {
            [] => f.write_str(anything)?,
            // What the sandbox calls it: a thread is no process.
            [thread] if deed == Deed::Fork && thread == b"a thread" => f.write_str("start a thread")?,
            [to, sent, length @ ..] if deed == Deed::Send => {
                write!(f, "{verb} {}: {}", Quoted(to), Quoted(sent))?;
                if let [length] = length {
                    write!(f, ", {} bytes in all", Printable::text(length))?;
                }
            }
            [name, given @ ..] if deed == Deed::Call => {
                // Words of the sandbox's own.
                write!(f, "{verb} {}", Printable::text(name))?;
                for target in given {
                    write!(f, " {}", Quoted(target))?;
                }
            }
            [first, rest @ ..] => {
                write!(f, "{verb} ")?;
                target(deed, first, f)?;
                for other in rest {
                    f.write_str(between)?;
                    target(deed, other, f)?;
                }
            }
        }
        f.write_str(end)
    }
}

/// Prints a target.  Those of some deeds are words of the sandbox's own, such as "its parent".
fn target(deed: Deed, target: &[u8], f: &mut Formatter) -> fmt::Result {
    match deed {
        Deed::Kill | Deed::Socket | Deed::Debug => Printable::text(target).fmt(f),
        _ => Quoted(target).fmt(f),
    }
}

/// What stands before the targets of a deed; the same with a word for a target that is missing; what stands between targets, and
/// after them.
fn phrase(deed: Deed) -> (&'static str, &'static str, &'static str, &'static str) {
    match deed {
        Deed::Read => ("open", "open a file", " ", " for reading"),
        Deed::Write => ("open", "open a file", " ", " for writing"),
        Deed::Remove => ("remove", "remove a file", " ", ""),
        Deed::Rename => ("rename", "rename a file", " to ", ""),
        Deed::MakeFolder => ("make folder", "make a folder", " ", ""),
        Deed::Link => ("link", "link a file", " as ", ""),
        Deed::MakeNode => ("make special file", "make a special file", " ", ""),
        Deed::Metadata => ("change mode, owner or times of", "change mode, owner or times of a file", " ", ""),
        Deed::Exec => ("run", "run a program", " ", ""),
        Deed::Connect => ("connect to", "connect", " ", ""),
        Deed::Bind => ("bind to", "bind to an address", " ", ""),
        Deed::Listen => ("listen on", "listen", " ", ""),
        Deed::Send => ("send to", "send to an address", " ", ""),
        Deed::Socket => ("make socket", "make a socket", " ", ""),
        Deed::Lookup => ("look up", "look up a host", " as ", ""),
        Deed::Kill => ("send", "send a signal", " to ", ""),
        Deed::Debug => ("call", "reach into a process", " ", ""),
        Deed::Fork => ("start process", "start a process", " ", ""),
        Deed::Call => ("call", "make a system call", " ", ""),
    }
}

/// Which options allow an attempt, after what was said of it; nothing if none does.
pub struct Allowing<'a>(pub &'a Attempt);

impl Display for Allowing<'_> {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let options: Vec<String> = self.0.options().map(|option| shell::Word(option).to_string()).collect();
        match &options[..] {
            [] => Ok(()),
            [option] => write!(f, "; {option} allows it"),
            options => write!(f, "; {} allow it", options.join(" and ")),
        }
    }
}

/// Text that a program has chosen: as it is if it is one plain word, else between quotes, with `\'` for a quote in it.
pub struct Quoted<'a>(pub &'a [u8]);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let printed = Printable::text(self.0).to_string();
        let is_plain = |one: char| one.is_alphanumeric() || "-_./:@%+=,~[]".contains(one);
        if !printed.is_empty() && printed.chars().all(is_plain) {
            return f.write_str(&printed);
        }
        // Where there is an escape, the backslashes are doubled already.
        let has_escape = printed.as_bytes() != self.0;
        let doubled = if has_escape { printed } else { printed.replace('\\', "\\\\") };
        write!(f, "'{}'", doubled.replace('\'', "\\'"))
    }
}

/// Names an error number of Linux, or a negative one of getaddrinfo.
pub(super) fn error_name(error: i32) -> String {
    let known = ERRORS.iter().find(|(number, _)| *number == error);
    known.map_or_else(|| format!("error {error}"), |(_, name)| (*name).to_owned())
}

/// The errors that a sandbox can answer with, and those of lookups.
const ERRORS: [(i32, &str); 37] = [
    (libc::EPERM, "EPERM"),
    (libc::ENOENT, "ENOENT"),
    (libc::ESRCH, "ESRCH"),
    (libc::EINTR, "EINTR"),
    (libc::EIO, "EIO"),
    (libc::EBADF, "EBADF"),
    (libc::EAGAIN, "EAGAIN"),
    (libc::ENOMEM, "ENOMEM"),
    (libc::EACCES, "EACCES"),
    (libc::EBUSY, "EBUSY"),
    (libc::EEXIST, "EEXIST"),
    (libc::EXDEV, "EXDEV"),
    (libc::ENODEV, "ENODEV"),
    (libc::EINVAL, "EINVAL"),
    (libc::ENOTTY, "ENOTTY"),
    (libc::EROFS, "EROFS"),
    (libc::ENAMETOOLONG, "ENAMETOOLONG"),
    (libc::ENOSYS, "ENOSYS"),
    (libc::ELOOP, "ELOOP"),
    (libc::ENOPROTOOPT, "ENOPROTOOPT"),
    (libc::EPROTONOSUPPORT, "EPROTONOSUPPORT"),
    (libc::ESOCKTNOSUPPORT, "ESOCKTNOSUPPORT"),
    (libc::EOPNOTSUPP, "EOPNOTSUPP"),
    (libc::EAFNOSUPPORT, "EAFNOSUPPORT"),
    (libc::EADDRINUSE, "EADDRINUSE"),
    (libc::EADDRNOTAVAIL, "EADDRNOTAVAIL"),
    (libc::ENETUNREACH, "ENETUNREACH"),
    (libc::ECONNREFUSED, "ECONNREFUSED"),
    (libc::EHOSTUNREACH, "EHOSTUNREACH"),
    (libc::EAI_NONAME, "EAI_NONAME"),
    (libc::EAI_AGAIN, "EAI_AGAIN"),
    (libc::EAI_FAIL, "EAI_FAIL"),
    (libc::EAI_NODATA, "EAI_NODATA"),
    (libc::EAI_FAMILY, "EAI_FAMILY"),
    (libc::EAI_SERVICE, "EAI_SERVICE"),
    (libc::EAI_SOCKTYPE, "EAI_SOCKTYPE"),
    (libc::EAI_MEMORY, "EAI_MEMORY"),
];
