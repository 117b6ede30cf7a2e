//! A library that gives an undefined opcode a meaning: programs that use it run, and what the opcode pushes is in the trace.

use std::fs;

use crate::extension;
use crate::live::{self, Program};

/// 228 loads a constant, alone, in a loop, with a prefix, as what is compared, and in a generator; and an exception comes after it.
const PROGRAM: &str = r#"
import sys, types
sys.path.insert(0, '.')
import meaning
meaning.install()

def made(name, code, consts, flags=0x43):
    code = types.CodeType(1, 1, 9, flags, code, consts, (), ('a',), 'made.py', name, 1, '')
    return types.FunctionType(code, {})

load = made('load', '\xe4\x01\x00S', (None, 'hidden'))
prefixed = made('prefixed', '\x91\x00\x00\xe4\x01\x00S', (None, 'prefixed'))
# return a == 228
compares = made('compares', '|\x00\x00\xe4\x01\x00k\x02\x00S', (None, 's3cret'))
# while a: a = a - 228; return a
loop = made('loop', 'x\x14\x00|\x00\x00r\x16\x00|\x00\x00\xe4\x01\x00\x18}\x00\x00q\x03\x00W|\x00\x00S', (None, 1))
# yield 228; return None
generator = made('generator', '\xe4\x01\x00V\x01d\x00\x00S', (None, 'yielded'), 0x63)
# 228 + None
raises = made('raises', '\xe4\x01\x00d\x00\x00\x17S', (None, 'left'))

print load(0), prefixed(0), compares('guess'), compares('s3cret'), loop(300), list(generator(0))
try:
    raises(0)
except TypeError as error:
    print error
"#;

const PRINTED: &str = "hidden prefixed False True 0 ['yielded']\ncannot concatenate 'str' and 'NoneType' objects\n";

fn program() -> Option<Program> {
    if !super::is_compiled_by_gcc() {
        return None;
    }
    let program = Program::new(PROGRAM);
    fs::write(program.path("p.py"), PROGRAM).unwrap();
    extension::compile(&program.path(""), "meaning", include_str!("meaning.c"));
    Some(program)
}

#[test]
fn a_program_whose_library_gives_an_undefined_opcode_a_meaning_runs() {
    let Some(program) = program() else { return };
    assert_eq!(live::run(program.command(["python", "p.py"])).succeeded(), PRINTED);
    let ways: [(&[&str], &str); 6] = [
        (&[], "t.txt"),
        (&["-r"], "r.txt"),
        (&[], "t.bct"),
        (&["--values"], "v.txt"),
        (&["--values"], "v.bct"),
        (&["-n", "loop"], "n.bct"),
    ];
    for (options, trace) in ways {
        let ran = program.trace(&[&["-q"], options].concat(), trace, &[]);
        assert_eq!((ran.stdout().as_str(), ran.stderr().as_str(), ran.status), (PRINTED, "", 0), "{trace}");
    }
    assert_eq!(program.show(&[], "t.bct"), program.read("t.txt"));
    assert_eq!(program.show(&["-n", "loop"], "t.bct"), program.show(&[], "n.bct"));
    let turns = program.read("t.txt").matches("loop> 12 228 **********INVALID**********\n").count();
    assert_eq!(turns, 300);
}

#[test]
fn what_an_undefined_opcode_pushes_is_its_result() {
    let Some(program) = program() else { return };
    program.trace(&["-q", "--values"], "v.bct", &[]).succeeded();
    let shown = program.show(&["-n", "load", "-n", "prefixed", "-n", "compares", "-n", "generator"], "v.bct");
    for line in [
        "load> 0 228 **********INVALID**********  (a=0) -> 'hidden'\n",
        "prefixed> 3 228 **********INVALID**********  (a=0) -> 'prefixed'\n",
        "compares> 3 228 **********INVALID**********  -> 's3cret'\n",
        "compares> 6 COMPARE_OP (2)  'guess' == 's3cret' -> False\n",
        "generator> 0 228 **********INVALID**********  (a=0) -> 'yielded'\n",
    ] {
        assert!(shown.contains(line), "{line} in\n{shown}");
    }
    let compared = program.view("compares", &["--in-order"], "v.bct");
    assert!(compared.contains("'guess' == 's3cret' -> False"), "{compared}");
}

#[test]
fn what_an_undefined_opcode_pushes_is_on_the_rebuilt_stack() {
    let Some(program) = program() else { return };
    let (compared, unknown) = crate::values::rebuilt::check(&program, "meaning");
    assert!(compared > 100 && unknown < compared, "{compared} {unknown}");
}

#[test]
fn an_undefined_opcode_that_is_refused_has_no_result() {
    let program = Program::new(
        "import types\n\
         f = types.FunctionType(types.CodeType(0, 0, 9, 0x43, '\\xe4\\x00\\x00S', (None,), (), (), 'made.py', 'f', 1, ''), {})\n\
         try: f()\n\
         except SystemError as error: print error\n",
    );
    program.trace(&["-q", "--values"], "v.bct", &[]).succeeded();
    assert_eq!(program.show(&["-n", "f"], "v.bct"), "f> 0 228 **********INVALID**********\n");
}
