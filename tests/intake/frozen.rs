//! Programs that freezers have packed: their scripts, modules and data are found as under the freezer's own loader.

use super::archives::{Row, pe, pyinstaller, pythonscript, pyz, row, zip};
use super::{HEADER, Scratch, marshalled, pyc};

const KEY: &[u8; 16] = b"0000000000sesame";

/// Prints what a bundled program sees.
const MAIN: &str = "import sys, os, helper, pkg.inner, alone
print helper.X, pkg.inner.__name__, alone.X, STARTED, __name__, __file__, sys.frozen, sys.argv
print open(os.path.join(sys._MEIPASS, 'deep', 'data.txt')).read(), sys.path[0] == sys._MEIPASS
print os.path.basename(sys.executable), helper.__file__ == os.path.join(sys._MEIPASS, 'helper.pyc'), len(pkg.__path__)
print type(helper.__loader__).__name__, helper.__loader__.is_package('pkg'), helper.__loader__.get_code('helper').co_filename";

fn modules(key: Option<&[u8; 16]>, is_dict: bool) -> Vec<u8> {
    let modules = [
        ("helper", 0, marshalled("X = 'found'", "helper.py")),
        ("pkg", 1, marshalled("", "__init__.py")),
        ("pkg.inner", 0, marshalled("", "inner.py")),
    ];
    pyz(&modules, key, is_dict)
}

fn rows(modules: Vec<u8>) -> Vec<Row<'static>> {
    vec![
        row(b'm', "pyimod00_crypto_key", [HEADER, &marshalled("key = 'sesame'", "key.py")].concat()),
        row(b'm', "alone", [HEADER, &marshalled("X = 'alone'", "alone.py")].concat()),
        row(
            b's',
            "boot",
            marshalled("import pyimod03_importers\npyimod03_importers.install()\nSTARTED = ['boot']", "boot.py"),
        ),
        row(b's', "hook", marshalled("STARTED.append(__file__)", "hook.py")),
        row(b's', "main", marshalled(MAIN, "main.py")),
        row(b'x', "deep\\data.txt", b"data".to_vec()),
        row(b'z', "out00-PYZ.pyz", modules),
    ]
}

#[track_caller]
fn assert_runs(name: &str, bytes: &[u8]) {
    let scratch = Scratch::with(name, bytes);
    let printed = scratch.runs(name);
    let expected = format!(
        "found pkg.inner alone ['boot', 'hook.py'] __main__ main.py True ['{name}']\ndata True\n{name} True 1\n\
         FrozenImporter True helper.py\n"
    );
    assert_eq!(printed, expected);
    assert_eq!(scratch.run(&["-q", "--no-sandbox", name, "t.bct"]).succeeded(), expected);
}

#[test]
fn a_pyinstaller_archive_runs_with_either_cookie_at_any_position() {
    let elf = b"\x7fELF\x02\x01\x01\0 a bootloader with MEI\x0c\x0b\x0a\x0b\x0e among its constants ".repeat(30);
    for (cookie, is_dict) in [(88, false), (24, true)] {
        let archive = pyinstaller(&rows(modules(None, is_dict)), cookie, 27);
        assert_runs("app.pkg", &archive);
        assert_runs("app", &[&elf[..], &archive].concat());
        assert_runs("app.exe", &[&pe("NOTHING", b"x", false)[..], &archive, &vec![b's'; 200_000]].concat());
    }
}

#[test]
fn an_encrypted_archive_of_modules_is_decrypted_with_its_key() {
    assert_runs("app", &pyinstaller(&rows(modules(Some(KEY), false)), 88, 27));
    let scratch = Scratch::with("app", &pyinstaller(&rows(modules(Some(KEY), false)), 88, 27));
    assert!(scratch.run(&["list", "app"]).succeeded().contains("3 of its modules decrypted with its own key"));
    let without: Vec<Row> = rows(modules(Some(KEY), false)).into_iter().skip(1).collect();
    scratch.write("app", &pyinstaller(&without, 88, 27));
    scratch.refuses(&["app", "t.bct"], &["the PYZ archive is damaged: helper"]);
}

#[test]
fn an_archive_in_a_folder_finds_its_data_there() {
    let rows: Vec<Row> = rows(modules(None, false)).into_iter().filter(|row| row.kind != b'x').collect();
    let scratch = Scratch::with("dir/app", &pyinstaller(&rows, 88, 27));
    scratch.write("dir/deep/data.txt", b"data");
    assert!(scratch.runs("dir/app").contains("\ndata True\napp True 1\n"));
}

