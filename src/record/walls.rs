//! The walls around the program, from the supervisor's side: they are raised in the program's process, and the supervisor, which is its
//! parent, listens to what the program tries and has the recorders write it down.  Only a parent may look into a process everywhere.

use std::io;
use std::sync::Arc;

use libc::pid_t;

use super::attempts;
use super::shared::{Board, FIRST, Mail, Remote};
use crate::process::socket::Connection;
use crate::process::terminal::Flags;
use crate::process::{descriptors, environment};
use crate::sandbox::{self, Broker, Excess, Granted, Listener, Meter, Policy, Tried};
use crate::trace::event::{Sandbox, StopReason};

/// Walls that are about to be raised.
pub struct Walls {
    policy: Policy,
    mail: Mail,
    /// Over which the listener comes out of the sandbox.
    inside: Connection,
    outside: Connection,
    /// The name of the socket at which interpreters that the program starts find the front, if they are followed.
    follow: Option<String>,
    /// What the standard streams are before the program can change it.
    flags: Flags,
}

/// What the supervisor does with the program once it is closed in: measures what it uses, lets it start nothing more, and puts back what
/// it has changed of its terminal.
pub struct Ward {
    granted: Arc<Granted>,
    meter: Meter,
    flags: Flags,
}

impl Walls {
    pub fn new(policy: Policy, mail: Mail, follow: Option<String>) -> io::Result<Walls> {
        let (inside, outside) = Connection::pair()?;
        Ok(Walls { policy, mail, inside, outside, follow, flags: Flags::now() })
    }

    /// Keeps what the walls share with the recorders from the program's process, which is about to be forked.
    pub fn hide_from_children(&self) -> io::Result<()> {
        self.mail.hide_from_children()
    }

    /// In the program's process: closes it in.  What this system cannot do is said before the program can run.
    pub fn raise(&self, remote: Remote) -> io::Result<()> {
        environment::replace(&self.policy.environment);
        self.policy.folder.as_ref().map_or(Ok(()), std::env::set_current_dir)?;
        let entered = sandbox::enter(&self.policy, &self.inside)?;
        for weakness in &entered.weaknesses {
            eprintln!("bctrace: {weakness}");
        }
        if self.policy.is_strict && !entered.weaknesses.is_empty() {
            return Err(io::Error::other("--sandbox=strict asks for all of the sandbox"));
        }
        remote.set_walls(if entered.is_watched { Sandbox::Watched } else { Sandbox::Unwatched });
        descriptors::close_all()
    }

    /// In the supervisor: answers what the program and its processes try, in a thread of its own.  `recorders` wake the recorders, in the
    /// order of their numbers.
    pub fn listen(self, first: pid_t, board: Board, recorders: Vec<Remote>) -> Ward {
        let Walls { policy, mail, inside, outside, follow, flags } = self;
        // So that the wait ends if the program's process dies before it has sent anything.
        drop(inside);
        let granted: Arc<Granted> = Arc::default();
        let meter = Meter::new(&policy, first, Arc::clone(&granted));
        let ward = Ward { meter, granted: Arc::clone(&granted), flags };
        let report = move |tried: &Tried| report(tried, board, mail, &recorders);
        let serve = move || {
            let mut landlock = [0; 1];
            if let Ok((1, descriptors)) = outside.receive(&mut landlock)
                && let Some(listener) = descriptors.into_iter().next()
            {
                Broker::new(Listener::new(listener), policy, landlock[0].into(), first, granted)
                    .follow(follow)
                    .serve(report);
            } else {
                granted.note_unheard();
            }
        };
        // Without the thread the program waits forever at its first call, so it must not run.
        if std::thread::Builder::new().name("bctrace-broker".into()).spawn(serve).is_err() {
            board.kill();
        }
        ward
    }
}

/// Has the recorder of a process write an attempt down; of a process without one, that of the first.
fn report(tried: &Tried, board: Board, mail: Mail, recorders: &[Remote]) {
    let own = board.recording_of(tried.process);
    let given = own.unwrap_or(board.recording(FIRST));
    let is_over = || given.over().is_some() || given.status().is_some() || given.death().is_some();
    if let Some(recorder) = recorders.get(given.number()).filter(|_| given.has_begun() && !is_over()) {
        mail.send(given.number(), &attempts::encode(tried, own.is_some()), || recorder.wake(), is_over);
    }
}

impl Ward {
    /// Measures what the program uses; returns why it must be stopped, if it must.
    pub fn measure(&mut self) -> Option<StopReason> {
        self.meter.look().map(|excess| match excess {
            Excess::Output => StopReason::MaxOutput,
            Excess::Scratch => StopReason::MaxScratch,
            Excess::Files => StopReason::MaxFiles,
        })
    }

    /// Refuses to start more processes.
    pub fn shut(&self) {
        self.granted.shut();
    }

    /// Leaves the terminal as it was, once nothing of the program is alive.
    pub fn restore_terminal(&self) {
        self.granted.restore_modes();
        self.flags.restore();
    }
}
