//! Drains the ring into the sink until the traced process is dead, finishes the run that was open, and says how it ended.

mod attempts;
mod ending;

use std::io;
use std::time::{Duration, Instant};

use super::Opening;
use super::account::{Account, Tally};
use super::loops::LoopCap;
use super::pace::{Moment, Pace};
use super::standby::{Checkpoint, Standby};
use super::watch::Watch;
use crate::progress::{Done, Progress};
use crate::record::attempts::Attempts;
use crate::record::shared::slot;
use crate::record::shared::{LAG, PAUSE, RingReader, Tampered};
use crate::select::Matches;
use crate::trace::attempt::Attempt;
use crate::trace::decoder::Decoder;
use crate::trace::event::{End, EndReason, Event, Sandbox, Start, StopReason};
use crate::trace::repeat::RepeatReader;
use crate::trace::{Raised, Sink, SinkError, StreamError};
use crate::vm::library;

/// Words taken from the ring, and words of the stream decoded, at a time.
const BATCH: usize = 1 << 14;
/// How long what the tracee has written may lie in the ring of an idle program.
const IDLE: Duration = Duration::from_millis(50);
/// Batches after which a recorder that never idles looks after its supervisor and its standby.
const BUSY: u32 = 256;

/// How long a stopped program may take to write what it has printed.
const GRACE: Duration = Duration::from_secs(1);

/// A recording.
pub struct Recording<'a> {
    watch: Watch<'a>,
    standby: Standby,
    ring: RingReader,
    start: Start,
    /// What is looked for in the code objects that run.
    matches: Matches,
    /// What depends on chance may not show.
    is_repeatable: bool,
    loop_cap: Option<u64>,
    /// Words from the ring that were not read yet.
    packed: Vec<u64>,
    repeats: RepeatReader,
    decoder: Decoder,
    progress: Progress,
    /// Batches since the last look after the other processes.
    busy: u32,
    has_lost_standby: bool,
    attempts: Attempts,
    last_checkpoint: Instant,
    /// When the trace is flushed.
    pace: Pace,
    /// The last start of a process.
    last_fork: Option<Attempt>,
}

/// How a recording went.
#[derive(Clone, Debug)]
pub struct Summary {
    pub end: End,
    pub tally: Tally,
    /// Bytes of the trace, as they lie on the disk.
    pub written: u64,
    /// What others have done to the trace meanwhile.
    pub lost: Option<String>,
}

impl Summary {
    /// The exception that ended the program, as far as the trace says.
    pub fn uncaught(&self) -> Option<&Raised> {
        self.tally.uncaught.of(&self.end)
    }
}

/// Why draining stopped before the process's death.
enum Failure {
    Tampered(String),
    Output(SinkError),
}

impl From<StreamError> for Failure {
    fn from(error: StreamError) -> Failure {
        match error {
            StreamError::Output(error) => Failure::Output(error),
            contradiction => Failure::Tampered(contradiction.to_string()),
        }
    }
}

impl From<Tampered> for Failure {
    fn from(error: Tampered) -> Failure {
        Failure::Tampered(error.to_string())
    }
}

fn tampered(why: &str) -> Failure {
    Failure::Tampered(why.into())
}

