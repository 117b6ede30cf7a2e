//! Shows, refusal by refusal, that a reader believes nothing: each contradiction that a stream can hold is made from one that is sound.

use super::code::Code;
use super::codec::record as record_types;
use super::decoder::Decoder;
use super::decoder_tests::Together;
use super::event::{Announce, Event, Name, Outside, Skipped};
use super::origin::{Held, WholeCode};
use super::repeat::{self, RepeatReader};
use super::value::{self, MOST_WORDS, NAMES, Role, Tag};
use super::word::{self, Fields, Kind, MAX_RUN_WORDS};
use super::{Sink, StreamError, ignore};
use crate::bytecode::CodeObject;

fn code(id: u32) -> Event {
    // LOAD_CONST 0, RETURN_VALUE.
    let object = CodeObject { name: b"f".to_vec(), bytes: vec![100, 0, 0, 83], ..CodeObject::default() };
    Event::Code(std::rc::Rc::new(Code::new(id, id, None, object)))
}

fn run(kind: Kind, start: u32, length: u32, argument: u32) -> Vec<u64> {
    let (words, count): ([u64; MAX_RUN_WORDS], usize) = word::pack(kind, Fields { start, length, argument });
    words[..count].to_vec()
}

fn event(event: &Event) -> Vec<u64> {
    let mut words = Vec::new();
    event.encode(&mut words);
    words
}

fn record(record_type: u8, payload: &[u8]) -> Vec<u64> {
    let mut words = Vec::new();
    word::push_record(&mut words, record_type, payload);
    words
}

/// A sound stream: two code objects, of which one runs in a frame that was called from nowhere, and a frame suspended in slot 0.
fn sound() -> Vec<u64> {
    [
        event(&code(0)),
        event(&code(1)),
        run(Kind::Call, 0, 0, 0),
        run(Kind::Call, 0, 3, 1),
        run(Kind::Yield, 0, 3, 0),
        run(Kind::Jump, 3, 0, 0),
    ]
    .concat()
}

/// Decodes words after the sound ones, once with no frame on the stack.
fn refused(words: &[u64], without_frame: bool) -> String {
    let left = if without_frame { run(Kind::Return, 0, 0, 0) } else { Vec::new() };
    let stream = [sound(), left, words.to_vec()].concat();
    let answer = |sink: &mut dyn Sink| match Decoder::default().decode(&stream, sink) {
        Err(StreamError::Contradiction { why, .. }) => why.to_string(),
        Ok(taken) => format!("{taken} of {} words are taken", stream.len()),
        Err(error) => format!("{error:?}"),
    };
    let one_by_one = answer(&mut ignore());
    assert_eq!(answer(&mut Together), one_by_one);
    one_by_one
}

