//! The pager: chosen as git chooses it, only between a command and a terminal, and never in the way.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::Terminal;
use crate::live::Program;

fn recorded() -> Program {
    let program = Program::new("def f(n):\n    return n\nfor i in range(3000): f(i)\n");
    program.trace(&["-q", "--values"], "t.bct", &[]).succeeded();
    // A pager that marks what it shows, and one that is left at once.
    for (name, script) in
        [("mark", "#!/bin/sh\necho paged $* LESS=$LESS\nexec cat\n"), ("leave", "#!/bin/sh\necho left\n")]
    {
        fs::write(program.path(name), script).unwrap();
        fs::set_permissions(program.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    program
}

#[test]
fn every_command_that_prints_much_is_paged_on_a_terminal() {
    let program = recorded();
    let folder = program.path(".");
    let commands: [&[&str]; 8] = [
        &["show", "t.bct"],
        &["show", "-f", "jsonl", "t.bct"],
        &["dis", "p.pyc"],
        &["calls", "t.bct"],
        &["compares", "t.bct"],
        &["layers", "t.bct"],
        &["tried", "t.bct"],
        &["info", "t.bct"],
    ];
    for words in commands {
        let plain = Terminal::new(&folder).run(&[words, &["--no-pager"]].concat()).succeeded();
        assert!(!plain.contains("paged"), "{words:?}");
        let paged = Terminal::new(&folder).with("BCTRACE_PAGER", "./mark -x").run(words).succeeded();
        assert_eq!(paged, format!("paged -x LESS=FRX\r\n{plain}"), "{words:?}");
    }
}

#[test]
fn the_pager_is_bctraces_own_variable_then_the_users_then_none() {
    let program = recorded();
    let folder = program.path(".");
    let shown = |terminal: Terminal| terminal.run(&["show", "--count", "1", "t.bct"]).succeeded();
    let line = shown(Terminal::new(&folder).with("PAGER", "./mark").with("BCTRACE_PAGER", ""));
    assert!(!line.contains("paged"), "{line}");
    assert_eq!(shown(Terminal::new(&folder).with("PAGER", "cat")), line);
    let paged = format!("paged LESS=FRX\r\n{line}");
    assert_eq!(shown(Terminal::new(&folder).with("PAGER", "./mark")), paged);
    assert_eq!(shown(Terminal::new(&folder).with("PAGER", "./leave").with("BCTRACE_PAGER", "./mark")), paged);
    assert_eq!(shown(Terminal::new(&folder).with("PAGER", "./mark | cat")), paged);
    assert_eq!(shown(Terminal::new(&folder).with("PAGER", "./mark").with("LESS", "-i")), paged.replace("FRX", "-i"));
}

#[test]
fn a_missing_pager_is_gone_without() {
    let program = recorded();
    let folder = program.path(".");
    let line = Terminal::new(&folder).run(&["show", "--no-pager", "--count", "1", "t.bct"]).succeeded();
    for missing in ["no-such-pager -x", "no-such-pager | cat", "./mark/none"] {
        let shown = Terminal::new(&folder).with("PAGER", missing).run(&["show", "--count", "1", "t.bct"]).succeeded();
        assert_eq!(shown, format!("bctrace: cannot start the pager {missing}: {}\r\n{line}", why(missing)));
    }
    // The default pager is not missed.
    let shown = Terminal::new(&folder).with("PATH", "/nowhere").run(&["show", "--count", "1", "t.bct"]).succeeded();
    assert_eq!(shown, line);
}

fn why(pager: &str) -> &'static str {
    if pager.starts_with("./") { "Not a directory" } else { "No such file or directory" }
}

#[test]
fn leaving_the_pager_ends_the_command_quietly() {
    let program = recorded();
    let folder = program.path(".");
    for words in
        [&["show", "t.bct"][..], &["calls", "t.bct"], &["dis", "p.pyc"], &["info", "t.bct"], &["layers", "t.bct"]]
    {
        let ran = Terminal::new(&folder).with("PAGER", "./leave").run(words);
        assert_eq!((ran.status, ran.stdout().as_str()), (0, "left\r\n"), "{words:?}");
    }
}

#[test]
fn what_is_no_terminal_and_what_grows_has_no_pager() {
    let program = recorded();
    let folder = program.path(".");
    let script = "\"$0\" show --count 1 t.bct | cat; \"$0\" show --count 1 t.bct > out; cat out; \"$0\" show --follow --count 1 t.bct";
    let shown = Terminal::new(&folder).with("PAGER", "./mark").with("NO_COLOR", "1").shell(script).succeeded();
    assert_eq!(shown, "<module>> 0 LOAD_CONST (0)\r\n".repeat(3));
}

#[test]
fn messages_come_after_the_pager() {
    let program = recorded();
    let folder = program.path(".");
    let terminal = Terminal::new(&folder).with("PAGER", "./mark").with("NO_COLOR", "1");
    let shown = terminal.run(&["show", "-n", "f", "-n", "typo", "--count", "1", "t.bct"]).succeeded();
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[..2], ["paged LESS=FRX", "f> 0 LOAD_FAST (0)  (n=0)"]);
    assert!(lines[2].starts_with("bctrace: -n typo matches no code object"), "{shown}");
    let ran = Terminal::new(&folder).with("PAGER", "./mark").run(&["show", "none.bct"]);
    assert_eq!(
        (ran.status, ran.stdout().as_str()),
        (125, "bctrace: cannot read none.bct: No such file or directory\r\n")
    );
}
