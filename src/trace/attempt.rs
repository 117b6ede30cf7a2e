//! What a program tried to do outside itself: the record ATTEMPT, with the answer that it got and the place that it was at.

use super::payload::{PayloadReader, PayloadWriter};

/// Words of a command line, or paths, that an attempt keeps at most.
pub const MOST_TARGETS: usize = 8;

/// One attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Attempt {
    pub deed: Deed,
    /// What it was aimed at: a path, two of them for a rename or a link, the words of a command line, an address, a host name, a
    /// process.
    pub targets: Vec<Vec<u8>>,
    pub answer: Answer,
    /// The option of bctrace that allows it, or several with a null byte between them; empty if none does, or if it was allowed.
    pub option: Vec<u8>,
    pub by: By,
    /// The thread that executed bytecode; None in a process that is not recorded.
    pub thread: Option<u32>,
    /// Where that thread was; None if it had executed nothing that is recorded.
    pub site: Option<Site>,
}

/// The instruction at which an attempt was made.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Site {
    /// The number of the instruction.
    pub instruction: u64,
    /// Its code object's name and file.
    pub name: Vec<u8>,
    pub filename: Vec<u8>,
    /// Its offset in the code object, in bytes.
    pub offset: u32,
    /// The nearest frame below it that is not the standard library's, by its code object's name and file, if the instruction is the
    /// library's.
    pub caller: Option<(Vec<u8>, Vec<u8>)>,
}

/// What was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Deed {
    /// To open a file for reading only.
    Read = 1,
    /// To open or create a file for writing, or to cut it.
    Write = 2,
    /// To remove a file or a folder.
    Remove = 3,
    Rename = 4,
    MakeFolder = 5,
    /// To make a link, hard or symbolic.
    Link = 6,
    /// To make a device, a pipe or a socket in a folder.
    MakeNode = 7,
    /// To change the mode, the owner or the times of a file.
    Metadata = 8,
    /// To start another program.
    Exec = 9,
    Connect = 10,
    Bind = 11,
    Listen = 12,
    /// To send to an address without a connection, or on a connection that is faked: then what was sent is the second target, and the
    /// number of bytes a third one if that is cut.
    Send = 13,
    /// To make a socket of a kind that is not allowed.
    Socket = 14,
    /// To look up a host's name; the second target is the address that was faked.
    Lookup = 15,
    /// To send a signal.
    Kill = 16,
    /// To read, change or stop another process.
    Debug = 17,
    /// To start a process.
    Fork = 18,
    /// To make a system call that is never allowed, whose name is the first target; then a name or a number that it was given.
    Call = 19,
}

/// All deeds, in the order of their numbers, each with its name.
const DEEDS: [(Deed, &str); 19] = [
    (Deed::Read, "read"),
    (Deed::Write, "write"),
    (Deed::Remove, "remove"),
    (Deed::Rename, "rename"),
    (Deed::MakeFolder, "mkdir"),
    (Deed::Link, "link"),
    (Deed::MakeNode, "mknod"),
    (Deed::Metadata, "metadata"),
    (Deed::Exec, "exec"),
    (Deed::Connect, "connect"),
    (Deed::Bind, "bind"),
    (Deed::Listen, "listen"),
    (Deed::Send, "send"),
    (Deed::Socket, "socket"),
    (Deed::Lookup, "lookup"),
    (Deed::Kill, "kill"),
    (Deed::Debug, "debug"),
    (Deed::Fork, "fork"),
    (Deed::Call, "call"),
];

impl Deed {
    pub fn from_number(number: u8) -> Option<Deed> {
        DEEDS.iter().map(|(deed, _)| *deed).find(|deed| *deed as u8 == number)
    }

    /// The one word for it.
    pub fn name(self) -> &'static str {
        DEEDS[self as usize - 1].1
    }
}

/// What the program was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Answer {
    /// It was allowed; whether it succeeded is the system's affair.
    Allowed,
    /// It failed with this error number of Linux; or of getaddrinfo, which are negative, as 16 bits.
    Refused(u16),
    /// It seemed to succeed, and nothing came of it.
    Faked,
}

/// Stands for [`Answer::Faked`], beyond all error numbers.
const FAKED: u32 = 1 << 16;

