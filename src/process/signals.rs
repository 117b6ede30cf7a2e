//! Signals to bctrace's processes, which it reads instead of being ended or stopped by them, and what the traced process gets back of
//! the state that they had.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use libc::{c_int, sighandler_t, sigset_t};

/// What a terminal sends to the program as well: passed on only if a process has sent it.
const TERMINAL: [c_int; 5] = [libc::SIGINT, libc::SIGQUIT, libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];
/// What is passed on whoever has sent it.
const PASSED_ON: [c_int; 5] = [libc::SIGTERM, libc::SIGHUP, libc::SIGUSR1, libc::SIGUSR2, libc::SIGCONT];

/// Those that stop a job from its terminal.
const TERMINAL_STOPS: [c_int; 3] = [libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];

/// Whether a signal is one of those.
pub fn is_terminal_stop(signal: c_int) -> bool {
    TERMINAL_STOPS.contains(&signal)
}

/// What this process had when it was started.
#[derive(Clone, Copy, Debug)]
pub struct Inherited {
    mask: sigset_t,
    actions: [(c_int, sighandler_t); 2],
}

/// Blocks the signals that [`Signals`] reads.  An ignored SIGCHLD would leave nothing to reap, and a file that is too large must be an
/// error, not a death.
pub fn block() -> io::Result<Inherited> {
    let mask = set_mask(libc::SIG_BLOCK, &awaited())?;
    let actions = [(libc::SIGCHLD, libc::SIG_DFL), (libc::SIGXFSZ, libc::SIG_IGN)].map(|(signal, action)| {
        // SAFETY: neither action has a handler.
        (signal, unsafe { libc::signal(signal, action) })
    });
    Ok(Inherited { mask, actions })
}

impl Inherited {
    /// Gives this process the signal handling that an exec would have left it.
    pub fn restore(&self) -> io::Result<()> {
        reset(&self.actions)?;
        set_mask(libc::SIG_SETMASK, &self.mask).map(drop)
    }

    /// Has a command start with the signal handling that this process was started with; else it would inherit what is blocked here.
    pub fn restore_in(self, command: &mut Command) {
        // SAFETY: what runs between fork and exec calls signal and pthread_sigmask alone, which are async-signal-safe.
        unsafe { command.pre_exec(move || self.restore()) };
    }

    /// Leaves the signals that were blocked to their usual effect again; one that waits has it now.
    pub fn unblock(&self) {
        // A mask that was in force can be set again.
        let _ = set_mask(libc::SIG_SETMASK, &self.mask);
    }
}

/// Gives this process the signal handling that an exec leaves, for running the interpreter in place of this program.
pub fn forget_runtime() -> io::Result<()> {
    reset(&[])
}

