//! Which system calls a sandboxed program may make: the table that the filter is made of.  What is not in it fails with ENOSYS, as on a
//! kernel that does not have it, so that C libraries take their older ways.

use libc::{c_int, c_long};

use super::filter::{Condition, Rule, Verdict};
use super::policy::{Network, Policy};
use Condition::{HasAny, HasNone, Is, IsIn, IsSet};

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

/// What is unknown.
pub const OTHERWISE: Verdict = Verdict::Refuse(libc::ENOSYS);

/// Flags of open that change a file.
pub const WRITING: c_int = libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC;

/// Flags of clone that make a namespace, CLONE_NEWTIME with them.
const NAMESPACES: u32 = 0x7e02_0080;

/// What a program may ask of a descriptor with ioctl: the state of a terminal and the size of its window, its foreground job, and what
/// every descriptor has.  TIOCSTI, which types for the user, is not among them.
const IOCTLS: [u32; 21] = [
    0x5401,      // TCGETS
    0x5402,      // TCSETS
    0x5403,      // TCSETSW
    0x5404,      // TCSETSF
    0x5405,      // TCGETA
    0x5409,      // TCSBRK
    0x540a,      // TCXONC
    0x540b,      // TCFLSH
    0x540f,      // TIOCGPGRP
    0x5410,      // TIOCSPGRP
    0x5411,      // TIOCOUTQ
    0x5413,      // TIOCGWINSZ
    0x5414,      // TIOCSWINSZ
    0x541b,      // FIONREAD
    0x5421,      // FIONBIO
    0x5425,      // TCSBRKP
    0x5429,      // TIOCGSID
    0x5450,      // FIONCLEX
    0x5451,      // FIOCLEX
    0x5452,      // FIOASYNC
    0x802c_542a, // TCGETS2
];

/// What a program may ask of prctl.  Not among them: to outlive its parent, to hide its memory from the listener, another filter.
const PRCTLS: [u32; 6] = [
    3,           // PR_GET_DUMPABLE
    15,          // PR_SET_NAME
    16,          // PR_GET_NAME
    23,          // PR_CAPBSET_READ
    39,          // PR_GET_NO_NEW_PRIVS
    0x5356_4d41, // PR_SET_VMA
];

/// Families and kinds of sockets that may be made, though nothing can be reached with them.
const FAMILIES: [c_int; 3] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6];
const KINDS: [c_int; 2] = [libc::SOCK_STREAM, libc::SOCK_DGRAM];
/// The bits of a kind that are not flags.
const KIND_BITS: u32 = !(libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK).cast_unsigned();
/// The protocols of those: their own, TCP, UDP.
const PROTOCOLS: [c_int; 3] = [0, libc::IPPROTO_TCP, libc::IPPROTO_UDP];

/// Calls that reach nothing outside the process but what its descriptors are.
const ALLOWED: &[c_long] = &[
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_brk,
    libc::SYS_capget,
    libc::SYS_chdir,
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_copy_file_range,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fadvise64,
    libc::SYS_fallocate,
    libc::SYS_fchdir,
    libc::SYS_fdatasync,
    libc::SYS_fgetxattr,
    libc::SYS_flistxattr,
    libc::SYS_flock,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_futex,
    libc::SYS_get_robust_list,
    libc::SYS_getcpu,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getgroups,
    libc::SYS_getitimer,
    libc::SYS_getpeername,
    libc::SYS_getpgid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getpriority,
    libc::SYS_getrandom,
    libc::SYS_getresgid,
    libc::SYS_getresuid,
    libc::SYS_getrusage,
    libc::SYS_getsid,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_getuid,
    libc::SYS_getxattr,
    libc::SYS_lgetxattr,
    libc::SYS_listxattr,
    libc::SYS_llistxattr,
    libc::SYS_lseek,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mincore,
    libc::SYS_mlock,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_msync,
    libc::SYS_munlock,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_newfstatat,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_preadv2,
    libc::SYS_pselect6,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_pwritev2,
    libc::SYS_read,
    libc::SYS_readahead,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigpending,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigsuspend,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_sched_get_priority_max,
    libc::SYS_sched_get_priority_min,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
    libc::SYS_sched_yield,
    libc::SYS_sendfile,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_setgid,
    libc::SYS_setitimer,
    libc::SYS_setpgid,
    libc::SYS_setregid,
    libc::SYS_setresgid,
    libc::SYS_setresuid,
    libc::SYS_setreuid,
    libc::SYS_setsid,
    libc::SYS_setuid,
    libc::SYS_shutdown,
    libc::SYS_sigaltstack,
    libc::SYS_signalfd4,
    libc::SYS_splice,
    libc::SYS_statfs,
    libc::SYS_statx,
    libc::SYS_sync_file_range,
    libc::SYS_sysinfo,
    libc::SYS_tee,
    libc::SYS_timer_create,
    libc::SYS_timer_delete,
    libc::SYS_timer_getoverrun,
    libc::SYS_timer_gettime,
    libc::SYS_timer_settime,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_gettime,
    libc::SYS_timerfd_settime,
    libc::SYS_times,
    libc::SYS_umask,
    libc::SYS_uname,
    libc::SYS_wait4,
    libc::SYS_waitid,
    libc::SYS_write,
    libc::SYS_writev,
];

