//! `bctrace compares`: one line for each comparison, in the order of execution, those that calls make among them.

use super::{objects, recorded, without_numbers};

/// The lines without the program's file name: `LINE: NAME: …`.
fn lines(text: &str) -> Vec<String> {
    let file = regex::Regex::new(r"(?m)^[^\s:]*p\.py:").unwrap();
    file.replace_all(text, "").lines().map(str::to_string).collect()
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
    let text = program.view("compares", &["--no-stdlib"], "t.bct");
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
    let text = program.view("compares", &["--no-stdlib"], "t.bct");
    let read: String = text.lines().map(|line| line.split("== '").nth(1).unwrap().chars().next().unwrap()).collect();
    assert_eq!(read, "S3CRET");
}

#[test]
fn equal_neighbours_are_counted_and_others_are_not() {
    let program = recorded("for a in 'aaabaa':\n    a == 'x'\n");
    let text = program.view("compares", &["--no-stdlib"], "t.bct");
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
    let some = program.view("compares", &["--no-stdlib"], "t.bct");
    let some = lines(&some);
    assert_eq!(some.len(), 1002);
    assert_eq!(
        some[1000..],
        ["3: <module>: 1499 == 'last' -> False", "2: <module>: 500 more of ==; --all prints them"]
    );
    let all = program.view("compares", &["--no-stdlib", "--all"], "t.bct");
    assert_eq!(lines(&all).len(), 1501);
    let json = objects(&program.view("compares", &["--no-stdlib", "--format", "json"], "t.bct"), "compares");
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
    let text = without_numbers(&program.view("compares", &["--no-stdlib"], "t.bct"));
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
    let texts: Vec<String> = (0..6).map(|_| program.view("compares", &["--no-stdlib"], "t.bct")).collect();
    assert!(texts.iter().all(|text| *text == texts[0]), "equal runs print equal lines");
    let text = lines(&without_numbers(&texts[0]));
    assert_eq!(text[0], "9: <module>: <A> == 'raise' -> raises ValueError: no");
    assert_eq!(text.iter().filter(|line| *line == "7: __eq__: <A> == 1").count(), 4, "{text:?}");
    assert!(text.contains(&"11: <module>: <A> == 1".to_string()), "{text:?}");
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
    let text = program.view("compares", &["--no-stdlib"], "t.bct");
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

#[test]
fn a_comparison_as_json_has_its_place_text_and_result() {
    let program = recorded("s = 'guess'\ns == 'S'\ns == 'S'\ns.startswith('S')\n");
    let found = objects(&program.view("compares", &["--no-stdlib", "--format", "json"], "t.bct"), "compares");
    let texts: Vec<_> = found.iter().map(|object| object["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["'guess' == 'S'", "'guess' == 'S'", "'guess'.startswith('S')"]);
    assert_eq!(found[0]["line"], 2);
    assert_eq!((&found[2]["opname"], &found[2]["result"]), (&"CALL_FUNCTION".into(), &"False".into()));
    assert!(found[0]["number"].as_u64() < found[1]["number"].as_u64());
}

#[test]
fn what_compares_in_a_place_that_is_cut_short_is_named() {
    let program = recorded("for n in range(2000): n == 7, n + 1, (n,)[0], cmp(n, 3), 'x'.find(str(n)), -n\n");
    let text = program.view("compares", &["--no-stdlib"], "t.bct");
    let signs = ["==", "+", "[]", "cmp", "find", "-"];
    let want: Vec<String> =
        signs.iter().map(|sign| format!("1: <module>: 1,000 more of {sign}; --all prints them")).collect();
    assert_eq!(lines(&text)[6000..], want);
}