/// Puts back what Rust's runtime has changed, which is its handlers for SIGSEGV and SIGBUS with their stack, and SIGPIPE; and `others`.
fn reset(others: &[(c_int, sighandler_t)]) -> io::Result<()> {
    let runtime = [libc::SIGSEGV, libc::SIGBUS, libc::SIGPIPE].map(|signal| (signal, libc::SIG_DFL));
    for (signal, action) in runtime.iter().chain(others) {
        // SAFETY: an exec leaves no handlers, so both what it left and the default have none.
        if unsafe { libc::signal(*signal, *action) } == libc::SIG_ERR {
            return Err(io::Error::last_os_error());
        }
    }
    let none = libc::stack_t { ss_sp: null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
    // SAFETY: no handler runs on the alternate stack now.
    match unsafe { libc::sigaltstack(&none, null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn awaited() -> sigset_t {
    set_of(TERMINAL.into_iter().chain(PASSED_ON).chain([libc::SIGCHLD]))
}

fn set_of(signals: impl IntoIterator<Item = c_int>) -> sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: initializes the set.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    for signal in signals {
        // SAFETY: the set is initialized, and the number is a signal's.
        unsafe { libc::sigaddset(set.as_mut_ptr(), signal) };
    }
    // SAFETY: initialized above.
    unsafe { set.assume_init() }
}

/// Changes the mask; returns the one from before.
fn set_mask(how: c_int, set: &sigset_t) -> io::Result<sigset_t> {
    let mut before = MaybeUninit::uninit();
    // SAFETY: both sets are ours; the call writes the second.
    match unsafe { libc::sigprocmask(how, set, before.as_mut_ptr()) } {
        // SAFETY: the call succeeded, so it was written.
        0 => Ok(unsafe { before.assume_init() }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// A signal to this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    pub number: c_int,
    /// A process has sent it, not the kernel on a terminal's behalf.
    pub from_process: bool,
    /// The number of that process; 0 if it is in another namespace.
    pub sender: u32,
}

impl Received {
    /// Whether the program has not received it but is meant to.
    pub fn is_passed_on(&self) -> bool {
        PASSED_ON.contains(&self.number) || (self.from_process && TERMINAL.contains(&self.number))
    }
}

/// Where the blocked signals are read.
#[derive(Debug)]
pub struct Signals(OwnedFd);

impl Signals {
    pub fn open() -> io::Result<Signals> {
        // SAFETY: the set is initialized.
        let file = unsafe { libc::signalfd(-1, &awaited(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
        if file == -1 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was made just now and has no other owner.
        Ok(Signals(unsafe { OwnedFd::from_raw_fd(file) }))
    }

    /// Returns the next signal that waits.
    pub fn next(&self) -> Option<Received> {
        // struct signalfd_siginfo of signalfd(2): ssi_signo, ssi_errno, ssi_code and ssi_pid are its first fields, of 4 bytes each.
        let mut details = [0; 128];
        let read = rustix::io::read(&self.0, &mut details).ok()?;
        let field = |number: usize| details[4 * number..].first_chunk().map(|bytes| i32::from_ne_bytes(*bytes));
        (read == details.len()).then_some(Received {
            number: field(0)?,
            from_process: is_from_process(field(2)?),
            sender: field(3)?.cast_unsigned(),
        })
    }
}

/// The blocked signals of this process that wait.
pub struct Waiting(sigset_t);

impl Waiting {
    pub fn now() -> Waiting {
        let mut set = MaybeUninit::uninit();
        // SAFETY: the set is ours to be written, which cannot fail.
        unsafe { libc::sigpending(set.as_mut_ptr()) };
        // SAFETY: written above.
        Waiting(unsafe { set.assume_init() })
    }

    pub fn has(&self, signal: c_int) -> bool {
        // SAFETY: the set is initialized; a number that is no signal's is an error, not 1.
        unsafe { libc::sigismember(&self.0, signal) == 1 }
    }

    /// Whether one of them has taken the place of `signal`: a signal that stops discards one that continues which waits, and the other
    /// way round (signal(7)).
    pub fn has_replaced(&self, signal: c_int) -> bool {
        match signal {
            libc::SIGCONT => TERMINAL_STOPS.into_iter().any(|stop| self.has(stop)),
            signal => is_terminal_stop(signal) && self.has(libc::SIGCONT),
        }
    }
}

/// Takes a blocked signal of this process that waits; returns its sender.
pub fn take(signal: c_int) -> Option<u32> {
    let mut details = MaybeUninit::<libc::siginfo_t>::zeroed();
    let no_time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the set and the time live during the call, and the details are ours to be written.
    let taken = unsafe { libc::sigtimedwait(&set_of([signal]), details.as_mut_ptr(), &no_time) };
    // SAFETY: zeroed or written by sigtimedwait.
    let details = unsafe { details.assume_init() };
    // SAFETY: a signal that a process has sent has its number, one that the kernel has sent 0 or bytes of another meaning.
    let sender = unsafe { details.si_pid() };
    (taken == signal).then_some(sender.cast_unsigned())
}

/// Whether a signal with this code was sent by a process: SI_USER is 0, SI_QUEUE and SI_TKILL are negative, and the kernel's own are
/// positive (sigaction(2)).
fn is_from_process(code: c_int) -> bool {
    code <= 0
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Counts up a word at each change of a child's state from now on, so that a futex wait on the word ends.
pub fn count_children(word: &'static AtomicU32) -> io::Result<()> {
    CHILDREN.store(std::ptr::from_ref(word).cast_mut(), Ordering::SeqCst);
    // SAFETY: zeros are a valid action: no flags, and an empty mask.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = child_changed as *const () as sighandler_t;
    // SAFETY: the handler does nothing but count up a word, which is async-signal-safe.
    if unsafe { libc::sigaction(libc::SIGCHLD, &action, null_mut()) } == -1 {
        return Err(io::Error::last_os_error());
    }
    set_mask(libc::SIG_UNBLOCK, &set_of([libc::SIGCHLD])).map(drop)
}

static CHILDREN: AtomicPtr<AtomicU32> = AtomicPtr::new(null_mut());

extern "C" fn child_changed(_: c_int) {
    // SAFETY: null, or the address of a word that lives forever.
    if let Some(word) = unsafe { CHILDREN.load(Ordering::SeqCst).as_ref() } {
        word.fetch_add(1, Ordering::SeqCst);
    }
}

/// A signal as people call it.
pub fn name(signal: c_int) -> String {
    const NAMES: [&str; 32] = [
        "signal 0",
        "SIGHUP",
        "SIGINT",
        "SIGQUIT",
        "SIGILL",
        "SIGTRAP",
        "SIGABRT",
        "SIGBUS",
        "SIGFPE",
        "SIGKILL",
        "SIGUSR1",
        "SIGSEGV",
        "SIGUSR2",
        "SIGPIPE",
        "SIGALRM",
        "SIGTERM",
        "SIGSTKFLT",
        "SIGCHLD",
        "SIGCONT",
        "SIGSTOP",
        "SIGTSTP",
        "SIGTTIN",
        "SIGTTOU",
        "SIGURG",
        "SIGXCPU",
        "SIGXFSZ",
        "SIGVTALRM",
        "SIGPROF",
        "SIGWINCH",
        "SIGIO",
        "SIGPWR",
        "SIGSYS",
    ];
    let name = usize::try_from(signal).ok().and_then(|signal| NAMES.get(signal));
    name.map_or_else(|| format!("signal {signal}"), |name| (*name).to_string())
}