/// The same that only this architecture has: older forms of calls above.
#[cfg(target_arch = "x86_64")]
const ALLOWED_HERE: &[c_long] = &[
    libc::SYS_access,
    libc::SYS_alarm,
    libc::SYS_arch_prctl,
    libc::SYS_dup2,
    libc::SYS_epoll_create,
    libc::SYS_epoll_wait,
    libc::SYS_eventfd,
    libc::SYS_getdents,
    libc::SYS_getpgrp,
    libc::SYS_getrlimit,
    libc::SYS_lstat,
    libc::SYS_pause,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_select,
    libc::SYS_signalfd,
    libc::SYS_stat,
    libc::SYS_time,
];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_HERE: &[c_long] = &[libc::SYS_getrlimit];

/// Calls that make, remove or change what has a path, beside open.  Landlock decides, and the listener reports.
const PATHS: &[c_long] = &[
    libc::SYS_unlinkat,
    libc::SYS_renameat2,
    libc::SYS_mkdirat,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_mknodat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rmdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    libc::SYS_renameat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mkdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_link,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_symlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mknod,
];

/// Calls that change a file's mode, owner or times, which Landlock does not know.  The listener does them itself, in the scratch folder
/// alone.
const METADATA: &[c_long] = &[
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchmodat2,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utime,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utimes,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_futimesat,
];

/// Calls that reach into other processes; none of them is ever allowed.
const DEBUGGING: &[c_long] = &[
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
];

/// Calls that send a signal.
const SIGNALS: &[c_long] = &[libc::SYS_kill, libc::SYS_tkill, libc::SYS_tgkill];

