//! Shows that a shortened stream comes back word for word, in whatever pieces it comes, and that no forged one brings a reader down.

use proptest::prelude::*;

use super::super::value::{self, Role, Tag};
use super::super::word::{self, Fields, push_record};
use super::*;

/// A stream of runs and records in the order that `numbers` say, few enough of each that they repeat.
fn stream(numbers: &[u16]) -> Vec<Vec<u64>> {
    numbers
        .iter()
        .map(|&number| {
            let mut words = Vec::new();
            let fields = |start| Fields { start, length: 3, argument: 0 };
            match number % 16 {
                // A payload's words may look like anything.
                0 => push_record(&mut words, 4, &pack(1, 5).to_le_bytes().repeat(usize::from(number / 16 % 3))),
                // Numbers that repeat and such that hardly do.
                2 => words.push(value::pack(Tag::Int, Role::Operand, 1, u64::from(number))),
                3 => words.push(value::pack(Tag::Int, Role::Operand, 1, 7)),
                1 => words.extend(word::pack(Kind::Jump, fields(1 << 24)).0),
                _ => words.push(word::pack(Kind::Jump, fields(u32::from(number % 5))).0[0]),
            }
            words
        })
        .collect()
}

fn shortened(stream: &[Vec<u64>]) -> Vec<u64> {
    let (mut writer, mut out) = (<RepeatWriter>::default(), Vec::new());
    for words in stream {
        match words[..] {
            [word] if value::is_number(word) => writer.put_number(word, |word| out.push(word)),
            [word] => writer.put(word, |word| out.push(word)),
            _ => writer.put_together(words, |word| out.push(word)),
        }
    }
    writer.flush(|word| out.push(word));
    out
}

/// Brings words back, `most` at a time.
fn lengthened(packed: &[u64], most: usize) -> Result<Vec<u64>, Contradiction> {
    let (mut reader, mut out, mut read) = (RepeatReader::default(), Vec::new(), 0);
    while read < packed.len() || reader.has_rest() {
        read += reader.read(&packed[read..], most)?;
        take_all(&mut reader, &mut out);
    }
    Ok(out)
}

fn take_all(reader: &mut RepeatReader, out: &mut Vec<u64>) {
    out.extend_from_slice(reader.words());
    reader.take(reader.words().len());
}

proptest! {
    #[test]
    fn a_stream_comes_back(numbers: Vec<u16>, times in 1usize..20, most in 1usize..50) {
        let stream = vec![stream(&numbers); times].concat();
        prop_assert_eq!(lengthened(&shortened(&stream), most), Ok(stream.concat()));
        let extent = measure(&shortened(&stream), 1 << 20, u64::MAX).expect("a stream that was written");
        prop_assert_eq!(extent.words, stream.concat().len() as u64);
    }

    #[test]
    fn a_repetition_of_idle_runs_alone_is_found_without_lengthening(steps in prop::collection::vec((0u8..4, 1u64..9, 0u64..30), 1..30)) {
        let (busy, idle) = (word::pack(Kind::Jump, Fields { length: 3, ..Fields::default() }).0[0], Kind::Jump as u64);
        let (mut packed, mut whole) = (Vec::new(), Vec::<u64>::new());
        let mut is_refused = false;
        for (what, distance, count) in steps {
            match what {
                0 => (packed.push(busy), whole.push(busy)).1,
                1 => (packed.push(idle), whole.push(idle)).1,
                _ if distance > whole.len() as u64 => {}
                _ => {
                    packed.push(pack(distance, count));
                    is_refused |= whole[whole.len() - distance as usize..].iter().all(|&word| word == idle);
                    for _ in 0..count {
                        whole.push(whole[whole.len() - distance as usize]);
                    }
                }
            }
        }
        match measure(&packed, 0, u64::MAX) {
            Ok(extent) => {
                let whole = Extent { words: whole.len() as u64, records: 0 };
                prop_assert_eq!((is_refused, extent), (false, whole));
            }
            Err(why) => prop_assert!(is_refused && why.contains("execute nothing"), "{}", why),
        }
    }

    #[test]
    fn words_that_were_read_ahead_come_once(numbers: Vec<u16>, ahead in 1u64..9) {
        let stream = vec![stream(&numbers); 4].concat();
        // As in a ring, where a reader is ahead of repeat words.
        let mut writer = RepeatWriter::<OwnPast<1>>::default();
        let (mut reader, mut packed, mut out) = (RepeatReader::default(), vec![], vec![]);
        for (count, words) in stream.iter().enumerate() {
            match words[..] {
                [word] => writer.put(word, |word| packed.push(word)),
                _ => writer.put_together(words, |word| packed.push(word)),
            }
            if (count as u64).is_multiple_of(ahead) {
                prop_assert_eq!(reader.read(&packed, usize::MAX >> 1), Ok(packed.len()));
                packed.clear();
                prop_assert_eq!(reader.read_ahead(writer.distance(), writer.position()), Ok(()));
                prop_assert_eq!(reader.position(), writer.position());
            }
        }
        writer.flush(|word| packed.push(word));
        prop_assert_eq!(reader.read(&packed, usize::MAX >> 1), Ok(packed.len()));
        take_all(&mut reader, &mut out);
        prop_assert_eq!(out, stream.concat());
    }

    #[test]
    fn any_words_are_refused_or_read_and_never_a_panic(packed in proptest::collection::vec(forged(), 0..30)) {
        let _ = lengthened(&packed, 1 << 12);
    }
}