impl Answer {
    /// The answer to a lookup that failed with this error, of getaddrinfo or of Linux.
    pub fn of_failed_lookup(error: i32) -> Answer {
        Answer::Refused(error as u16)
    }

    /// The number of the error that it failed with: of Linux, or a negative one of getaddrinfo.
    pub fn error(self) -> Option<i32> {
        match self {
            Answer::Refused(error) => Some(error.cast_signed().into()),
            Answer::Allowed | Answer::Faked => None,
        }
    }

    /// The number that stands for it: 0, an error number, or one beyond them.
    pub fn number(self) -> u32 {
        match self {
            Answer::Allowed => 0,
            Answer::Refused(error) => error.into(),
            Answer::Faked => FAKED,
        }
    }

    pub fn from_number(number: u32) -> Option<Answer> {
        match number {
            0 => Some(Answer::Allowed),
            FAKED => Some(Answer::Faked),
            error => u16::try_from(error).ok().map(Answer::Refused),
        }
    }
}

/// On whose behalf something was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum By {
    Program = 1,
    /// The standard library, for a purpose of its own: `import uuid` looks for a C library with the help of a compiler.
    Library = 2,
    /// A process that the program has started and that is not recorded; the site is where it was started.
    Process = 3,
}

/// How often an attempt was repeated without a record of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeated {
    /// The attempt's number, in the order of the records, from 0; None for attempts that have no record because there were too many.
    pub attempt: Option<u32>,
    pub times: u64,
}

impl Attempt {
    /// The options that allow it together.
    pub fn options(&self) -> impl Iterator<Item = &[u8]> {
        self.option.split(|&byte| byte == 0).filter(|option| !option.is_empty())
    }

    /// The same as one text.
    pub fn option_text(&self) -> Vec<u8> {
        self.options().collect::<Vec<_>>().join(&b' ')
    }

    pub(super) fn write(&self, out: &mut PayloadWriter) {
        out.u8(self.deed as u8).list(&self.targets);
        out.u32(self.answer.number());
        out.bytes(&self.option).u8(self.by as u8).u32(self.thread.map_or(0, |thread| thread.saturating_add(1)));
        let Some(site) = &self.site else {
            out.u8(0);
            return;
        };
        out.u8(1).u64(site.instruction).bytes(&site.name).bytes(&site.filename).u32(site.offset);
        match &site.caller {
            None => out.u8(0),
            Some((name, filename)) => out.u8(1).bytes(name).bytes(filename),
        };
    }

    pub(super) fn read(reader: &mut PayloadReader) -> Option<Attempt> {
        let deed = Deed::from_number(reader.u8()?)?;
        let targets = reader.list().filter(|targets| targets.len() <= MOST_TARGETS)?;
        let answer = Answer::from_number(reader.u32()?)?;
        let option = reader.bytes()?;
        let by = match reader.u8()? {
            1 => By::Program,
            2 => By::Library,
            3 => By::Process,
            _ => return None,
        };
        let thread = reader.u32()?.checked_sub(1);
        let site = match reader.u8()? {
            0 => None,
            _ => Some(Site {
                instruction: reader.u64()?,
                name: reader.name()?,
                filename: reader.name()?,
                offset: reader.u32()?,
                caller: match reader.u8()? {
                    0 => None,
                    _ => Some((reader.name()?, reader.name()?)),
                },
            }),
        };
        Some(Attempt { deed, targets, answer, option, by, thread, site })
    }
}

impl Repeated {
    pub(super) fn write(self, out: &mut PayloadWriter) {
        out.u32(self.attempt.map_or(0, |attempt| attempt.saturating_add(1))).u64(self.times);
    }

    pub(super) fn read(reader: &mut PayloadReader) -> Option<Repeated> {
        Some(Repeated { attempt: reader.u32()?.checked_sub(1), times: reader.u64()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deed_has_the_name_of_its_number() {
        for (place, (deed, name)) in DEEDS.iter().enumerate() {
            assert_eq!((*deed as usize, deed.name()), (place + 1, *name));
            assert_eq!(Deed::from_number(*deed as u8), Some(*deed));
        }
        assert_eq!((Deed::from_number(0), Deed::from_number(20)), (None, None));
    }
}
