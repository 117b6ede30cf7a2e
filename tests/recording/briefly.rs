//! Most code objects are described by the recorder, of their marshal data or of those that hold them.  The others are described in the
//! traced process, as those with a set among their constants are.  Both must say the same.

use crate::live::Program;

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
