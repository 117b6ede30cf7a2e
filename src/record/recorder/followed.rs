//! The processes that the program forks, each recorded by a thread of its own into a file of its own.  One thread lets them in and takes
//! their stations back.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::recording::{Recording, Summary};
use super::watch::{GRACE, Seen, Watch};
use crate::process::descendant::{self, Descendant};
use crate::process::{News, child};
use crate::record::plan::Follow;
use crate::record::shared::{Arrival, Bell, Reception, RingReader, Stations};
use crate::select::Matches;
use crate::trace::event::Start;

/// How often the thread looks without being called.
const LOOK: Duration = Duration::from_millis(100);

/// What became of a process that was followed.
#[derive(Debug)]
pub struct Followed {
    pub pid: i32,
    pub recorded: io::Result<(PathBuf, Summary)>,
}

/// All that became of them.
#[derive(Debug, Default)]
pub struct Descent {
    pub followed: Vec<Followed>,
    /// Processes that could not be followed.
    pub turned_away: u32,
}

/// The thread that receives them.
pub struct Family {
    shared: Arc<Shared>,
    bell: Stations,
    thread: JoinHandle<Descent>,
}

/// What the threads know of each other.
struct Shared {
    follow: Follow,
    start: Start,
    matches: Matches,
    deadline: Option<Instant>,
    /// The program's first process, which has its own recording.
    first: i32,
    /// The first process is recorded; the end comes with the last of the others.
    ending: AtomicBool,
    /// Nobody waits for processes that are not followed.
    hurries: AtomicBool,
    present: Mutex<Vec<Arc<Descendant>>>,
}

impl Family {
    /// Receives from now on.
    pub fn start(
        reception: Reception,
        follow: Follow,
        (start, matches): (Start, Matches),
        first: i32,
        timeout: Option<Duration>,
    ) -> Family {
        let shared = Arc::new(Shared {
            follow,
            start,
            matches,
            deadline: timeout.and_then(|timeout| Instant::now().checked_add(timeout)),
            first,
            ending: AtomicBool::new(false),
            hurries: AtomicBool::new(false),
            present: Mutex::default(),
        });
        let bell = reception.bell();
        let receiving =
            Receiving { shared: Arc::clone(&shared), reception, visits: Vec::new(), descent: Descent::default() };
        Family { shared, bell, thread: thread::spawn(move || receiving.run()) }
    }

    /// Ends all of them.
    pub fn kill(&self) {
        self.shared.hurries.store(true, Ordering::SeqCst);
        self.shared.present().iter().for_each(|process| process.signal(libc::SIGKILL));
    }

    /// Waits until all of them are recorded, now that the first process is, and passes on the signals that come meanwhile.
    pub fn end(self) -> Descent {
        self.shared.ending.store(true, Ordering::SeqCst);
        self.bell.knock();
        while !self.thread.is_finished() {
            if let News::Signal(signal) = child::news(LOOK / 10)
                && child::is_passed_on(signal)
            {
                self.shared.hurries.store(true, Ordering::SeqCst);
                self.shared.present().iter().for_each(|process| process.signal(signal));
            }
        }
        self.thread.join().unwrap_or_default()
    }
}

impl Shared {
    /// The first record of a process's trace: a process that was started has a command line of its own.
    fn start_of(&self, pid: i32) -> Start {
        let own = child::command_line(std::process::id().cast_signed());
        let started = child::command_line(pid).filter(|words| Some(words) != own.as_ref());
        Start { argv: started.unwrap_or_else(|| self.start.argv.clone()), ..self.start.clone() }
    }