/// Calls that are refused with an error that programs handle.
const REFUSED: &[(c_long, c_int)] = &[
    (libc::SYS_acct, libc::EPERM),
    (libc::SYS_add_key, libc::EPERM),
    (libc::SYS_adjtimex, libc::EPERM),
    (libc::SYS_bpf, libc::EPERM),
    (libc::SYS_capset, libc::EPERM),
    (libc::SYS_chroot, libc::EPERM),
    (libc::SYS_clock_adjtime, libc::EPERM),
    (libc::SYS_clock_settime, libc::EPERM),
    (libc::SYS_delete_module, libc::EPERM),
    (libc::SYS_finit_module, libc::EPERM),
    (libc::SYS_fremovexattr, libc::ENOTSUP),
    (libc::SYS_fsetxattr, libc::ENOTSUP),
    (libc::SYS_init_module, libc::EPERM),
    (libc::SYS_kcmp, libc::EPERM),
    (libc::SYS_kexec_load, libc::EPERM),
    (libc::SYS_keyctl, libc::EPERM),
    (libc::SYS_lremovexattr, libc::ENOTSUP),
    (libc::SYS_lsetxattr, libc::ENOTSUP),
    (libc::SYS_mount, libc::EPERM),
    (libc::SYS_mq_open, libc::EPERM),
    (libc::SYS_msgget, libc::EPERM),
    (libc::SYS_name_to_handle_at, libc::EPERM),
    (libc::SYS_open_by_handle_at, libc::EPERM),
    (libc::SYS_perf_event_open, libc::EPERM),
    (libc::SYS_pivot_root, libc::EPERM),
    (libc::SYS_quotactl, libc::EPERM),
    (libc::SYS_reboot, libc::EPERM),
    (libc::SYS_removexattr, libc::ENOTSUP),
    (libc::SYS_request_key, libc::EPERM),
    (libc::SYS_sched_setaffinity, libc::EPERM),
    (libc::SYS_sched_setattr, libc::EPERM),
    (libc::SYS_sched_setparam, libc::EPERM),
    (libc::SYS_sched_setscheduler, libc::EPERM),
    (libc::SYS_semget, libc::EPERM),
    (libc::SYS_setdomainname, libc::EPERM),
    (libc::SYS_setgroups, libc::EPERM),
    (libc::SYS_sethostname, libc::EPERM),
    (libc::SYS_setns, libc::EPERM),
    (libc::SYS_setpriority, libc::EPERM),
    (libc::SYS_settimeofday, libc::EPERM),
    (libc::SYS_setxattr, libc::ENOTSUP),
    (libc::SYS_shmget, libc::EPERM),
    (libc::SYS_swapoff, libc::EPERM),
    (libc::SYS_swapon, libc::EPERM),
    (libc::SYS_syslog, libc::EPERM),
    (libc::SYS_umount2, libc::EPERM),
    (libc::SYS_unshare, libc::EPERM),
    (libc::SYS_vhangup, libc::EPERM),
    (libc::SYS_vmsplice, libc::EPERM),
];

