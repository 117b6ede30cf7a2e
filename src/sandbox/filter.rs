//! Filters of system calls for seccomp(2): rules, and the classic BPF program that the kernel makes its decision by.  The program sees
//! the registers of a call and no memory.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use libc::{c_int, sock_filter};

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Allow,
    /// It waits until the listener has answered.
    Notify,
    /// It fails with this error number.
    Refuse(c_int),
}

/// One rule; the first that fits decides.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The number of the system call.
    pub call: libc::c_long,
    /// All of them must hold.
    pub when: Vec<Condition>,
    pub verdict: Verdict,
}

/// What must hold for an argument.  The kernel takes flags, commands and kinds as 32-bit numbers, and so do the conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    Is(usize, u32),
    /// These bits of it are this.
    IsIn(usize, u32, u32),
    /// It has one of these bits.
    HasAny(usize, u32),
    /// It has none of these bits.
    HasNone(usize, u32),
    /// A pointer that is not null.
    IsSet(usize),
}

/// Calls of the x32 ABI have this bit, and numbers that a table of x86_64 does not know.
const X32: u32 = 0x4000_0000;

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;

// Offsets in struct seccomp_data (include/uapi/linux/seccomp.h), whose numbers are in the machine's order.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const ARGUMENTS: u32 = 16;

