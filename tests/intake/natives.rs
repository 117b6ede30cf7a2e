//! The native modules of frozen programs: those of Python itself, and others with the libraries that they want.

use super::archives::{pyinstaller, row, zip};
use super::{Scratch, marshalled, pyc};
use crate::extension;

const NO_LIBRARY: &[u8] = b"MZ no library for Linux";

#[test]
fn pythons_own_extension_modules_are_those_of_the_binary() {
    let main = "import _socket, _struct, array, os, sys
print _struct.calcsize('i'), _socket.AF_INET, array.array('i', [3])[0], os.path.dirname(_socket.__file__) == sys._MEIPASS";
    let rows = [
        row(b's', "main", marshalled(main, "main.py")),
        row(b'b', "_socket.pyd", NO_LIBRARY.to_vec()),
        row(b'b', "_struct.so", NO_LIBRARY.to_vec()),
        row(b'b', "arraymodule.so", NO_LIBRARY.to_vec()),
    ];
    let scratch = Scratch::with("app", &pyinstaller(&rows, 88, 27));
    for options in [&["-q"][..], &["-q", "--no-sandbox"]] {
        let ran = scratch.run(&[options, &["app", "t.bct"]].concat());
        assert_eq!((ran.stderr(), ran.stdout()), (String::new(), "4 2 3 True\n".into()));
    }
    // In a folder, as PyInstaller's --onedir and cx_Freeze lay them out.
    let scratch = Scratch::with("app", &pyinstaller(&rows[..1], 88, 27));
    ["_socket.pyd", "_struct.so", "arraymodule.so"].iter().for_each(|name| scratch.write(name, NO_LIBRARY));
    assert_eq!(scratch.runs("app"), "4 2 3 True\n");
    let main = pyc("import helper, math\nprint helper.X, math.floor(2.5)", "main.py");
    let scratch = Scratch::with("app", b"\x7fELF\x02\x01\x01\0 a loader");
    let members = [
        ("app__init__.pyc", &main[..]),
        ("app__main__.pyc", &main),
        ("a.pyc", &main),
        ("helper.pyc", &pyc("X = 1", "h.py")),
    ];
    scratch.write("lib/library.zip", &zip(&members));
    ["zlib.so", "math.so"].iter().for_each(|name| scratch.write(&format!("lib/{name}"), NO_LIBRARY));
    assert_eq!(scratch.runs("app"), "1 2.0\n");
}

#[test]
fn a_native_module_that_is_not_pythons_own_is_the_programs() {
    let scratch = Scratch::new();
    scratch.write("_struct.so", NO_LIBRARY);
    scratch.write("main.py", b"try:\n    import _struct\nexcept ImportError:\n    print 'no library'");
    assert_eq!(scratch.runs("main.py"), "no library\n");
}

#[test]
fn a_bundled_native_module_finds_the_libraries_of_its_bundle() {
    const MODULE: &str = r#"
#include <Python.h>
int wanted(void);
static PyMethodDef methods[] = {{NULL, NULL, 0, NULL}};
PyMODINIT_FUNC initnative(void) { PyModule_AddIntConstant(Py_InitModule("native", methods), "X", wanted()); }
"#;
    let made = tempfile::tempdir().unwrap();
    let folder = made.path().to_str().unwrap();
    let search = format!("-L{folder}");
    extension::compile_with(made.path(), "libinner", "int inner(void) { return 40; }", &["-Wl,-soname,libinner.so"]);
    let outer = "int inner(void); int wanted(void) { return inner() + 2; }";
    extension::compile_with(made.path(), "libouter", outer, &["-Wl,-soname,libouter.so", &search, "-linner"]);
    extension::compile_with(made.path(), "native", MODULE, &[&search, "-louter"]);
    let rows: Vec<_> = ["libinner.so", "libouter.so", "native.so"]
        .iter()
        .map(|name| row(b'b', name, crate::running::read(&made.path().join(name))))
        .chain([row(b's', "main", marshalled("import native\nprint native.X", "main.py"))])
        .collect();
    let scratch = Scratch::with("app", &pyinstaller(&rows, 88, 27));
    let ran = scratch.run(&["-q", "app", "t.bct"]);
    assert_eq!((ran.stderr(), ran.stdout()), (String::new(), "42\n".into()));
    // Without one of them it is named.
    let scratch = Scratch::with("app", &pyinstaller(&rows[1..], 88, 27));
    let said = scratch.run(&["-q", "app", "t.bct"]).stderr();
    assert!(said.contains("cannot load the bundled native module native: libouter.so: cannot open"), "{said}");
}