/// The rules of the filter.
pub fn rules(setting: &Setting) -> Vec<Rule> {
    let mut table = Table { rules: Vec::new(), is_heard: setting.is_heard };
    let network = setting.policy.network == Network::All;
    table.files(setting.landlock);
    table.processes(setting);
    table.sockets(network);
    let shared = (libc::MAP_SHARED | libc::MAP_ANONYMOUS).cast_unsigned();
    // Private memory has a limit of its own.
    table.notify(libc::SYS_mmap, &[IsIn(3, shared, shared)], Verdict::Allow);
    table.add(libc::SYS_mmap, &[], Verdict::Allow);
    for request in IOCTLS {
        table.add(libc::SYS_ioctl, &[Is(1, request)], Verdict::Allow);
    }
    table.add(libc::SYS_ioctl, &[], Verdict::Refuse(libc::ENOTTY));
    for option in PRCTLS {
        table.add(libc::SYS_prctl, &[Is(0, option)], Verdict::Allow);
    }
    table.add(libc::SYS_prctl, &[], Verdict::Refuse(libc::EPERM));
    // Asks for the kind of the process and changes nothing.
    table.add(libc::SYS_personality, &[Is(0, u32::MAX)], Verdict::Allow);
    table.add(libc::SYS_personality, &[], Verdict::Refuse(libc::EPERM));
    // The caller's own priority.
    table.add(libc::SYS_setpriority, &[Is(0, 0), Is(1, 0)], Verdict::Allow);
    if setting.landlock < SCOPES {
        // Has signals sent to a process of the caller's choice.
        for command in [libc::F_SETOWN, F_SETOWN_EX] {
            table.add(libc::SYS_fcntl, &[Is(1, command.cast_unsigned())], Verdict::Refuse(libc::EPERM));
        }
    }
    table.add(libc::SYS_fcntl, &[], Verdict::Allow);
    // For the second filter, which refuses it.
    table.add(libc::SYS_seccomp, &[], Verdict::Allow);
    for &call in ALLOWED.iter().chain(ALLOWED_HERE) {
        table.add(call, &[], Verdict::Allow);
    }
    for &(call, error) in REFUSED {
        table.add(call, &[], Verdict::Refuse(error));
    }
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
                0 => self.add(call, &[HasAny(flags, writing)], Verdict::Refuse(libc::EACCES)),
                1..TRUNCATION => self.add(call, &cuts, Verdict::Refuse(libc::EACCES)),
                _ => {}
            }
            self.notify(call, &[], Verdict::Allow);
        }
        #[cfg(target_arch = "x86_64")]
        match landlock {
            0 => self.add(libc::SYS_creat, &[], Verdict::Refuse(libc::EACCES)),
            _ => self.notify(libc::SYS_creat, &[], Verdict::Allow),
        }
        match landlock {
            0..TRUNCATION => self.add(libc::SYS_truncate, &[], Verdict::Refuse(libc::EACCES)),
            _ => self.notify(libc::SYS_truncate, &[], Verdict::Allow),
        }
        for &call in PATHS {
            match landlock {
                0 => self.add(call, &[], Verdict::Refuse(libc::EACCES)),
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
        self.add(libc::SYS_clone, &[HasAny(0, NAMESPACES)], Verdict::Refuse(libc::EPERM));
        self.add(libc::SYS_clone, &[HasAny(0, libc::CLONE_THREAD.cast_unsigned())], Verdict::Allow);
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
        self.add(libc::SYS_prlimit64, &[is_memory, IsSet(2)], Verdict::Refuse(libc::EPERM));
        self.add(libc::SYS_setrlimit, &[Is(0, libc::RLIMIT_DATA)], Verdict::Refuse(libc::EPERM));
        self.add(libc::SYS_setrlimit, &[], Verdict::Allow);
        for process in [0, setting.process] {
            self.add(libc::SYS_prlimit64, &[Is(0, process)], Verdict::Allow);
        }
        self.add(libc::SYS_prlimit64, &[], Verdict::Refuse(libc::EPERM));
    }

    /// Sockets can be made; connecting, naming and sending is what the policy says.
    fn sockets(&mut self, network: bool) {
        let otherwise = |error| if network { Verdict::Allow } else { Verdict::Refuse(error) };
        for family in FAMILIES {
            for kind in KINDS {
                for protocol in PROTOCOLS {
                    let [family, kind, protocol] = [family, kind, protocol].map(c_int::cast_unsigned);
                    let when = [Is(0, family), IsIn(1, KIND_BITS, kind), Is(2, protocol)];
                    self.add(libc::SYS_socket, &when, Verdict::Allow);
                }
            }
        }
        self.notify(libc::SYS_socket, &[], Verdict::Refuse(libc::EACCES));
        // Another family would have the kernel load its module.
        self.add(libc::SYS_socketpair, &[Is(0, libc::AF_UNIX.cast_unsigned())], Verdict::Allow);
        self.add(libc::SYS_socketpair, &[], Verdict::Refuse(libc::EAFNOSUPPORT));
        self.notify(libc::SYS_connect, &[], otherwise(libc::ENETUNREACH));
        for call in [libc::SYS_bind, libc::SYS_listen] {
            self.notify(call, &[], otherwise(libc::EACCES));
        }
        if !network {
            self.add(libc::SYS_sendto, &[HasAny(3, MSG_FASTOPEN)], Verdict::Refuse(libc::EACCES));
        }
        self.notify(libc::SYS_sendto, &[IsSet(4)], otherwise(libc::ENETUNREACH));
        self.add(libc::SYS_sendto, &[], Verdict::Allow);
        // The first filter lets the listener be handed over with it; the second one, `last_rules`, closes it.
        self.add(libc::SYS_sendmsg, &[], Verdict::Allow);
        self.add(libc::SYS_sendmmsg, &[], otherwise(libc::EACCES));
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

const MSG_FASTOPEN: u32 = 0x2000_0000;

/// The rules of the second filter, which is installed once the listener is handed over.  The rest is allowed: the stricter of two
/// filters decides.
pub fn last_rules(policy: &Policy) -> Vec<Rule> {
    let mut rules = vec![Rule { call: libc::SYS_seccomp, when: vec![], verdict: Verdict::Refuse(libc::EPERM) }];
    if policy.network != Network::All {
        rules.push(Rule { call: libc::SYS_sendmsg, when: vec![], verdict: Verdict::Refuse(libc::EACCES) });
    }
    rules
}
