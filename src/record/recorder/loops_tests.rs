//! Shows that no stream, however strange, makes a capped one that a reader refuses, and that what is left out is counted.

use proptest::prelude::*;

use super::loops::LoopCap;
use crate::trace::invented::{traces, words};
use crate::trace::{Decoder, Event, Run, Sink, SinkError, State};

/// Keeps the words of what it is given, and counts instructions.
#[derive(Default)]
struct Heard {
    words: Vec<u64>,
    recorded: u64,
    iterations: u64,
    end: Option<(u64, u64, u32, usize)>,
}

impl Sink for Heard {
    fn event(&mut self, event: &Event, at: &State) -> Result<(), SinkError> {
        if let Event::Skipped(skipped) = event {
            self.iterations += skipped.iterations;
        }
        self.end = Some((at.instructions, at.next_frame, at.thread, at.stack().len()));
        event.encode(&mut self.words);
        Ok(())
    }

    fn run(&mut self, run: &Run, _at: &State) -> Result<(), SinkError> {
        self.recorded += run.count;
        let (words, count) = run.words();
        self.words.extend_from_slice(&words[..count]);
        Ok(())
    }

    fn values(&mut self, words: &[u64], _at: &State) -> Result<(), SinkError> {
        self.words.extend_from_slice(words);
        Ok(())
    }

    fn written(&self) -> u64 {
        0
    }
}

fn decoded(words: &[u64]) -> Heard {
    let mut heard = Heard::default();
    Decoder::default().decode(words, &mut heard).expect("a legal stream");
    heard
}

fn capped(words: &[u64], most: u64) -> Heard {
    let mut heard = Heard::default();
    let mut cap = LoopCap::new(&mut heard, most);
    Decoder::default().decode(words, &mut cap).expect("a legal stream");
    cap.finish().expect("nothing fails");
    heard
}

proptest! {
    #[test]
    fn a_capped_stream_is_legal_and_ends_in_the_same_state(items in traces(300), most in 0u64..3) {
        let words = words(&items);
        let (full, capped) = (decoded(&words), capped(&words, most));
        prop_assert_eq!(full.end, capped.end);
        prop_assert!(capped.recorded <= full.recorded);
        let again = decoded(&capped.words);
        prop_assert_eq!((again.recorded, again.end), (capped.recorded, capped.end));
        if capped.iterations == full.iterations {
            prop_assert_eq!(capped.recorded, full.recorded);
        }
    }

    #[test]
    fn a_cap_that_no_loop_reaches_changes_nothing(items in traces(100)) {
        let words = words(&items);
        prop_assert_eq!(capped(&words, 1 << 20).words, decoded(&words).words);
    }
}
