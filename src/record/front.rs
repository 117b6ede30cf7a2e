//! The process that the user has started.  It starts the recorders, handles signals and the job's stops, answers the interpreters that a
//! followed program starts, and ends when every trace is complete: so the next command finds the whole trace, whatever the program has
//! killed.

use std::fs::File;
use std::io::{self, PipeReader};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use libc::pid_t;

use super::Follow;
use super::news::News;
use super::recorder::{self, Opening, Outcome, Task, whole_lines};
use super::shared::{Board, Claim, Claims, FIRST, Given, Mail, Notice, Over, Remote, RingReader, futex_wake};
use crate::process::child::continue_stopped;
use crate::process::signals::{Received, Signals, is_terminal_stop};
use crate::process::socket::{Connection, Listener};
use crate::process::traced::{Traced, descends, is_same_program};
use crate::process::{self, Wants};
use crate::trace::Sink;

/// Two interrupts closer than this are one key.
const TWICE: Duration = Duration::from_millis(500);

/// The front's account.
pub struct Front {
    supervisor: pid_t,
    /// None once the supervisor is gone.
    news: Option<Connection>,
    signals: Signals,
    board: Board,
    /// Where attempts of the program come from, if it is in a sandbox.
    mail: Option<Mail>,
    /// What wakes the supervisor.
    wake: &'static AtomicU32,
    job: Job,
    interrupts: Interrupts,
    recorders: Vec<Recorder>,
    following: Option<Following>,
}

/// The recording of the program's first process.
pub struct First<R> {
    pub ring: RingReader,
    pub opening: Opening,
    pub sink: Box<dyn Sink>,
    pub progress: bool,
    /// Makes the exit status.
    pub report: R,
    /// See [`super::Plan::lines`].
    pub lines: Option<File>,
}

/// A recorder and its standby.
struct Recorder {
    pid: pid_t,
    given: Given,
    /// Ends when both are gone.
    alive: PipeReader,
}

impl Front {
    pub fn new(
        supervisor: pid_t,
        news: Connection,
        signals: Signals,
        board: Board,
        remote: Remote,
        interrupts_end: bool,
        following: Option<Following>,
    ) -> Front {
        Front {
            supervisor,
            news: Some(news),
            signals,
            board,
            mail: None,
            wake: following.as_ref().map_or(board.changes(), |following| following.claims.changes()),
            job: Job::default(),
            interrupts: Interrupts { remote, end: interrupts_end, last: None },
            recorders: Vec::new(),
            following,
        }
    }

    /// Has the recorders take what a program in a sandbox tries from there.
    pub fn with_mail(self, mail: Option<Mail>) -> Front {
        Front { mail, ..self }
    }

    /// Returns the exit status when every trace is complete.
    pub fn run<R: FnOnce(io::Result<Outcome>) -> u8>(mut self, first: First<R>) -> io::Result<u8> {
        let lines = first.lines;
        let Some((News::Started(pid), file)) = self.news.as_ref().and_then(News::receive) else {
            return Err(io::Error::other("the program's process was not started"));
        };
        let process = Traced::passed_on(pid, file);
        let given = self.board.recording(FIRST);
        let First { ring, opening, mut sink, progress, report, .. } = first;
        let waits = self.following.is_some();
        self.record(given, process, |task| {
            recorder::run_first(task, ring, opening, &mut *sink, progress, waits, report)
        })
        .inspect_err(|_| self.kill())?;
        while self.news.is_some() || !self.recorders.is_empty() {
            self.wait();
        }
        process::reap(self.supervisor);
        match given.status() {
            Some(status) => Ok(status),
            None => {
                lines.as_ref().map(whole_lines::cut).transpose()?;
                Err(io::Error::other("its recorders were killed; it holds what they had written"))
            }
        }
    }

    /// Starts a recorder, in whose process `run` returns the exit status.
    fn record(&mut self, given: Given, process: Traced, run: impl FnOnce(Task) -> u8) -> io::Result<()> {
        let (alive, life) = io::pipe()?;
        let supervisor = self.news.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        let (supervisor_id, mail) = (self.supervisor, self.mail);
        let pid = process::fork(|| {
            process::leave_job();
            process::set_name(c"bctrace-record");
            run(Task { given, mail, process, supervisor, supervisor_id, life })
        })?;
        self.recorders.push(Recorder { pid, given, alive });
        Ok(())
    }

    /// Waits for something to do, and does it.
    fn wait(&mut self) {
        let alive = self.recorders.iter().map(|recorder| (recorder.alive.as_fd(), Wants::Input));
        let news = self.news.iter().map(|news| (news.as_fd(), Wants::Input));
        let listener = self.following.iter().map(|following| (following.listener.as_fd(), Wants::Input));
        let others = [(self.signals.as_fd(), Wants::Input)].into_iter().chain(news).chain(listener);
        let polled: Vec<(BorrowedFd, Wants)> = alive.chain(others).collect();
        let ready = process::poll(&polled, None);
        let mut ready = ready.into_iter();
        let over: Vec<bool> = ready.by_ref().take(self.recorders.len()).collect();
        if ready.next() == Some(true) {
            self.take_signals();
        }
        let (has_news, is_asked) = (self.news.is_some() && ready.next() == Some(true), ready.next() == Some(true));
        if is_asked && let Some(following) = &self.following {
            following.answer(self.supervisor);
        }
        self.end_recorders(&over);
        if has_news {
            self.take_news();
        }
    }

