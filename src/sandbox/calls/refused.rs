//! The system calls that are never allowed, each with its name, its error, and what of its arguments is reported.  The broker refuses them,
//! so that the trace has them; without a broker the filter does.

use libc::{c_int, c_long};

use super::super::filter::{Condition, Verdict};
use super::{NAMESPACES, Table};
use Shown::{Nothing, Number, Text};

/// A call that is never allowed.
#[derive(Debug)]
pub struct Refused {
    number: c_long,
    /// As libc calls its number, with SYS_.
    constant: &'static str,
    /// What it fails with: an error that programs handle.
    pub error: c_int,
    pub shown: Shown,
}

/// What a report of a call shows, besides its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    Nothing,
    /// The text that this argument points to: a path or another name.
    Text(usize),
    /// This argument, a number: a command or flags.
    Number(usize),
}

impl Refused {
    /// Finds a call in the table.
    pub fn of(number: c_long) -> Option<&'static Refused> {
        REFUSED.iter().chain(SOMETIMES).find(|refused| refused.number == number)
    }

    pub fn name(&self) -> &'static str {
        self.constant.trim_start_matches("SYS_")
    }
}

macro_rules! refused {
    ($name:ident, $error:ident, $shown:expr) => {
        Refused { number: libc::$name, constant: stringify!($name), error: libc::$error, shown: $shown }
    };
}

/// Those that are refused whatever their arguments are.
const REFUSED: &[Refused] = &[
    refused!(SYS_acct, EPERM, Text(0)),
    refused!(SYS_add_key, EPERM, Text(0)),
    refused!(SYS_adjtimex, EPERM, Nothing),
    refused!(SYS_bpf, EPERM, Number(0)),
    refused!(SYS_capset, EPERM, Nothing),
    refused!(SYS_chroot, EPERM, Text(0)),
    refused!(SYS_clock_adjtime, EPERM, Nothing),
    refused!(SYS_clock_settime, EPERM, Nothing),
    refused!(SYS_delete_module, EPERM, Text(0)),
    refused!(SYS_fanotify_init, ENOSYS, Nothing),
    refused!(SYS_fanotify_mark, ENOSYS, Nothing),
    refused!(SYS_finit_module, EPERM, Nothing),
    refused!(SYS_fremovexattr, ENOTSUP, Text(1)),
    refused!(SYS_fsconfig, ENOSYS, Nothing),
    refused!(SYS_fsetxattr, ENOTSUP, Text(1)),
    refused!(SYS_fsmount, ENOSYS, Nothing),
    refused!(SYS_fsopen, ENOSYS, Text(0)),
    refused!(SYS_fspick, ENOSYS, Text(1)),
    refused!(SYS_init_module, EPERM, Nothing),
    refused!(SYS_inotify_add_watch, ENOSYS, Text(1)),
    refused!(SYS_inotify_init1, ENOSYS, Nothing),
    refused!(SYS_io_setup, ENOSYS, Nothing),
    refused!(SYS_io_uring_enter, ENOSYS, Nothing),
    refused!(SYS_io_uring_register, ENOSYS, Nothing),
    refused!(SYS_io_uring_setup, ENOSYS, Nothing),
    refused!(SYS_ioprio_set, ENOSYS, Nothing),
    refused!(SYS_kcmp, EPERM, Nothing),
    refused!(SYS_kexec_load, EPERM, Nothing),
    refused!(SYS_keyctl, EPERM, Number(0)),
    refused!(SYS_landlock_add_rule, ENOSYS, Nothing),
    refused!(SYS_landlock_create_ruleset, ENOSYS, Nothing),
    refused!(SYS_landlock_restrict_self, ENOSYS, Nothing),
    refused!(SYS_lremovexattr, ENOTSUP, Text(0)),
    refused!(SYS_lsetxattr, ENOTSUP, Text(0)),
    refused!(SYS_memfd_create, ENOSYS, Text(0)),
    refused!(SYS_memfd_secret, ENOSYS, Nothing),
    refused!(SYS_migrate_pages, ENOSYS, Nothing),
    refused!(SYS_mount, EPERM, Text(1)),
    refused!(SYS_mount_setattr, ENOSYS, Text(1)),
    refused!(SYS_move_mount, ENOSYS, Text(1)),
    refused!(SYS_move_pages, ENOSYS, Nothing),
    refused!(SYS_mq_open, EPERM, Text(0)),
    refused!(SYS_mq_unlink, ENOSYS, Text(0)),
    refused!(SYS_msgget, EPERM, Nothing),
    refused!(SYS_name_to_handle_at, EPERM, Text(1)),
    refused!(SYS_nfsservctl, ENOSYS, Nothing),
    refused!(SYS_open_by_handle_at, EPERM, Nothing),
    refused!(SYS_open_tree, ENOSYS, Text(1)),
    refused!(SYS_openat2, ENOSYS, Text(1)),
    refused!(SYS_perf_event_open, EPERM, Nothing),
    refused!(SYS_pivot_root, EPERM, Text(0)),
    refused!(SYS_process_madvise, ENOSYS, Nothing),
    refused!(SYS_process_mrelease, ENOSYS, Nothing),
    refused!(SYS_quotactl, EPERM, Nothing),
    refused!(SYS_quotactl_fd, ENOSYS, Nothing),
    refused!(SYS_reboot, EPERM, Nothing),
    refused!(SYS_removexattr, ENOTSUP, Text(0)),
    refused!(SYS_request_key, EPERM, Text(0)),
    refused!(SYS_sched_setaffinity, EPERM, Nothing),
    refused!(SYS_sched_setattr, EPERM, Nothing),
    refused!(SYS_sched_setparam, EPERM, Nothing),
    refused!(SYS_sched_setscheduler, EPERM, Nothing),
    refused!(SYS_semget, EPERM, Nothing),
    refused!(SYS_setdomainname, EPERM, Nothing),
    refused!(SYS_setfsgid, ENOSYS, Nothing),
    refused!(SYS_setfsuid, ENOSYS, Nothing),
    refused!(SYS_setgroups, EPERM, Nothing),
    refused!(SYS_sethostname, EPERM, Nothing),
    refused!(SYS_setns, EPERM, Nothing),
    refused!(SYS_setpriority, EPERM, Nothing),
    refused!(SYS_settimeofday, EPERM, Nothing),
    refused!(SYS_setxattr, ENOTSUP, Text(0)),
    refused!(SYS_shmat, ENOSYS, Nothing),
    refused!(SYS_shmget, EPERM, Nothing),
    refused!(SYS_splice, ENOSYS, Nothing),
    refused!(SYS_swapoff, EPERM, Text(0)),
    refused!(SYS_swapon, EPERM, Text(0)),
    refused!(SYS_syslog, EPERM, Nothing),
    refused!(SYS_tee, ENOSYS, Nothing),
    refused!(SYS_umount2, EPERM, Text(0)),
    refused!(SYS_unshare, EPERM, Number(0)),
    refused!(SYS_userfaultfd, ENOSYS, Nothing),
    refused!(SYS_vhangup, EPERM, Nothing),
    refused!(SYS_vmsplice, EPERM, Nothing),
    #[cfg(target_arch = "x86_64")]
    refused!(SYS_inotify_init, ENOSYS, Nothing),
    #[cfg(target_arch = "x86_64")]
    refused!(SYS_ioperm, ENOSYS, Nothing),
    #[cfg(target_arch = "x86_64")]
    refused!(SYS_iopl, ENOSYS, Nothing),
    #[cfg(target_arch = "x86_64")]
    refused!(SYS_kexec_file_load, ENOSYS, Nothing),
    #[cfg(target_arch = "x86_64")]
    refused!(SYS_modify_ldt, ENOSYS, Nothing),
    #[cfg(target_arch = "x86_64")]
    refused!(SYS_uselib, ENOSYS, Text(0)),
];

