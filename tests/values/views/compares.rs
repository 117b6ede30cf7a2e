//! `bctrace compares`: one line for each comparison, in the order of execution, those that calls make among them.

use super::{objects, recorded, without_numbers};

/// The lines without the program's file name: `LINE: NAME: …`.
fn lines(text: &str) -> Vec<String> {
    let file = regex::Regex::new(r"(?m)^[^\s:]*p\.py:").unwrap();
    let lines = file.replace_all(text, "").lines().map(str::to_string).collect::<Vec<_>>();
    lines.into_iter().filter(|line| !line.starts_with("(left out: ")).collect()
}

#[test]
fn comparisons_come_in_the_order_of_execution() {
    let program = recorded(
        "\
def check(s):
    return len(s) == 3 and s[0] == 'k' and s in ('key', 'kit')
for s in ('guess', 'nay', 'key', 'nay'): check(s)
",
    );
    let text = program.view("compares", &["--in-order"], "t.bct");
    let expected = [
        "2: check: 5 == 3 -> False",
        "2: check: 3 == 3 -> True",
        "2: check: 'nay'[0] -> 'n'",
        "2: check: 'n' == 'k' -> False",
        "2: check: 3 == 3 -> True",
        "2: check: 'key'[0] -> 'k'",
        "2: check: 'k' == 'k' -> True",
        "2: check: 'key' in ('key', 'kit') -> True",
        "2: check: 3 == 3 -> True",
        "2: check: 'nay'[0] -> 'n'",
        "2: check: 'n' == 'k' -> False",
    ];
    assert_eq!(lines(&text), expected);
}

#[test]
fn a_check_character_by_character_can_be_read_down() {
    let program = recorded("for a, b in zip('guess!', 'S3CRET'):\n    a == b\n");
    let text = program.view("compares", &["--in-order"], "t.bct");
    let read: String = text.lines().map(|line| line.split("== '").nth(1).unwrap().chars().next().unwrap()).collect();
    assert_eq!(read, "S3CRET");
}

#[test]
fn equal_neighbours_are_counted_and_others_are_not() {
    let program = recorded("for a in 'aaabaa':\n    a == 'x'\n");
    let text = program.view("compares", &["--in-order"], "t.bct");
    let expected = [
        "2: <module>: 'a' == 'x' -> False  (3 times)",
        "2: <module>: 'b' == 'x' -> False",
        "2: <module>: 'a' == 'x' -> False  (2 times)",
    ];
    assert_eq!(lines(&text), expected);
}

#[test]
fn a_place_has_a_thousand_lines_unless_all_are_wanted() {
    let program = recorded("for n in range(1500):\n    n == 7\nn == 'last'\n");
    let some = program.view("compares", &["--in-order"], "t.bct");
    let some = lines(&some);
    assert_eq!(some.len(), 1002);
    assert_eq!(
        some[1000..],
        ["3: <module>: 1499 == 'last' -> False", "2: <module>: 500 more of ==; --all prints them"]
    );
    let all = program.view("compares", &["--in-order", "--all"], "t.bct");
    assert_eq!(lines(&all).len(), 1501);
    let json = objects(&program.view("compares", &["--in-order", "--format", "json"], "t.bct"), "compares");
    assert_eq!(json.len(), 1002);
    assert_eq!((&json[1001]["type"], &json[1001]["times"]), (&"left_out".into(), &500.into()));
}

#[test]
fn a_comparison_that_runs_python_has_its_result_and_its_place() {
    let program = recorded(
        "\
class A(object):
    def __eq__(self, other): return (other > 20) * 42
A() == 21
1 == 2
",
    );
    let text = without_numbers(&program.view("compares", &["--in-order"], "t.bct"));
    let expected = [
        "3: <module>: <A> == 21 -> 42",
        "2: __eq__: 21 > 20 -> True",
        "2: __eq__: True * 42 -> 42",
        "4: <module>: 1 == 2 -> False",
    ];
    assert_eq!(lines(&text), expected);
}

