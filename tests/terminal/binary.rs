//! Binary data is not written to a terminal.

use std::os::unix::fs::PermissionsExt;

use super::Terminal;
use crate::live::Program;

#[test]
fn a_manual_page_is_shown_by_man_on_a_terminal() {
    let program = Program::new("pass");
    let folder = program.path(".");
    let page = Terminal::new(&folder).with("PATH", "/nowhere").run(&["man", "show"]).succeeded();
    assert!(page.starts_with(".TH BCTRACE-SHOW 1"), "{page}");
    std::fs::write(program.path("man"), "#!/bin/sh\necho \"man $*\"\nexec /bin/cat\n").unwrap();
    std::fs::set_permissions(program.path("man"), PermissionsExt::from_mode(0o755)).unwrap();
    let folder_name = folder.to_str().unwrap();
    let shown = Terminal::new(&folder).with("PATH", folder_name).run(&["man", "show"]).succeeded();
    assert_eq!(shown, format!("man -l -\r\n{page}"));
}

#[test]
fn binary_traces_are_refused_and_text_is_not() {
    let program = Program::new("print 'hello'");
    program.trace(&["-q"], "t.bct", &[]).succeeded();
    let folder = program.path(".");
    for words in
        [&["-f", "bct", "p.pyc", "-"][..], &["-f", "bct", "p.pyc", "/dev/tty"], &["show", "-f", "bct", "t.bct"]]
    {
        let ran = Terminal::new(&folder).run(words);
        assert_eq!(ran.status, 2, "{words:?}: {}", ran.stdout());
        assert!(ran.stdout().contains("terminal") && !ran.stdout().contains("hello"), "{}", ran.stdout());
    }
    let shown = Terminal::new(&folder).run(&["-q", "-f", "text", "p.pyc", "-"]).succeeded();
    assert!(shown.contains("<module>> 0 LOAD_CONST (0)\r\n"), "{shown}");
    Terminal::new(&folder).run(&["-q", "-f", "null", "p.pyc", "-"]).succeeded();
    Terminal::new(&folder).shell("\"$0\" show -f bct t.bct > u.bct").succeeded();
}
