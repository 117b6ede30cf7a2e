//! Turns words back into events, keeps the state, and hands both to a sink.  Reads the ring of a running program and the blocks of
//! a file alike; believes nothing that it has not checked.

use std::rc::Rc;

use super::brief::Unfolding;
use super::codec::record;
use super::event::{Event, Run, Then};
use super::laps::Laps;
use super::library::Modules;
use super::sink::Sink;
use super::state::{Contradiction, State, StreamError, TakesUsual};
use super::value::MOST_WORDS;
use super::word::{self, Kind};

/// Finds where the own events of a file's block begin: after the code objects that it repeats and the state that it begins with.
/// None where there is no state.
pub fn state_end(words: &[u64]) -> Option<usize> {
    let mut at = 0;
    loop {
        let first = *words.get(at)?;
        let (record_type, bytes) = word::record_fields(first);
        if Kind::of(first) != Kind::Record {
            return None;
        }
        at += 1 + word::payload_words(bytes);
        if record_type == record::STATE {
            return (at <= words.len()).then_some(at);
        }
    }
}

/// Decodes one stream, in as many pieces as it comes in.
#[derive(Debug, Default)]
pub struct Decoder {
    state: State,
    /// A STATE record may come next: it begins a block of a file and has no place anywhere else.
    awaits_state: bool,
    /// Words of values since the last run that was not empty, and names that came with them.
    values: usize,
    names: usize,
    /// What the code objects so far take in memory, and may take in a block of a file.
    weight: u64,
    max_weight: Option<u64>,
    /// Steps of searches that take longer than an event should: those taken, and how many they may be in a block of a file.
    searched: u64,
    most_searched: Option<u64>,
    /// What makes whole descriptions of a ring's brief ones.
    unfolding: Option<Unfolding>,
}

impl Decoder {
    /// Makes a decoder for one block of a file, which begins with the state that the trace was in.  Its code objects may take
    /// `max_weight` bytes in memory.
    pub fn of_block(max_weight: u64) -> Decoder {
        Decoder { awaits_state: true, max_weight: Some(max_weight), ..Decoder::default() }
    }

    /// Makes a decoder for the ring of a traced process, which describes code objects briefly, some of them by
    /// the modules of the library.
    pub fn of_ring(modules: Modules) -> Decoder {
        Decoder { unfolding: Some(Unfolding::new(modules)), ..Decoder::default() }
    }

    /// Allows this many steps of searches from now on.
    pub fn allow_search(&mut self, most: u64) {
        (self.searched, self.most_searched) = (0, Some(most));
    }

    /// The steps of searches since then.
    pub fn searched(&self) -> u64 {
        self.searched
    }

    /// Counts steps of a search that is about to begin.
    #[cold]
    fn search(&mut self, steps: u64) -> Result<(), StreamError> {
        self.searched += steps;
        match self.most_searched {
            Some(most) if self.searched > most => Err(self.contradiction("more work than a file of its size can need")),
            _ => Ok(()),
        }
    }

    pub fn state(&self) -> &State {
        &self.state
    }

    /// Decodes as many whole events as `words` holds and returns the words they took; what is left is the beginning of an event.
    pub fn decode<S: Sink + ?Sized>(&mut self, words: &[u64], sink: &mut S) -> Result<usize, StreamError> {
        let mut at = 0;
        while let Some(&first) = words.get(at) {
            if Kind::of(first).is_run() {
                at += sink.runs(&words[at..], self)?;
            } else if let Some(taken) = self.no_narrow_run(&words[at..], sink)? {
                at += taken;
            } else {
                break;
            }
        }
        Ok(at)
    }

    /// Hands the runs of one word each, with which `words` begin, to the sink one by one; returns how many these are.
    pub(super) fn runs<S: Sink + ?Sized>(&mut self, words: &[u64], sink: &mut S) -> Result<usize, StreamError> {
        let mut taken = 0;
        while let Some(&word) = words.get(taken)
            && self.run_of(word, sink)?
        {
            taken += 1;
        }
        Ok(taken)
    }

    /// Hands the run of one word to the sink; returns false if the word is none.
    #[inline(always)]
    pub fn run_of<S: Sink + ?Sized>(&mut self, word: u64, sink: &mut S) -> Result<bool, StreamError> {
        let Some(run) = Run::of_words(word, 0) else { return Ok(false) };
        self.run(run, sink)?;
        Ok(true)
    }

    /// Moves on by the usual runs with which `words` begin, as long as `to` takes them; returns how many these are.  What comes then is
    /// for [`Decoder::run_of`], which also says what is wrong with it.
    pub fn usual_runs(&mut self, words: &[u64], to: &mut impl TakesUsual) -> usize {
        let before = self.state.instructions;
        let taken = self.state.take_usual(words, to);
        if self.state.instructions > before {
            (self.values, self.names) = (0, 0);
        }
        taken
    }

