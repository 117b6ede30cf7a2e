//! Where a traced program finds modules of its own: beside it, in what `--path` and PYTHONPATH name, in zips and eggs.

use std::fs;

use super::Scratch;
use crate::running::{self, Ran};

/// Makes what the program imports: a folder, a zip whose modules are compiled, and an egg with a package and data.
const MAKER: &str = "
import os, py_compile, zipfile
os.mkdir('folder')
open('folder/one.py', 'w').write('X = 1')
open('two.py', 'w').write('X = 2')
py_compile.compile('two.py', doraise=True)
archive = zipfile.ZipFile('lib.zip', 'w')
archive.write('two.pyc')
archive.close()
os.remove('two.py'), os.remove('two.pyc')
egg = zipfile.ZipFile('three-1.0-py2.7.egg', 'w')
egg.writestr('three/__init__.py', 'from .inner import X')
egg.writestr('three/inner.py', 'X = 3')
egg.writestr('three/data.txt', 'data')
egg.close()
";

fn made(program: &str) -> Scratch {
    let scratch = Scratch::with(program);
    let mut maker = running::bctrace(["python", "-c", MAKER]);
    running::run(maker.current_dir(scratch.path("."))).succeeded();
    scratch
}

#[test]
fn modules_come_from_folders_zips_and_eggs_named_by_path() {
    let scratch =
        made("import one, two, three, pkgutil\nprint one.X, two.X, three.X, pkgutil.get_data('three', 'data.txt')");
    let words = ["--path", "folder", "--path=lib.zip", "--path", "three-1.0-py2.7.egg", "ok.pyc", "t.txt"];
    assert_eq!(scratch.run(words).succeeded(), "1 2 3 data\n");
    assert!(scratch.text("t.txt").lines().filter(|line| line.starts_with("<module>> ")).count() > 12);
}

#[test]
fn path_stands_after_the_programs_folder_and_before_everything_else() {
    let scratch = made("import sys\nprint sys.path[:4]");
    let folder = fs::canonicalize(scratch.path(".")).unwrap();
    let folder = folder.to_str().unwrap();
    let mut command = scratch.command(["-q", "--path", "lib.zip", "--path", "folder", "ok.pyc", "t.txt"]);
    let ran = running::run(command.env("PYTHONPATH", "/elsewhere"));
    assert_eq!(ran.succeeded(), format!("['{folder}', '{folder}/lib.zip', '{folder}/folder', '/elsewhere']\n"));
}

#[test]
fn a_path_that_is_not_there_is_refused_before_the_output_is_touched() {
    let scratch = Scratch::new();
    fs::write(scratch.path("t.txt"), "old").unwrap();
    let ran: Ran = scratch.run(["--path", "nowhere", "ok.pyc", "t.txt"]);
    let expected = "bctrace: cannot use --path nowhere: No such file or directory\n";
    assert_eq!((ran.status, ran.stderr().as_str()), (125, expected));
    assert_eq!(scratch.text("t.txt"), "old");
}

#[test]
fn a_program_finds_compiled_modules_beside_it_and_on_pythonpath() {
    let scratch = made("import one, beside\nprint one.X, beside.X");
    running::compile("X = 4", &scratch.path("beside.pyc"));
    let mut command = scratch.command(["-q", "ok.pyc", "t.txt"]);
    let ran = running::run(command.env("PYTHONPATH", "folder"));
    assert_eq!(ran.succeeded(), "1 4\n");
}
