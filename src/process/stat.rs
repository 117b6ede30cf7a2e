//! What the kernel says of a process in /proc.

use std::fs;
use std::io;

use libc::{c_int, pid_t};

/// What /proc/PID/stat says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stat {
    state: u8,
    pub(super) parent: pid_t,
    flags: u64,
    pub(super) born: u64,
    /// Where the stack began when the program was loaded; 0 where this process may not know.
    pub(super) stack: u64,
    /// As wait gives it.
    pub(super) status: c_int,
}

impl Stat {
    pub(super) fn read(pid: pid_t) -> Option<Stat> {
        Stat::parse(&fs::read(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The same; None if there is no such process, and an error if it cannot be known.
    pub(super) fn find(pid: pid_t) -> io::Result<Option<Stat>> {
        Ok(super::if_there(fs::read(format!("/proc/{pid}/stat")))?.and_then(|text| Stat::parse(&text)))
    }

    fn parse(text: &[u8]) -> Option<Stat> {
        // The second field is the name in parentheses, and may hold anything.
        let name_end = text.iter().rposition(|&byte| byte == b')')?;
        let rest = String::from_utf8_lossy(&text[name_end + 1..]).into_owned();
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        // proc_pid_stat(5) counts from 1, and these begin with the third.
        let field = |number: usize| fields.get(number - 3).copied();
        Some(Stat {
            state: field(3)?.bytes().next()?,
            parent: field(4)?.parse().ok()?,
            flags: field(9)?.parse().ok()?,
            born: field(22)?.parse().ok()?,
            stack: field(28)?.parse().ok()?,
            status: field(52)?.parse().ok()?,
        })
    }

    pub(super) fn is_dead(&self) -> bool {
        matches!(self.state, b'Z' | b'X')
    }

    /// Reads the flag PF_FORKNOEXEC (include/linux/sched.h), which exec clears.
    pub(super) fn has_called_exec(&self) -> bool {
        const PF_FORKNOEXEC: u64 = 0x40;
        self.flags & PF_FORKNOEXEC == 0
    }
}
