//! The parent of the program's process: forks it, reaps it and the orphans below it, ends it in time, and receives the processes that
//! claim a ring.  Has no output and holds no state of a trace, so that a program gains nothing by killing its parent.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use libc::pid_t;

use super::news::News;
use super::shared::{Board, Claim, Claims, FIRST, Given, Over, RINGS, Remote, futex_wait};
use super::walls::{Walls, Ward};
use crate::process::child::{self, Change, Child};
use crate::process::privacy::Before;
use crate::process::signals::{self, Inherited, Waiting, is_terminal_stop};
use crate::process::socket::Connection;
use crate::process::traced::{self, Traced};
use crate::process::{self, descriptors};
use crate::trace::event::StopReason;

/// How long a program may take to end after it was asked to.
const GRACE: Duration = Duration::from_millis(200);
/// How often the supervisor looks without being woken.
const LOOK: Duration = Duration::from_secs(1);
/// The same while it receives other processes: it hears of their deaths only if it is their parent.
const LOOK_AT_OTHERS: Duration = Duration::from_millis(100);

/// How often it is measured what a program in a sandbox uses.
const MEASURE: Duration = Duration::from_millis(100);

/// The supervisor's account.
pub struct Supervisor<'a> {
    front: pid_t,
    news: Connection,
    board: Board,
    first: Given,
    remote: Remote,
    deadline: Deadline,
    /// The program is stopped.
    stopped: bool,
    /// All that the program has started must end.
    ends: bool,
    following: Option<Following<'a>>,
    walls: Option<Walls>,
}

