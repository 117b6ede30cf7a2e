//! Extension modules compiled for 2.7 load into the program, and its own C libraries stay out of their sight. Asked of the built
//! `bctrace`: a test binary exports nothing.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Calls `PyObject_DelItemString`, which nothing in the VM calls, functions of its own that have the names of some of ours, and those
/// of Unicode, whose names distinguish UCS4 from UCS2.
const SOURCE: &str = r#"
#include <Python.h>

int vm_is_over(void) { return 42; }
int ZSTD_versionNumber(void) { return 43; }
int SSL_version(void) { return 44; }

static PyObject *
numbers(PyObject *self, PyObject *args)
{
    PyObject *dict;

    if (!PyArg_ParseTuple(args, "O", &dict) || PyObject_DelItemString(dict, "key") < 0)
        return NULL;
    return Py_BuildValue("niiiN", PyDict_Size(dict), vm_is_over(), ZSTD_versionNumber(), SSL_version(), PyUnicode_FromOrdinal(0x1F40D));
}

static PyMethodDef methods[] = {{"numbers", numbers, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};

PyMODINIT_FUNC
initextension(void)
{
    Py_InitModule("extension", methods);
}
"#;

#[test]
fn a_compiled_extension_loads_and_keeps_its_own_functions() {
    let folder = tempfile::tempdir().unwrap();
    compile(folder.path(), "extension", SOURCE);
    let script = "import sys; sys.path.insert(0, sys.argv[1]); import extension; print extension.numbers({'key': 1})";
    let mut python = Command::new(env!("CARGO_BIN_EXE_bctrace"));
    let output = python.args(["python", "-S", "-c", script]).arg(folder.path()).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!((out.as_ref(), err.as_ref()), ("(0, 42, 43, 44, u'\\U0001f40d')\n", ""));
}

/// Compiles an extension module into the folder.
pub fn compile(folder: &Path, name: &str, text: &str) {
    compile_with(folder, name, text, &[]);
}

/// Compiles one with more options for the compiler.
pub fn compile_with(folder: &Path, name: &str, text: &str, options: &[&str]) {
    let source = folder.join(format!("{name}.c"));
    fs::write(&source, text).unwrap();
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut cc = cc::Build::new();
    cc.target(&target).host(&target).opt_level(0).cargo_metadata(false);
    let mut command = cc.get_compiler().to_command();
    command.args(["-shared", "-fPIC", "-w", "-I", env!("BCTRACE_PYTHON_HEADERS"), "-o"]);
    let output = command.arg(folder.join(format!("{name}.so"))).arg(&source).args(options).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
