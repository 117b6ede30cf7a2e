//! What a recording's summary tells beyond the counts of the stream: kept while events pass on their way to the sink.

use std::collections::BTreeSet;

use crate::trace::event::Own;
use crate::trace::{Event, Run, Sink, SinkError, State};

/// Names that are remembered at most: a program can make new ones for ever.
const NAMES: usize = 10_000;

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
    /// The names of the code objects that ran, recorded or not.
    pub names: BTreeSet<Vec<u8>>,
    /// Instructions of the interpreter's own shutdown, which were left out.
    pub own: u64,
    /// The code objects that they are of, each once.
    pub own_codes: BTreeSet<Own>,
}

impl<'a> Account<'a> {
    pub fn new(sink: &'a mut dyn Sink) -> Account<'a> {
        Account { sink, tally: Tally::default() }
    }
}

impl Sink for Account<'_> {
    fn event(&mut self, event: &Event, at: &State) -> Result<(), SinkError> {
        match event {
            Event::Code(code) => {
                self.tally.codes += 1;
                if self.tally.names.len() < NAMES {
                    self.tally.names.insert(code.object.name.clone());
                }
            }
            Event::Outside(outside) => self.tally.recorded += outside.count(),
            Event::Skipped(skipped) if skipped.own => self.tally.own += skipped.instructions,
            Event::Own(own) if self.tally.own_codes.len() < NAMES => {
                self.tally.own_codes.insert(own.clone());
            }
            _ => {}
        }
        self.sink.event(event, at)
    }

    #[inline]
    fn run(&mut self, run: &Run, at: &State) -> Result<(), SinkError> {
        self.tally.recorded += run.count;
        if at.frame().is_some_and(|frame| frame.code.is_stdlib) {
            self.tally.stdlib += run.count;
        }
        self.sink.run(run, at)
    }

    #[inline]
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