#[test]
fn a_comparison_that_raises_or_never_ends_is_printed_too() {
    let program = recorded(
        "\
import os
class A(object):
    def __eq__(self, other):
        if other == 'raise': raise ValueError('no')
        A.depth += 1
        if A.depth > 4: os._exit(0)
        return A() == other
A.depth = 0
try: A() == 'raise'
except ValueError: pass
A() == 1
",
    );
    let texts: Vec<String> = (0..6).map(|_| program.view("compares", &["--in-order"], "t.bct")).collect();
    assert!(texts.iter().all(|text| *text == texts[0]), "equal runs print equal lines");
    let text = lines(&without_numbers(&texts[0]));
    assert_eq!(text[0], "9: <module>: <A> == 'raise' -> raises ValueError: no");
    assert_eq!(text.iter().filter(|line| *line == "7: __eq__: <A> == 1").count(), 4, "{text:?}");
    assert!(text.contains(&"11: <module>: <A> == 1".to_string()), "{text:?}");
    assert!(!text.iter().any(|line| line.starts_with("10: ")), "`except` compares nothing of the program's: {text:?}");
}

#[test]
fn calls_that_compare_are_comparisons() {
    let program = recorded(
        "\
import operator, re, hmac, fnmatch, string
s = u = 'guess'
def find(x): return x
cmp(s, 'S1')
s.startswith('S2')
operator.eq(s, 'S3')
s.__eq__('S4')
{'S5': 1}.get(s)
s.find('S6')
re.match('S7', s)
re.compile('S8').search(s)
str.endswith(s, 'S9')
hmac.compare_digest(s, 'S10')
steps = [s.count, s.rfind]
[step('S11') for step in steps]
{'S12': 1}.has_key(s)
s.__contains__('S13')
fnmatch.fnmatch(s, 'S14*')
string.find(s, 'S15')
operator.contains('S16', s)
set('abc').issubset('S17')
getattr(u'guess', 'startswith')('S18')
find('own function')
str.upper('no comparison')
",
    );
    let text = program.view("compares", &["--in-order"], "t.bct");
    for number in 1..=18 {
        let secret = format!("'S{number}");
        let found: Vec<_> = lines(&text)
            .into_iter()
            .filter(|line| line.contains(&format!("{secret}'")) || line.contains(&format!("{secret}*")))
            .collect();
        assert!(
            !found.is_empty() && found.iter().any(|line| line.contains("guess") || number == 17),
            "{secret}: {text}"
        );
        assert!(found.iter().all(|line| line.contains(" -> ")), "{secret}: {found:?}");
    }
    assert!(!text.contains("own function") && !text.contains("no comparison"), "{text}");
}

/// The lines of a program in which each statement names a number of its own, and whether each `K` is there and each `N` is not.
fn check_numbered(program: &str) -> String {
    let text = recorded(program).view("compares", &["--in-order"], "t.bct");
    let numbers = regex::Regex::new(r"'([KN])\d+'").unwrap();
    for number in numbers.captures_iter(program) {
        let is_shown = lines(&text).iter().any(|line| line.contains(&number[0]) && line.contains(" -> "));
        assert_eq!(is_shown, &number[1] == "K", "{}: {text}", &number[0]);
    }
    text
}

#[test]
fn lookups_in_subclasses_of_dict_are_comparisons() {
    check_numbered(
        "\
import collections
class D(dict): pass
class Own(object):
    def get(self, key): pass
D().get('K1')
D(K2=1).pop('K2')
D().setdefault('K3')
D().has_key('K4')
D(K5=1).__getitem__('K5')
collections.Counter().get('K6')
collections.OrderedDict().get('K7')
D().get(*('K8',))
super(D, D()).get('K9')
dict.get(D(), 'K10')
Own().get('N1')
D().update(N2='N2')
",
    );
}

#[test]
fn functions_of_operator_do_what_the_instructions_do() {
    let text = check_numbered(
        "\
import operator
operator.is_('K1', 1)
operator.is_not('K2', 1)
operator.not_('K3')
operator.truth('K4')
operator.getitem({'K5': 1}, 'K5')
operator.add('K6', 'x')
operator.__add__('K7', 'x')
operator.concat('K8', 'x')
operator.iadd('K9', 'x')
operator.mod('%s', 'K10')
operator.repeat('K11', 2)
operator.getslice('K12', 0, 2)
operator.sequenceIncludes('K13', 'x')
operator.indexOf(['K14'], 'K14')
operator.itemgetter(0)('K15')
operator.methodcaller('startswith', 'K16')('x')
operator.xor(70, 4), operator.sub(71, 4), operator.inv(72), operator.and_(73, 4), operator.__rshift__(74, 1)
(75).__xor__(4), (76).__rsub__(4), pow(77, 4, 5), divmod(78, 4)
operator.isCallable('N1')
operator.attrgetter('upper')('N2')
operator.setitem({}, 'N3', 1)
operator.methodcaller('encode', 'N4')
operator.methodcaller('upper')('N5')
",
    );
    for number in 70..=78 {
        assert!(text.contains(&format!("({number}")), "{number}: {text}");
    }
}

