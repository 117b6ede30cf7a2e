//! Which system calls a sandboxed program may make: the table that the filter is made of.  What is not in it fails with ENOSYS, as on a
//! kernel that does not have it, so that C libraries take their older ways.  What is refused is refused by the broker, if there is one, so
//! that the trace has it.

mod lists;
mod refused;

use libc::{c_int, c_long};

use super::filter::{Condition, Rule, Verdict};
use super::policy::{Network, Policy};
use Condition::{HasAny, HasNone, Is, IsIn, IsSet};
use lists::{ALLOWED, ALLOWED_HERE, DEBUGGING, IOCTLS, METADATA, MODES, PATHS, PRCTLS, SIGNALS};

pub use refused::{Refused, Shown, makes_namespace};

/// What the filter is made for.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    pub policy: &'a Policy,
    /// The version of Landlock's interface, or 0.
    pub landlock: u32,
    /// Somebody answers what the filter does not decide.
    pub is_heard: bool,
    /// The number of this process.
    pub process: u32,
}

/// Success without an effect: the error number of none.
const IDLE: Verdict = Verdict::Refuse(0);

/// What becomes of calls that no rule knows.
pub fn otherwise(is_heard: bool) -> Verdict {
    if is_heard { Verdict::Notify } else { Verdict::Refuse(libc::ENOSYS) }
}

/// Whether this request of ioctl sets the modes of a terminal.
pub fn sets_modes(request: u64) -> bool {
    // The kernel takes 32 bits of it.
    MODES.contains(&(request as u32))
}

/// Flags of open that change a file.
pub const WRITING: c_int = libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC;

/// Flags of clone that make a namespace, CLONE_NEWTIME with them.
const NAMESPACES: u32 = 0x7e02_0080;

/// Families and kinds of sockets that may be made, though nothing can be reached with them.
const FAMILIES: [c_int; 3] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6];
const KINDS: [c_int; 2] = [libc::SOCK_STREAM, libc::SOCK_DGRAM];
/// The bits of a kind that are not flags.
const KIND_BITS: u32 = !(libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK).cast_unsigned();
/// The protocols of those: their own, TCP, UDP.
const PROTOCOLS: [c_int; 3] = [0, libc::IPPROTO_TCP, libc::IPPROTO_UDP];

/// The rules of the filter.
pub fn rules(setting: &Setting) -> Vec<Rule> {
    let mut table = Table { rules: Vec::new(), is_heard: setting.is_heard };
    let network = setting.policy.network == Network::All;
    table.files(setting.landlock);
    table.processes(setting);
    if setting.policy.fakes_net {
        table.pretence();
    }
    table.sockets(network);
    // Private memory has a limit of its own.  MAP_SHARED_VALIDATE has the bit too, and so has a mapping of /dev/zero.
    table.notify(libc::SYS_mmap, &[HasAny(3, libc::MAP_SHARED.cast_unsigned())], Verdict::Allow);
    table.add(libc::SYS_mmap, &[], Verdict::Allow);
    // What becomes of dead children, whose output counts.
    table.notify(libc::SYS_rt_sigaction, &[Is(0, libc::SIGCHLD.cast_unsigned()), IsSet(1)], Verdict::Allow);
    for request in MODES {
        table.notify(libc::SYS_ioctl, &[Is(1, request)], Verdict::Allow);
    }
    for request in IOCTLS {
        table.add(libc::SYS_ioctl, &[Is(1, request)], Verdict::Allow);
    }
    table.refuse(libc::SYS_ioctl, &[]);
    for option in PRCTLS {
        table.add(libc::SYS_prctl, &[Is(0, option)], Verdict::Allow);
    }
    table.refuse(libc::SYS_prctl, &[]);
    // Asks for the kind of the process and changes nothing.
    table.add(libc::SYS_personality, &[Is(0, u32::MAX)], Verdict::Allow);
    table.refuse(libc::SYS_personality, &[]);
    // The caller's own priority.
    table.add(libc::SYS_setpriority, &[Is(0, 0), Is(1, 0)], Verdict::Allow);
    if setting.landlock < SCOPES {
        // Has signals sent to a process of the caller's choice.
        for command in [libc::F_SETOWN, F_SETOWN_EX] {
            table.refuse(libc::SYS_fcntl, &[Is(1, command.cast_unsigned())]);
        }
    }
    // A lease makes others wait that open the file, and F_NOTIFY reports what they do in a folder.
    for command in [libc::F_SETLEASE, libc::F_NOTIFY] {
        table.refuse(libc::SYS_fcntl, &[Is(1, command.cast_unsigned())]);
    }
    table.add(libc::SYS_fcntl, &[], Verdict::Allow);
    // For the second filter, which refuses it.
    table.add(libc::SYS_seccomp, &[], Verdict::Allow);
    for &call in ALLOWED.iter().chain(ALLOWED_HERE) {
        table.add(call, &[], Verdict::Allow);
    }
    table.refusals();
    table.rules
}

