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
        assert!(summary.starts_with("bctrace: ") && summary.lines().count() <= 2, "{summary}");
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