    fn present(&self) -> MutexGuard<'_, Vec<Arc<Descendant>>> {
        self.present.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// A process that is being recorded.
struct Visit {
    arrival: Arrival,
    process: Arc<Descendant>,
    recording: JoinHandle<io::Result<(PathBuf, Summary)>>,
}

struct Receiving {
    shared: Arc<Shared>,
    reception: Reception,
    visits: Vec<Visit>,
    descent: Descent,
}

impl Receiving {
    fn run(mut self) -> Descent {
        loop {
            let knocks = self.reception.knocks();
            // Whoever has been forked and has no station yet is a child by the time that its parents are gone.
            let (first, visits) = (self.shared.first, &self.visits);
            let is_recorded = |pid| pid == first || visits.iter().any(|visit| visit.process.id() == pid);
            let has_children = descendant::reap_orphans(is_recorded) && !self.shared.hurries.load(Ordering::SeqCst);
            self.reception.arrivals().into_iter().for_each(|arrival| self.receive(arrival));
            self.see_off();
            if self.visits.is_empty() && !has_children && self.shared.ending.load(Ordering::SeqCst) {
                self.descent.turned_away = self.reception.turned_away();
                return self.descent;
            }
            self.reception.wait(knocks, LOOK);
        }
    }

    fn receive(&mut self, arrival: Arrival) {
        // It waits, so the number is still its own if it ever was.
        let Ok(process) = Descendant::find(arrival.pid).map(Arc::new) else {
            return self.reception.turn_away(arrival);
        };
        self.shared.present().push(Arc::clone(&process));
        // As long as it waits it is alive, and what /proc tells is its own.
        let start = self.shared.start_of(arrival.pid);
        let ring = self.reception.let_in(arrival);
        let (shared, watched, bell) = (Arc::clone(&self.shared), Arc::clone(&process), self.reception.bell());
        let recording = thread::spawn(move || {
            let result = record(&shared, watched, start, ring);
            bell.knock();
            result
        });
        self.visits.push(Visit { arrival, process, recording });
    }

    /// Takes back the stations of processes that are recorded.
    fn see_off(&mut self) {
        let is_over = |visit: &mut Visit| visit.recording.is_finished();
        for Visit { arrival, process, recording } in self.visits.extract_if(.., is_over) {
            let lost = || Err(io::Error::other("its recording has failed"));
            let recorded = recording.join().unwrap_or_else(|_| lost());
            // The first process, which may have become an interpreter, has a warden that waits for its death.
            if process.id() != self.shared.first {
                process.reap();
            }
            self.shared.present().retain(|other| !Arc::ptr_eq(other, &process));
            self.reception.take_back(arrival);
            self.descent.followed.push(Followed { pid: process.id(), recorded });
        }
    }
}

/// Records one process until it is dead.
fn record(shared: &Shared, process: Arc<Descendant>, start: Start, ring: RingReader) -> io::Result<(PathBuf, Summary)> {
    let pid = process.id();
    let (dying, bell) = (Arc::clone(&process), ring.bell());
    thread::spawn(move || {
        dying.wait();
        bell.ring();
    });
    let mut watch = Follower { process, bell: ring.bell(), deadline: shared.deadline, seen: Seen::default() };
    let recorded = (shared.follow.0)(pid).and_then(|(path, mut sink)| {
        let summary = Recording::new(start, shared.matches.clone(), ring, false).run(&mut watch, &mut *sink)?;
        Ok((path, summary))
    });
    if recorded.is_err() {
        watch.kill();
    }
    recorded
}

/// Watches a process that is not this one's child.
struct Follower {
    process: Arc<Descendant>,
    bell: Bell,
    deadline: Option<Instant>,
    seen: Seen,
}

impl Watch for Follower {
    fn seen(&mut self) -> Seen {
        if self.seen.death.is_none() {
            self.seen.death = self.process.death(self.bell.execs());
            self.end_in_time();
        }
        self.seen
    }

    fn kill(&mut self) {
        self.process.signal(libc::SIGKILL);
    }
}

impl Follower {
    /// Asks the process to end when the time is over, then makes it.
    fn end_in_time(&mut self) {
        let now = Instant::now();
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        if self.seen.timed_out {
            self.process.signal(libc::SIGKILL);
        }
        self.deadline = Some(now + GRACE);
        self.seen.timed_out = true;
        self.bell.ask_to_stop();
    }
}
