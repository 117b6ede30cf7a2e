//! What a process that shares its terminal with another one leaves to that.

/// Ignores Ctrl-C from now on; processes that run already do not.
pub fn ignore_interrupts() {
    // SAFETY: to ignore a signal takes no handler.
    unsafe { libc::signal(libc::SIGINT, libc::SIG_IGN) };
}