#[test]
fn every_contradiction_is_refused_by_its_name() {
    let value = value::pack(Tag::None, Role::Operand, 0, 0);
    let name = |name| event(&Event::Name(Name { name, text: b"n"[..].into() }));
    let announced = |code, frame, slot| event(&Event::Announce(Announce { code, frame, slot }));
    let skipped = |instructions, frames| event(&Event::Skipped(Skipped { instructions, frames, ..Skipped::default() }));
    let outside = event(&Event::Outside(Outside { offset: -1, bytes: vec![9] }));
    let held = Held::Marshal([].into());
    let whole = event(&Event::WholeCode(WholeCode { code: 7, made: None, missing: 0, held }));
    // It executes nothing, so the values wait on.
    let wide = run(Kind::SlotGone, 0, 0, 1 << 20);
    let deep: Vec<u64> = (0..1 << 14).flat_map(|_| run(Kind::Call, 0, 0, 0)).collect();
    let table: Vec<(&str, Vec<u64>, bool)> = vec![
        ("a word that is no run where one must be", vec![Kind::Repeat as u64], false),
        ("more values than a run can have", vec![value; MOST_WORDS + 1], false),
        ("more values than a run can have", [vec![value; MOST_WORDS], wide, vec![value]].concat(), false),
        ("a record longer than any", vec![(1 << 31) << 12], false),
        ("a state where none can be", record(record_types::STATE, &[]), false),
        ("a record that does not hold what its type says", record(record_types::OUTSIDE, &[1]), false),
        ("more names than a run can have", (0..=MOST_WORDS).flat_map(|_| name(1)).collect(), false),
        ("a code object with the id of a live one", event(&code(1)), false),
        ("the whole of an unknown code object", whole, false),
        ("an instruction without a frame", outside, true),
        ("more skipped than there can be", skipped(u64::MAX, 0), false),
        ("more skipped than there can be", skipped(0, u64::MAX), false),
        ("a switch to a frame that is not on the stack", event(&Event::Switch(77)), false),
        ("a name beyond the table of names", name(NAMES as u32), false),
        ("a frame with a number that was not given yet", announced(0, 0, None), false),
        ("a frame with a number that was not given yet", announced(0, 3, None), false),
        ("a frame with a number that was not given yet", announced(0, 1, Some(u32::MAX)), false),
        ("a frame of an unknown code object", announced(7, 1, None), false),
        ("a frame of an unknown code object", run(Kind::Call, 0, 0, 7), false),
        ("a run without a frame", run(Kind::Jump, 0, 3, 0), true),
        ("a run's end beyond all bounds", run(Kind::Jump, u32::MAX, u32::MAX, 0), false),
        ("a run that is no sequence of the code's instructions", run(Kind::Jump, 0, 2, 0), false),
        ("a run that is no sequence of the code's instructions", run(Kind::Jump, 0, 5, 0), false),
        ("a resumed frame that is not suspended", run(Kind::Resume, 0, 0, 1), false),
        ("a frame left where there is none", run(Kind::Return, 0, 0, 0), true),
        ("a frame left where there is none", run(Kind::Unwind, 0, 0, 0), true),
        ("a frame left where there is none", run(Kind::Yield, 0, 0, 5), true),
        ("a slot beyond all bounds", run(Kind::Yield, 0, 0, u32::MAX), false),
        ("a frame suspended where another one is", run(Kind::Yield, 0, 0, 0), false),
        ("a thread's number that was not given yet", run(Kind::Thread, 0, 0, 2), false),
        ("an unknown version of a code object", run(Kind::Version, 0, 0, 7), false),
        ("a version without a frame", run(Kind::Version, 0, 0, 1), true),
        ("a stack of more frames than any VM has", deep, false),
    ];
    for (why, words, without_frame) in table {
        assert_eq!(refused(&words, without_frame), why, "{:x?}", &words[..words.len().min(4)]);
    }
    assert_eq!(refused(&[], false), format!("{0} of {0} words are taken", sound().len()), "the sound stream");
}

#[test]
fn a_block_that_begins_with_no_state_is_refused() {
    let decode = |words: Vec<u64>| match Decoder::of_block(1 << 20).decode(&words, &mut ignore()) {
        Err(StreamError::Contradiction { why, .. }) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(decode(record(record_types::STATE, &[1, 2, 3])), "a state that is none");
    let large = CodeObject { bytes: vec![9; 4 << 20], ..CodeObject::default() };
    let large = Event::Code(std::rc::Rc::new(Code::new(0, 0, None, large)));
    assert_eq!(decode(event(&large)), "more code objects than a block can have");
}

#[test]
fn a_shortened_stream_cannot_stand_for_what_never_was() {
    let repetition = |distance: u64, count: u64| Kind::Repeat as u64 | distance << 4 | count << 32;
    let read = |words: &[u64]| RepeatReader::default().read(words, 64).expect_err("a refusal");
    let busy = run(Kind::Jump, 0, 3, 0)[0];
    assert_eq!(read(&[repetition(1, 1)]), "a repetition of words that never were");
    assert_eq!(read(&[busy, repetition(2, 1)]), "a repetition of words that never were");
    assert_eq!(read(&[busy, repetition(1, repeat::MAX_REPEAT + 1)]), "a repetition of more words than any can be");
    let measure = |words: &[u64]| repeat::measure(words, 8, 4).expect_err("a refusal");
    assert_eq!(measure(&record(1, &[0; 9])), "a record longer than any in a file");
    assert_eq!(measure(&[Kind::Jump as u64, repetition(1, 1)]), "a repetition of runs that execute nothing");
    assert_eq!(measure(&[busy, repetition(1, 4)]), "a block of more events than any recorder puts into one");
    assert_eq!(measure(&[busy; 5]), "a block of more events than any recorder puts into one");
}
