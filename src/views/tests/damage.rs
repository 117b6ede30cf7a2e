//! Truncated and changed files: intact blocks are shown, the rest is reported, and nothing brings the reader down.

use std::ops::Range;

use super::*;
use crate::trace::invented::trace;

/// The place of a block's bytes, up to the next one's, and its text.
type BlockText = (Range<usize>, Vec<u8>);

/// Makes the file of a trace of several blocks.
fn several_blocks(desk: &Desk) -> (Vec<u8>, Vec<BlockText>) {
    let numbers: Vec<u32> = (0..500u32).map(|number| number.wrapping_mul(0x9e37_79b1) >> 7).collect();
    let events = trace(&numbers);
    let bytes = desk.record(&events, "t.bct", Options::default());
    let path = desk.path("t.bct");
    let reader = crate::read::Reader::open(&path).expect("readable");
    let index = reader.index().expect("an index").clone();
    assert!(index.blocks.len() >= 4, "{} blocks", index.blocks.len());
    let ends = index.blocks.iter().skip(1).map(|block| block.offset as usize).chain([bytes.len()]);
    let blocks = index.blocks.iter().zip(ends).map(|(block, end)| {
        let window = block.before + 1..block.before + block.instructions + 1;
        let selection = crate::select::Selection { window: Some(window), ..Default::default() };
        let text = desk.show(&path, "block.txt", Options { selection, ..Options::default() }).expect("readable").0;
        (block.offset as usize..end, text)
    });
    let blocks: Vec<_> = blocks.collect();
    let whole: Vec<u8> = blocks.iter().flat_map(|(_, text)| text.clone()).collect();
    assert!(!whole.is_empty() && whole == desk.text(&path));
    (bytes, blocks)
}

#[test]
fn a_file_cut_anywhere_shows_its_whole_blocks() {
    let desk = Desk::new();
    let (bytes, blocks) = several_blocks(&desk);
    for length in 0..bytes.len() {
        let path = desk.put("cut.bct", &bytes[..length]);
        let shown = desk.show(&path, "cut.txt", Options::default());
        if length < 16 {
            assert!(matches!(shown, Err(TraceError::NotATrace(..))), "{length} bytes");
            continue;
        }
        let (text, flaws) = shown.expect("readable");
        let piece_ends: Vec<usize> = blocks.iter().map(|(place, _)| place.end).collect();
        let whole = blocks.iter().zip(piece_ends).enumerate().filter(|(number, ((place, _), end))| {
            // The last block's place reaches over the index.
            *end <= length
                || (*number == blocks.len() - 1 && length >= place.start + block_bytes(&bytes[place.start..]))
        });
        let expected: Vec<u8> = whole.flat_map(|(_, ((_, text), _))| text.clone()).collect();
        assert_eq!(text, expected, "{length} bytes");
        assert!(matches!(flaws[..], [Flaw::Unfinished { .. }]), "{length} bytes: {flaws:?}");
        desk.info(&path);
    }
}

fn block_bytes(at: &[u8]) -> usize {
    let piece = crate::format::bct::layout::Piece::decode(at).expect("a block");
    48 + piece.stored as usize
}

#[test]
fn a_changed_byte_costs_one_block_and_is_reported() {
    let desk = Desk::new();
    let (bytes, blocks) = several_blocks(&desk);
    for place in 16..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[place] ^= 1 << (place % 8);
        let (text, flaws) = desk.show(&desk.put("d.bct", &damaged), "d.txt", Options::default()).expect("readable");
        let hit = blocks
            .iter()
            .position(|(range, _)| range.start <= place && place < range.start + block_bytes(&bytes[range.start..]));
        let left = blocks.iter().enumerate().filter(|(number, _)| Some(*number) != hit);
        let expected: Vec<u8> = left.flat_map(|(_, (_, text))| text.clone()).collect();
        assert_eq!(text, expected, "byte {place}");
        assert!(hit.is_none() || !flaws.is_empty(), "byte {place}");
        desk.info(&desk.path("d.bct"));
    }
}

#[test]
fn missing_and_added_bytes_cost_one_block() {
    let desk = Desk::new();
    let (bytes, blocks) = several_blocks(&desk);
    let place = blocks[1].0.start + 50;
    let without = [&bytes[..place], &bytes[place + 7..]].concat();
    let with = [&bytes[..place], b"\xb7bct\xa7pc\n and more", &bytes[place..]].concat();
    let expected: Vec<u8> = [&blocks[..1], &blocks[2..]].concat().into_iter().flat_map(|(_, text)| text).collect();
    for damaged in [without, with] {
        let (text, flaws) = desk.show(&desk.put("d.bct", &damaged), "d.txt", Options::default()).expect("readable");
        assert_eq!(text, expected);
        assert!(matches!(flaws[0], Flaw::Damaged { lost: crate::read::flaw::Lost::Instructions(..), .. }), "{flaws:?}");
    }
}

#[test]
fn a_piece_of_an_unknown_type_is_stepped_over() {
    let desk = Desk::new();
    let (bytes, blocks) = several_blocks(&desk);
    let payload = b"from the future";
    let piece = crate::format::bct::layout::Piece {
        piece_type: 99,
        stored: payload.len() as u32,
        raw: payload.len() as u32,
        checksum: crc32fast::hash(payload),
        ..Default::default()
    };
    let place = blocks[1].0.start;
    let with = [&bytes[..place], &piece.encode(), payload, &bytes[place..]].concat();
    let (text, flaws) = desk.show(&desk.put("new.bct", &with), "new.txt", Options::default()).expect("readable");
    assert_eq!((text, flaws), (desk.text(&desk.path("t.bct")), vec![]));
}

#[test]
fn another_version_is_refused_with_advice() {
    let desk = Desk::new();
    let (mut bytes, _) = several_blocks(&desk);
    bytes[12] = 9;
    let error = desk.show(&desk.put("v.bct", &bytes), "v.txt", Options::default()).expect_err("refused");
    let text = error.to_string();
    assert!(
        text.ends_with("it is a .bct of version 9, and this bctrace reads version 3; read it with a newer bctrace"),
        "{text}"
    );
}

#[test]
fn what_is_no_trace_is_refused_by_name() {
    let desk = Desk::new();
    for (bytes, why) in [
        (&b"\x03\xf3\r\n0123456789abcdef"[..], "it is a .pyc"),
        (b"<module>> 0 LOAD_CONST (0)\n", "it is no .bct"),
        (b"\x89bctrace\n\x1a\n\x01\0\0\0\0\0\0", "changed as text"),
        (b"", "it is empty"),
        (b"\x89bct", "too short"),
        (b"\x28\xb5\x2f\xfd but no zstd", "cannot read"),
        (b"\x1f\x8b but no gzip", "cannot read"),
    ] {
        let error = desk.show(&desk.put("x", bytes), "x.txt", Options::default()).expect_err("refused");
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[test]
fn a_bct_is_made_of_whole_and_sound_traces_only() {
    let desk = Desk::new();
    let (mut bytes, blocks) = several_blocks(&desk);
    let selection = crate::select::Selection { threads: vec![0], ..Default::default() };
    let options = Options { selection, ..Options::default() };
    let error = desk.show(&desk.path("t.bct"), "part.bct", options).expect_err("refused");
    assert!(error.to_string().contains("ask for text or jsonl"), "{error}");
    bytes[blocks[1].0.start + 60] ^= 1;
    let error = desk.show(&desk.put("d.bct", &bytes), "part.bct", Options::default()).expect_err("refused");
    assert!(error.to_string().contains("are missing; ask for text or jsonl"), "{error}");
}