/// Words that are often repetitions.
fn forged() -> impl Strategy<Value = u64> {
    prop_oneof![any::<u64>(), (0u64..6, 0u64..2000).prop_map(|(distance, count)| pack(distance, count)), Just(1)]
}

#[test]
fn a_loop_of_any_length_is_a_word_for_each_million() {
    let (mut writer, mut out) = (<RepeatWriter>::default(), Vec::new());
    (0..10 * MAX_REPEAT).for_each(|count| writer.put(((count % 7) << 4) | Kind::Jump as u64, |word| out.push(word)));
    writer.flush(|word| out.push(word));
    assert!(out.len() < 30, "{} words", out.len());
}

#[test]
fn what_never_was_cannot_repeat() {
    let jump = Kind::Jump as u64;
    for packed in
        [vec![pack(1, 1)], vec![jump, pack(0, 1)], vec![jump, pack(2, 1)], vec![jump, pack(1, MAX_REPEAT + 1)]]
    {
        assert!(lengthened(&packed, 100).is_err(), "{packed:x?}");
    }
}

/// The words after the last one are not there yet: what their places hold is from long ago, or nothing.
#[test]
fn a_record_longer_than_the_distance_does_not_repeat() {
    let word = Kind::Jump as u64;
    let mut stream = vec![vec![word]; 10];
    let (mut writer, mut out) = (<RepeatWriter>::default(), Vec::new());
    stream.iter().for_each(|words| writer.put(words[0], |word| out.push(word)));
    assert_eq!(writer.distance(), 1);
    stream.push(vec![word, 0]);
    writer.put_together(&[word, 0], |word| out.push(word));
    writer.flush(|word| out.push(word));
    assert_eq!(lengthened(&out, 100), Ok(stream.concat()));
}

#[test]
fn laps_that_are_taken_at_once_leave_what_reading_them_leaves() {
    let word = |number: u32| word::pack(Kind::Jump, word::Fields { start: number, length: 1, argument: 0 }).0[0];
    let mut packed: Vec<u64> = (0..20).map(word).collect();
    packed.push(pack(7, 60_003));
    packed.extend((90..93).map(word));
    packed.push(pack(16_000, 400));
    for taken in [0, 1, 7, 6_500, 40_000, 60_003] {
        let mut reader = RepeatReader::default();
        let (mut read, mut last) = (0, Vec::new());
        while read < packed.len() || reader.has_rest() {
            if let Some((lap, count)) = reader.laps() {
                assert_eq!((lap.len(), count), (7, 60_003));
                reader.take_laps(taken);
            }
            read += reader.read_to_laps(&packed[read..], 1000).expect("no contradiction");
            last.extend_from_slice(reader.words());
            reader.take(reader.words().len());
        }
        let whole: Vec<u64> = {
            let mut words: Vec<u64> = packed[..20].to_vec();
            (0..60_003).for_each(|_| words.push(words[words.len() - 7]));
            words.extend(&packed[21..24]);
            (0..400).for_each(|_| words.push(words[words.len() - 16_000]));
            words
        };
        assert_eq!(reader.position(), whole.len() as u64);
        assert!(last.ends_with(&whole[whole.len() - 403..]), "{taken} words of laps");
        assert_eq!(last.len() as u64 + taken, whole.len() as u64);
    }
}
