//! What `bctrace clean` makes of strings that a program decodes when it needs them, and of calls with --fold-constants.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::running::{self, Ran, bctrace, run};

/// A function that a global stands for, lambdas, and a list comprehension, which leaves its variable.
const DECODERS: &str = r#"
KEY = 'k3y'

def decoded(text):
    out = []
    for place in range(len(text)):
        out.append(chr(ord(text[place]) ^ ord(KEY[place % len(KEY)])))
    return ''.join(out)


def named(**names):
    return sorted(names.items())


print decoded('\x03V\x15\x07\\'), (lambda text: ''.join([chr(ord(c) ^ 7) for c in text]))('obkkh')
print ''.join([chr(ord(letter) ^ 5) for letter in 'm`iij'])
print named(**{'plain': 'text'})
"#;

/// A program with its trace, which is cleaned.
struct Case {
    folder: TempDir,
    pyc: PathBuf,
}

impl Case {
    fn new(source: &str) -> Case {
        let (folder, pyc) = running::compiled(source, "program.pyc");
        let case = Case { folder, pyc };
        run(bctrace(["-q", "--deterministic", "--values"]).arg(&case.pyc).arg(case.trace())).succeeded();
        case
    }

    fn trace(&self) -> PathBuf {
        self.folder.path().join("t.bct")
    }

    /// Cleans it; returns what is printed, the assembly of the clean file, and what was proven.
    fn cleaned(&self, options: &[&str]) -> (Ran, String, Value) {
        let clean = self.folder.path().join(format!("clean{}", options.join("")));
        let ran = run(bctrace(["clean"]).args(options).arg(&self.pyc).arg(self.trace()).arg("-o").arg(&clean));
        let file = clean.join("program.pyc");
        let proof = serde_json::from_slice(&running::read(&clean.join("proof.json"))).unwrap();
        assert_eq!(self.run(&file), self.run(&self.pyc), "{}", ran.stdout());
        (ran, run(bctrace(["dis"]).arg(&file)).succeeded(), proof)
    }

    fn run(&self, file: &Path) -> (i32, String) {
        let ran = run(bctrace(["python"]).arg(file));
        (ran.status, ran.stdout())
    }
}

/// The instructions of the first code object.
fn module(listing: &str) -> String {
    let is_opcode = |word: &str| word.len() > 4 && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    let lines = listing.split("\ncode 1 ").next().unwrap().lines();
    lines.filter(|line| line.split_whitespace().any(is_opcode)).collect::<Vec<_>>().join("\n")
}

#[test]
fn strings_that_are_decoded_when_they_are_needed_are_put_in_the_place_of_the_calls() {
    let (ran, listing, proof) = Case::new(DECODERS).cleaned(&[]);
    let module = module(&listing);
    assert_eq!(ran.status, 0, "{}", ran.stdout());
    assert_eq!(proof["files"][0]["verdict"], "equal", "{}", ran.stdout());
    for gone in ["FOR_ITER", "ord", "letter"] {
        assert!(!module.contains(gone), "{gone}: {module}");
    }
    assert_eq!(module.matches("'hello'").count(), 3, "{module}");
    assert!(
        ran.stdout().contains("assumed: the global decoded is always what the module makes it"),
        "{}",
        ran.stdout()
    );
}

#[test]
fn a_function_that_decodes_nothing_is_called_unless_all_constants_are_folded() {
    let source = "def times(n):\n    return n * 3\n\n\ndef shift(text, by):\n    return ''.join([chr(ord(c) + by) for c in text])\n\n\n\
                  print times(7), shift('abc', 1), (lambda text: ''.join([chr(ord(c) ^ 7) for c in text]))('obkkh')\n";
    let case = Case::new(source);
    let (_, listing, _) = case.cleaned(&[]);
    assert!(module(&listing).contains("'abc'") && !module(&listing).contains("'bcd'"), "{listing}");
    let (ran, listing, proof) = case.cleaned(&["--fold-constants"]);
    assert!(module(&listing).contains("'bcd'") && module(&listing).contains(" 21"), "{listing}");
    assert_eq!(proof["files"][0]["verdict"], "equal", "{}", ran.stdout());
}

#[test]
fn what_a_program_calls_by_a_name_is_not_worked_out() {
    let source = "SIZE = 76\nPART = 'ab'\nprint SIZE // 4 * 3, PART + 'cd', (lambda t: ''.join([chr(ord(c) ^ 7) for c in t]))('obkkh')\n";
    let case = Case::new(source);
    let (_, listing, _) = case.cleaned(&[]);
    assert!(module(&listing).contains("'hello'") && !module(&listing).contains("'abcd'"), "{listing}");
    assert!(module(&listing).contains("BINARY_FLOOR_DIVIDE"), "{listing}");
}

