//! `bctrace triage`: the folder has all that there is to know of a file, whatever the file is and does.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::live::{self, Live, Program};
use crate::running::Ran;

/// Runs the command on a file of the folder; the results are in `out`.
fn triage(program: &Program, words: &[&str]) -> Ran {
    live::run(program.command([&["triage", "-o", "out"], words].concat()))
}

fn summary(program: &Program) -> Value {
    serde_json::from_str(&program.read("out/summary.json")).unwrap()
}

#[test]
fn a_program_that_runs_gets_every_file() {
    let program = Program::new(
        "import os, sys\nexec 'x = 1'\nopen('dropped.txt', 'w').write('abc')\nopen('/etc/shadow-')\nprint sys.argv[1]\n",
    );
    let ran = triage(&program, &["p.pyc", "--", "guess"]);
    assert_eq!(ran.status, 0, "{}{}", ran.stdout(), ran.stderr());
    let names = [
        "trace.bct",
        "report.html",
        "layers/manifest.json",
        "clean/manifest.json",
        "strings.txt",
        "compares.txt",
        "tricks.txt",
        "tried.jsonl",
        "output.txt",
        "contents.txt",
        "dis.txt",
        "unpacked/manifest.json",
        "summary.md",
    ];
    names.iter().for_each(|name| assert!(program.path("out").join(name).is_file(), "{name}"));
    assert_eq!(program.read("out/files/dropped.txt"), "abc");
    let summary = summary(&program);
    assert_eq!(summary["left"][0]["path"], "dropped.txt");
    assert_eq!(summary["left"][0]["by"][0]["name"], "<module>");
    assert_eq!(summary["complete"], true);
    assert!(summary["refused"].to_string().contains("shadow-"), "{summary}");
    assert!(program.read("out/output.txt").contains("IOError"));
    assert!(ran.stdout().contains("out/report.html"));
    assert!(program.read("out/summary.md").starts_with("# `p.pyc`\n\n- MD5: "));
}

#[test]
fn the_exception_that_ended_a_program_is_named() {
    let import = "try:\n    import nothing\nexcept ImportError:\n    pass\ndef f():\n    import _winreg\nf()\n";
    for (source, exception, remedy) in [
        (import, "ImportError: No module named _winreg", Some("--stub-missing has stand-ins")),
        ("raw_input('key: ')\n", "EOFError: EOF when reading a line", Some("--stdin-text TEXT answers a prompt")),
        ("raise ValueError('x\\x1b' * 9)\n", "ValueError: x\\x1bx\\x1b", None),
    ] {
        let program = Program::new(source);
        let ran = triage(&program, &["p.pyc"]);
        let summary = summary(&program);
        let process = &summary["processes"][0];
        assert!(process["exception"].as_str().unwrap().starts_with(exception), "{process}");
        let is_said = |text: &str| text.contains(exception) && remedy.is_none_or(|remedy| text.contains(remedy));
        assert!(is_said(&ran.stdout()) && is_said(&program.read("out/summary.md")), "{}", ran.stdout());
        assert!(ran.stdout().contains("Open next:\n  out/output.txt\n"), "{}", ran.stdout());
        let info = program.view("info", &[], "out/trace.bct");
        assert!(info.contains(&format!("; uncaught {exception}")), "{info}");
    }
    for source in ["import sys\nsys.exit(1)\n", "import os\ntry: 1 / 0\nexcept ZeroDivisionError: os._exit(1)\n"] {
        let program = Program::new(source);
        let ran = triage(&program, &["p.pyc"]);
        assert!(summary(&program)["processes"][0]["exception"].is_null());
        assert!(!ran.stdout().contains("output.txt"), "{}", ran.stdout());
    }
}

#[test]
fn the_tricks_of_a_program_are_in_the_folder_and_its_pages() {
    let program = Program::new(
        "import os, sys\nsys.gettrace()\nif not os.fork():\n    sys.getrefcount(None)\n    os._exit(0)\nos.wait()\nprint 'BCTRACE_FOLLOW' in os.environ\n",
    );
    let ran = triage(&program, &["p.pyc"]);
    assert_eq!(ran.status, 0, "{}{}", ran.stdout(), ran.stderr());
    let of_first = program.read("out/tricks.txt");
    assert!(of_first.contains("sys.gettrace() -> None"), "{of_first}");
    assert!(program.read("out/tricks-2.txt").contains("sys.getrefcount(None)"));
    let page = program.read("out/summary.md");
    assert!(page.contains("## Tricks\n") && page.contains("## Tricks of trace-2.bct\n"), "{page}");
    assert!(page.contains("sys.gettrace()") && page.contains("sys.getrefcount(None)"), "{page}");
    assert!(page.contains("`tricks.txt`"), "{page}");
    assert!(program.read("out/report.html").contains("sys.gettrace() "), "no tricks in the report");
    // A program that may start no interpreter has no variable for those that are followed.
    assert!(program.read("out/output.txt").ends_with("False\n"), "{}", program.read("out/output.txt"));
}