/// The version of Landlock's interface that keeps signals and abstract sockets inside, and the one that knows of truncation.
pub const SCOPES: u32 = 6;
const TRUNCATION: u32 = 3;

const F_SETOWN_EX: c_int = 15;

struct Table {
    rules: Vec<Rule>,
    is_heard: bool,
}

impl Table {
    fn add(&mut self, call: c_long, when: &[Condition], verdict: Verdict) {
        self.rules.push(Rule { call, when: when.to_vec(), verdict });
    }

    /// Has the listener decide; without one the answer is `unheard`.
    fn notify(&mut self, call: c_long, when: &[Condition], unheard: Verdict) {
        self.add(call, when, if self.is_heard { Verdict::Notify } else { unheard });
    }

    /// Opening, making, removing and changing files.
    fn files(&mut self, landlock: u32) {
        let opens = [
            (libc::SYS_openat, 2),
            #[cfg(target_arch = "x86_64")]
            (libc::SYS_open, 1),
        ];
        let writing = WRITING.cast_unsigned();
        for (call, flags) in opens {
            let cuts = [HasAny(flags, libc::O_TRUNC.cast_unsigned()), HasNone(flags, libc::O_ACCMODE.cast_unsigned())];
            match landlock {
                0 => self.notify(call, &[HasAny(flags, writing)], Verdict::Refuse(libc::EACCES)),
                1..TRUNCATION => self.add(call, &cuts, Verdict::Refuse(libc::EACCES)),
                _ => {}
            }
            self.notify(call, &[], Verdict::Allow);
        }
        #[cfg(target_arch = "x86_64")]
        match landlock {
            0 => self.notify(libc::SYS_creat, &[], Verdict::Refuse(libc::EACCES)),
            _ => self.notify(libc::SYS_creat, &[], Verdict::Allow),
        }
        match landlock {
            0..TRUNCATION => self.add(libc::SYS_truncate, &[], Verdict::Refuse(libc::EACCES)),
            _ => self.notify(libc::SYS_truncate, &[], Verdict::Allow),
        }
        for &call in PATHS {
            match landlock {
                0 => self.notify(call, &[], Verdict::Refuse(libc::EACCES)),
                _ => self.notify(call, &[], Verdict::Allow),
            }
        }
        for &call in METADATA {
            self.notify(call, &[], Verdict::Refuse(libc::EPERM));
        }
    }

    /// Starting processes, and reaching others.
    fn processes(&mut self, setting: &Setting) {
        let run = if setting.policy.may_run { Verdict::Allow } else { Verdict::Refuse(libc::EACCES) };
        self.notify(libc::SYS_execve, &[], run);
        self.notify(libc::SYS_execveat, &[], run);
        self.refuse(libc::SYS_clone, &[HasAny(0, NAMESPACES)]);
        self.notify(libc::SYS_clone, &[], Verdict::Allow);
        #[cfg(target_arch = "x86_64")]
        for call in [libc::SYS_fork, libc::SYS_vfork] {
            self.notify(call, &[], Verdict::Allow);
        }
        for &call in DEBUGGING {
            self.notify(call, &[], Verdict::Refuse(libc::EPERM));
        }
        for &call in SIGNALS {
            // abort(3) and pthread_kill(3); the first argument of tkill is a thread.
            if call == libc::SYS_tgkill {
                self.add(call, &[Is(0, setting.process)], Verdict::Allow);
            }
            if !self.is_heard && call == libc::SYS_kill {
                self.add(call, &[Is(0, setting.process)], Verdict::Allow);
            }
            let unheard = if setting.landlock >= SCOPES { Verdict::Allow } else { Verdict::Refuse(libc::EPERM) };
            self.notify(call, &[], unheard);
        }
        // The limits of a process; another one's with a number.
        let is_memory = Is(1, libc::RLIMIT_DATA);
        self.refuse(libc::SYS_prlimit64, &[is_memory, IsSet(2)]);
        self.refuse(libc::SYS_setrlimit, &[Is(0, libc::RLIMIT_DATA)]);
        self.add(libc::SYS_setrlimit, &[], Verdict::Allow);
        for process in [0, setting.process] {
            self.add(libc::SYS_prlimit64, &[Is(0, process)], Verdict::Allow);
        }
        self.refuse(libc::SYS_prlimit64, &[]);
    }

