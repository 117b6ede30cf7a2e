//! Shows that what is packed is a zstd frame of the very text, whatever repeats in it and however long its runs are.

use proptest::collection::vec;
use proptest::prelude::*;

use super::history::{Key, Packer};
use super::*;
use crate::format::Compression;
use crate::format::kept::forgetting;

/// Packs runs by number, each with its text, as the sink does; returns the text and what zstd makes of the frame.
fn pack(texts: &[Vec<u8>], order: &[usize]) -> (Vec<u8>, Vec<u8>, usize) {
    let mut packer = Packer::new();
    let mut whole = Vec::new();
    for &number in order {
        let text = &texts[number % texts.len()];
        let key = Key { code: number as u32 % 3, start: (number % texts.len()) as u32, end: 9 };
        match packer.known(&key) {
            Some(length) => {
                assert_eq!(length, text.len() as u64);
                packer.repeat(key);
            }
            None => packer.add((number % 17 != 0).then_some(key), text),
        }
        if packer.is_full() {
            packer.end_block();
        }
        whole.extend_from_slice(text);
    }
    packer.end_block();
    let mut frame = packer.packed;
    frame.extend_from_slice(&[1, 0, 0]);
    let unpacked = zstd::stream::decode_all(&frame[..]).expect("a zstd frame");
    (whole, unpacked, frame.len())
}

fn lines() -> impl Strategy<Value = Vec<u8>> {
    let line =
        prop_oneof!["f> 0 LOAD_FAST \\(0\\)\n", "f> 3 RETURN_VALUE\n", "g> [0-9]{1,5} CALL_FUNCTION \\([0-9]\\)\n"];
    vec(line, 1..8).prop_map(|lines| lines.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_order_of_runs_comes_back(texts in vec(lines(), 1..30), order in vec(any::<usize>(), 0..3000)) {
        let (whole, unpacked, _) = pack(&texts, &order);
        prop_assert!(whole == unpacked);
    }

    #[test]
    fn loops_come_back(texts in vec(lines(), 1..10), body in vec(any::<usize>(), 1..20), times in 1usize..4000) {
        let order: Vec<usize> = body.iter().copied().cycle().take(body.len() * times).collect();
        let (whole, unpacked, _) = pack(&texts, &order);
        prop_assert!(whole == unpacked);
    }

    #[test]
    fn any_bytes_come_back(texts in vec(vec(any::<u8>(), 5..200), 1..20), order in vec(any::<usize>(), 0..500)) {
        let (whole, unpacked, _) = pack(&texts, &order);
        prop_assert!(whole == unpacked);
    }
}

#[test]
fn runs_longer_than_blocks_come_back() {
    let line = |number: usize| format!("module> {} LOAD_CONST ({number})\n", 3 * number).into_bytes();
    let long: Vec<u8> = (0..200_000).flat_map(line).collect();
    let texts = [long[..300_000].to_vec(), long[..122_880].to_vec(), long[..122_882].to_vec(), long.clone(), line(7)];
    let order = [0, 4, 0, 1, 1, 2, 4, 2, 3, 3, 0, 3];
    let (whole, unpacked, _) = pack(&texts, &order);
    assert!(whole == unpacked);
}

#[test]
fn a_loop_takes_next_to_nothing() {
    let texts: Vec<Vec<u8>> =
        (0..17).map(|number| format!("f> {number} LOAD_FAST ({number})\n").repeat(4).into_bytes()).collect();
    let order: Vec<usize> = (1..17).cycle().take(200_000).collect();
    let (whole, _, packed) = pack(&texts, &order);
    assert!(packed * 2000 < whole.len(), "{packed} of {}", whole.len());
}

#[test]
fn a_code_object_that_is_gone_takes_no_memory() {
    let sink = ZstdText::new(Options::default(), forgetting::output(Compression::Zstd));
    forgetting::check(sink, |sink, code| sink.listings.get(code).is_some());
}
