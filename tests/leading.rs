//! Programs that would end early are led on: stand-ins for missing modules, and standard input from a file or a text.

use std::fs;

use crate::live::{Program, assert_failed, run};

mod answers;
mod network;
mod tricks;

const REGISTRY: &str = include_str!("leading/registry.py");
const GAME: &str = include_str!("leading/game.py");
const BEHAVIOUR: &str = include_str!("leading/behaviour.py");
const HOSTILE: &str = include_str!("leading/hostile.py");
const LOOPS: &str = include_str!("leading/loops.py");

/// Runs a program with these options, in the ways that recordings differ, and returns what it printed.
#[track_caller]
fn printed(source: &str, options: &[&str]) -> String {
    let program = Program::new(source);
    let plain = program.trace(options, "plain.bct", &[]).succeeded();
    for way in ["--values", "--no-stdlib", "--no-sandbox"] {
        let options = [options, &[way, "--force"]].concat();
        assert_eq!(program.trace(&options, "t.bct", &[]).succeeded(), plain, "{way}");
    }
    plain
}

/// What a program in tests/leading prints.
fn expected(name: &str) -> String {
    fs::read_to_string(format!("{}/tests/leading/{name}.txt", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn samples_for_windows_run_to_their_end_and_each_call_is_in_calls() {
    let calls_of = |source: &str, option: &str| {
        let program = Program::new(source);
        let options: Vec<&str> = ["--stub-missing", option].into_iter().filter(|word| !word.is_empty()).collect();
        assert!(program.trace(&options, "t.bct", &[]).succeeded().ends_with("end\n"));
        program.view("calls", &["--all"], "t.bct")
    };
    for option in ["", "--values"] {
        let calls = calls_of(REGISTRY, option);
        for part in [
            "_winreg.OpenKey(",
            "_winreg.HKEY_CURRENT_USER",
            "_winreg.SetValueEx(",
            "'updater'",
            "_winreg.CloseKey(",
            "ctypes.windll.kernel32.OpenProcess(2035711, False, 4)",
            "ctypes.windll.kernel32.IsDebuggerPresent()",
            "ctypes.windll.kernel32.WriteProcessMemory(",
            "Crypto.Cipher.AES.new('0123456789abcdef'",
            "Crypto.Hash.SHA256.new('iv')",
            "decrypt('secret')",
            "win32api.RegCloseKey(",
            "win32com.shell.shell.SHGetFolderPath(",
        ] {
            assert!(calls.contains(part), "{part} is not in\n{calls}");
        }
        let calls = calls_of(GAME, option);
        for part in [
            "pygame.init()",
            "pygame.display.set_mode((640, 480)",
            "pygame.sprite.Sprite.__init__(",
            "pygame.time.Clock().tick(60)",
        ] {
            assert!(calls.contains(part), "{part} is not in\n{calls}");
        }
    }
}

#[test]
fn stand_ins_behave_like_modules_classes_and_values() {
    assert_eq!(printed(BEHAVIOUR, &["--stub", "missing"]), expected("behaviour"));
}

#[test]
fn hostile_uses_of_stand_ins_end_and_stay_apart() {
    assert_eq!(printed(HOSTILE, &["--stub-missing"]), expected("hostile"));
}

#[test]
fn loops_over_stand_ins_end() {
    assert_eq!(printed(LOOPS, &["--stub", "gone"]), "end\n");
}

#[test]
fn what_the_program_chooses_is_printed_escaped() {
    let source = "import gone\ngetattr(gone, 'a\\n\\x1b[31m> 0 STOP')('\\x1b', **{'k\\n': u'\\u202e'})\ngone.x['\\x1b'] = '\\n'\n";
    let program = Program::new(source);
    program.trace(&["--stub", "gone"], "t.bct", &[]).succeeded();
    for printed in [program.view("calls", &[], "t.bct"), program.show(&["--format", "jsonl"], "t.bct")] {
        assert!(printed.contains(r"gone.a\n"), "{printed}");
        assert!(!printed.contains(['\x1b', '\u{202e}']), "{printed:?}");
    }
    let calls = program.view("calls", &[], "t.bct");
    assert!(calls.contains(r"gone.a\n\x1b[31m> 0 STOP('\\x1b', k\n=u'\\u202e')"), "{calls}");
    assert!(calls.contains(r"gone.x['\x1b'] = '\n'"), "{calls}");
}

#[test]
fn what_is_set_compared_and_deleted_is_in_calls() {
    let source =
        "import gone\ngone.flag = 3\ngone.name() == 'BOB-PC'\ndel gone.flag\n'key' in gone.table\ngone.size << 2\n";
    let program = Program::new(source);
    program.trace(&["--stub", "gone"], "t.bct", &[]).succeeded();
    let calls = program.view("calls", &[], "t.bct");
    let lines: Vec<&str> = calls.lines().map(str::trim).filter(|line| line.contains("gone")).collect();
    let expected = "import gone|gone.flag = 3|gone.name|gone.name()|gone.name() == 'BOB-PC'|del gone.flag|gone.table|\
        'key' in gone.table|gone.size|(gone.size << 2)";
    assert_eq!(lines, expected.split('|').collect::<Vec<_>>(), "{calls}");
}

#[test]
fn an_instruction_that_shows_a_use_has_one_line() {
    let program = Program::new("import gone\ngone.f(1, k=2)\n");
    program.trace(&["--stub", "gone", "--values"], "t.bct", &[]).succeeded();
    let calls = program.view("calls", &[], "t.bct");
    assert_eq!(calls.matches("import gone").count(), 1, "{calls}");
    assert_eq!(calls.matches("gone.f(1, k=2)").count(), 1, "{calls}");
}

#[test]
fn without_stand_ins_a_missing_module_is_missing() {
    let program = Program::new("try: import win32api\nexcept ImportError, e: print e\nprint WindowsError\n");
    let ran = program.trace(&["--stub", "other"], "t.bct", &[]);
    assert_eq!(ran.stdout(), "No module named win32api\n");
    assert!(ran.stderr().contains("NameError"), "{}", ran.stderr());
}

#[test]
fn a_module_that_is_found_has_no_stand_in() {
    let program = Program::new("import win32api, mimetypes\nprint win32api.own, mimetypes._winreg\n");
    fs::create_dir(program.path("stubs")).unwrap();
    fs::write(program.path("stubs/win32api.py"), "own = 'mine'\n").unwrap();
    let ran = program.trace(&["--path", "stubs", "--stub-missing", "--stub", "win32api"], "t.bct", &[]);
    assert_eq!(ran.succeeded(), "mine None\n");
}

#[test]
fn types_of_windows_are_there_with_stand_ins() {
    let source = "import ctypes.wintypes as w\nclass P(ctypes.Structure): _fields_ = [('size', w.DWORD)]\n\
        print ctypes.sizeof(w.VARIANT_BOOL), P(3).size\n";
    let program = Program::new(&format!("import ctypes\n{source}"));
    assert_eq!(program.trace(&["--stub-missing"], "t.bct", &[]).succeeded(), "2 3\n");
}

#[test]
fn star_imports_bind_the_names_that_the_program_uses() {
    let source = "from win32con import *\ndef f(): return WM_QUIT\nown = 1\nprint own, f(), len([]), MB_OK | MB_ICON\n";
    let printed = printed(source, &["--stub-missing"]);
    assert_eq!(printed, "1 win32con.WM_QUIT 0 (win32con.MB_OK | win32con.MB_ICON)\n");
}

#[test]
fn uses_are_in_the_trace_and_equal_runs_are_equal() {
    let program = Program::new("import gone\ngone.f(1, 'two', k=[gone.x])\n");
    for trace in ["a.bct", "b.bct"] {
        program.trace(&["--stub", "gone"], trace, &[]).succeeded();
    }
    let json = program.show(&["--format", "jsonl"], "a.bct");
    assert_eq!(json, program.show(&["--format", "jsonl"], "b.bct"));
    assert!(json.contains(r#""what":"gone.f(1, 'two', k=[gone.x])""#), "{json}");
}

#[test]
fn standard_input_comes_from_a_file_or_a_text() {
    let program =
        Program::new("import sys\nprint raw_input('? '), sys.stdin.read().split()\nopen('/dev/stdin').read()\n");
    fs::write(program.path("answers"), "first\nsecond third\n").unwrap();
    let asks = "? first ['second', 'third']\n";
    assert_eq!(program.trace(&["--stdin", "answers"], "t.bct", &[]).stdout(), asks);
    let text = ["--stdin-text", "first\nsecond third\n"];
    assert_eq!(program.trace(&text, "t.bct", &[]).stdout(), asks);
    let json = program.show(&["--format", "jsonl"], "t.bct");
    assert!(json.contains(r#""read":"first\n""#), "{json}");
    let missing = run(program.tracing(&["--stdin", "nowhere"], "t2.bct", &[]));
    assert_failed(&missing, &["--stdin nowhere"]);
}

#[test]
fn an_input_of_text_can_be_read_only() {
    let source = "import os\ntry: os.write(0, 'x')\nexcept OSError, e: print 'refused'\nprint raw_input()\n";
    let program = Program::new(source);
    assert_eq!(program.trace(&["--stdin-text", "answer"], "t.bct", &[]).succeeded(), "refused\nanswer\n");
}
