//! What a recorder knows of the process that it records, and of the supervisor that both depend on.

use std::cell::Cell;
use std::io::PipeWriter;
use std::os::fd::AsFd;
use std::time::Duration;

use libc::pid_t;

use super::{Others, Task};
use crate::process::socket::Connection;
use crate::process::traced::Traced;
use crate::process::{self, Death, How, Wants};
use crate::record::shared::{Given, Mail, Remote};
use crate::trace::event::StopReason;

/// How often a recorder without a supervisor looks for the death of its process.
const LOOK: Duration = Duration::from_millis(50);
/// How long a program can stop the recorder and the supervisor.
const LOOK_AT_STOPS: Duration = Duration::from_secs(1);

/// What has been seen of a process so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    pub death: Option<Death>,
    /// Why the supervisor has ended it, if it has.
    pub stop: Option<StopReason>,
}

/// The watched process.
pub struct Watch<'a> {
    given: Given,
    mail: Option<Mail>,
    process: Traced,
    supervisor: &'a Connection,
    supervisor_id: pid_t,
    remote: Remote,
    /// Its death, once it is known.
    death: Cell<Option<Death>>,
    _life: PipeWriter,
}

impl Watch<'_> {
    pub fn new(task: Task<'_>, remote: Remote) -> Watch<'_> {
        let Task { given, mail, process, supervisor, supervisor_id, life } = task;
        Watch { given, mail, process, supervisor, supervisor_id, remote, death: Cell::new(None), _life: life }
    }

    pub fn given(&self) -> Given {
        self.given
    }

    /// Whether an attempt of the program waits.
    #[inline]
    pub fn has_mail(&self) -> bool {
        self.mail.is_some_and(|mail| mail.is_posted(self.given.number()))
    }

    /// Takes an attempt that waits, with its number for [`Watch::mail_served`].
    pub fn mail(&self) -> Option<(u32, Vec<u8>)> {
        self.mail?.receive(self.given.number())
    }

    /// Lets the program go on whose attempt had this number.
    pub fn mail_served(&self, letter: u32) {
        if let Some(mail) = self.mail {
            mail.served(self.given.number(), letter);
        }
    }

    pub fn seen(&self) -> Seen {
        if self.death.get().is_none() {
            self.death.set(self.find_death());
        }
        Seen { death: self.death.get(), stop: self.given.stop() }
    }

    fn find_death(&self) -> Option<Death> {
        let alone = self.end_if_abandoned();
        if self.given.is_first() && !alone {
            return self.given.death();
        }
        let death = self.given.death().or_else(|| self.process.death(self.remote.execs()))?;
        // No process may have learnt how it died, but it was to be killed.
        let how = if alone && death.how == How::Unknown { How::Killed(libc::SIGKILL as u8) } else { death.how };
        Some(Death { how, ..death })
    }

    /// Kills the process if the supervisor is gone; returns whether that is so.  The kernel does the same, until the program asks it not
    /// to.
    pub fn end_if_abandoned(&self) -> bool {
        let is_gone = process::poll(&[(self.supervisor.as_fd(), Wants::HangUp)], Some(Duration::ZERO))[0];
        if is_gone {
            self.process.signal(libc::SIGKILL);
        }
        is_gone
    }

    /// Ends the process without asking.
    pub fn kill(&self) {
        self.process.signal(libc::SIGKILL);
        if self.given.is_first() && self.process.file().is_none() {
            self.given.board().kill();
        }
    }

    /// Waits until the supervisor is gone, which it is when the other processes are over; returns what came of them.
    pub fn others(&self) -> Others {
        let supervisor = [(self.supervisor.as_fd(), Wants::HangUp)];
        while !process::poll(&supervisor, Some(LOOK))[0] {}
        self.given.board().others()
    }

    /// In the standby's process: waits until `lease` has something to read, which it has when the recorder is gone or does without.
    /// Meanwhile wakes the recorder when the process dies, sees to it that the process does not outlive the supervisor, and that a
    /// program does not stop those two for good.
    pub fn stand_by(&self, lease: impl AsFd) {
        let (mut alone, mut dead) = (false, false);
        loop {
            let mut polled = vec![(lease.as_fd(), Wants::Input)];
            polled.extend((!alone).then_some((self.supervisor.as_fd(), Wants::HangUp)));
            polled.extend(self.process.file().filter(|_| !dead).map(|file| (file, Wants::Input)));
            let ready = process::poll(&polled, Some(LOOK_AT_STOPS));
            if !ready.contains(&true) {
                let recorder = process::parent();
                [recorder, self.supervisor_id].into_iter().filter(|pid| *pid > 1).for_each(process::continue_process);
            }
            let mut ready = ready.into_iter();
            if ready.next() == Some(true) {
                return;
            }
            if !alone && ready.next() == Some(true) {
                alone = self.end_if_abandoned();
            }
            if ready.next() == Some(true) {
                dead = true;
                self.remote.wake();
            }
        }
    }
}
