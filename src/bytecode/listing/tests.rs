//! Claims about listings.

use super::*;
use crate::bytecode::layout::Layout;

fn listing(code: CodeObject, resolve: bool) -> Listing {
    Listing::new(Arc::new(code), resolve)
}

fn run(listing: &mut Listing, start: u32, end: u32) -> Option<String> {
    let mut text = Vec::new();
    let found = listing.write_run::<()>(start, end, |piece| {
        text.extend_from_slice(piece);
        Ok(())
    });
    found.expect("no error").then(|| String::from_utf8(text).expect("lines are UTF-8"))
}

fn sample() -> CodeObject {
    CodeObject {
        name: b"f".to_vec(),
        //            0 LOAD_CONST 1  3 COMPARE_OP 2  6 JUMP_FORWARD 4  9 EXT 1  12 LOAD_CONST 0  15 200  18 POP_TOP
        bytes: vec![100, 1, 0, 107, 2, 0, 110, 4, 0, 145, 1, 0, 100, 0, 0, 200, 9, 9, 1],
        constants: vec![b"None".to_vec(), b"a\nb\\".to_vec()],
        ..CodeObject::default()
    }
}

#[test]
fn raw_lines_show_numbers() {
    let lines = "f> 0 LOAD_CONST (1)\nf> 3 COMPARE_OP (2)\nf> 6 JUMP_FORWARD (4)\nf> 9 EXTENDED_ARG (1)\n\
                 f> 12 LOAD_CONST (65536)\nf> 15 200 **********INVALID**********\nf> 18 POP_TOP\n";
    assert_eq!(run(&mut listing(sample(), false), 0, 19).as_deref(), Some(lines));
}

#[test]
fn resolved_lines_show_values_and_escape_them() {
    let lines = "f> 0 LOAD_CONST (a\\nb\\\\)\nf> 3 COMPARE_OP (==)\nf> 6 JUMP_FORWARD (13)\nf> 9 EXTENDED_ARG (1)\n\
                 f> 12 LOAD_CONST (<out of range 65536>)\nf> 15 200 **********INVALID**********\nf> 18 POP_TOP\n";
    assert_eq!(run(&mut listing(sample(), true), 0, 19).as_deref(), Some(lines));
}

#[test]
fn an_escape_in_the_name_doubles_backslashes_of_the_operand() {
    let code = CodeObject {
        name: b"a b\\".to_vec(),
        bytes: vec![100, 0, 0],
        constants: vec![b"c\\d".to_vec()],
        ..CodeObject::default()
    };
    assert_eq!(run(&mut listing(code.clone(), true), 0, 3).as_deref(), Some("a\\x20b\\\\> 0 LOAD_CONST (c\\\\d)\n"));
    let code = CodeObject { name: b"ab\\".to_vec(), ..code };
    assert_eq!(run(&mut listing(code.clone(), true), 0, 3).as_deref(), Some("ab\\> 0 LOAD_CONST (c\\d)\n"));
    let code = CodeObject { constants: vec![b"\x07\\".to_vec()], ..code };
    assert_eq!(run(&mut listing(code, true), 0, 3).as_deref(), Some("ab\\\\> 0 LOAD_CONST (\\x07\\\\)\n"));
}

#[test]
fn a_canonical_run_is_one_slice_and_others_are_not() {
    let listing = listing(sample(), false);
    assert_eq!(listing.slice(3, 9), Some(&b"f> 3 COMPARE_OP (2)\nf> 6 JUMP_FORWARD (4)\n"[..]));
    assert_eq!(listing.slice(12, 15), None, "after its prefix");
    assert_eq!(listing.slice(0, 4), None);
    assert_eq!(listing.slice(6, 3), None);
    assert_eq!(listing.slice(0, 400), None);
}

#[test]
fn overlapping_runs_are_rendered_and_kept() {
    let mut listing = listing(sample(), false);
    for _ in 0..2 {
        assert_eq!(run(&mut listing, 12, 15).as_deref(), Some("f> 12 LOAD_CONST (0)\n"));
        assert_eq!(run(&mut listing, 13, 15).as_deref(), Some("f> 13 STOP_CODE\nf> 14 STOP_CODE\n"));
    }
    assert_eq!(listing.cache.len(), 2);
    assert_eq!(run(&mut listing, 13, 16), None, "no unit ends there");
    assert_eq!(run(&mut listing, 0, 99), None);
}

#[test]
fn an_instruction_outside_the_code_gets_its_line() {
    let listing = listing(sample(), true);
    let mut line = Vec::new();
    let instruction = Instruction { offset: -12, opcode: 100, operand: Some(1), length: 3 };
    listing.push_instruction(&mut line, &instruction);
    assert_eq!(line, b"f> -12 LOAD_CONST (a\\nb\\\\)\n");
}

#[test]
fn a_listing_too_large_to_keep_is_rendered_for_each_run() {
    let code = CodeObject {
        name: b"big".to_vec(),
        bytes: [100, 0, 0].repeat(9_000),
        constants: vec![vec![b'x'; 4096]],
        ..CodeObject::default()
    };
    let mut listing = listing(code, true);
    assert_eq!(listing.slice(0, 3), None);
    assert!(listing.memory() < 1 << 20);
    let mut bytes = 0;
    let mut largest = 0;
    let found = listing.write_run::<()>(0, 27_000, |piece| {
        bytes += piece.len();
        largest = largest.max(piece.len());
        Ok(())
    });
    assert_eq!(found, Ok(true));
    assert!(bytes > KEPT_LIMIT && largest < 2 * PIECE, "{bytes} {largest}");
}

proptest::proptest! {
    #[test]
    fn lines_are_as_many_as_the_layout_counts(bytes in proptest::collection::vec(0u8..=255, 0..24)) {
        let layout = Layout::new(&bytes);
        let code = CodeObject { bytes: bytes.clone(), ..CodeObject::default() };
        let mut listing = listing(code, true);
        for start in 0..=bytes.len() as u32 {
            for end in start..=bytes.len() as u32 {
                let lines = run(&mut listing, start, end).map(|text| text.lines().count() as u64);
                assert_eq!(lines, layout.count(&bytes, start, end));
            }
        }
    }
}
