//! The standard library inside the binary: it is whole, it needs no file, and programs see it as they would see files.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::modules;
use crate::running::{Ran, bctrace, binary, run, run_with};

/// The modules that cannot be imported, as in a plain CPython on Linux without Berkeley DB, and why.
const FAILING: &str = "\
_LWPCookieJar: cannot import name LWPCookieJar
_MozillaCookieJar: cannot import name MozillaCookieJar
bsddb: No module named _bsddb
ctypes.wintypes: _type_ 'v' not supported
curses: No module named _curses
dbhash: No module named _bsddb
distutils.command.bdist_msi: No module named msilib
distutils.msvc9compiler: No module named _winreg
encodings.mbcs: cannot import name mbcs_encode
hotshot.stones: No module named test.pystone
lib2to3.pgen2.conv: No module named pgen2
crypt: crypt needs the system's libcrypt: libcrypt.so.1: cannot open shared object file: No such file or directory
more than 600
";

/// What `import site` and the standard streams bring into a fresh plain `python2.7 -s`.
const AT_START: &str = "UserDict __builtin__ __main__ _abcoll _codecs _locale _sre _sysconfigdata _warnings _weakref _weakrefset abc codecs \
                        copy_reg encodings encodings.__builtin__ encodings.aliases encodings.codecs encodings.encodings errno \
                        exceptions genericpath linecache os os.path posix posixpath re signal site sre_compile sre_constants \
                        sre_parse stat sys sysconfig traceback types warnings zipimport";

#[test]
fn every_module_imports_where_there_are_no_files() {
    let root = tempfile::tempdir().unwrap();
    for folder in ["dev", "proc"] {
        fs::create_dir(root.path().join(folder)).unwrap();
    }
    for file in libraries() {
        let copy = root.path().join(file.trim_start_matches('/'));
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(&file, copy).unwrap();
    }
    fs::copy(binary(), root.path().join("bctrace")).unwrap();
    fs::copy(script("every_module.py"), root.path().join("program.py")).unwrap();
    let inside = "mount --rbind /dev \"$0/dev\" && exec chroot \"$0\" /bctrace python program.py";
    let mut command = Command::new("unshare");
    command
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", inside])
        .arg(root.path())
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let mut ran = run(&mut command);
    if ran.stderr().contains("unshare") || ran.stderr().contains("mount:") {
        // Where namespaces are not allowed, an empty folder and environment are the next best.
        ran = run(bctrace(["python", "program.py"]).current_dir(root.path()));
    }
    let without_ssl = if modules::has("_ssl") { "" } else { "ssl: No module named _ssl\n" };
    assert_eq!(ran.succeeded(), FAILING.replace("more than", &format!("{without_ssl}more than")));
}

#[test]
fn the_library_is_found_as_an_installed_one_is() {
    assert_eq!(python(&["-s", script("files.py").as_str()]).succeeded(), "all well\n");
}

#[test]
fn a_fresh_interpreter_has_the_modules_of_a_plain_one() {
    let script = "import sys; print ' '.join(sorted(sys.modules))";
    // Without HOME, site asks pwd for it.
    let modules = run(bctrace(["python", "-s", "-c", script]).env("HOME", "/")).succeeded();
    let modules: Vec<&str> = modules.split_whitespace().filter(|name| !is_codec(name)).collect();
    assert_eq!(modules.join(" "), AT_START);
}

/// Which codec the standard streams take depends on the locale.
fn is_codec(name: &str) -> bool {
    name.starts_with("encodings.utf") || name.starts_with("encodings.ascii") || name.starts_with("encodings.latin")
}

#[test]
fn tracebacks_show_the_lines_of_embedded_modules() {
    let uncaught = python(&["-c", "import json; json.loads('{')"]).stderr();
    assert!(uncaught.contains("line 339, in loads\n    return _default_decoder.decode(s)\n"), "{uncaught}");
    let formatted = python(&[
        "-c",
        "import json, traceback\ntry: json.loads('{')\nexcept ValueError: print traceback.format_exc()",
    ]);
    let formatted = formatted.succeeded();
    assert!(formatted.contains("line 339, in loads\n    return _default_decoder.decode(s)\n"), "{formatted}");
}

#[test]
fn a_module_beside_the_program_shadows_the_librarys() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("random.py"), "print 'mine'\n").unwrap();
    fs::write(folder.path().join("program.py"), "import random\n").unwrap();
    let program = folder.path().join("program.py");
    assert_eq!(run(bctrace(["python", "-B"]).arg(program)).succeeded(), "mine\n");
    let mut beside = bctrace(["python", "-B", "-c", "import imp; print imp.find_module('random')[1]"]);
    let found = run(beside.env("PYTHONPATH", folder.path())).succeeded();
    assert_eq!(found.trim(), folder.path().join("random.py").to_str().unwrap());
}

#[test]
fn embedded_modules_run_with_dash_m() {
    let ran = run_with(&mut bctrace(["python", "-m", "json.tool"]), b"{\"a\": 1}");
    assert_eq!(ran.succeeded(), "{\n    \"a\": 1\n}\n");
}

#[test]
fn dash_o_leaves_out_the_librarys_asserts() {
    let ask = "import threading; print threading.__file__[-4:], 'AssertionError' in \
               threading._Condition.wait.__code__.co_names + threading.Thread.__init__.__code__.co_names";
    assert_eq!(python(&["-c", ask]).succeeded(), ".pyc True\n");
    assert_eq!(python(&["-O", "-c", ask]).succeeded(), ".pyo False\n");
}

#[test]
fn a_bz2_file_written_here_is_read_here_and_a_cut_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let script = "import bz2\n\
                  data = ''.join(chr(i * i % 251) for i in xrange(300000))\n\
                  with bz2.BZ2File('a.bz2', 'w') as f: f.write(data)\n\
                  assert bz2.BZ2File('a.bz2').read() == data and bz2.decompress(open('a.bz2', 'rb').read()) == data\n\
                  open('b.bz2', 'wb').write(open('a.bz2', 'rb').read()[:-20])\n\
                  try: bz2.BZ2File('b.bz2').read()\n\
                  except EOFError as error: print error";
    let ran = run(bctrace(["python", "-c", script]).current_dir(folder.path()));
    assert_eq!(ran.succeeded(), "compressed file ended before the logical end-of-stream was detected\n");
}

fn python(arguments: &[&str]) -> Ran {
    run(bctrace(["python"]).args(arguments))
}

fn script(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/library").join(name).to_str().unwrap().to_string()
}

/// The shared objects that the binary needs, by path: libc's family.
fn libraries() -> Vec<String> {
    let output = run(Command::new("ldd").arg(binary())).succeeded();
    output.split_whitespace().filter(|word| word.starts_with('/')).map(str::to_string).collect()
}
