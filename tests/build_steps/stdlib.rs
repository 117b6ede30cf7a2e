//! The packed standard library: its bytes are what library.h says, and depend on its files alone.

use super::build::stdlib::{Entry, pack, read_compiled};

/// A file as the index describes it: path, code, text, and whether its code is stored as it is.
type Found = (Vec<u8>, Vec<u8>, Vec<u8>, bool);

#[test]
fn the_index_leads_to_every_file_in_the_order_of_paths() {
    let module = |path: &str, at_start| Entry {
        path: path.into(),
        code: path.repeat(100).into(),
        text: path.repeat(200).into(),
        at_start,
    };
    let data = Entry { path: b"a/Grammar.txt".to_vec(), text: b"short".to_vec(), ..Entry::default() };
    let entries = [module("z.py", false), data, module("a.py", true)];
    let found = unpack(&pack(&entries).unwrap());
    let expected = [&entries[2], &entries[1], &entries[0]];
    // An empty part is as long as it is packed.
    let stored = [true, true, false];
    assert_eq!(found.len(), 3);
    for ((found, entry), stored) in found.into_iter().zip(expected).zip(stored) {
        assert_eq!(found, (entry.path.clone(), entry.code.clone(), entry.text.clone(), stored));
    }
}

#[test]
fn the_order_of_the_files_does_not_matter() {
    let file = |path: &[u8]| Entry { path: path.to_vec(), text: path.repeat(9), ..Entry::default() };
    let (a, b) = (file(b"a"), file(b"b"));
    assert_eq!(pack(&[a.clone(), b.clone()]).unwrap(), pack(&[b, a]).unwrap());
}

#[test]
fn records_are_read_whole_or_not_at_all() {
    let mut bytes: Vec<u8> = [1u32, 4, 2, 3].iter().flat_map(|number| number.to_le_bytes()).collect();
    bytes.extend(b"a.pyCCttt");
    let entry = Entry { path: b"a.py".to_vec(), code: b"CC".to_vec(), text: b"ttt".to_vec(), at_start: true };
    assert_eq!(read_compiled(&bytes), Some(vec![entry]));
    for len in 1..bytes.len() {
        assert_eq!(read_compiled(&bytes[..len]), None, "{len} bytes");
    }
}

fn unpack(library: &[u8]) -> Vec<Found> {
    let number = |at: usize| u32::from_ne_bytes(library[at..at + 4].try_into().unwrap()) as usize;
    assert_eq!(&library[..8], b"BCTLIB 2");
    let entry = |index: usize| {
        let field = |place: usize| number(12 + index * 32 + place * 4);
        let part = |first: usize| {
            let (at, packed, size) = (field(first), field(first + 1), field(first + 2));
            let stored = &library[at..at + packed];
            let bytes = if packed == size { stored.to_vec() } else { zstd::bulk::decompress(stored, size).unwrap() };
            assert_eq!(bytes.len(), size);
            bytes
        };
        let path = library[field(0)..field(0) + field(1)].to_vec();
        (path, part(2), part(5), field(3) == field(4))
    };
    (0..number(8)).map(entry).collect()
}
