//! The thread that watches the child: its death, the parent's signals, and the time.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::watch::{GRACE, Seen, Watch};
use crate::process::{Child, News, child};
use crate::record::shared::Bell;

/// Two interrupts closer than this are one: a wrapper passes on what the terminal has sent as well.
const TWICE: Duration = Duration::from_millis(500);
/// How often the warden looks without being called.
const LOOK: Duration = Duration::from_secs(1);

/// The other threads' view of the warden.
#[derive(Clone)]
pub struct Warden {
    child: Child,
    seen: Arc<Mutex<Seen>>,
    interrupts_end: bool,
}

impl Warden {
    /// Starts watching.
    pub fn start(child: Child, bell: Bell, timeout: Option<Duration>, interrupts_end: bool) -> Warden {
        let warden = Warden { child, seen: Arc::default(), interrupts_end };
        let watching = warden.clone();
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        std::thread::spawn(move || watching.watch(bell, deadline));
        warden
    }

    fn watch(&self, bell: Bell, mut deadline: Option<Instant>) {
        let mut interrupted: Option<(Instant, _)> = None;
        loop {
            if self.note_death() {
                return bell.ring();
            }
            let wait = deadline.map_or(LOOK, |deadline| deadline.saturating_duration_since(Instant::now()).min(LOOK));
            match child::news(wait) {
                News::Child if self.child.is_stopped() => {
                    child::stop_self();
                    self.child.signal(libc::SIGCONT);
                }
                News::Signal(libc::SIGINT) if !self.interrupts_end => {}
                News::Signal(libc::SIGINT) => {
                    // A program that executes bytecode will get to its KeyboardInterrupt; one that does not is ended by the
                    // second.
                    let place = bell.place();
                    match interrupted {
                        Some((when, _)) if Instant::now().duration_since(when) < TWICE => {}
                        Some((_, before)) if before == place => self.child.signal(libc::SIGKILL),
                        _ => interrupted = Some((Instant::now(), place)),
                    }
                }
                News::Signal(signal) => self.child.pass_on(signal),
                News::Child | News::Nothing => {}
            }
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                deadline = self.end_in_time(bell);
            }
        }
    }

    /// Asks the program to end, then makes it; returns the next deadline.
    fn end_in_time(&self, bell: Bell) -> Option<Instant> {
        let mut seen = self.lock();
        if seen.timed_out {
            self.child.signal(libc::SIGKILL);
            return None;
        }
        seen.timed_out = true;
        bell.ask_to_stop();
        Some(Instant::now() + GRACE)
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn note_death(&self) -> bool {
        // Under the lock, so that nobody signals a number that is no longer the child's.
        let mut seen = self.lock();
        seen.death = self.child.reap();
        seen.death.is_some()
    }
}

impl Watch for Warden {
    fn seen(&mut self) -> Seen {
        *self.lock()
    }

    fn kill(&mut self) {
        let seen = self.lock();
        if seen.death.is_none() {
            self.child.signal(libc::SIGKILL);
        }
    }
}
