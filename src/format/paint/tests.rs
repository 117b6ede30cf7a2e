//! Shows that colours are added and nothing else is changed, whatever the lines hold.

use super::*;
use crate::bytecode::escape::Printable;

fn painted(paint: Paint, line: &str) -> String {
    let mut out = Vec::new();
    paint.push(line.as_bytes(), &mut out);
    let text = String::from_utf8(out).expect("lines are UTF-8");
    let names = [
        ("\u{1b}[0m", "}"),
        ("\u{1b}[2m", "{dim "),
        ("\u{1b}[33m", "{yellow "),
        ("\u{1b}[1;35m", "{MAGENTA "),
        ("\u{1b}[1;31m", "{RED "),
        ("\u{1b}[1m", "{bold "),
        ("\u{1b}[36m", "{cyan "),
        ("\u{1b}[32m", "{green "),
    ];
    names.iter().fold(text, |text, (sequence, name)| text.replace(sequence, name))
}

/// Takes away what the painter adds.
fn unpainted(bytes: &[u8]) -> Vec<u8> {
    let sequences = regex::bytes::Regex::new("\x1b\\[[0-9;]+m").expect("a pattern");
    sequences.replace_all(bytes, &b""[..]).into_owned()
}

#[test]
fn the_parts_of_an_instruction_have_colours() {
    let cases = [
        ("f> 0 NOP\n", "{dim f>} {yellow 0} {bold NOP}\n"),
        ("<module>> 3 LOAD_CONST (1)\n", "{dim <module>>} {yellow 3} {bold LOAD_CONST}{cyan  (1)}\n"),
        ("f> 9 JUMP_ABSOLUTE (3)\n", "{dim f>} {yellow 9} {MAGENTA JUMP_ABSOLUTE}{cyan  (3)}\n"),
        ("f> 9 FOR_ITER (3)\n", "{dim f>} {yellow 9} {MAGENTA FOR_ITER}{cyan  (3)}\n"),
        ("f> 9 RAISE_VARARGS (1)\n", "{dim f>} {yellow 9} {RED RAISE_VARARGS}{cyan  (1)}\n"),
        (
            "f> -3 200 **********INVALID**********\n",
            "{dim f>} {yellow -3} {RED 200}{RED  **********INVALID**********}\n",
        ),
        ("  f> 1 RETURN_VALUE  None\n", "  {dim f>} {yellow 1} {bold RETURN_VALUE}{green   None}\n"),
        ("      [41] f> 1 NOP\n", "      [41] {dim f>} {yellow 1} {bold NOP}\n"),
        (
            "f> 6 COMPARE_OP (==)  'a' == 'b' -> False\n",
            "{dim f>} {yellow 6} {bold COMPARE_OP}{cyan  (==)}{green   'a' == 'b' -> False}\n",
        ),
        (
            "f> 6 CALL_FUNCTION (1)  g(1) -> raises KeyError: 'x'\n",
            "{dim f>} {yellow 6} {bold CALL_FUNCTION}{cyan  (1)}{green   g(1) }{RED -> raises KeyError: 'x'}\n",
        ),
        ("# f, file \"x.py\", line 3\n", "{bold # f, file \"x.py\", line 3}\n"),
        ("\n", "\n"),
        ("no instruction at all\n", "no instruction at all\n"),
    ];
    for (line, colours) in cases {
        assert_eq!(painted(Paint::Instructions, line), colours);
    }
}

