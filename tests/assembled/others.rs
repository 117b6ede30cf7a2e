//! Listings that others have made: by CPython's dis, quoted or not, and by pydisasm of xdis.

use std::fs;

use bctrace::parts::code;

use super::{assembled, code_of};
use crate::live::{self, Program};
use crate::running;

#[test]
fn a_listing_of_one_function_makes_a_module_that_defines_it() {
    let text = "
  2           0 LOAD_FAST                0 (a)
              3 LOAD_CONST               1 ('it\\'s')
              6 COMPARE_OP               2 (==)
              9 POP_JUMP_IF_FALSE       21

  3          12 LOAD_FAST                1 (b)
             15 LOAD_CONST               2 (2L)
             18 BINARY_MULTIPLY
             19 RETURN_VALUE
             20 STOP_CODE

  5     >>   21 LOAD_CONST               0 (None)
             24 RETURN_VALUE
";
    let (module, said) = assembled(text);
    assert_eq!(*module.name, *b"<module>");
    for part in
        ["names of functions are made up: function_1", "function_1 2", "the listing has no module", "listing.py"]
    {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    let program = Program::new("");
    fs::write(program.path("f.txt"), text).unwrap();
    live::run(program.command(["asm", "f.txt", "f.pyc"])).succeeded();
    let ran =
        live::run(program.command(["python", "-c", "import f; print f.function_1(\"it's\", 21), f.function_1(1, 2)"]));
    assert_eq!(ran.succeeded(), "42 None\n");
}

#[test]
fn arguments_that_inner_functions_use_are_found() {
    let source = "def one(n):
    def inner(m): return n + m
    return inner
def two(a, b, c):
    x = a
    f = lambda: (b, x, f)
    return f()[:2], c
def none():
    def again(k): return k and again(k - 1)
    return again(3)
print one(1)(2), two(3, 4, 5), none()
";
    let program = Program::new(source);
    const DIS: &str = "import dis, types
def all(code):
    dis.dis(code)
    print
    for constant in code.co_consts:
        if type(constant) is types.CodeType: all(constant)
all(compile(open('p.py').read(), 'p.py', 'exec'))";
    fs::write(program.path("p.py"), source).unwrap();
    fs::write(program.path("p.txt"), live::run(program.command(["python", "-c", DIS])).succeeded()).unwrap();
    let ran = live::run(program.command(["asm", "p.txt", "made.pyc"]));
    assert!(ran.stderr().contains("one 1"), "{}", ran.stderr());
    assert_eq!(live::run(program.command(["python", "made.pyc"])).succeeded(), "3 ((4, 3), 5) 0\n");
}

/// Two functions, each after a prompt.
const SESSION: &str = ">>> dis.dis(twice)
  1           0 LOAD_FAST                0 (a)
              3 LOAD_CONST               1 (2)
              6 BINARY_MULTIPLY
              7 RETURN_VALUE
>>> dis.dis(module.sign)
  4           0 LOAD_FAST                0 (a)
              3 POP_JUMP_IF_FALSE       10

  5           6 LOAD_CONST               1 ('+')
              9 RETURN_VALUE

  6     >>   10 LOAD_CONST               2 ('-')
             13 RETURN_VALUE
";

#[test]
fn a_listing_may_be_quoted_and_stand_between_prompts() {
    let quoted = |mark: &str| SESSION.lines().map(|line| format!("{mark}{line}\n")).collect::<String>();
    let (plain, said) = assembled(SESSION);
    assert!(said.contains("one that defines twice, sign is made"), "{said}");
    let fenced = format!("Look at this:\n\n```python\n{SESSION}```\nIs it right?\n");
    let mail = format!("On Monday X wrote:\n> Hello,\n>\n{}\nThanks\n", quoted("> "));
    for text in [fenced, mail, quoted("> > "), quoted("# "), quoted("    "), SESSION.replace('\n', "\r\n")] {
        assert_eq!(format!("{:?}", assembled(&text).0), format!("{plain:?}"), "{text}");
    }
    let program = Program::new("print [x for x in 'ab']");
    let listed = live::run(program.command(["dis", "p.pyc"])).succeeded();
    let original = format!("{:?}", assembled(&listed).0);
    let quoted: String = listed.lines().map(|line| format!("> {line}\n")).collect();
    for text in [quoted, format!("```\n{listed}```\n")] {
        assert_eq!(format!("{:?}", assembled(&text).0), original);
    }
}

/// The program that `pydisasm.txt` lists.
const LISTED: &str = r#"def f(a, b=2):
    try:
        return lambda c: (a, b, c, 'x"y', 1j)
    except ValueError as e:
        raise
class K(object):
    z = u'\u20ac'
    def m(self, *args, **kw):
        for i in args:
            if i is not None: print i, 'it'
print f(1)(3), K().m(4, None, k=5)
"#;

#[test]
fn what_pydisasm_prints_is_assembled_to_the_same_code() {
    let listing = include_str!("pydisasm.txt");
    let (made, said) = assembled(listing);
    // It prints no character beyond Latin 1.
    assert!(said.lines().count() == 1 && said.contains("1 constants cannot be read back"), "{said}");
    let (_folder, pyc) = running::compiled(LISTED, "p.py");
    let real = code_of(&running::read(&pyc)[8..]);
    assert_eq!(code::nested(&made).count(), 5);
    for ((made, _), (real, _)) in code::nested(&made).zip(code::nested(&real)) {
        assert_eq!((&made.name, &made.filename, made.first_line), (&real.name, &real.filename, real.first_line));
        assert_eq!((&made.bytes, &made.lnotab, made.flags), (&real.bytes, &real.lnotab, real.flags));
        assert_eq!((made.argcount, made.nlocals, made.stacksize), (real.argcount, real.nlocals, real.stacksize));
        assert_eq!((&made.names, &made.varnames), (&real.names, &real.varnames));
        assert_eq!((&made.cellvars, &made.freevars), (&real.cellvars, &real.freevars));
    }
    let program = Program::new("");
    fs::write(program.path("l.txt"), listing).unwrap();
    live::run(program.command(["asm", "l.txt", "made.pyc"])).succeeded();
    assert_eq!(live::run(program.command(["python", "made.pyc"])).succeeded(), "(1, 2, 3, 'x\"y', 1j) 4 it\nNone\n");
    let refused = |before: &str, after: &str, part: &str| {
        let ran =
            running::run_with(&mut running::bctrace(["asm", "-", "-"]), listing.replace(before, after).as_bytes());
        assert_eq!(ran.status, 125);
        assert!(ran.stderr().lines().count() == 1 && ran.stderr().contains(part), "{}", ran.stderr());
    };
    refused("MAKE_CLOSURE         0", "MAKE_CLOSURE         (none)", "is no operand");
    refused("(to 45)", "(to 46)", "no instruction has that label");
    refused("SETUP_EXCEPT ", "SETUP_EVERYTHING ", "\"SETUP_EVERYTHING\" is no opcode");
    refused("Stack size:        1", "Stack size:        x", "stacksize needs a number");
}