const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const AND: u16 = (libc::BPF_ALU | libc::BPF_AND | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const AT_LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
const ANY_BIT: u16 = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;

/// Makes the program of `rules`; calls that no rule fits get `otherwise`.
pub fn program(rules: &[Rule], otherwise: Verdict) -> Vec<sock_filter> {
    let mut out = vec![
        statement(LOAD, ARCH),
        jump(EQUAL, ARCHITECTURE, 1, 0),
        // No other architecture's calls have these numbers.
        statement(RETURN, libc::SECCOMP_RET_KILL_PROCESS),
        statement(LOAD, NUMBER),
        jump(AT_LEAST, X32, 0, 1),
        statement(RETURN, action(Verdict::Refuse(libc::ENOSYS))),
    ];
    for rule in rules {
        let conditions: Vec<sock_filter> = rule.when.iter().flat_map(condition).collect();
        // Conditions load arguments in place of the number.
        let reload = if conditions.is_empty() { vec![] } else { vec![statement(LOAD, NUMBER)] };
        let length = conditions.len() + 1 + reload.len();
        out.push(jump(EQUAL, rule.call as u32, 0, u8::try_from(length).expect("a rule is short")));
        let body = conditions.len() + 1;
        for (at, instruction) in conditions.into_iter().enumerate() {
            // What does not hold skips the rest of the rule, but for the load of the number.
            let to_end = u8::try_from(body - at - 1).expect("a rule is short");
            out.push(match instruction {
                sock_filter { jt: FAIL, .. } => sock_filter { jt: to_end, ..instruction },
                sock_filter { jf: FAIL, .. } => sock_filter { jf: to_end, ..instruction },
                instruction => instruction,
            });
        }
        out.push(statement(RETURN, action(rule.verdict)));
        out.extend(reload);
    }
    out.push(statement(RETURN, action(otherwise)));
    out
}

/// Installs a program for this process and those that it forks, for good; they must not be able to gain privileges.
pub fn install(program: &mut [sock_filter]) -> io::Result<()> {
    set(program, 0).map(drop)
}

/// The same, with a listener for what the program leaves to it.  A call that waits for an answer is interrupted by deadly signals only, if
/// the kernel can do that (5.19), so that no handler of the program repeats it.
pub fn install_with_listener(program: &mut [sock_filter]) -> io::Result<OwnedFd> {
    let descriptor = set(program, NEW_LISTENER | WAIT_KILLABLE).or_else(|error| match error.raw_os_error() {
        Some(libc::EINVAL) => set(program, NEW_LISTENER),
        _ => Err(error),
    })?;
    // SAFETY: the kernel has just made it for this process.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

const NEW_LISTENER: libc::c_ulong = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
const WAIT_KILLABLE: libc::c_ulong = libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;

fn set(program: &mut [sock_filter], flags: libc::c_ulong) -> io::Result<c_int> {
    let length = u16::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let program = libc::sock_fprog { len: length, filter: program.as_mut_ptr() };
    let mode = libc::SECCOMP_SET_MODE_FILTER;
    // SAFETY: the program and its instructions live during the call, which copies them.
    match unsafe { libc::syscall(libc::SYS_seccomp, mode, flags, &raw const program) } {
        -1 => Err(io::Error::last_os_error()),
        descriptor => Ok(descriptor as c_int),
    }
}

/// Stands for the distance to the end of the rule.
const FAIL: u8 = u8::MAX;

fn condition(condition: &Condition) -> Vec<sock_filter> {
    let low = |argument: usize| ARGUMENTS + 8 * argument as u32 + if cfg!(target_endian = "big") { 4 } else { 0 };
    let high = |argument: usize| low(argument) ^ 4;
    match *condition {
        Condition::Is(argument, value) => vec![statement(LOAD, low(argument)), jump(EQUAL, value, 0, FAIL)],
        Condition::IsIn(argument, bits, value) => {
            vec![statement(LOAD, low(argument)), statement(AND, bits), jump(EQUAL, value, 0, FAIL)]
        }
        Condition::HasAny(argument, bits) => vec![statement(LOAD, low(argument)), jump(ANY_BIT, bits, 0, FAIL)],
        Condition::HasNone(argument, bits) => vec![statement(LOAD, low(argument)), jump(ANY_BIT, bits, FAIL, 0)],
        Condition::IsSet(argument) => vec![
            statement(LOAD, low(argument)),
            jump(EQUAL, 0, 0, 2),
            statement(LOAD, high(argument)),
            jump(EQUAL, 0, FAIL, 0),
        ],
    }
}

fn action(verdict: Verdict) -> u32 {
    match verdict {
        Verdict::Allow => libc::SECCOMP_RET_ALLOW,
        Verdict::Notify => libc::SECCOMP_RET_USER_NOTIF,
        Verdict::Refuse(error) => libc::SECCOMP_RET_ERRNO | error.cast_unsigned(),
    }
}

fn statement(code: u16, k: u32) -> sock_filter {
    sock_filter { code, jt: 0, jf: 0, k }
}

fn jump(code: u16, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A call: its number, and its arguments.
    fn decide(program: &[sock_filter], architecture: u32, number: u32, arguments: [u64; 6]) -> u32 {
        let mut data = [number.to_ne_bytes(), architecture.to_ne_bytes(), [0; 4], [0; 4]].concat();
        data.extend(arguments.iter().flat_map(|argument| argument.to_ne_bytes()));
        let (mut at, mut value) = (0, 0u32);
        loop {
            let sock_filter { code, jt, jf, k } = program[at];
            let jumps = |is: bool| usize::from(if is { jt } else { jf });
            at += 1;
            match code {
                LOAD => value = u32::from_ne_bytes(*data[k as usize..].first_chunk().expect("inside")),
                AND => value &= k,
                RETURN => return k,
                EQUAL => at += jumps(value == k),
                AT_LEAST => at += jumps(value >= k),
                ANY_BIT => at += jumps(value & k != 0),
                code => panic!("unknown instruction {code}"),
            }
        }
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let rule = |call, when: &[Condition], verdict| Rule { call, when: when.to_vec(), verdict };
        let rules = [
            rule(5, &[Condition::HasAny(1, 6)], Verdict::Refuse(13)),
            rule(5, &[Condition::Is(0, 7), Condition::IsSet(2)], Verdict::Notify),
            rule(5, &[Condition::HasNone(3, 8), Condition::IsIn(4, 0xf0, 0x20)], Verdict::Refuse(1)),
            rule(6, &[], Verdict::Allow),
            rule(5, &[], Verdict::Refuse(2)),
        ];
        let program = program(&rules, Verdict::Refuse(38));
        let decide = |number, arguments| decide(&program, ARCHITECTURE, number, arguments);
        let refused = |error: u32| libc::SECCOMP_RET_ERRNO | error;
        assert_eq!(decide(5, [7, 2, 0, 0, 0, 0]), refused(13));
        assert_eq!(decide(5, [7, 1, 1, 0, 0, 0]), libc::SECCOMP_RET_USER_NOTIF);
        assert_eq!(decide(5, [7, 1, 1 << 40, 0, 0, 0]), libc::SECCOMP_RET_USER_NOTIF);
        assert_eq!(decide(5, [7, 1, 0, 0, 0x12f, 0]), refused(1));
        assert_eq!(decide(5, [7, 1, 0, 8, 0x12f, 0]), refused(2));
        assert_eq!(decide(5, [1 << 32 | 7, 1, 1, 0, 0, 0]), libc::SECCOMP_RET_USER_NOTIF);
        assert_eq!(decide(6, [0; 6]), libc::SECCOMP_RET_ALLOW);
        assert_eq!(decide(7, [0; 6]), refused(38));
        assert_eq!(decide(X32 | 6, [0; 6]), refused(38));
        assert_eq!(self::decide(&program, 0x4000_0003, 6, [0; 6]), libc::SECCOMP_RET_KILL_PROCESS);
    }
}
