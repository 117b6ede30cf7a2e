//! Archives that lie: each ends with one line of error, and takes neither time nor memory that its size does not explain.

use bctrace::parts::file::{self, Asked};
use proptest::prelude::*;

use super::archives::{container, pe, push_row, pyinstaller, pythonscript, pyz, row, with_table, zip, zlib};
use super::{HEADER, Scratch, marshalled};

fn archives() -> Vec<Vec<u8>> {
    let code = marshalled("x = 'a text'\ndef f(): return x", "x.py");
    let member = [HEADER, &code].concat();
    let modules = pyz(&[("a", 0, code.clone()), ("b", 1, code.clone())], Some(b"0000000000000key"), false);
    let key = [HEADER, &marshalled("key = 'key'", "k.py")].concat();
    let rows = || {
        [
            row(b'm', "pyi_crypto_key", key.clone()),
            row(b's', "main", code.clone()),
            row(b'x', "d", b"data".to_vec()),
            row(b'z', "z", modules.clone()),
        ]
    };
    vec![
        pyinstaller(&rows(), 88, 27),
        pyinstaller(&rows(), 24, 27),
        modules.clone(),
        zip(&[("__main__.pyc", &member), ("a/b.pyc", &member), ("c.txt", b"text")]),
        pe("PYTHONSCRIPT", &pythonscript("library.zip", &[&code, &code]), false),
        pythonscript("", &[&code]),
        zlib(&member),
    ]
}

fn read(bytes: Vec<u8>) {
    let _ = file::read(bytes, &Asked::default());
}

#[test]
fn no_cut_archive_is_more_than_refused() {
    for archive in archives() {
        for length in (0..archive.len()).step_by(archive.len() / 400 + 1) {
            read(archive[..length].to_vec());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_changed_archive_is_more_than_refused(which in 0..7usize, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        thread_local!(static ARCHIVES: Vec<Vec<u8>> = archives());
        let mut archive = ARCHIVES.with(|all| all[which].clone());
        for (place, byte) in changes {
            let place = place.index(archive.len());
            archive[place] = byte;
        }
        read(archive);
    }
}

#[test]
fn a_table_that_lies_about_sizes_ends_with_one_line() {
    let packed = zlib(&vec![0; 1 << 20]);
    for (size, part) in [
        (10, "more than the 10 bytes"),
        ((1 << 20) + 1, "but the table says 1048577"),
        (u32::MAX as usize, "would unpack to more than"),
    ] {
        let mut table = Vec::new();
        push_row(&mut table, &row(b'x', "bomb", Vec::new()), 0, packed.len(), size);
        let scratch = Scratch::with("app", &with_table(packed.clone(), table, 88, 27));
        for command in [&["app", "t.bct"][..], &["list", "app"], &["unpack", "app", "-o", "out"]] {
            scratch.refuses(command, &[part]);
        }
    }
}

#[test]
fn a_table_that_leads_outside_ends_with_one_line() {
    let mut table = Vec::new();
    push_row(&mut table, &row(b'x', "far", Vec::new()), 1 << 30, 1 << 30, 5);
    Scratch::with("app", &with_table(Vec::new(), table, 88, 27))
        .refuses(&["list", "app"], &["row 1 of its table of contents is no row"]);
    let good = pyinstaller(&[row(b's', "main", marshalled("print 1", "m.py"))], 88, 27);
    let at = good.len() - 88 + 12;
    let mut bad = good.clone();
    bad[at..at + 4].copy_from_slice(&u32::MAX.to_be_bytes());
    Scratch::with("app", &bad).refuses(&["list", "app"], &["its table of contents lies outside of it"]);
}

#[test]
fn a_bomb_without_a_size_ends_at_the_limit() {
    let mut bomb = zlib(&vec![0; 64 << 20]);
    for _ in 0..2 {
        bomb = zlib(&bomb);
    }
    let scratch = Scratch::with("bomb", &bomb);
    let ran = scratch.run(&["list", "bomb"]);
    assert_eq!((ran.status, ran.stderr().lines().count()), (125, 1), "{}", ran.stderr());
}

#[test]
fn code_objects_that_share_a_long_string_end_at_the_limit() {
    // Each refers to the string of a megabyte that the first has as a constant.
    let code = |constants: &[u8]| {
        let parts = [
            &b"c"[..],
            &[0; 16],
            b"s\0\0\0\0",
            constants,
            &b"(\0\0\0\0".repeat(4),
            &b"s\0\0\0\0".repeat(2),
            &[0; 4],
            b"s\0\0\0\0",
        ];
        parts.concat()
    };
    let text = [&b"(\x01\0\0\0t\0\0\x10\0"[..], &vec![b'x'; 1 << 20]].concat();
    let (first, next) = (code(&text), code(b"(\x01\0\0\0R\0\0\0\0"));
    let mut codes = vec![first.as_slice()];
    codes.extend(std::iter::repeat_n(next.as_slice(), 20_000));
    Scratch::with("list", &container(b'[', &codes)).refuses(&["list", "list"], &["would unpack to more than"]);
    let constants = [&b"(\x65\0\0\0t\0\0\x10\0"[..], &vec![b'x'; 1 << 20], &b"R\0\0\0\0".repeat(100)].concat();
    let scratch = Scratch::with("p.pyc", &[HEADER, &code(&constants)].concat());
    for command in [&["list", "p.pyc"][..], &["dis", "p.pyc"], &["unpack", "p.pyc", "-o", "out"]] {
        scratch.refuses(command, &["would unpack to more than"]);
    }
}

#[test]
fn many_cookies_take_no_longer_than_one() {
    let cookie = pyinstaller(&[], 24, 27);
    let mut table = Vec::new();
    (0..150_000).for_each(|_| push_row(&mut table, &row(b'x', "", Vec::new()), 0, 0, 0));
    let mut bytes = table.clone();
    bytes.push(0);
    let first = bytes.len();
    for number in 0..2000 {
        let end = first + (number + 1) * 24;
        bytes.extend_from_slice(&cookie[..8]);
        for field in [end as u32, 0, first as u32, 27] {
            bytes.extend_from_slice(&field.to_be_bytes());
        }
    }
    Scratch::with("app", &bytes).refuses(&["list", "app"], &["table of contents is no row"]);
}

#[test]
fn many_members_are_refused() {
    let mut table = Vec::new();
    for _ in 0..200_001 {
        push_row(&mut table, &row(b'x', "", Vec::new()), 0, 8, 0);
    }
    Scratch::with("app", &with_table(zlib(b""), table, 88, 27))
        .refuses(&["list", "app"], &["more than 200000 members"]);
}