/// Those of which the filter allows a part: what the broker hears of them is refused.
const SOMETIMES: &[Refused] = &[
    refused!(SYS_clone, EPERM, Number(0)),
    refused!(SYS_fcntl, EPERM, Number(1)),
    refused!(SYS_ioctl, ENOTTY, Number(1)),
    refused!(SYS_personality, EPERM, Number(0)),
    refused!(SYS_prctl, EPERM, Number(0)),
    refused!(SYS_prlimit64, EPERM, Number(1)),
    refused!(SYS_setrlimit, EPERM, Number(0)),
];

/// Calls that are refused without a report, with ENOSYS: C libraries try them first and then do the same in an older way.
const UNTOLD: &[c_long] = &[libc::SYS_clone3, libc::SYS_futex_waitv, libc::SYS_mseal];

impl Table {
    /// What no rule before has allowed.  Calls that no table has are left to the broker, too.
    pub(super) fn refusals(&mut self) {
        for &Refused { number, error, .. } in REFUSED {
            self.notify(number, &[], Verdict::Refuse(error));
        }
        for &call in UNTOLD {
            self.add(call, &[], Verdict::Refuse(libc::ENOSYS));
        }
    }

    /// Refuses what no rule before has allowed of a call, if that is so.
    pub(super) fn refuse(&mut self, call: c_long, when: &[Condition]) {
        let refused = Refused::of(call).expect("a call of the tables");
        self.notify(call, when, Verdict::Refuse(refused.error));
    }
}

/// Whether a clone makes a namespace.
pub fn makes_namespace(flags: u64) -> bool {
    flags as u32 & NAMESPACES != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_has_the_name_that_manuals_have() {
        let known = |number| Refused::of(number).map(|refused| (refused.name(), refused.error, refused.shown));
        assert_eq!(known(libc::SYS_memfd_create), Some(("memfd_create", libc::ENOSYS, Text(0))));
        assert_eq!(known(libc::SYS_ioctl), Some(("ioctl", libc::ENOTTY, Number(1))));
        assert_eq!(known(libc::SYS_read), None);
    }
}
