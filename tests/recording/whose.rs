//! Whose code is: `--no-stdlib` leaves out the embedded library, and nothing that only has the file name of it.

use std::collections::BTreeSet;
use std::fs;

use crate::live::{self, Program};

/// Makes functions by all that makes code objects, each with the file name of a module of the library, and calls some of the library's.
const CLAIMED: &str = "import collections, gettext, json, marshal, os, sys, types
library = os.__file__.rsplit('/', 1)[0] + '/'
def claimed(text, module):
    return compile(text, library + module, 'exec')
exec claimed('def compiled(): return 1\\ncompiled()', 'evil.py')
exec marshal.loads(marshal.dumps(claimed('''
def loaded():
    def inner(): return 1
    return inner()
loaded()
''', 'json/decoder.py')))
def plain(): return 1
code = plain.func_code
exec types.CodeType(0, 0, code.co_stacksize, 64, code.co_code, code.co_consts, (), (), library + 'os.py', 'constructed', 1, '')
exec claimed('exec \"def made(): return 1\\\\nmade()\"', 'collections.py')
with open('taken.py', 'w') as out: out.write('def imported(): return 1\\nimported()\\n')
sys.path.insert(0, os.getcwd())
import taken
collections.namedtuple('Pair', 'left right')(1, 2)
collections.namedtuple('One', 'only')(1)._replace(only=2)
collections.namedtuple('Nothing', '')()
gettext.c2py('n%10==1 && n%100!=11 ? 0 : n/2')(2)
fields, plural = collections._field_template, gettext._parse
collections._field_template += '    def smuggled(): return 1\\n    smuggled()\\n'
collections.namedtuple('Pair', 'left right')
collections._field_template, gettext._parse = fields, lambda tokens: ('(lambda: 0)()', '')
gettext.c2py('0')(2)
faked = dict(vars(collections), _class_template='def given(): return 1\\ngiven()\\n{typename} = None\\n')
try: types.FunctionType(collections.namedtuple.func_code, faked, None, (False, False))('Pair', 'left')
except AttributeError: pass
gettext._parse = plural
json.dumps([os.path.join('a', 'b')])
def after(): return 1
if os.fork() == 0:
    after()
    exec claimed('def late(): return 1\\nlate()', 'evil.py')
    json.loads('[1]')
    os._exit(0)
os.wait()
";

/// What of it is the program's.
const OWN: &str =
    "<lambda> <module> Pair after claimed compiled constructed func given imported inner late loaded made smuggled";

/// The names of the code objects in traces.
fn names(texts: impl IntoIterator<Item = String>) -> BTreeSet<String> {
    let names =
        |text: String| text.lines().filter_map(|line| Some(line.split_once("> ")?.0.to_owned())).collect::<Vec<_>>();
    texts.into_iter().flat_map(names).collect()
}

/// The names in the traces of the program and of the process that it forks, recorded and shown with these options.
fn names_of(options: &[&str], shown: &[&str]) -> BTreeSet<String> {
    let program = Program::free(CLAIMED);
    let (_, others) = program.follow(options, 1);
    names(["t.bct", &others[0]].map(|trace| program.show(shown, trace)))
}

#[test]
fn a_file_name_makes_no_code_the_librarys() {
    let own: BTreeSet<String> = OWN.split(' ').map(str::to_owned).collect();
    for options in [&[][..], &["--values"], &["--start-at", "claimed"]] {
        assert_eq!(names_of(options, &["--no-stdlib"]), own, "{options:?}");
        assert_eq!(names_of(&[options, &["--no-stdlib"]].concat(), &[]), own, "{options:?}");
        let all = names_of(options, &[]);
        for name in ["join", "dumps", "encode", "namedtuple", "One", "Nothing", "decode"] {
            assert!(all.contains(name), "{name}");
        }
    }
}

/// Writes a program whose code objects, which are many, have file names of the library's.
const NAMED: &str = "import imp, marshal, os, types
library = os.__file__.rsplit('/', 1)[0] + '/'
code = compile('def f():\\n def g(): return 1\\n return g()\\nf()', library + 'os.py', 'exec')
constants = code.co_consts + ((lambda: 1).func_code,) * 70000
code = types.CodeType(0, 0, code.co_stacksize, code.co_flags, code.co_code, constants, code.co_names, (), code.co_filename,
                      code.co_name, 1, code.co_lnotab)
open('named.pyc', 'wb').write(imp.get_magic() + '\\0' * 4 + marshal.dumps(code))
";

#[test]
fn a_programs_own_file_name_hides_nothing_of_it() {
    let program = Program::new(NAMED);
    program.text(&["--no-sandbox"], &[]);
    let ran = live::run(program.command(["-q", "--no-stdlib", "named.pyc", "n.bct"]));
    assert_eq!(ran.status, 0, "{}", ran.stderr());
    let shown = names([program.show(&["--no-stdlib"], "n.bct")]);
    assert_eq!(shown.into_iter().collect::<Vec<_>>(), ["<module>", "f", "g"]);
    let edges = live::run(program.command(["edges", "--no-stdlib", "n.bct"])).succeeded();
    assert!(edges.contains("f, "), "{edges}");
}

#[test]
fn the_library_is_left_out_where_it_is_compiled_too() {
    let source = "import colorsys, os\nprint colorsys.rgb_to_hsv(0.1, 0.1, 0.1), os.path.join('a', 'b')\n";
    let program = Program::new(source);
    fs::write(program.path("p.py"), source).unwrap();
    let printed = live::run(program.command(["python", "--trace-to", "t.bct", "-O", "p.py"])).succeeded();
    assert_eq!(printed, "(0.0, 0.0, 0.1) a/b\n");
    assert!(names([program.show(&[], "t.bct")]).contains("rgb_to_hsv"));
    assert_eq!(names([program.show(&["--no-stdlib"], "t.bct")]), BTreeSet::from(["<module>".to_owned()]));
}

#[test]
fn what_code_with_the_name_of_a_librarys_file_tries_is_the_programs() {
    let source = "import os
opens = '''def opens():
    try: open('/etc/shadow')
    except IOError: pass
opens()
'''
exec compile(opens, os.__file__.replace('.pyc', '.py'), 'exec')
";
    let program = Program::new(source);
    assert_eq!(program.trace(&[], "t.bct", &[]).status, 0);
    let tried = program.view("tried", &[], "t.bct");
    let line = tried.lines().find(|line| line.contains("/etc/shadow")).unwrap_or_else(|| panic!("{tried}"));
    let (place, _) = line.split_once(": ").unwrap();
    assert!(place.ends_with(" opens at 9") && tried.starts_with("by the program"), "{tried}");
}