#[test]
fn a_global_that_changes_is_not_taken_for_what_it_was() {
    let source = "key = 7\n\n\ndef decoded(text):\n    return ''.join([chr(ord(c) ^ key) for c in text])\n\n\n\
                  print decoded('obkkh\\x01')\nkey = 0\nprint decoded('hello\\x01')\n";
    for options in [&[][..], &["--fold-constants"]] {
        let (ran, ..) = Case::new(source).cleaned(options);
        assert!(!ran.stdout().contains("the global key"), "{}", ran.stdout());
    }
}

#[test]
fn calls_with_an_effect_are_not_folded() {
    let source = "calls = 0\n\n\ndef counted(text):\n    global calls\n    calls += 1\n    return text + 'x'\n\n\n\
                  def printed(text):\n    print text\n    return text\n\n\nprint counted('a'), printed('b'), calls\n";
    let (ran, listing, _) = Case::new(source).cleaned(&["--fold-constants"]);
    assert!(module(&listing).matches("CALL_FUNCTION").count() >= 2, "{}{listing}", ran.stdout());
}

#[test]
fn what_calls_returned_in_the_trace_is_folded_with_the_option_and_assumed() {
    let source = "import binascii\nTABLE = ['one']\nTABLE.append('two')\n\n\ndef looked_up(n):\n    return TABLE[n]\n\n\n\
                  print looked_up(1), binascii.unhexlify('6869')\n";
    let case = Case::new(source);
    let (_, listing, _) = case.cleaned(&[]);
    assert!(module(&listing).contains("unhexlify"), "{listing}");
    let (ran, listing, proof) = case.cleaned(&["--fold-constants"]);
    assert!(!module(&listing).contains("unhexlify") && module(&listing).contains("'hi'"), "{listing}");
    assert!(ran.stdout().contains("returns 'two' in every run, as it did in the traces"), "{}", ran.stdout());
    assert_eq!(proof["files"][0]["verdict"], "equal", "{}", ran.stdout());
}

/// Dropping a chain of values takes stack for each.
#[test]
fn values_that_are_nested_without_end_are_not_followed() {
    let source = "def nest(n):\n    f = None\n    for i in range(n):\n        f = (f,)\n    return len(f)\n\n\n\
                  def wrap(g):\n    return lambda: g\n\n\n\
                  def closures(n):\n    f = chr\n    for i in range(n):\n        f = wrap(f)\n    return 'x' + chr(n)\n\n\n\
                  print nest(2000), closures(65)\n";
    let (ran, ..) = Case::new(source).cleaned(&["--fold-constants"]);
    assert!(ran.status <= 1, "{}", ran.stderr());
}

/// Each line is an expression over the characters of a text, with results that only the interpreter's own rules give.
#[test]
fn what_is_folded_is_what_the_interpreter_makes() {
    let slices = ["None", "0", "1", "-1", "4", "-4", "9", "-9"];
    let mut source = String::new();
    for start in slices {
        for stop in slices {
            for step in ["None", "1", "2", "-1", "-3"] {
                source += &format!("print repr((lambda text: text[{start}:{stop}:{step}])('abcde'))\n");
            }
        }
    }
    let expressions = [
        "'4a6B'.decode('hex')",
        "'aGk=\\n'.decode('base64')",
        "'Uryyb'.encode('rot13')",
        "'Uryyb'.decode('rot13')",
        "'x\\x9cKLJ\\x06\\x00\\x02M\\x01\\x27'.decode('zlib')",
        "u'\\xe9\\u20ac'.encode('utf-8')",
        "u'\\xe9'.encode('latin-1')",
        "'\\xc3\\xa9'.decode('utf-8')",
        "'a,b,,c'.split(',')[::-1]",
        "''.join(map(chr, [104, 105]))",
        "''.join(chr(n) for n in range(110, 100, -3))",
        "''.join(chr(n ^ 1) for n in bytearray('hello'))",
        "''.join([c for at, c in enumerate('abcdef') if at % 2])",
        "''.join([chr(ord(a) ^ ord(b)) for a, b in zip('abc', 'xyz')])",
        "''.join(reversed('olleh'))",
        "str(bytearray([104, 105]))",
        "' \\x0b\\ttext\\n '.strip() + 'MiXed'.swapcase()",
        "'aXXbXX'.replace('XX', '-')",
        "int('ff', 16) + int('-'[1:] + '7')",
        "''.join([unichr(n).encode('utf-8') for n in (233, 8364)])",
    ];
    for expression in expressions {
        source += &format!("print repr((lambda: {expression})())\n");
    }
    let folded = source.lines().count();
    source += "def outer(key):\n    return ''.join(chr(ord(c) ^ key) for c in 'obkkh')\nprint repr(outer(7))\n";
    let (ran, listing, _) = Case::new(&source).cleaned(&["--fold-constants"]);
    let left = module(&listing).matches("CALL_FUNCTION").count();
    // Each line calls repr.  The value of the call that makes a list is no constant.
    assert!(left <= folded + 2, "{left} of {folded} are left: {}", ran.stdout());
}