    /// Decodes what `words` begin with, which is no run of one word, and returns the words it took; None where it is not whole yet.
    #[inline(never)]
    fn no_narrow_run<S: Sink + ?Sized>(&mut self, words: &[u64], sink: &mut S) -> Result<Option<usize>, StreamError> {
        match Kind::of(words[0]) {
            Kind::Record => self.record(words, sink),
            Kind::Value | Kind::Part => self.values(words, sink).map(Some),
            Kind::Wide => {
                let Some(&second) = words.get(1) else { return Ok(None) };
                let run = Run::of_words(second, words[0]).ok_or_else(|| self.no_run())?;
                self.run(run, sink)?;
                Ok(Some(2))
            }
            Kind::Free => Ok(Some(1)),
            _ => Err(self.no_run()),
        }
    }

    fn no_run(&self) -> StreamError {
        self.contradiction("a word that is no run where one must be")
    }

    /// Hands on the values at the start of `words`; what they are is looked at only where they are shown.
    fn values<S: Sink + ?Sized>(&mut self, words: &[u64], sink: &mut S) -> Result<usize, StreamError> {
        let is_value = |word: &u64| matches!(Kind::of(*word), Kind::Value | Kind::Part);
        let taken = words.iter().position(|word| !is_value(word)).unwrap_or(words.len());
        self.values += taken;
        if self.values > MOST_WORDS {
            return Err(self.contradiction("more values than a run can have"));
        }
        sink.values(&words[..taken], &self.state)?;
        Ok(taken)
    }

    /// Moves on by all but the first of laps.
    pub(super) fn repeat(&mut self, laps: &Laps) -> Result<(), StreamError> {
        self.state.repeat(laps).map_err(|why| self.contradiction(why))
    }

    /// Hands one event that did not come as words to the sink, under the same checks.
    pub fn event<S: Sink + ?Sized>(&mut self, event: &Event, sink: &mut S) -> Result<(), StreamError> {
        self.state.take(event, |at| sink.event(event, at))
    }

    /// Hands a run of the current frame that did not come as words to the sink, under the same checks.
    pub fn run_at<S: Sink + ?Sized>(
        &mut self,
        start: u32,
        length: u32,
        then: Then,
        sink: &mut S,
    ) -> Result<(), StreamError> {
        let count = self.state.count(start, length).map_err(|why| self.contradiction(why))?;
        let run = Run::new(start, length, count, then);
        self.state.take_run(&run, sink)
    }

    /// The hot path: most of a stream is runs.
    #[inline(always)]
    fn run<S: Sink + ?Sized>(&mut self, mut run: Run, sink: &mut S) -> Result<(), StreamError> {
        if run.length > 0 {
            run.count = match self.state.count_canonical(run.start, run.length) {
                Some(count) => count,
                None => self.count(&run)?,
            };
        }
        self.state.take_run(&run, sink)?;
        if run.length > 0 {
            (self.values, self.names) = (0, 0);
        }
        Ok(())
    }

    /// Counts the instructions of a run of other code than a walk from the first byte finds, if there can be such a run.
    #[cold]
    fn count(&mut self, run: &Run) -> Result<u64, StreamError> {
        if self.state.is_off_chain(run.start) {
            // Each byte may be an instruction to decode.
            self.search(4 * u64::from(run.length))?;
        }
        self.state.count(run.start, run.length).map_err(|why| self.contradiction(why))
    }

    /// Decodes the record at the start of `words`; None where it is not whole yet.
    fn record<S: Sink + ?Sized>(&mut self, words: &[u64], sink: &mut S) -> Result<Option<usize>, StreamError> {
        let (record_type, bytes) = word::record_fields(words[0]);
        if bytes > word::MAX_RECORD {
            return Err(self.contradiction("a record longer than any"));
        }
        let Some(payload) = word::payload_from_words(&words[1..], bytes) else {
            return Ok(None);
        };
        if record_type == record::STATE {
            if !std::mem::take(&mut self.awaits_state) {
                return Err(self.contradiction("a state where none can be"));
            }
            self.state.restore(&payload).ok_or_else(|| self.contradiction("a state that is none"))?;
        } else if let (record::BRIEF, Some(unfolding)) = (record_type, &mut self.unfolding) {
            let unfolded = unfolding.unfold(&payload);
            let (code, whole) = unfolded.map_err(|why| self.contradiction(why))?;
            let code = Event::Code(Rc::new(code));
            self.check_cost(&code)?;
            self.event(&code, sink)?;
            self.event(&Event::WholeCode(whole), sink)?;
        } else {
            let event = Event::decode(record_type, &payload)
                .ok_or_else(|| self.contradiction("a record that does not hold what its type says"))?;
            if let Some(event) = event {
                self.check_cost(&event)?;
                self.event(&event, sink)?;
            }
        }
        Ok(Some(1 + word::payload_words(bytes)))
    }

    /// Refuses what would take more memory than any recorder makes a reader take.
    fn check_cost(&mut self, event: &Event) -> Result<(), StreamError> {
        match event {
            Event::Code(code) => {
                let weight = self.max_weight.map_or(0, |_| code.weight());
                self.search(weight)?;
                self.weight += weight;
                if self.max_weight.is_some_and(|most| self.weight > most) {
                    return Err(self.contradiction("more code objects than a block can have"));
                }
            }
            Event::Switch(_) => self.search(self.state.stack().len() as u64)?,
            Event::Name(_) => {
                self.names += 1;
                if self.names > MOST_WORDS {
                    return Err(self.contradiction("more names than a run can have"));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn contradiction(&self, why: Contradiction) -> StreamError {
        self.state.contradiction(why)
    }
}