#[test]
fn a_file_that_is_no_program_has_a_summary_and_status_125() {
    let program = Program::new("x = 1\n");
    fs::write(program.path("junk"), b"\x00\x01junk").unwrap();
    let ran = triage(&program, &["junk"]);
    assert_eq!(ran.status, 125);
    let summary = summary(&program);
    assert_eq!((&summary["size"], &summary["md5"]), (&6.into(), &"93adb94b4fa015d0f555ca1f9f4124d4".into()));
    assert!(ran.stdout().contains("failed: record: "), "{}", ran.stdout());
}

#[test]
fn a_pipe_is_refused_once_the_program_was_read() {
    let program = Program::new("print 1\n");
    assert!(program.shell("mkfifo fifo; cat p.pyc > fifo &").status().unwrap().success());
    let ran = triage(&program, &["fifo"]);
    assert!(ran.status == 125 && ran.stderr().contains("it is no regular file"), "{}", ran.stderr());
}

#[test]
fn source_that_does_not_compile_says_so_in_the_summary() {
    let program = Program::new("x = 1\n");
    fs::write(program.path("bad.py"), "def (\x1b[31m:\n").unwrap();
    let ran = triage(&program, &["bad.py"]);
    assert_eq!((ran.status, ran.stderr()), (125, String::new()));
    assert!(!ran.stdout().contains('\x1b'));
    let summary = summary(&program);
    assert_eq!(summary["type"], "nothing that runs: it does not compile: SyntaxError: invalid syntax");
}

#[test]
fn two_runs_give_equal_files() {
    let program = Program::new(concat!(
        "import os, random, threading, time\nprint random.random(), time.time(), id(object()), hash(object())\n",
        "def work():\n    for i in range(300): pass\nthreads = [threading.Thread(target=work) for i in range(3)]\n",
        "for one in threads: one.start()\nfor one in threads: one.join()\nopen('left', 'w').write(repr(os.urandom(8)))\n",
        "if os.fork() == 0:\n    os._exit(3)\nos.wait()\n",
    ));
    let mut runs = [(); 2].map(|()| {
        let ran = triage(&program, &["p.pyc"]);
        assert_eq!(ran.status, 0, "{}", ran.stdout());
        let mut files = Vec::new();
        add_files(&program.path("out"), &mut files);
        fs::remove_dir_all(program.path("out")).unwrap();
        files.sort();
        (ran.stdout(), files)
    });
    let [(printed, files), (again, same)] = &mut runs;
    assert!(files.len() > 20, "{}", files.len());
    assert_eq!(printed, again);
    for (one, other) in files.iter().zip(same.iter()) {
        assert!(one == other, "{} differs", one.0.display());
    }
    assert_eq!(files.len(), same.len());
}

/// The files below a folder, with their contents.
fn add_files(folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => add_files(&path, files),
            false => files.push((path.clone(), fs::read(&path).unwrap())),
        }
    }
}

#[test]
fn a_folder_with_something_in_it_is_refused() {
    let program = Program::new("x = 1\n");
    fs::create_dir(program.path("out")).unwrap();
    fs::write(program.path("out/mine"), "").unwrap();
    live::assert_failed(&triage(&program, &["p.pyc"]), &["out", "not empty"]);
    assert_eq!(fs::read_dir(program.path("out")).unwrap().count(), 1);
}

#[test]
fn what_a_program_prints_and_names_reaches_no_terminal() {
    let program = Program::new("print '\\x1b[31m'\nopen('a\\x1b]0;b', 'w').close()\nopen('/\\x1b[2J')\n");
    let ran = triage(&program, &["p.pyc"]);
    for text in [ran.stdout(), ran.stderr(), program.read("out/output.txt"), program.read("out/summary.md")] {
        assert!(!text.contains('\x1b'), "{text:?}");
    }
}

