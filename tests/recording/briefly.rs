//! Most code objects are described by the recorder, of their marshal data or of those that hold them.  The others are described in the
//! traced process, as those with a set among their constants are.  Both must say the same.

use crate::live::Program;
use crate::running;

/// Runs a code object for each constant: alone, nested in another one, and with a set beside it.
const CONSTANTS: &str = r"
import types
def code(consts):
    return types.CodeType(0, 0, 2, 64, 'd\0\0S', consts, ('a',), (), 'odd.py', 'odd', 1, '')
deep = 0
for i in range(30):
    deep = (deep,)
for value in [1, -1, 2**31, -2**31, 2**63-1, 2**63, -2**200, 1.5, -0.0, float('nan'), float('inf'), 1j, complex(-0.0, 2), '', 'x', 'a b',
        intern('name'), u'', u'\ud800', u'\udc00\ud800', u'\U00010000', u'\u20ac\n', '\x00\xff' * 3000, (), (1, (2.5, ('x', None))), deep,
        None, True, Ellipsis, StopIteration, code((1,))]:
    inner = code((value, value, 'tail'))
    exec code((inner, value))
    exec inner
    exec code((value, value, 'tail', frozenset()))
";

#[test]
fn a_code_object_is_described_alike_by_either_process() {
    let text = Program::new(CONSTANTS).text(&["-q", "-r"], &[]);
    let loaded: Vec<&str> = text.lines().filter(|line| line.starts_with("odd> 0 LOAD_CONST")).collect();
    assert_eq!(loaded.len(), 3 * 31);
    for of_one in loaded.chunks(3) {
        assert!(of_one[0].contains("<code object odd"), "{}", of_one[0]);
        assert_eq!(of_one[1], of_one[2]);
    }
}

/// Strings of which a little marshal data makes very many bytes.
const SHARED: &str = "
import types
def code(consts):
    return types.CodeType(0, 0, 2, 64, 'd\\0\\0S', consts, (), (), 'f', 'shares', 1, '')
long = intern('long' * 500)
exec code((long,) * 60000)
exec code((code((long,) * 30000), code((long,) * 30000)))
";

#[test]
fn code_objects_that_share_long_strings_are_recorded() {
    let text = Program::new(SHARED).text(&["-q"], &[]);
    assert_eq!(text.lines().filter(|line| line.starts_with("shares> 0 LOAD_CONST")).count(), 2);
}

/// Imports modules of the library as programs do, by another path, and as what they are not.
const IMPORTS: &str = "
import colorsys, imp, sys
library = colorsys.__file__.rsplit('/', 1)[0]
sys.path.insert(0, library + '/../python2.7')
import chunk
imp.load_compiled('named_sched', library + '/gone.pyc', open(library + '/sched.pyc', 'rb'))
imp.load_source('copied_bisect', library + '/./bisect.py')
imp.load_compiled('named_this', library + '/sunau.pyc')
exec compile('x = 1', library + '/stat.py', 'exec')
";

/// Prints which file of the library each dumped module is equal to, the file of its code, and what made it.
const CHECK: &str = "
import colorsys, json, marshal, sys
library = colorsys.__file__.rsplit('/', 1)[0]
for layer in json.load(open('d/manifest.json'))['layers']:
    if layer['name'] == '<module>' and layer['filename'].startswith(library):
        dumped = open('d/' + layer['file'], 'rb').read()[8:]
        equal = [name for name in sys.argv[1:] if open('%s/%s.pyc' % (library, name), 'rb').read()[8:] == dumped]
        print layer['filename'][len(library):], equal, marshal.loads(dumped).co_filename == layer['filename']
";

#[test]
fn a_module_of_the_library_is_described_as_what_was_read() {
    let program = Program::new(IMPORTS);
    let ran = program.trace(&["-q"], "t.bct", &[]);
    assert_eq!(ran.status, 0, "{}", ran.stderr());
    running::run(&mut program.command(["layers", "--dump", "d", "t.bct"])).succeeded();
    let names = ["colorsys", "chunk", "sched", "bisect", "sunau", "stat"];
    let words = ["python", "-c", CHECK].into_iter().chain(names);
    let printed = running::run(&mut program.command(words)).stdout();
    let printed: Vec<&str> = printed.lines().collect();
    let expected = [
        "/colorsys.py ['colorsys'] True",
        // What is found by another path has that path in it, and is the program's own.
        "/../python2.7/chunk.py [] True",
        "/sched.py ['sched'] True",
        "/./bisect.py [] True",
        "/sunau.py ['sunau'] True",
        "/stat.py [] True",
    ];
    for line in expected {
        assert!(printed.contains(&line), "{line} is not in {printed:#?}");
    }
}