impl<'a> Supervisor<'a> {
    /// In the supervisor's own process, which the front has just forked.
    pub fn new(
        timeout: Option<Duration>,
        remote: Remote,
        board: Board,
        news: Connection,
        claims: Option<&'a mut Claims>,
        walls: Option<Walls>,
    ) -> Supervisor<'a> {
        Supervisor {
            front: process::parent(),
            news,
            board,
            first: board.recording(FIRST),
            remote,
            deadline: Deadline::new(timeout),
            stopped: false,
            ends: false,
            following: claims.map(|claims| Following { claims, present: Vec::new(), hurries: false }),
            walls,
        }
    }

    /// Has the program run in a process of its own; returns this process's exit status when that and all others that are followed are
    /// over.
    pub fn run(mut self, inherited: &Inherited, access: Before, program: impl FnOnce()) -> u8 {
        let child = match self.begin(inherited, access, program) {
            Ok(child) => child,
            Err(error) => {
                eprintln!("bctrace: cannot start the program's process: {error}");
                return 125;
            }
        };
        let _ = News::Started(child.id()).send(&self.news, Some(&Traced::child(child.id())));
        self.first.set_process(child.id());
        let mut ward = self.walls.take().map(|walls| {
            let rings = (1..=RINGS).map(|number| Claim { number: number - 1, pid: 0 });
            let following = self.following.as_ref();
            let others = rings.filter_map(|claim| Some(following?.claims.remote(claim)));
            walls.listen(child.id(), self.board, std::iter::once(self.remote).chain(others).collect())
        });
        process::set_name(c"bctrace-parent");
        descriptors::close_inherited();
        let word = self.following.as_ref().map_or(self.board.changes(), |following| following.claims.changes());
        // If this fails, a death is noticed at the next look.
        let _ = signals::count_children(word);
        loop {
            let seen = word.load(Ordering::SeqCst);
            let excess = ward.as_mut().and_then(Ward::measure);
            if let Some(reason) = excess.filter(|_| self.first.stop().is_none()) {
                self.stop_all(reason);
            }
            if !self.ends && self.deadline.left().is_zero() {
                self.ends = true;
                ward.iter().for_each(Ward::shut);
                self.following.iter_mut().for_each(|following| following.hurries = true);
            }
            let is_left = ward.is_some() && process::parent() != self.front;
            if is_left {
                self.kill_all(child);
            }
            // Without a front, the others' recordings are over without a word of it.
            if self.look(child) || (is_left && self.first.death().is_some()) {
                break;
            }
            let wait = self.wait();
            futex_wait(word, seen, if ward.is_some() { wait.min(MEASURE) } else { wait });
        }
        if let Some(following) = &self.following {
            self.board.count_refused(following.claims.refused());
        }
        if let Some(ward) = &ward {
            ward.shut();
        }
        if ward.is_some() || (self.ends && self.following.is_some()) {
            traced::kill_descendants();
        }
        ward.iter().for_each(Ward::restore_terminal);
        // A front that the program has stopped must go on to its end.
        process::continue_process(self.front);
        0
    }

    fn begin(&self, inherited: &Inherited, access: Before, program: impl FnOnce()) -> std::io::Result<Child> {
        // In a sandbox this process outlives the front for as long as it takes to kill all that the program has started.
        match self.walls {
            Some(_) if process::parent() == self.front => {}
            _ => process::die_with(self.front)?,
        }
        self.board.hide_from_children()?;
        self.walls.as_ref().map_or(Ok(()), Walls::hide_from_children)?;
        self.following.iter().for_each(|following| following.claims.supervise());
        if self.following.is_some() || self.walls.is_some() {
            traced::adopt_orphans()?;
        }
        let remote = self.remote;
        let confine = || self.walls.as_ref().map_or(Ok(()), |walls| walls.raise(remote));
        child::fork(inherited, access, confine, program)
    }

    /// Does what there is to do; returns whether all is over.
    fn look(&mut self, child: Child) -> bool {
        let mut is_alive = self.first.death().is_none();
        if is_alive {
            self.note_changes(child);
            is_alive = self.first.death().is_none();
        }
        let waiting = Waiting::now();
        for notice in self.board.signals() {
            // This process was sent it as well, so it was sent to the job, and the program has it; or the program has sent its parent
            // something before.  Of several that wait only the first one's sender is known.
            let to_this = signals::take(notice.signal);
            let is_to_job = match to_this {
                Some(sender) => sender == notice.sender || sender != child.id().cast_unsigned(),
                // The one that has replaced it may have come just now, or be taken by now.
                None => waiting.has_replaced(notice.signal) || Waiting::now().has_replaced(notice.signal),
            };
            match &mut self.following {
                _ if !notice.is_passed_on || (is_to_job && is_alive && process::shares_job(child.id())) => {}
                _ if is_alive => child.signal(notice.signal),
                Some(following) => following.end_by(notice.signal, is_to_job),
                None => {}
            }
        }
        if is_alive {
            self.deadline.pass(self.first, self.remote, || child.signal(libc::SIGKILL));
        }
        let Some(following) = &mut self.following else {
            return !is_alive;
        };
        following.receive(self.board, &self.news, self.deadline, self.ends);
        following.take_back(child.id());
        !following.waits_for_any(child.id()) && !is_alive
    }

    /// Ends all processes that are recorded.
    fn stop_all(&mut self, reason: StopReason) {
        self.deadline = Deadline::now(reason);
        let present = self.following.iter_mut().flat_map(|following| &mut following.present);
        present.for_each(|present| present.deadline = self.deadline);
    }

    /// Kills all processes that are recorded.
    fn kill_all(&self, child: Child) {
        child.signal(libc::SIGKILL);
        let present = self.following.iter().flat_map(|following| &following.present);
        present.for_each(|present| present.process.signal(libc::SIGKILL));
    }

    fn note_changes(&mut self, child: Child) {
        while let Some(change) = child.change(|| self.remote.execs()) {
            self.stopped = matches!(change, Change::Stopped(_));
            let news = match change {
                Change::Died(death) => {
                    self.first.set_death(death);
                    return self.remote.wake();
                }
                Change::Stopped(signal) => {
                    News::Stopped { signal, with_job: is_terminal_stop(signal) && Waiting::now().has(signal) }
                }
                Change::Continued => News::Continued,
            };
            let _ = news.send(&self.news, None);
        }
        // A process other than the shell has continued the program.
        if self.board.is_suspended() && !self.stopped {
            process::continue_process(self.front);
        }
    }

    /// How long nothing needs to be looked at.
    fn wait(&self) -> Duration {
        let present = self.following.iter().flat_map(|following| &following.present);
        let look = if self.following.is_some() { LOOK_AT_OTHERS } else { LOOK };
        present.map(|present| present.deadline).chain([self.deadline]).map(Deadline::left).fold(look, Duration::min)
    }
}

