//! Shows that streams come back as they were, in whatever pieces they come, and that damaged ones never bring a reader
//! down.

use proptest::prelude::*;
use proptest::{option, sample::Index};

use super::decoder::{Decoder, state_end};
use super::invented::{Item, damages, traces, words};
use super::state::TakesUsual;
use super::{Event, Run, Sink, SinkError, State, StreamError};

/// Keeps what it is given, as text: events have no equality of their own.
#[derive(Default)]
struct Heard {
    /// Values that belong to the next run: a stream in pieces hands them on in pieces.
    values: Vec<u64>,
    events: Vec<String>,
    numbers: Vec<u64>,
}

impl Heard {
    fn keep(&mut self, item: &Item, at: &State) {
        if !self.values.is_empty() {
            self.events.push(text_of(&Item::Values(std::mem::take(&mut self.values))));
            self.numbers.push(at.instructions);
        }
        self.events.push(text_of(item));
        self.numbers.push(at.instructions);
    }
}

impl Sink for Heard {
    fn event(&mut self, event: &Event, at: &State) -> Result<(), SinkError> {
        self.keep(&Item::Event(event.clone()), at);
        Ok(())
    }

    fn run(&mut self, run: &Run, at: &State) -> Result<(), SinkError> {
        self.keep(&Item::Run(*run), at);
        Ok(())
    }

    fn values(&mut self, words: &[u64], _at: &State) -> Result<(), SinkError> {
        self.values.extend_from_slice(words);
        Ok(())
    }

    fn written(&self) -> u64 {
        0
    }
}

/// Writes what it is given.
#[derive(Default)]
struct Again {
    words: Vec<u64>,
}

impl Sink for Again {
    fn event(&mut self, event: &Event, _at: &State) -> Result<(), SinkError> {
        event.encode(&mut self.words);
        Ok(())
    }