#[test]
fn no_bytecode_of_the_importer_is_in_the_trace() {
    let scratch = Scratch::with("app", &pyinstaller(&rows(modules(None, false)), 88, 27));
    scratch.run(&["-q", "app", "t.txt"]).succeeded();
    let trace = String::from_utf8(crate::running::read(&scratch.path("t.txt"))).unwrap();
    for name in ["find_module", "load_module", "FrozenImporter"] {
        assert!(!trace.contains(&format!("{name}> ")), "{name}");
    }
}

#[test]
fn an_exception_ends_the_row_of_scripts() {
    let rows = [
        row(b's', "one", marshalled("print 1; raise ValueError(2)", "one.py")),
        row(b's', "two", marshalled("print 3", "two.py")),
    ];
    let scratch = Scratch::with("app", &pyinstaller(&rows, 88, 27));
    let ran = scratch.run(&["-q", "app", "t.bct"]);
    assert_eq!((ran.status, ran.stdout().as_str()), (1, "1\n"));
    assert!(ran.stderr().ends_with("ValueError: 2\n"));
    assert_eq!(scratch.run(&["-q", "--entry", "2", "app", "t.bct"]).succeeded(), "3\n");
    assert_eq!(scratch.run(&["-q", "app/two", "t.bct"]).succeeded(), "3\n");
}

#[test]
fn a_native_module_that_cannot_load_is_named_once() {
    let main = "for name in ['native', 'native', 'pkg.other']:
    try: __import__(name)
    except ImportError, error: print error";
    let rows = [
        row(b's', "main", marshalled(main, "main.py")),
        row(b'b', "native.pyd", b"MZ".repeat(50)),
        row(b'b', "pkg.other.so", b"\x7fELF, but no library".to_vec()),
        row(b'z', "PYZ", modules(None, false)),
    ];
    let scratch = Scratch::with("app", &pyinstaller(&rows, 88, 27));
    let ran = scratch.run(&["-q", "app", "t.bct"]);
    assert_eq!(
        ran.stderr().matches("cannot load the bundled native module native: it is no library for Linux\n").count(),
        1,
        "{}",
        ran.stderr()
    );
    assert_eq!(
        ran.stderr().matches("cannot load the bundled native module pkg.other: ").count(),
        1,
        "{}",
        ran.stderr()
    );
    assert_eq!(ran.stdout().lines().count(), 3);
}

#[test]
fn py2exe_runs_its_scripts_with_the_library_beside_it() {
    let boot = marshalled("import sys\nBOOTED = sys.frozen", "boot_common.py");
    let main = marshalled(
        "import helper, os, sys\nprint BOOTED, helper.X, os.path.basename(sys.path[0]), os.path.basename(sys.executable)",
        "main.py",
    );
    let resource = pythonscript("library.zip", &[&boot, &main]);
    let scratch = Scratch::with("library.zip", &zip(&[("helper.pyc", &pyc("X = 'found'", "helper.py"))]));
    for (is_gui, frozen) in [(false, "console_exe"), (true, "windows_exe")] {
        scratch.write("app.exe", &pe("PYTHONSCRIPT", &resource, is_gui));
        assert_eq!(scratch.runs("app.exe"), format!("{frozen} found library.zip app.exe\n"));
    }
    scratch.write("script.bin", &resource);
    assert_eq!(scratch.runs("script.bin"), "console_exe found library.zip script.bin\n");
    assert!(scratch.run(&["list", "app.exe"]).succeeded().contains("helper"));
}

#[test]
fn triage_runs_and_unpacks_what_a_freezer_has_packed() {
    let archive = pyinstaller(&rows(modules(None, false)), 88, 27);
    let exe = [&pe("NOTHING", b"x", false)[..], &archive].concat();
    let resource = pythonscript("library.zip", &[&marshalled("import helper\nprint helper.X", "main.py")]);
    for (file, printed) in [(exe, "found pkg.inner alone"), (pe("PYTHONSCRIPT", &resource, false), "found\n")] {
        let scratch = Scratch::with("app.exe", &file);
        scratch.write("library.zip", &zip(&[("helper.pyc", &pyc("X = 'found'", "helper.py"))]));
        scratch.run(&["triage", "app.exe", "-o", "out"]).succeeded();
        let read = |name: &str| std::fs::read_to_string(scratch.path("out").join(name)).unwrap();
        assert!(read("output.txt").starts_with(printed), "{}", read("output.txt"));
        assert!(read("contents.txt").contains("main"), "{}", read("contents.txt"));
        assert!(read("summary.json").contains("\"complete\": true"), "{}", read("summary.json"));
        for name in ["report.html", "clean/manifest.json", "unpacked/manifest.json", "dis.txt", "trace.bct"] {
            assert!(!read_bytes(&scratch.path("out").join(name)).is_empty(), "{name}");
        }
    }
}

