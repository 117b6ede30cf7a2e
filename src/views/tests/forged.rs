//! Files that somebody made up: every checksum is right, and what they hold is not.

use proptest::prelude::*;

use super::*;
use crate::format::bct::layout::{self, Piece};
use crate::trace::State;
use crate::trace::invented::{Item, traces, words};

/// A file of one block with these words, its checksums right.
fn file(words: &[u64], change: impl FnOnce(&mut Piece)) -> Vec<u8> {
    let payload: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let length = payload.len() as u32;
    let checksum = crc32fast::hash(&payload);
    let mut piece = Piece { piece_type: layout::BLOCK, stored: length, raw: length, checksum, ..Piece::default() };
    change(&mut piece);
    [&layout::file_header()[..], &piece.encode(), &payload].concat()
}

/// The words of a block that begins a trace.
fn block(events: &[Item]) -> Vec<u64> {
    let mut block = Vec::new();
    State::default().push_record(&mut block);
    block.extend(words(events));
    block
}

/// Reads a file in every way; whatever comes of it, it comes without a panic.
fn read(desk: &Desk, bytes: &[u8]) {
    let path = desk.put("forged.bct", bytes);
    for form in ["txt", "jsonl", "bct", "txt.zst"] {
        let _ = desk.show(&path, &format!("out.{form}"), Options { resolve: true, ..Options::default() });
    }
    let selection = crate::select::Selection { window: Some(3..9), ..Default::default() };
    let _ = desk.show(&path, "window.txt", Options { selection, depth: true, ..Options::default() });
    let _ = info::run(&InfoPlan { trace: path, json: false }, &mut Vec::new());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn changed_words_are_read_or_refused(events in traces(80), changes in prop::collection::vec((any::<usize>(), 0u32..64), 1..6)) {
        let mut words = block(&events);
        for (place, bit) in changes {
            let place = place % words.len();
            words[place] ^= 1 << bit;
        }
        read(&Desk::new(), &file(&words, |_| {}));
    }

    #[test]
    fn moved_words_are_read_or_refused(events in traces(80), from: usize, to: usize, count in 1usize..20) {
        let mut words = block(&events);
        let (from, to) = (from % words.len(), to % words.len());
        let moved: Vec<u64> = words[from..].iter().take(count).copied().collect();
        words.splice(to..to, moved);
        read(&Desk::new(), &file(&words, |_| {}));
    }

    #[test]
    fn any_words_are_read_or_refused(words: Vec<u64>) {
        read(&Desk::new(), &file(&words, |_| {}));
    }

    #[test]
    fn forged_headers_are_read_or_refused(events in traces(40), before: u64, instructions: u64, raw: u32, storage in 0u16..3) {
        let bytes = file(&block(&events), |piece| {
            *piece = Piece { before, instructions, raw: raw % (1 << 28), storage, ..*piece };
        });
        read(&Desk::new(), &bytes);
    }

    #[test]
    fn a_forged_index_is_read_or_refused(mut payload: Vec<u8>, events in traces(40), count: u32) {
        payload.splice(..0, count.to_le_bytes());
        let blocks = file(&block(&events), |_| {});
        let (raw, checksum) = (payload.len() as u32, crc32fast::hash(&payload));
        let index = Piece { piece_type: layout::INDEX, stored: raw, raw, checksum, ..Piece::default() };
        read(&Desk::new(), &[&blocks[..], &index.encode(), &payload, &layout::trailer(blocks.len() as u64)].concat());
        read(&Desk::new(), &[&blocks[..], &layout::trailer(count.into())].concat());
    }
}
