//! The progress line: a program that is recorded has the terminal for itself, and readers show how far they are.

use super::Terminal;
use crate::live::Program;

/// Asks for a name and a password, and is busy for longer than a progress line takes to appear.
const CRACKME: &str = "import getpass, time
name = raw_input('Name: ')
end = time.time() + 1.5
while time.time() < end:
    pass
password = getpass.getpass('Password: ')
print ['wrong', 'right'][name + password == 'bobsesame']
";

fn dialog(program: &Program, columns: u32, words: &[&str]) -> String {
    let folder = program.path(".");
    let terminal = Terminal::new(&folder).columns(columns).typing("Name: ", "bob\n").typing("Password: ", "sesame\n");
    terminal.run(words).succeeded()
}

#[test]
fn a_program_that_asks_has_the_terminal_for_itself() {
    let program = Program::new(CRACKME);
    for columns in [60, 110] {
        let shown = dialog(&program, columns, &["p.pyc", "t.txt.zst"]);
        let (asked, summary) = shown.split_once("right\r\n").unwrap_or_else(|| panic!("{shown}"));
        assert_eq!(asked, "Name: bob\r\nPassword: \r\n", "{columns} columns");
        let lines: Vec<&str> = lines_of(summary, columns).lines().collect();
        assert!(lines.iter().all(|line| line.starts_with("bctrace: ")) && (2..=3).contains(&lines.len()), "{summary}");
    }
    let quiet = dialog(&program, 80, &["-q", "p.pyc", "t.txt.zst"]);
    assert_eq!(quiet, "Name: bob\r\nPassword: \r\nright\r\n");
}

#[test]
fn a_recording_shows_progress_if_it_is_asked_to() {
    let program = Program::new(CRACKME);
    let shown = dialog(&program, 80, &["--progress", "p.pyc", "t.txt.zst"]);
    assert!(shown.contains(" per second, "), "{shown:?}");
    let ran = program.trace(&["--progress"], "u.txt", &[]);
    assert!(!ran.stderr().contains("per second"), "{}", ran.stderr());
}

/// What is left without the blanks and the return that begin a line of its own.
fn lines_of(summary: &str, columns: u32) -> &str {
    let blanks = " ".repeat(columns as usize) + "\r";
    summary.strip_prefix(&blanks).unwrap_or_else(|| panic!("no line of its own: {summary:?}"))
}

#[test]
fn a_summary_is_two_short_lines_that_say_once_what_was_left_out() {
    let program = Program::new(
        "import abc, sys\nclass A(object):\n    __metaclass__ = abc.ABCMeta\ndef f():\n    pass\nf()\nsys.stdout.write('unfinished')\n",
    );
    let folder = program.path(".");
    let recorded = regex::Regex::new(r"^bctrace: [0-9,]+ instructions recorded(.*)$").unwrap();
    let rest =
        regex::Regex::new(r"^bctrace: [0-9,]+ code objects?, [0-9.]+ \S+ written; the program ended with status 0$");
    let rest = rest.unwrap();
    let cases: [(&[&str], &str); 4] = [
        (&["--shutdown"], r"^$"),
        (&["--no-stdlib"], r"^, [0-9,]+ and [0-9,]+ of Python's shutdown left out$"),
        (&["--shutdown", "-n", "f"], r"^, [0-9,]+ left out$"),
        (&[], r"^, [0-9,]+ of Python's shutdown left out$"),
    ];
    for (options, left_out) in cases {
        let shown = Terminal::new(&folder).columns(80).run(&[options, &["p.pyc", "t.bct"]].concat()).succeeded();
        let summary = lines_of(shown.strip_prefix("unfinished").unwrap(), 80);
        let lines: Vec<&str> = summary.lines().collect();
        assert!(lines.iter().all(|line| line.len() <= 80), "{summary}");
        let found = recorded.captures(lines[0]).unwrap_or_else(|| panic!("{summary}"));
        assert!(regex::Regex::new(left_out).unwrap().is_match(&found[1]), "{options:?}: {summary}");
        assert!(rest.is_match(lines[1]), "{summary}");
    }
    let one = Terminal::new(&folder).run(&["-n", "f", "--max-instructions", "1", "p.pyc", "t.bct"]).stdout();
    assert!(one.contains("bctrace: 0 instructions recorded, 1 left out\r\n"), "{one}");
    let quiet = Terminal::new(&folder).run(&["-q", "-n", "g", "p.pyc", "t.bct"]).succeeded();
    let said = lines_of(quiet.strip_prefix("unfinished").unwrap(), 100);
    assert!(
        said.starts_with("bctrace: nothing was recorded: -n g matches no code object") && said.lines().count() == 1
    );
}

#[test]
fn a_progress_line_is_never_padded_and_fits_the_terminal() {
    let program = Program::new("import sys, time\nend = time.time() + 2\nwhile time.time() < end: pass\n");
    let folder = program.path(".");
    for columns in [20, 60, 80, 120] {
        let shown = Terminal::new(&folder).columns(columns).run(&["-q", "--progress", "p.pyc", "t.bct"]).succeeded();
        let states: Vec<&str> = shown.split('\r').filter(|state| !state.is_empty()).collect();
        assert!(states.len() > 2, "{shown:?}");
        for state in states {
            let text = state.strip_suffix("\x1b[K").unwrap_or_else(|| panic!("{state:?} leaves what was there"));
            assert!(text.len() < columns as usize && !text.ends_with([' ', ',']), "{columns}: {text:?}");
            assert!(text.is_empty() || text.contains("instructions") || columns < 30, "{text:?}");
        }
    }
}