#[test]
fn a_call_of_c_code_with_a_function_that_compares_is_a_comparison() {
    check_numbered(
        "\
import collections, functools, itertools, operator, os, re
s = 'guess'
class Keeper(object):
    def __init__(self, *functions): pass
class Old:
    def __init__(self, *functions): pass
class A(object):
    def __cmp__(self, other): return 0
def match(*values): return 0
def check(*functions): pass
map(s.startswith, ['K1'])
filter(s.__eq__, ['K2'])
map(operator.eq, [s], ['K3'])
reduce(cmp, [s, 'K4'])
apply(s.startswith, ('K5',))
apply(cmp, (s, 'K6'))
sorted(['K7', s], cmp=cmp)
sorted(['K8', s], **{'cmp': cmp})
map(*(cmp, [s], ['K9']))
['K10', s].sort(cmp)
itertools.imap(operator.eq, [s], ['K11'])
functools.partial(map, s.startswith)(['K12'])
map(re.compile('x').match, ['K13'])
map(re.match, ['x'], ['K14'])
map(dict.get, [{}], ['K15'])
map(cmp, [A()], ['K16'])
cmp.__call__(s, 'K17')
map([].count, ['K18'])
map(s.split, ['K19'])
map(match, ['N1'], [s])
map(str.upper, ['N2'])
map(str.strip, ['N3'])
check(s.startswith, 'N4')
Keeper(cmp, 'N5')
Old(cmp, 'N6')
setattr(check, 'N7', s.startswith)
isinstance(cmp, type('N8', (), {}))
try: map(os.remove, ['N9'])
except OSError: pass
",
    );
}

#[test]
fn methods_that_look_for_a_value_are_comparisons() {
    check_numbered(
        "\
import collections, datetime, os, re, string
s = 'guess'
class Own(object):
    def match(self, text): pass
    def remove(self, text): pass
['K1'].remove('K1')
list.remove(['K2'], 'K2')
collections.deque(['K3']).remove('K3')
set(['K4']).remove('K4')
set().discard('K5')
re.sub('K6', '', s)
re.subn('K7', '', s)
re.split('K8', s)
re.compile('K9').sub('', s)
re.compile('x').subn('', 'K10')
re.compile('x').split('K11')
s.partition('K12')
s.rpartition('K13')
s.split('K14')
s.rsplit('K15', 1)
s.replace('K16', '')
u'guess'.strip('K17')
str.split(s, 'K18')
string.replace(s, 'K19', '')
s.split(*('K20',))
'N1'.split()
str.strip('N2')
os.path.split('N3')
[].append('N4')
'N5'.encode('hex')
Own().match('N6')
Own().remove('N7')
try: os.remove('N8')
except OSError: pass
set(['N9']).pop()
datetime.datetime(2000, 1, 1).replace(year=3)
",
    );
}

#[test]
fn a_comparison_as_json_has_its_place_text_and_result() {
    let program = recorded("s = 'guess'\ns == 'S'\ns == 'S'\ns.startswith('S')\n");
    let found = objects(&program.view("compares", &["--in-order", "--format", "json"], "t.bct"), "compares");
    let texts: Vec<_> = found.iter().map(|object| object["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["'guess' == 'S'", "'guess' == 'S'", "'guess'.startswith('S')"]);
    assert_eq!(found[0]["line"], 2);
    assert_eq!((&found[2]["opname"], &found[2]["result"]), (&"CALL_FUNCTION".into(), &"False".into()));
    assert!(found[0]["number"].as_u64() < found[1]["number"].as_u64());
}

#[test]
fn what_compares_in_a_place_that_is_cut_short_is_named() {
    let program = recorded("for n in range(2000): n == 7, n + 1, (n,)[0], cmp(n, 3), 'x'.find(str(n)), -n\n");
    let text = program.view("compares", &["--in-order"], "t.bct");
    let signs = ["==", "+", "[]", "cmp", "find", "-"];
    let want: Vec<String> =
        signs.iter().map(|sign| format!("1: <module>: 1,000 more of {sign}; --all prints them")).collect();
    assert_eq!(lines(&text)[6000..], want);
}