/// When a process's time is over.
#[derive(Clone, Copy)]
struct Deadline {
    at: Option<Instant>,
    reason: StopReason,
}

impl Deadline {
    fn new(timeout: Option<Duration>) -> Deadline {
        Deadline { at: timeout.and_then(|timeout| Instant::now().checked_add(timeout)), reason: StopReason::Timeout }
    }

    /// Is over at once, for another reason.
    fn now(reason: StopReason) -> Deadline {
        Deadline { at: Some(Instant::now()), reason }
    }

    /// Once the time is over: asks the process to end, and if that does not help kills it.
    fn pass(&mut self, recording: Given, remote: Remote, kill: impl FnOnce()) {
        let now = Instant::now();
        if self.at.is_none_or(|deadline| now < deadline) {
            return;
        }
        if recording.stop().is_some() {
            kill();
        }
        recording.set_stop(self.reason);
        remote.ask_to_stop();
        self.at = Some(now + GRACE);
    }

    fn left(self) -> Duration {
        self.at.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()))
    }
}

/// The processes that have claimed rings.
struct Following<'a> {
    claims: &'a mut Claims,
    present: Vec<Present>,
    /// Processes that have no ring are not waited for.
    hurries: bool,
}

/// A process that is being recorded.
struct Present {
    claim: Claim,
    process: Traced,
    recording: Given,
    deadline: Deadline,
}

impl Following<'_> {
    /// Has the front start recorders for the processes that have claimed rings, as far as they descend from this one.  If all `ends`,
    /// they are killed.
    fn receive(&mut self, board: Board, news: &Connection, deadline: Deadline, ends: bool) {
        for claim in self.claims.pending() {
            // It waits, so the number is still its own if it ever was.
            let Ok(process) = Traced::descendant(claim.pid) else {
                self.claims.refuse(claim);
                continue;
            };
            if ends {
                process.signal(libc::SIGKILL);
                self.claims.refuse(claim);
                continue;
            }
            let recording = board.recording(claim.number + 1);
            recording.reset();
            recording.set_process(claim.pid);
            match News::Claimed(claim).send(news, Some(&process)) {
                Ok(()) => {
                    self.claims.reserve(claim);
                    self.present.push(Present { claim, process, recording, deadline });
                }
                Err(_) => self.claims.refuse(claim),
            }
        }
    }

    /// Ends the others in time, and takes back the rings of those that are recorded.
    fn take_back(&mut self, first: pid_t) {
        let Following { claims, present, .. } = self;
        present.retain_mut(|Present { claim, process, recording, deadline }| {
            match recording.over() {
                None => {
                    deadline.pass(*recording, claims.remote(*claim), || process.signal(libc::SIGKILL));
                    return true;
                }
                Some(Over::Lost) if !process.is_dead() => {
                    process.signal(libc::SIGKILL);
                    return true;
                }
                Some(Over::Refused) => claims.refuse(*claim),
                Some(Over::Done | Over::Lost) => claims.take_back(*claim),
            }
            // The first process, which may have become an interpreter, is reaped where its death is noted.
            if process.id() != first {
                process.reap();
            }
            false
        });
    }

    /// Whether there are processes that are recorded, or may yet claim a ring.
    fn waits_for_any(&self, first: pid_t) -> bool {
        // A process that was forked and has no ring yet is a child by the time that its parents are gone.
        let is_recorded = |pid| pid == first || self.present.iter().any(|present| present.process.id() == pid);
        let has_children = traced::reap_orphans(is_recorded);
        !self.present.is_empty() || (has_children && !self.hurries)
    }

    /// Passes a signal on now that the first process is gone.
    fn end_by(&mut self, signal: libc::c_int, is_to_job: bool) {
        self.hurries = true;
        let has_it = |process: &Traced| is_to_job && process::shares_job(process.id());
        let processes = self.present.iter().map(|present| &present.process);
        processes.filter(|process| !has_it(process)).for_each(|process| process.signal(signal));
    }
}
