//! Colours: on a terminal, where they are asked for, and never in what plain output holds.

use super::Terminal;
use crate::live::{self, Program};

const SOURCE: &str = "def check(text):\n    if text == 'abc':\n        return 1\n    raise ValueError(text)\ntry:\n    check('x')\nexcept ValueError:\n    pass\n";

/// The commands that print with colours.
const COMMANDS: [&[&str]; 7] = [
    &["show", "-r", "t.bct"],
    &["dis", "p.pyc"],
    &["calls", "t.bct"],
    &["compares", "t.bct"],
    &["layers", "t.bct"],
    &["tried", "t.bct"],
    &["info", "t.bct"],
];

fn recorded() -> Program {
    let program = Program::new(SOURCE);
    program.trace(&["-q", "--values"], "t.bct", &[]).succeeded();
    program
}

/// Takes colours and the terminal's line ends out.
fn plain(text: &str) -> String {
    let sequences = regex::Regex::new("\x1b\\[[0-9;]+m").unwrap();
    sequences.replace_all(text, "").replace("\r\n", "\n")
}

#[test]
fn a_terminal_has_colours_and_they_change_nothing_else() {
    let program = recorded();
    let folder = program.path(".");
    for words in COMMANDS {
        let want = live::run(program.command(words)).succeeded();
        assert!(!want.contains('\x1b'), "{words:?}");
        let shown = Terminal::new(&folder).with("PAGER", "").run(words).succeeded();
        assert!(shown.contains("\x1b["), "{words:?}: {shown}");
        assert_eq!(plain(&shown), want, "{words:?}");
        let always = live::run(program.command([words, &["--color", "always"]].concat())).succeeded();
        assert_eq!(always, shown.replace("\r\n", "\n"), "{words:?}");
    }
}

#[test]
fn variables_and_the_option_decide_in_this_order() {
    let program = recorded();
    let folder = program.path(".");
    let on_terminal = |variables: &[(&'static str, &'static str)], options: &[&str]| {
        let terminal = variables
            .iter()
            .fold(Terminal::new(&folder).with("PAGER", ""), |terminal, (name, value)| terminal.with(name, value));
        terminal.run(&[&["show", "t.bct"], options].concat()).succeeded().contains('\x1b')
    };
    assert!(on_terminal(&[], &[]));
    assert!(!on_terminal(&[("NO_COLOR", "1")], &[]));
    assert!(!on_terminal(&[("TERM", "dumb")], &[]));
    assert!(!on_terminal(&[], &["--color", "never"]));
    assert!(!on_terminal(&[], &["--color=always", "--color=never"]));
    assert!(on_terminal(&[("NO_COLOR", "1")], &["--color", "always"]));
    let in_pipe = |variable: (&str, &str)| {
        let mut command = program.command(["show", "t.bct"]);
        live::run({
            command.env(variable.0, variable.1);
            command
        })
        .succeeded()
        .contains('\x1b')
    };
    assert!(!in_pipe(("TERM", "xterm")));
    assert!(in_pipe(("CLICOLOR_FORCE", "1")));
    assert!(!in_pipe(("CLICOLOR_FORCE", "0")));
    assert!(!in_pipe(("CLICOLOR_FORCE", "")));
}

#[test]
fn data_for_programs_has_no_colours() {
    let program = recorded();
    for words in
        [&["show", "-f", "jsonl", "t.bct"][..], &["calls", "-f", "json", "t.bct"], &["info", "-f", "json", "t.bct"]]
    {
        let forced = live::run(program.command([words, &["--color", "always"]].concat())).succeeded();
        assert_eq!(forced, live::run(program.command(words)).succeeded(), "{words:?}");
    }
    let text = program.text(&["-q"], &[]);
    assert!(!text.contains('\x1b'));
}
