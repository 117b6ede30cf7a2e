//! What a recording's summary says beyond the counts of the stream: kept while events pass on their way to the sink.

use crate::record::attempts::Place;
use crate::select::Matches;
use crate::trace::attempt::{Answer, Attempt, By};
use crate::trace::decoder::Decoder;
use crate::trace::event::{LowMemory, Unmapped};
use crate::trace::uncaught::Uncaught;
use crate::trace::{Event, Run, Sink, SinkError, State, StreamError};

/// A sink before the sink.
pub struct Account<'a> {
    sink: &'a mut dyn Sink,
    pub tally: Tally,
}

/// What passed.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Code objects described.
    pub codes: u64,
    /// Instructions recorded.
    pub recorded: u64,
    /// Those of them that are the standard library's.
    pub stdlib: u64,
    /// What the code objects that ran, recorded or not, have met of what was asked for.
    pub matches: Matches,
    /// What was not recorded because the program left too little memory.
    pub low_memory: Option<LowMemory>,
    /// Instructions of the interpreter's own shutdown, which were left out.
    pub own: u64,
    pub attempts: Tried,
    pub uncaught: Uncaught,
    /// The opcode at which the program was stopped because its map does not name it.
    pub unmapped: Option<Unmapped>,
}

/// What the program tried to do outside itself.
#[derive(Clone, Debug, Default)]
pub struct Tried {
    /// Attempts that differ.
    pub count: u32,
    /// The first of those that the program made itself, or its processes, and that were refused, and how many there were.  What
    /// was not there is not among them.
    pub refused: Vec<Attempt>,
    pub refused_count: u32,
}

/// Refused attempts that a summary can show.
const SHOWN: usize = 5;

impl Tried {
    fn note(&mut self, attempt: &Attempt) {
        self.count = self.count.saturating_add(1);
        let is_missing = attempt.answer == Answer::Refused(libc::ENOENT as u16);
        if matches!(attempt.answer, Answer::Refused(_)) && !is_missing && attempt.by != By::Library {
            self.refused_count += 1;
            if self.refused.len() < SHOWN {
                self.refused.push(attempt.clone());
            }
        }
    }
}

impl<'a> Account<'a> {
    pub fn new(sink: &'a mut dyn Sink, matches: Matches) -> Account<'a> {
        Account { sink, tally: Tally { matches, ..Tally::default() } }
    }
}

/// An attempt that stands in the stream where it was made, with that place in it.
fn located(event: &Event, at: &State) -> Option<Event> {
    match event {
        Event::Attempt(attempt) if attempt.site.is_none() => {
            let place = Place::of(attempt.thread?, None, at)?;
            Some(Event::Attempt(place.of_attempt(attempt.clone(), at)))
        }
        _ => None,
    }
}

impl Sink for Account<'_> {
    fn event(&mut self, event: &Event, at: &State) -> Result<(), SinkError> {
        let located = located(event, at);
        let event = located.as_ref().unwrap_or(event);
        self.tally.uncaught.event(event, at);
        match event {
            Event::Code(code) => {
                self.tally.codes += 1;
                self.tally.matches.see(&code.object);
            }
            Event::Outside(outside) => self.tally.recorded += outside.count(),
            Event::Skipped(skipped) if skipped.own => self.tally.own += skipped.instructions,
            Event::Own(own) => self.tally.matches.see_at_shutdown(&own.name, &own.filename),
            Event::Attempt(attempt) => self.tally.attempts.note(attempt),
            Event::LowMemory(what) => self.tally.low_memory = Some(*what),
            Event::Unmapped(unmapped) => self.tally.unmapped = Some(unmapped.clone()),
            _ => {}
        }
        self.sink.event(event, at)
    }

    fn run(&mut self, run: &Run, at: &State) -> Result<(), SinkError> {
        self.tally.recorded += run.count;
        if at.frame().is_some_and(|frame| frame.code.is_stdlib) {
            self.tally.stdlib += run.count;
        }
        self.sink.run(run, at)
    }

    fn runs(&mut self, words: &[u64], decoder: &mut Decoder) -> Result<usize, StreamError> {
        let counts = |decoder: &Decoder| (decoder.state().instructions, decoder.state().stdlib);
        let before = counts(decoder);
        let taken = self.sink.runs(words, decoder);
        let after = counts(decoder);
        self.tally.recorded += after.0 - before.0;
        self.tally.stdlib += after.1 - before.1;
        taken
    }

    fn values(&mut self, words: &[u64], at: &State) -> Result<(), SinkError> {
        self.sink.values(words, at)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.sink.flush()
    }

    fn resume(&mut self) -> Result<(), SinkError> {
        self.sink.resume()
    }

    fn finish(&mut self) -> Result<u64, SinkError> {
        self.sink.finish()
    }

    fn written(&self) -> u64 {
        self.sink.written()
    }
}