impl<'a> Recording<'a> {
    pub fn new(
        Opening { start, matches, is_repeatable, loop_cap }: Opening,
        ring: RingReader,
        shows_progress: bool,
        watch: Watch<'a>,
    ) -> Recording<'a> {
        Recording {
            watch,
            standby: Standby::default(),
            ring,
            start,
            matches,
            is_repeatable,
            loop_cap,
            packed: Vec::new(),
            repeats: RepeatReader::default(),
            decoder: Decoder::of_ring(library::marshal_of),
            progress: Progress::new(shows_progress),
            busy: 0,
            has_lost_standby: false,
            attempts: Attempts::default(),
            last_checkpoint: Instant::now(),
            pace: Pace::new(Instant::now()),
            last_fork: None,
        }
    }

    pub fn watch(&self) -> &Watch<'a> {
        &self.watch
    }

    /// Ends the standby: the trace is complete.  The process ends now, so what was decoded is not freed.
    pub fn leave(mut self) {
        self.standby.dismiss();
        std::mem::forget(self.decoder);
    }

    /// Records until the process is dead and everything is written.
    pub fn run(&mut self, sink: &mut dyn Sink) -> io::Result<Summary> {
        let Some(most) = self.loop_cap else { return self.run_into(sink) };
        let mut capped = LoopCap::new(sink, most);
        let mut summary = self.run_into(&mut capped)?;
        (summary.tally.recorded, summary.tally.stdlib) = capped.passed();
        Ok(summary)
    }

    fn run_into(&mut self, sink: &mut dyn Sink) -> io::Result<Summary> {
        let mut account = Account::new(sink, std::mem::take(&mut self.matches));
        let sink = &mut account;
        let result = self
            .begin(sink)
            .and_then(|()| self.drain(sink))
            .and_then(|()| self.finish_run(sink))
            .and_then(|()| self.count_attempts(sink));
        let reason = match result {
            Ok(()) => self.reason(self.watch.seen()),
            Err(failure) => {
                self.watch.kill();
                self.wait_for_death();
                match failure {
                    Failure::Output(SinkError::Full) => EndReason::Stopped(StopReason::MaxSize),
                    Failure::Output(error) => ending::failed_output(error)?,
                    Failure::Tampered(why) => EndReason::Tampered(why.into_bytes()),
                }
            }
        };
        self.end(reason, account)
    }

    fn begin(&mut self, sink: &mut Account) -> Result<(), Failure> {
        self.checkpoint(sink)?;
        let given = self.watch.given();
        if given.is_first() {
            if self.start.sandbox != Sandbox::None {
                self.start.sandbox = self.walls();
            }
            given.board().set_walls(self.start.sandbox);
        }
        given.set_begun();
        self.ring.begin();
        let start = Event::Start(std::mem::take(&mut self.start));
        Ok(self.decoder.event(&start, sink)?)
    }

    /// Waits until the process says what its walls are, which it does before the program can run.  One that dies before that had none to
    /// need.
    fn walls(&self) -> Sandbox {
        loop {
            match self.ring.walls() {
                Some(walls) => return walls,
                None if self.watch.seen().death.is_some() => return Sandbox::Unwatched,
                None => self.ring.wait(IDLE),
            }
        }
    }

    /// Makes a standby that has all that was read so far, and lets the tracee use its room again.
    #[cold]
    fn checkpoint(&mut self, sink: &mut Account) -> Result<(), Failure> {
        while self.standby.renew(&self.watch) == Checkpoint::TookOver {
            sink.resume().map_err(Failure::Output)?;
        }
        self.has_lost_standby = false;
        self.last_checkpoint = Instant::now();
        self.ring.release();
        Ok(())
    }

    /// Drains the ring until the process is dead.
    fn drain(&mut self, sink: &mut Account) -> Result<(), Failure> {
        let mut stopped = None;
        loop {
            if self.ring.should_release() || self.has_lost_standby {
                self.checkpoint(sink)?;
            }
            if self.watch.has_mail() {
                self.note_attempt(sink)?;
            }
            if self.ring.read(&mut self.packed, BATCH)? > 0 {
                self.decode(sink)?;
                self.show_progress(sink);
                self.look_while_busy();
                continue;
            }
            if self.watch.seen().death.is_some() {
                return Ok(());
            }
            // A program that was stopped ends at once, unless its C library waits for a lock that another thread keeps.
            if self.decoder.state().stopped.is_some() && stopped.get_or_insert_with(Instant::now).elapsed() > GRACE {
                self.watch.kill();
            }
            self.ring.wait(IDLE);
            if self.ring.has_called() || self.watch.has_mail() {
                continue;
            }
            self.has_lost_standby = self.standby.is_lost();
            self.catch_up(sink)?;
            self.flush(sink)?;
            self.show_progress(sink);
        }
    }

    /// Flushes the trace, if the last flush was long enough ago.
    fn flush(&mut self, sink: &mut Account) -> Result<(), Failure> {
        if self.pace.is_due(Instant::now()) {
            let begun = Moment::now();
            sink.flush().map_err(Failure::Output)?;
            self.pace.flushed(begun, Moment::now());
        }
        Ok(())
    }

    /// Shows how far the recording is, unless the shell has the terminal.
    fn show_progress(&mut self, sink: &Account) {
        if !self.watch.given().board().is_suspended() {
            let instructions = self.decoder.state().instructions;
            self.progress.show(|| Done { instructions, total: None, written: Some(sink.written()) });
        }
    }

    fn look_while_busy(&mut self) {
        self.busy += 1;
        if self.busy >= BUSY {
            self.busy = 0;
            self.watch.end_if_abandoned();
            self.has_lost_standby = self.standby.is_lost();
        }
    }

    /// Decodes what was taken from the ring.
    fn decode(&mut self, sink: &mut Account) -> Result<(), Failure> {
        // The tracee waits for the recorder, of which this process may be a copy, so what it has written stands for no more than this.
        let done = self.repeats.position().max(self.watch.given().reached());
        let most = done + self.packed.len() as u64 + LAG + 2 * PAUSE;
        loop {
            let taken = self.repeats.read(&self.packed, BATCH).map_err(tampered)?;
            self.packed.drain(..taken);
            if self.repeats.position() > most {
                return Err(tampered("more words repeat than the program can be ahead"));
            }
            self.decode_words(sink)?;
            if self.packed.is_empty() && !self.repeats.has_rest() {
                return Ok(());
            }
        }
    }

    fn decode_words(&mut self, sink: &mut Account) -> Result<(), Failure> {
        let taken = self.decoder.decode(self.repeats.words(), sink)?;
        self.repeats.take(taken);
        self.watch.given().set_reached(self.repeats.position());
        self.ring.done(self.repeats.position());
        Ok(())
    }

    /// Takes what a live tracee that writes little has not announced.
    fn catch_up(&mut self, sink: &mut Account) -> Result<(), Failure> {
        let repeated = slot::so_far(self.ring.slot(), |head| self.take_to(head, sink))?;
        repeated.map_or(Ok(()), |(position, distance)| self.repeat_to(position, distance, sink))
    }

    /// Takes the words of the ring up to a head that the slot gave.
    fn take_to(&mut self, head: u64, sink: &mut Account) -> Result<(), Failure> {
        while self.ring.read_to(head, &mut self.packed, BATCH)? > 0 {
            self.decode(sink)?;
        }
        Ok(())
    }

    /// Takes the words up to a position that repeat and that no word in the ring stands for.
    fn repeat_to(&mut self, position: u64, distance: u64, sink: &mut Account) -> Result<(), Failure> {
        self.repeats.read_ahead(distance, position).map_err(tampered)?;
        self.decode_words(sink)
    }
}