#[test]
fn links_and_the_copy_of_the_program_are_not_copied() {
    let program = Program::new("import os\nos.symlink('/etc/passwd', 'link')\nos.mkfifo('pipe')\n");
    assert_eq!(triage(&program, &["p.pyc"]).status, 0);
    assert!(!program.path("out/files").exists());
    let left = summary(&program)["left"].clone();
    let kinds: Vec<&str> = left.as_array().unwrap().iter().map(|left| left["is"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["link to /etc/passwd", "special file"]);
}

#[test]
fn a_copy_takes_no_more_of_the_disk_than_the_file() {
    let program = Program::new(
        "for number in range(2):\n    out = open('sparse%d' % number, 'w')\n    out.seek(64 << 20)\n    out.write('end')\n    out.close()\n",
    );
    assert_eq!(triage(&program, &["p.pyc"]).status, 0);
    for number in 0..2 {
        let copy = fs::metadata(program.path("out/files").join(format!("sparse{number}"))).unwrap();
        assert_eq!(copy.len(), (64 << 20) + 3);
        assert!(copy.blocks() * 512 < 1 << 20, "{} blocks", copy.blocks());
    }
    assert_eq!(summary(&program)["left"][0]["size"], (64 << 20) + 3);
}

#[test]
fn copies_have_names_that_can_be_printed() {
    let program = Program::new(r"open('fdp.\xe2\x80\xaeexe\xff', 'w').write('x')");
    assert_eq!(triage(&program, &["p.pyc"]).status, 0);
    assert_eq!(program.read("out/files/fdp._exe_"), "x");
    assert_eq!(summary(&program)["left"][0]["path"], r"fdp.\xe2\x80\xaeexe\xff");
}

#[test]
fn forked_processes_are_looked_at_too() {
    let program =
        Program::new("import os\nif os.fork() == 0:\n    open('c', 'w').write('d')\n    os._exit(0)\nos.wait()\n");
    assert_eq!(triage(&program, &["p.pyc"]).status, 0);
    let summary = summary(&program);
    assert_eq!(summary["processes"][1]["trace"], "trace-2.bct");
    assert_eq!(summary["left"][0]["by"][0]["trace"], "trace-2.bct");
    assert!(program.path("out/report-2.html").is_file());
}

/// A process that compares what nothing else does, and decodes something.
const COMPARES_IN_A_CHILD: &str = "\
import os
word = ''.join(['gu', 'ess'])
word == 'of the parent'
for number in range(2):
    if os.fork() == 0:
        'cGF5bG9hZC1vZi10aGUtY2hpbGQ='.decode('base64') == word + str(number)
        for other in range(40): word + str(other) == 'of the child'
        os._exit(0)
    os.wait()
";

#[test]
fn the_summary_has_the_comparisons_of_each_process_and_names_every_file() {
    let program = Program::new(COMPARES_IN_A_CHILD);
    assert_eq!(triage(&program, &["p.pyc"]).status, 0);
    let text = program.read("out/summary.md");
    for number in [2, 3] {
        let (_, block) = text.split_once(&format!("## Comparisons of trace-{number}.bct\n\n")).expect(&text);
        let block: Vec<&str> = block.lines().take_while(|line| !line.is_empty()).collect();
        assert!(block.iter().any(|line| line.contains("'of the child'")), "{text}");
        let lines = program.read(format!("out/compares-{number}.txt").as_str()).lines().count();
        assert_eq!(block.len(), lines.min(20), "{text}");
    }
    let (_, files) = text.split_once("## Files\n\n").expect(&text);
    for entry in fs::read_dir(program.path("out")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let name = if entry.path().is_dir() { format!("{name}/") } else { name };
        assert!(name.starts_with("summary.") || files.contains(&format!("- `{name}`: ")), "{name}: {files}");
    }
    assert!(files.contains("`layers-3/`") && files.contains("`report-2.html`"), "{files}");
}

#[test]
fn a_signal_ends_the_program_and_leaves_a_readable_trace() {
    let program = Program::new("open('started', 'w').close()\nwhile 1:\n    pass\n");
    let mut live = Live::start(program.command(["triage", "-o", "out", "p.pyc"]));
    live::until("the recording", || fs::metadata(program.path("out/trace.bct")).ok().filter(|there| there.len() > 0));
    live.signal("TERM");
    assert_eq!(live.status(), 125);
    assert_eq!(summary(&program)["complete"], false);
    live::run(program.command(["info", "out/trace.bct"])).succeeded();
}

#[test]
fn an_interrupt_ends_the_program_and_not_the_triage() {
    let program = Program::new("import sys\nprint 'begun'\nsys.stdout.flush()\nwhile 1:\n    pass\n");
    let live = Live::start(program.command(["triage", "-o", "out", "p.pyc"]));
    let output = program.path("out/output.txt");
    live::until("the program has begun", || fs::read_to_string(&output).ok().filter(|text| text.contains("begun")));
    live.signal("INT");
    let ran = live.end();
    assert!(program.read("out/output.txt").contains("KeyboardInterrupt"), "{}", ran.stdout());
    let summary = summary(&program);
    assert_eq!(summary["complete"], true);
    assert!(program.read("out/summary.md").contains("it was interrupted"));
}
