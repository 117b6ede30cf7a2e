//! What the traced program sees of the command line and of what it inherits: as if a plain Python ran it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::process::Stdio;

use super::Scratch;
use crate::running;

#[test]
fn arguments_after_two_dashes_are_the_programs() {
    let scratch = Scratch::with("import sys; print sys.argv");
    let words = ["-q", "ok.pyc", "t.txt", "--", "-r", "--", "", "two words", "-V"];
    assert_eq!(scratch.run(words).succeeded(), "['ok.pyc', '-r', '--', '', 'two words', '-V']\n");
    assert_eq!(scratch.run(["ok.pyc", "t.txt"]).succeeded(), "['ok.pyc']\n");
    let bytes = [OsStr::new("ok.pyc"), OsStr::new("t.txt"), OsStr::new("--"), OsStr::from_bytes(b"\xff\n")];
    assert_eq!(scratch.run(bytes).succeeded(), "['ok.pyc', '\\xff\\n']\n");
}

#[test]
fn main_is_named_and_has_a_file_and_nothing_of_ours() {
    let scratch = Scratch::with("print __name__, __file__, sorted(globals())");
    let members = "['__builtins__', '__doc__', '__file__', '__name__', '__package__']";
    for name in ["ok.pyc", "./ok.pyc"] {
        assert_eq!(scratch.run([name, "t.txt"]).succeeded(), format!("__main__ {name} {members}\n"));
    }
}

#[test]
fn the_programs_folder_comes_first_on_the_path() {
    let scratch = Scratch::with("import sys, helper; print sys.path[0], helper.X");
    let real = fs::canonicalize(scratch.path(".")).unwrap();
    fs::write(scratch.path("helper.py"), "X = 1\n").unwrap();
    assert_eq!(scratch.run(["ok.pyc", "t.txt"]).succeeded(), format!("{} 1\n", real.display()));
    fs::create_dir(scratch.path("folder")).unwrap();
    fs::rename(scratch.path("ok.pyc"), scratch.path("folder/ok.pyc")).unwrap();
    fs::rename(scratch.path("helper.py"), scratch.path("folder/helper.py")).unwrap();
    symlink("folder/ok.pyc", scratch.path("link.pyc")).unwrap();
    for name in ["folder/ok.pyc", "link.pyc"] {
        assert_eq!(scratch.run([name, "t.txt"]).succeeded(), format!("{}/folder 1\n", real.display()), "{name}");
    }
}

#[test]
fn built_in_objects_have_the_same_address_in_every_run() {
    let scratch = Scratch::with("print id(None), id(int), id(len.__self__.__class__), hash(list)");
    let first = scratch.run(["ok.pyc", "t.txt"]).succeeded();
    assert_eq!(first, scratch.run(["ok.pyc", "t.txt"]).succeeded());
}

#[test]
fn standard_input_passes_through() {
    let scratch = Scratch::with("import sys; print repr(sys.stdin.read())");
    let ran = running::run_with(&mut scratch.command(["-q", "ok.pyc", "t.txt"]), b"one\ntwo\0\xff");
    assert_eq!(ran.succeeded(), "'one\\ntwo\\x00\\xff'\n");
}

#[test]
fn closed_descriptors_are_no_panic_and_cost_no_status() {
    let scratch = Scratch::with("import sys; sys.exit(7)");
    for closed in ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"] {
        let mut shell = running::shell(&format!("exec \"$0\" ok.pyc t.txt {closed}"));
        let ran = running::run(shell.current_dir(scratch.path(".")));
        assert_eq!((ran.status, ran.stderr().as_str()), (7, ""), "{closed}");
        assert!(scratch.text("t.txt").contains("> "), "{closed}");
    }
}

#[test]
fn the_first_descriptor_that_the_program_opens_is_three() {
    let scratch = Scratch::with("import os; print os.open('/dev/null', os.O_RDONLY)");
    for trace in ["t.txt", "t.bct", "t.zst", "-"] {
        let ran = scratch.run(["-q", "ok.pyc", trace]);
        assert!(ran.succeeded().lines().any(|line| line == "3"), "{trace}");
    }
}

#[test]
fn an_uncaught_exception_prints_its_traceback_and_ends_with_one() {
    let scratch = Scratch::with("def f():\n    return 1 / 0\nf()\n");
    let ran = scratch.run(["ok.pyc", "t.txt"]);
    assert_eq!(ran.status, 1);
    assert_eq!(
        ran.stderr(),
        "Traceback (most recent call last):\n  File \"ok.py\", line 3, in <module>\n  File \"ok.py\", line 2, in f\n\
         ZeroDivisionError: integer division or modulo by zero\n"
    );
}

#[test]
fn standard_error_is_the_programs() {
    let scratch = Scratch::with("import sys; sys.stderr.write('from the program'); sys.exit('and its end')");
    let ran = scratch.run(["ok.pyc", "t.txt"]);
    assert_eq!((ran.status, ran.stderr().as_str()), (1, "from the programand its end\n"));
}

#[test]
fn the_usual_modules_can_be_imported() {
    let scratch = Scratch::with(
        "import math, re, json, struct, hashlib, random, collections, threading, datetime\n\
         print json.dumps([math.floor(2.5), re.sub('a', 'b', 'aa'), struct.pack('>H', 258), hashlib.md5('').hexdigest()])",
    );
    let want = "[2.0, \"bb\", \"\\u0001\\u0002\", \"d41d8cd98f00b204e9800998ecf8427e\"]\n";
    assert_eq!(scratch.run(["-q", "ok.pyc", "t.txt"]).succeeded(), want);
}

#[test]
fn the_environment_is_the_programs_and_python_variables_are_not_obeyed_by_accident() {
    let scratch = Scratch::with("import os; print os.environ.get('ANYTHING'), os.environ.get('PYTHONHOME')");
    let told = |options: &[&str]| {
        let mut command = scratch.command([&["-q"], options, &["ok.pyc", "t.txt"]].concat());
        running::run(command.env("ANYTHING", "kept").env("PYTHONHOME", "/nowhere")).succeeded()
    };
    assert_eq!(told(&["--no-sandbox"]), "kept /nowhere\n");
    assert_eq!(told(&["--env", "ANYTHING"]), "kept /nowhere\n");
    assert_eq!(told(&[]), "None /nowhere\n");
}

#[test]
fn two_recordings_of_one_program_are_equal_byte_for_byte() {
    let scratch =
        Scratch::with("class A(object):\n    def f(self): return [x for x in {1: 2}]\nprint A().f(), id(A) > 0");
    for suffix in ["txt", "jsonl", "bct", "bct.zst"] {
        let [one, two] = ["one", "two"].map(|name| {
            let name = format!("{name}.{suffix}");
            scratch.run(["-q", "ok.pyc", &name]).succeeded();
            running::read(&scratch.path(&name))
        });
        assert!(one == two, "{suffix}");
    }
}

#[test]
fn output_goes_out_in_order_when_nothing_reads_input() {
    let scratch = Scratch::with("import sys\nprint 'one'\nsys.stdout.flush()\nprint >>sys.stderr, 'two'");
    let mut command = scratch.command(["-q", "ok.pyc", "t.txt"]);
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert_eq!((output.stdout, output.stderr), (b"one\n".to_vec(), b"two\n".to_vec()));
}
