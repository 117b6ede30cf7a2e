//! The process that runs the program: forked before any thread exists, given back the state that an exec would have left it, and
//! watched by its parent.

use std::io;
use std::mem::MaybeUninit;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use super::stat::Stat;
use libc::{c_int, pid_t, sighandler_t, sigset_t};

/// Signals that the parent takes instead of being ended or stopped by them.  The terminal sends the first three to the program as
/// well; the others are passed on.
const TERMINAL: [c_int; 3] = [libc::SIGINT, libc::SIGQUIT, libc::SIGTSTP];
const PASSED_ON: [c_int; 4] = [libc::SIGTERM, libc::SIGHUP, libc::SIGUSR1, libc::SIGUSR2];

/// The child, until it has been reaped.
#[derive(Clone, Copy, Debug)]
pub struct Child {
    pid: pid_t,
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Death {
    pub how: How,
    /// It had replaced itself by another program.
    pub replaced: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Exited(u8),
    Killed(u8),
    /// Nobody can tell: its parent has been told, and asked for.
    Unknown,
}

/// What the parent hears of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// A signal for the parent.
    Signal(c_int),
    /// Something happened to the child.
    Child,
    /// The time is over.
    Nothing,
}

/// Forks.  In the child, which ends with `run`, the program's signals, descriptors and parent are in order.
pub fn fork(run: impl FnOnce()) -> io::Result<Child> {
    let parent = std::process::id();
    let before = block_signals()?;
    // An ignored SIGCHLD would leave nothing to reap, and a file that is too large must be an error, not a death.
    let inherited = [(libc::SIGCHLD, libc::SIG_DFL), (libc::SIGXFSZ, libc::SIG_IGN)].map(|(signal, action)| {
        // SAFETY: neither action has a handler.
        (signal, unsafe { libc::signal(signal, action) })
    });
    // SAFETY: the process has one thread, so the child may do whatever the parent could.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let prepared = prepare_child(parent.cast_signed(), &before, &inherited);
            if let Err(error) = prepared {
                eprintln!("bctrace: cannot prepare the program's process: {error}");
                // SAFETY: ends this process alone.
                unsafe { libc::_exit(125) };
            }
            run();
            // SAFETY: as above.
            unsafe { libc::_exit(125) }
        }
        pid => Ok(Child { pid }),
    }
}

/// Gives this process the signal handling that an exec leaves, for running the interpreter in place of this program.
pub fn forget_runtime() -> io::Result<()> {
    restore_signals(&[])
}

/// Blocks what [`news`] waits for; returns the mask from before.
fn block_signals() -> io::Result<sigset_t> {
    let mut before = MaybeUninit::uninit();
    // SAFETY: both sets are ours; the call writes the second.
    match unsafe { libc::sigprocmask(libc::SIG_BLOCK, &awaited(), before.as_mut_ptr()) } {
        // SAFETY: the call succeeded, so it was written.
        0 => Ok(unsafe { before.assume_init() }),
        _ => Err(io::Error::last_os_error()),
    }
}

fn awaited() -> sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initializes the set; sigaddset takes valid signal numbers.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in TERMINAL.into_iter().chain(PASSED_ON).chain([libc::SIGCHLD]) {
            libc::sigaddset(set.as_mut_ptr(), signal);
        }
        set.assume_init()
    }
}

/// Waits for a signal of the parent's, or for news of its child.
pub fn news(at_most: Duration) -> News {
    let timeout = libc::timespec {
        tv_sec: at_most.as_secs().min(1 << 30).cast_signed(),
        tv_nsec: libc::c_long::from(at_most.subsec_nanos().cast_signed()),
    };
    // SAFETY: the set and the time live during the call; no signal details are asked for.
    match unsafe { libc::sigtimedwait(&awaited(), std::ptr::null_mut(), &timeout) } {
        libc::SIGCHLD => News::Child,
        -1 => News::Nothing,
        signal => News::Signal(signal),
    }
}

/// Whether a process runs this very binary.
pub fn is_same_program(pid: pid_t) -> bool {
    let program =
        |process: &str| std::fs::metadata(format!("/proc/{process}/exe")).map(|file| (file.dev(), file.ino())).ok();
    program("self").is_some_and(|own| program(&pid.to_string()) == Some(own))
}

/// Returns the words that a process was started with.
pub fn command_line(pid: pid_t) -> Option<Vec<Vec<u8>>> {
    let text = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    Some(text.strip_suffix(b"\0")?.split(|&byte| byte == 0).map(<[u8]>::to_vec).collect())
}

/// Sets a variable in the environment of this process, which has one thread.
pub fn set_variable(name: &str, value: &str) {
    // SAFETY: no other thread reads the environment.
    unsafe { std::env::set_var(name, value) };
}

/// Whether a signal of the parent's is meant for the program as well, which the terminal has not sent it.
pub fn is_passed_on(signal: c_int) -> bool {
    PASSED_ON.contains(&signal)
}

/// Ends this process at once.
pub fn kill_self() {
    // SAFETY: raises a signal in this process.
    unsafe { libc::raise(libc::SIGKILL) };
}