fn read_bytes(path: &std::path::Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

#[test]
fn py2exe_with_everything_in_one_file_finds_its_modules_there() {
    let boot = marshalled("import sys, zipextimporter\nzipextimporter.install()", "<install zipextimporter>");
    let main = marshalled("import helper\nprint helper.X", "main.py");
    let importer = "import _memimporter\ndef install():\n    print _memimporter.get_verbose_flag()";
    let library =
        zip(&[("helper.pyc", &pyc("X = 'found'", "helper.py")), ("zipextimporter.pyc", &pyc(importer, "z.py"))]);
    let exe = [pe("PYTHONSCRIPT", &pythonscript("", &[&boot, &main]), false), library].concat();
    assert_eq!(Scratch::with("app.exe", &exe).runs("app.exe"), "0\nfound\n");
}

#[test]
fn cx_freeze_and_bbfreeze_archives_run_what_their_executable_would() {
    let main = pyc("import os, sys\nos.chdir('/')\nimport helper\nprint helper.X, sys.frozen, __name__", "main.py");
    let helper = pyc("X = 'found'", "helper.py");
    let other = pyc("print 'other'", "other.py");
    let cx = zip(&[
        ("__startup__.pyc", &other),
        ("other__init__.pyc", &other),
        ("other__main__.pyc", &other),
        ("app__init__.pyc", &other),
        ("app__main__.pyc", &main),
        ("helper.pyc", &helper),
    ]);
    let elf = b"\x7fELF\x02\x01\x01\0 a loader".to_vec();
    let scratch = Scratch::with("app", &elf);
    scratch.write("lib/library.zip", &cx);
    assert_eq!(scratch.runs("app"), "found True __main__\n");
    assert!(scratch.run(&["list", "lib/library.zip"]).succeeded().contains("cx_Freeze"));
    let bb = zip(&[("__main__.pyc", &other), ("__main__app__.pyc", &main), ("helper.pyc", &helper)]);
    let scratch = Scratch::with("app", &[elf.clone(), bb.clone()].concat());
    scratch.write("library.zip", &[elf, bb].concat());
    for name in ["app", "library.zip"] {
        assert_eq!(scratch.runs(name), "found True __main__\n", "{name}");
    }
}

#[test]
fn copies_of_the_library_in_a_bundle_are_library_code() {
    let source = |name: &str| {
        const SOURCE: &str =
            "import pkgutil, sys\nsys.stdout.write(pkgutil.get_loader(sys.argv[1]).get_source(sys.argv[1]))";
        crate::running::run(&mut crate::running::bctrace(["python", "-c", SOURCE, name])).succeeded()
    };
    let changed = source("shlex").replace("return list(lex)", "print 'changed'; return list(lex)");
    let modules = [("fnmatch", source("fnmatch")), ("shlex", changed)];
    let main =
        marshalled("import fnmatch, shlex\nprint fnmatch.fnmatch('a.py', '*.py'), shlex.split('a b')", "main.py");
    let of_pyz =
        modules.each_ref().map(|(name, source)| (*name, 0, marshalled(source, &format!("C:\\Lib\\{name}.py"))));
    let members =
        modules.each_ref().map(|(name, source)| (format!("{name}.pyc"), pyc(source, &format!("packed-{name}.py"))));
    let mut members: Vec<(&str, &[u8])> = members.iter().map(|(name, bytes)| (&name[..], &bytes[..])).collect();
    let main_pyc = [HEADER, &main].concat();
    members.push(("__main__.pyc", &main_pyc));
    let scratch = Scratch::with(
        "app",
        &pyinstaller(&[row(b's', "main", main), row(b'z', "z", pyz(&of_pyz, None, false))], 88, 27),
    );
    scratch.write("app.zip", &zip(&members));
    for app in ["app", "app.zip"] {
        for (record, show) in [(vec!["--no-stdlib"], vec![]), (vec![], vec!["--no-stdlib"])] {
            scratch.run(&[&["-q"], &record[..], &[app, "t.bct"]].concat()).succeeded();
            let shown = scratch.run(&[&["show"], &show[..], &["t.bct"]].concat()).succeeded();
            let ran = |name: &str| shown.lines().any(|line| line.starts_with(&format!("{name}> ")));
            // The program's own, and the one function of the library that it has changed.
            assert!(ran("<module>") && ran("split"), "{app}: {shown}");
            for name in ["fnmatch", "translate", "read_token", "get_token"] {
                assert!(!ran(name), "{app}: {name}");
            }
        }
    }
}