#[test]
fn the_parts_of_the_views_have_colours() {
    let calls = [
        ("  check('a\\'b', 3) -> True\n", "  {bold check}({green 'a\\'b'}, 3) -> True\n"),
        ("  -> raises KeyError: 'x'\n", "  {RED -> raises KeyError: 'x'}\n"),
        ("g resumed -> yields 10\n", "{bold g} resumed -> yields 10\n"),
        ("-> 'unclosed\n", "-> 'unclosed\n"),
    ];
    for (line, colours) in calls {
        assert_eq!(painted(Paint::Calls, line), colours);
    }
    let compared = painted(Paint::Compares, "v.py:6: check: 'guess' == u'abc' -> False\n");
    assert_eq!(compared, "{dim v.py:6: check: }{green 'guess'} == u{green 'abc'} -> False\n");
    let layer = painted(Paint::Layers, "  0004 __init__ (v.py, line 3): constant; 5 instructions\n");
    assert_eq!(layer, "  {yellow 0004}{bold  __init__}{dim  (v.py, line 3)}: constant; 5 instructions\n");
    let attempts = [
        ("by the program:\n", "{bold by the program:}\n"),
        (
            "  7 f at 3: open 'a: -> refused; ' for reading -> refused: EACCES, 2 times; --x allows it\n",
            "  {yellow 7}{dim  f at 3:} open 'a: -> refused; ' for reading {RED -> refused: EACCES, 2 times}; --x allows it\n",
        ),
        ("  no instruction: run id -> allowed\n", "  {dim no instruction:} run id {green -> allowed}\n"),
    ];
    for (line, colours) in attempts {
        assert_eq!(painted(Paint::Tried, line), colours);
    }
    let hot = [
        ("  own instructions   frames  code object\n", "{bold   own instructions   frames  code object}\n"),
        (
            "        714  92%          60  p.py:2: fact\n",
            "{yellow         714  92%          60  }{dim p.py:2: }{bold fact}\n",
        ),
        ("      60  a: b.py:3: fact at 0 NOP\n", "{yellow       60  }{dim a: }{bold b.py:3:} fact at 0 NOP\n"),
        ("... 3 more code objects; --count prints more\n", "... 3 more code objects; --count prints more\n"),
    ];
    for (line, colours) in hot {
        assert_eq!(painted(Paint::Hot, line), colours);
    }
    let edges = [
        ("f, file \"p.py\", line 2: entered 1 time\n", "{bold f, file \"p.py\", line 2: entered 1 time}\n"),
        ("       3            1  -> 6\n", "       {yellow 3}            1{dim   -> 6}\n"),
        (
            "       9            6  -> 12 (1), 16 (5)  raised 2\n",
            "       {yellow 9}            6{MAGENTA   -> 12 (1), 16 (5)}{RED   raised 2}\n",
        ),
        ("      92            1\n", "      {yellow 92}            1\n"),
        ("     -12            1  outside the code\n", "     {yellow -12}            1{RED   outside the code}\n"),
    ];
    for (line, colours) in edges {
        assert_eq!(painted(Paint::Edges, line), colours);
    }
    let differences = [
        ("first divergence:\n", "{bold first divergence:}\n"),
        (
            "  A 7 at 54 COMPARE_OP  'g' != 'o' -> True\n",
            "  {RED A} 7 at 54 COMPARE_OP  {green 'g'} != {green 'o'} -> True\n",
        ),
        ("  B 7 at 54 COMPARE_OP  'o'\n", "  {green B} 7 at 54 COMPARE_OP  {green 'o'}\n"),
        ("both executed the same\n", "both executed the same\n"),
    ];
    for (line, colours) in differences {
        assert_eq!(painted(Paint::Diff, line), colours);
    }
    assert_eq!(painted(Paint::Info, "frames        10\n"), "{bold frames       } 10\n");
}

#[test]
fn a_painted_writer_paints_whole_lines_however_they_come() {
    let lines = b"f> 0 NOP\n# g\nf> 1 JUMP_FORWARD (0)\nlast";
    let mut whole = Vec::new();
    Paint::Instructions.push(lines, &mut whole);
    for size in [1, 3, 10, 100] {
        let mut writer = Painted::new(Vec::new(), Paint::Instructions);
        lines.chunks(size).for_each(|piece| writer.write_all(piece).expect("written"));
        writer.flush().expect("written");
        assert_eq!(writer.inner, whole);
    }
}

proptest::proptest! {
    #[test]
    fn nothing_is_changed_but_for_colours(parts: Vec<(Vec<u8>, bool)>, offset: i32) {
        let hostile = parts.iter().map(|(bytes, is_name)| {
            if *is_name { Printable::name(bytes).to_string() } else { Printable::text(bytes).to_string() }
        });
        let text = format!("{}> {offset} LOAD_CONST ({})  {0}\n", "x", hostile.collect::<Vec<_>>().join(" -> 'x' > "));
        for paint in [Paint::Instructions, Paint::Calls, Paint::Compares, Paint::Layers, Paint::Tried, Paint::Info, Paint::Hot, Paint::Edges, Paint::Diff] {
            let mut out = Vec::new();
            paint.push(text.as_bytes(), &mut out);
            proptest::prop_assert_eq!(&unpainted(&out), text.as_bytes());
        }
    }
}