/// Tells whether a process is gone, or dead and not reaped.
pub fn is_gone(pid: pid_t) -> bool {
    // SAFETY: sends nothing.
    if unsafe { libc::kill(pid, 0) } == -1 && io::Error::last_os_error().raw_os_error() == Some(libc::ESRCH) {
        return true;
    }
    Stat::read(pid).is_some_and(|stat| stat.is_dead())
}

/// Stops this process until it is continued, as the shell expects when its job is stopped.
pub fn stop_self() {
    // SAFETY: raises a signal in this process.
    unsafe { libc::raise(libc::SIGSTOP) };
}

impl Child {
    pub fn id(&self) -> pid_t {
        self.pid
    }

    /// Sends a signal; a child that is dead but not reaped ignores it.
    pub fn signal(&self, signal: c_int) {
        // SAFETY: the child has not been reaped, so the number is still its own.
        unsafe { libc::kill(self.pid, signal) };
    }

    /// Passes on a signal that the terminal has not sent to the child itself.
    pub fn pass_on(&self, signal: c_int) {
        if is_passed_on(signal) {
            self.signal(signal);
        }
    }

    /// Tells whether the child has been stopped since the last call.
    pub fn is_stopped(&self) -> bool {
        self.wait_state(libc::WSTOPPED).is_some()
    }

    /// Reaps the child if it is dead.
    pub fn reap(&self) -> Option<Death> {
        self.wait_state(libc::WEXITED | libc::WNOWAIT)?;
        // While it is a zombie, /proc still knows whether it ever called exec.
        let replaced = has_called_exec(self.pid);
        let details = self.wait_state(libc::WEXITED)?;
        // SAFETY: waitid filled the details of a child's death.
        let status = unsafe { details.si_status() };
        let how = match details.si_code {
            libc::CLD_EXITED => How::Exited(status as u8),
            _ => How::Killed(status as u8),
        };
        Some(Death { how, replaced })
    }

    fn wait_state(&self, options: c_int) -> Option<libc::siginfo_t> {
        let mut details = MaybeUninit::<libc::siginfo_t>::zeroed();
        // SAFETY: the details are ours to be written.
        let result = unsafe {
            libc::waitid(libc::P_PID, self.pid.cast_unsigned(), details.as_mut_ptr(), options | libc::WNOHANG)
        };
        // SAFETY: zeroed or written by waitid.
        let details = unsafe { details.assume_init() };
        (result == 0 && details.si_signo != 0).then_some(details)
    }
}

/// Tells whether a process, dead or alive, has replaced itself since it was forked.
fn has_called_exec(pid: pid_t) -> bool {
    Stat::read(pid).is_some_and(|stat| stat.has_called_exec())
}

fn prepare_child(parent: pid_t, mask: &sigset_t, inherited: &[(c_int, sighandler_t)]) -> io::Result<()> {
    // SAFETY: the child dies when its parent does; the number is a signal.
    check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) })?;
    // SAFETY: asks for a number.
    if unsafe { libc::getppid() } != parent {
        return Err(io::Error::other("the parent is gone"));
    }
    restore_signals(inherited)?;
    close_own_descriptors()?;
    // SAFETY: the set is the one that the parent had.
    check(unsafe { libc::sigprocmask(libc::SIG_SETMASK, mask, std::ptr::null_mut()) })
}

/// Puts back what `fork` has changed, and Rust's runtime: its handlers for SIGSEGV and SIGBUS with their stack, and SIGPIPE.
fn restore_signals(inherited: &[(c_int, sighandler_t)]) -> io::Result<()> {
    let runtime = [libc::SIGSEGV, libc::SIGBUS, libc::SIGPIPE].map(|signal| (signal, libc::SIG_DFL));
    for (signal, action) in runtime.iter().chain(inherited) {
        // SAFETY: an exec leaves no handlers, so both what it left and the default have none.
        if unsafe { libc::signal(*signal, *action) } == libc::SIG_ERR {
            return Err(io::Error::last_os_error());
        }
    }
    let none = libc::stack_t { ss_sp: std::ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
    // SAFETY: no handler runs on the alternate stack now.
    check(unsafe { libc::sigaltstack(&none, std::ptr::null_mut()) })
}

/// Closes what this process has opened itself: all of that, and nothing inherited, closes on exec.
fn close_own_descriptors() -> io::Result<()> {
    let names: Vec<_> = std::fs::read_dir("/proc/self/fd")?.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
    for descriptor in names.iter().filter_map(|name| name.to_str()?.parse::<c_int>().ok()) {
        // SAFETY: asks for flags; a descriptor that is closed already gives an error.
        let flags = unsafe { libc::fcntl(descriptor, libc::F_GETFD) };
        if flags >= 0 && flags & libc::FD_CLOEXEC != 0 {
            // SAFETY: the child never uses or drops the Rust objects that own these descriptors.
            unsafe { libc::close(descriptor) };
        }
    }
    Ok(())
}

fn check(result: c_int) -> io::Result<()> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