    /// What the broker must see of connections that it pretends.
    fn pretence(&mut self) {
        self.notify(libc::SYS_sendto, &[HasAny(3, MSG_FASTOPEN)], Verdict::Refuse(libc::EACCES));
        self.notify(libc::SYS_sendto, &[], Verdict::Refuse(libc::ENETUNREACH));
        for call in
            [libc::SYS_close, libc::SYS_shutdown, libc::SYS_exit_group, libc::SYS_getpeername, libc::SYS_getsockname]
        {
            self.notify(call, &[], Verdict::Allow);
        }
        let [socket, tcp, ip, ipv6] =
            [libc::SOL_SOCKET, libc::IPPROTO_TCP, libc::IPPROTO_IP, libc::IPPROTO_IPV6].map(c_int::cast_unsigned);
        for option in [libc::SO_TYPE, libc::SO_DOMAIN, libc::SO_PROTOCOL] {
            self.notify(libc::SYS_getsockopt, &[Is(1, socket), Is(2, option.cast_unsigned())], Verdict::Allow);
        }
        for level in [tcp, ip, ipv6] {
            self.notify(libc::SYS_getsockopt, &[Is(1, level)], Verdict::Allow);
            let unheard = if level == tcp { Verdict::Allow } else { Verdict::Refuse(libc::ENOPROTOOPT) };
            self.notify(libc::SYS_setsockopt, &[Is(1, level)], unheard);
        }
    }

    /// Sockets can be made; connecting, naming and sending is what the policy says.
    fn sockets(&mut self, network: bool) {
        let otherwise = |error| if network { Verdict::Allow } else { Verdict::Refuse(error) };
        // No limit of a process counts the memory of its sockets.
        for option in [libc::SO_SNDBUF, libc::SO_RCVBUF, libc::SO_SNDBUFFORCE, libc::SO_RCVBUFFORCE] {
            let [level, option] = [libc::SOL_SOCKET, option].map(c_int::cast_unsigned);
            self.add(libc::SYS_setsockopt, &[Is(1, level), Is(2, option)], IDLE);
        }
        for family in FAMILIES {
            for kind in KINDS {
                for protocol in PROTOCOLS {
                    let [family, kind, protocol] = [family, kind, protocol].map(c_int::cast_unsigned);
                    let when = [Is(0, family), IsIn(1, KIND_BITS, kind), Is(2, protocol)];
                    self.add(libc::SYS_socket, &when, Verdict::Allow);
                }
            }
        }
        let [family, kind] = [libc::AF_UNIX, libc::SOCK_SEQPACKET].map(c_int::cast_unsigned);
        self.add(libc::SYS_socket, &[Is(0, family), IsIn(1, KIND_BITS, kind), Is(2, 0)], Verdict::Allow);
        self.notify(libc::SYS_socket, &[], Verdict::Refuse(libc::EACCES));
        // Another family would have the kernel load its module.
        self.add(libc::SYS_socketpair, &[Is(0, libc::AF_UNIX.cast_unsigned())], Verdict::Allow);
        self.notify(libc::SYS_socketpair, &[], Verdict::Refuse(libc::EAFNOSUPPORT));
        self.notify(libc::SYS_connect, &[], otherwise(libc::ENETUNREACH));
        for call in [libc::SYS_bind, libc::SYS_listen] {
            self.notify(call, &[], otherwise(libc::EACCES));
        }
        if !network {
            self.notify(libc::SYS_sendto, &[HasAny(3, MSG_FASTOPEN)], Verdict::Refuse(libc::EACCES));
        }
        self.notify(libc::SYS_sendto, &[IsSet(4)], otherwise(libc::ENETUNREACH));
        self.add(libc::SYS_sendto, &[], Verdict::Allow);
        // The first filter lets the listener be handed over with it; the second one, `last_rules`, closes that.
        self.add(libc::SYS_sendmsg, &[Is(2, HANDING_OVER)], Verdict::Allow);
        for call in [libc::SYS_sendmsg, libc::SYS_sendmmsg] {
            match network {
                true => self.add(call, &[], Verdict::Allow),
                false => self.notify(call, &[], Verdict::Refuse(libc::EACCES)),
            }
        }
        if network {
            self.add(libc::SYS_recvmmsg, &[], Verdict::Allow);
            self.add(libc::SYS_setsockopt, &[], Verdict::Allow);
        } else {
            // Multicast groups are joined by options of IP, which sends.
            for level in [libc::SOL_SOCKET, libc::IPPROTO_TCP] {
                self.add(libc::SYS_setsockopt, &[Is(1, level.cast_unsigned())], Verdict::Allow);
            }
            self.add(libc::SYS_setsockopt, &[], Verdict::Refuse(libc::ENOPROTOOPT));
        }
    }
}

pub const MSG_FASTOPEN: u32 = 0x2000_0000;

/// The flags with which the listener is handed over: no other message needs MSG_CONFIRM, which a local socket ignores.
const HANDING_OVER: u32 = (libc::MSG_NOSIGNAL | libc::MSG_CONFIRM).cast_unsigned();

/// The rules of the second filter, which is installed once the listener is handed over.  The rest is allowed: the stricter of two
/// filters decides.
pub fn last_rules(policy: &Policy) -> Vec<Rule> {
    let mut rules = vec![Rule { call: libc::SYS_seccomp, when: vec![], verdict: Verdict::Refuse(libc::EPERM) }];
    if policy.network != Network::All {
        let when = vec![Is(2, HANDING_OVER)];
        rules.push(Rule { call: libc::SYS_sendmsg, when, verdict: Verdict::Refuse(libc::EACCES) });
    }
    rules
}