    /// Notes which recordings are over.
    fn end_recorders(&mut self, over: &[bool]) {
        let mut over = over.iter();
        let ended: Vec<Recorder> = self.recorders.extract_if(.., |_| over.next() == Some(&true)).collect();
        for Recorder { pid, given, .. } in ended {
            process::reap(pid);
            let status = given.status();
            if !given.is_first() && status != Some(0) {
                self.board.count_failed();
            }
            given.set_over(if status.is_some() { Over::Done } else { Over::Lost });
            match status {
                None if given.is_first() => self.kill(),
                _ => self.wake_supervisor(),
            }
        }
    }

    fn take_news(&mut self) {
        let Some((news, file)) = self.news.as_ref().and_then(News::receive) else {
            self.news = None;
            // What the program has stopped goes on; with the program it has died.
            self.recorders.iter().for_each(|recorder| process::continue_process(recorder.pid));
            return;
        };
        match news {
            News::Stopped { signal, with_job } => {
                self.job.program_stopped = is_terminal_stop(signal);
                // What continues this process discards its own stop signal, if that waits.
                self.job.asked_to_stop |= with_job;
            }
            // It may be late, and the job asked to stop again by now.
            News::Continued => self.job.program_stopped = false,
            News::Claimed(claim) => self.follow(claim, file),
            News::Started(_) => {}
        }
        self.stop_with_program();
    }

    /// Starts a recorder for a process that has claimed a ring.
    fn follow(&mut self, claim: Claim, file: Option<OwnedFd>) {
        // Taken for the time of the call, since the recorder's process needs all of it.
        let Some(following) = self.following.take() else { return };
        let given = self.board.recording(claim.number + 1);
        let process = Traced::passed_on(claim.pid, file);
        let started = self.record(given, process, |task| {
            recorder::run_followed(task, claim, &following.claims, &following.follow, following.opening.clone())
        });
        self.following = Some(following);
        if started.is_err() {
            given.set_over(Over::Refused);
            self.wake_supervisor();
        }
    }

    fn take_signals(&mut self) {
        while let Some(signal) = self.signals.next() {
            self.take_signal(signal);
        }
    }

    fn take_signal(&mut self, signal: Received) {
        match signal.number {
            libc::SIGCHLD => {
                // Only a program stops these, to no good end; the program's own stops are the supervisor's news.
                let recorders = self.recorders.iter().map(|recorder| recorder.pid);
                recorders.chain([self.supervisor]).for_each(continue_stopped);
            }
            libc::SIGINT if !signal.from_process && self.interrupts.is_last() => self.kill(),
            // The supervisor says that the program goes on; that knows it.
            libc::SIGCONT if signal.sender == self.supervisor.cast_unsigned() => {}
            number => {
                let Received { sender, .. } = signal;
                self.board.notice(Notice { signal: number, sender, is_passed_on: signal.is_passed_on() });
                self.wake_supervisor();
                if is_terminal_stop(number) {
                    self.job.asked_to_stop = true;
                    self.stop_with_program();
                } else if number == libc::SIGCONT {
                    self.job.asked_to_stop = false;
                }
            }
        }
    }

    /// Stops this process if the terminal has stopped the job and the program has obeyed.
    fn stop_with_program(&mut self) {
        if self.job.asked_to_stop && self.job.program_stopped {
            self.job = Job::default();
            self.board.set_suspended(true);
            process::stop_self();
            self.board.set_suspended(false);
        }
    }

    fn kill(&self) {
        self.board.kill();
        self.wake_supervisor();
    }

    fn wake_supervisor(&self) {
        self.wake.fetch_add(1, Ordering::SeqCst);
        futex_wake(self.wake);
    }
}

/// What is known of stops.  The job stops if both are so: a program that stops itself, and is continued by another process, is no stopped
/// job.
#[derive(Debug, Default)]
struct Job {
    /// This process was sent one of the signals that stop a job.
    asked_to_stop: bool,
    /// The program was stopped by one.
    program_stopped: bool,
}

/// The terminal's interrupts.
struct Interrupts {
    remote: Remote,
    /// A second one ends a program that executes nothing.
    end: bool,
    /// When the last one came, and where the program was.
    last: Option<(Instant, (u64, u64, u64))>,
}

impl Interrupts {
    /// Notes an interrupt; returns whether the program has executed nothing since the one before it.
    fn is_last(&mut self) -> bool {
        let (now, place) = (Instant::now(), self.remote.place());
        match self.last {
            Some((when, _)) if now.duration_since(when) < TWICE => false,
            Some((_, before)) if before == place => self.end,
            _ => {
                self.last = Some((now, place));
                false
            }
        }
    }
}

/// What --follow-forks needs.
pub struct Following {
    pub follow: Follow,
    pub claims: Claims,
    pub listener: Listener,
    /// The plan for interpreters that are started.
    pub plan: File,
    pub opening: Opening,
}

impl Following {
    /// Hands the rings and the plan to interpreters that have connected, if they are this program and descend from this process.
    fn answer(&self, supervisor: pid_t) {
        while let Some((connection, pid)) = self.listener.accept() {
            // The supervisor asks in the place of an interpreter in a sandbox.
            if pid == supervisor || descends(pid) && is_same_program(pid) {
                // One that does not take it is not followed.
                let _ = connection.send(&[0], &[self.claims.file(), self.plan.as_fd()]);
            }
        }
    }
}