    fn run(&mut self, run: &Run, _at: &State) -> Result<(), SinkError> {
        Item::Run(*run).encode(&mut self.words);
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

/// Takes usual runs together, and nothing else.
pub(super) struct Together;

impl TakesUsual for Together {
    fn enters(&mut self, code: u32) -> bool {
        !code.is_multiple_of(3)
    }

    fn executes(&mut self, _code: u32, _count: u64) {}
}

impl Sink for Together {
    fn event(&mut self, _event: &Event, _at: &State) -> Result<(), SinkError> {
        Ok(())
    }

    fn run(&mut self, _run: &Run, _at: &State) -> Result<(), SinkError> {
        Ok(())
    }

    fn runs(&mut self, words: &[u64], decoder: &mut Decoder) -> Result<usize, StreamError> {
        let usual = decoder.usual_runs(words, self);
        let is_next = words.get(usual).map(|word| decoder.run_of(*word, self)).transpose()?;
        Ok(usual + usize::from(is_next == Some(true)))
    }

    fn values(&mut self, _words: &[u64], _at: &State) -> Result<(), SinkError> {
        Ok(())
    }

    fn written(&self) -> u64 {
        0
    }
}

fn text_of(item: &Item) -> String {
    match item {
        Item::Event(Event::Code(code)) => {
            format!("code {} {} {:?} {:?}", code.id, code.first_id, code.parent, code.object)
        }
        other => format!("{other:?}"),
    }
}

fn hear(words: &[u64]) -> Result<(Heard, usize), StreamError> {
    let mut heard = Heard::default();
    let taken = Decoder::default().decode(words, &mut heard)?;
    Ok((heard, taken))
}

proptest! {
    #[test]
    fn usual_runs_that_are_taken_together_leave_the_same_state(
        events in traces(200), end: Index, damage in option::of(damages())
    ) {
        let words = words(&events);
        let mut words = words[..end.index(words.len())].to_vec();
        damage.inspect(|damage| damage.inflict(&mut words));
        let (mut one_by_one, mut together) = (Decoder::default(), Decoder::default());
        let taken = one_by_one.decode(&words, &mut Again::default());
        prop_assert_eq!(format!("{:?}", together.decode(&words, &mut Together)), format!("{taken:?}"));
        prop_assert_eq!(format!("{one_by_one:?}"), format!("{together:?}"));
    }

    #[test]
    fn events_come_back_from_their_words(events in traces(200)) {
        let words = words(&events);
        let (heard, taken) = hear(&words).expect("legal");
        prop_assert_eq!(taken, words.len());
        prop_assert_eq!(heard.events, events.iter().map(text_of).collect::<Vec<_>>());
    }

    #[test]
    fn a_stream_in_pieces_is_the_same_stream(events in traces(60), step in 1usize..20) {
        let words = words(&events);
        let (whole, _) = hear(&words).expect("legal");
        let (mut decoder, mut heard, mut begin) = (Decoder::default(), Heard::default(), 0);
        for end in (0..words.len()).step_by(step).chain([words.len()]) {
            begin += decoder.decode(&words[begin..end], &mut heard).expect("legal");
        }
        prop_assert_eq!(heard.events, whole.events);
        prop_assert_eq!(heard.numbers, whole.numbers);
    }

    #[test]
    fn a_flipped_bit_is_refused_or_read_and_never_a_panic(events in traces(60), word: usize, bit in 0u32..64) {
        let mut words = words(&events);
        let place = word % words.len();
        words[place] ^= 1 << bit;
        let _ = hear(&words);
    }

    #[test]
    fn a_sink_gets_nothing_that_no_reader_would_take(events in traces(60), word: usize, bit in 0u32..64) {
        let mut damaged = words(&events);
        let place = word % damaged.len();
        damaged[place] ^= 1 << bit;
        let mut again = Again::default();
        let _ = Decoder::default().decode(&damaged, &mut again);
        prop_assert!(hear(&again.words).is_ok());
    }

    #[test]
    fn any_words_are_refused_or_read_and_never_a_panic(mut events in traces(20), words_behind: Vec<u64>) {
        events.pop();
        let mut words = words(&events);
        words.extend(words_behind);
        let _ = hear(&words);
    }

    #[test]
    fn a_stream_goes_on_from_a_state(events in traces(200), cut: usize) {
        let cut = cut % events.len();
        let (whole, _) = hear(&words(&events)).expect("legal");
        let mut decoder = Decoder::default();
        decoder.decode(&words(&events[..cut]), &mut Heard::default()).expect("legal");
        let mut block = Vec::new();
        decoder.state().for_each_code(|code| Event::Code(code.clone()).encode(&mut block));
        decoder.state().push_record(&mut block);
        let begin = block.len();
        prop_assert_eq!(state_end(&block), Some(begin));
        block.extend(words(&events[cut..]));
        let mut heard = Heard::default();
        let mut decoder = Decoder::of_block(u64::MAX);
        decoder.decode(&block[..begin], &mut Heard::default()).expect("legal");
        decoder.decode(&block[begin..], &mut heard).expect("legal");
        prop_assert_eq!(&heard.events[..], &whole.events[cut..]);
        prop_assert_eq!(&heard.numbers[..], &whole.numbers[cut..]);
    }

    #[test]
    fn a_damaged_state_is_refused_or_read_and_never_a_panic(events in traces(60), word: usize, bit in 0u32..64) {
        let mut decoder = Decoder::default();
        decoder.decode(&words(&events), &mut Heard::default()).expect("legal");
        let mut block = Vec::new();
        decoder.state().for_each_code(|code| Event::Code(code.clone()).encode(&mut block));
        decoder.state().push_record(&mut block);
        let place = word % block.len();
        block[place] ^= 1 << bit;
        block.extend(words(&events[events.len() / 2..]));
        let _ = Decoder::of_block(u64::MAX).decode(&block, &mut Heard::default());
    }
}

#[test]
fn a_state_has_no_place_in_a_running_stream() {
    let mut words = Vec::new();
    State::default().push_record(&mut words);
    assert!(matches!(hear(&words), Err(StreamError::Contradiction { .. })));
}
