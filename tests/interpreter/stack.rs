//! A call takes no more of the C stack than in a plain interpreter, so a recursion comes as deep.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::extension;
use crate::running;

const POINTER: &str = r#"
#include <Python.h>

static PyObject *
pointer(PyObject *self, PyObject *none)
{
    return PyLong_FromVoidPtr(__builtin_frame_address(0));
}

static PyMethodDef methods[] = {{"pointer", pointer, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};

PyMODINIT_FUNC
initstackpointer(void)
{
    Py_InitModule("stackpointer", methods);
}
"#;

/// The compiler, and how it was called.
const BUILD: &str =
    "import platform, sysconfig; print platform.python_compiler(), sysconfig.get_config_var('PY_CFLAGS')";

/// Runs stack.py in the folder; returns the bytes of each kind of call.
fn bytes(mut command: Command, folder: &Path) -> Vec<(String, i64)> {
    let printed = running::run(command.args(["-B", "-S", "stack.py"]).current_dir(folder)).succeeded();
    let lines = printed.lines().map(|line| line.rsplit_once(' ').unwrap());
    lines.map(|(kind, bytes)| (kind.to_string(), bytes.parse().unwrap())).collect()
}

/// Whether an executable was compiled to lie anywhere, as ours is, which decides what the compiler has registers for.
fn is_position_independent(executable: &Path) -> bool {
    const TYPE: usize = 16;
    const SHARED: u8 = 3;
    running::read(executable)[TYPE] == SHARED
}

#[test]
fn a_call_takes_no_more_of_the_c_stack_than_in_a_plain_interpreter() {
    let Some(python) = crate::plain::plain() else { return };
    let build = |command: &mut Command| running::run(command.args(["-c", BUILD])).succeeded();
    let (plain, ours) = (build(&mut Command::new(&python)), build(&mut running::bctrace(["python"])));
    if plain != ours || !is_position_independent(&python) {
        println!("nothing was compared: the plain Python was built in another way: {plain}, this one {ours}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    extension::compile(folder.path(), "stackpointer", POINTER);
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interpreter/stack.py"), folder.path().join("stack.py"))
        .unwrap();
    let plain = bytes(Command::new(python), folder.path());
    let mut recorded = running::bctrace(["python", "--trace-to"]);
    recorded.arg(folder.path().join("trace.bct"));
    for ours in [bytes(running::bctrace(["python"]), folder.path()), bytes(recorded, folder.path())] {
        assert_eq!(ours.len(), plain.len());
        for (ours, plain) in ours.iter().zip(&plain) {
            assert!(ours.0 == plain.0 && ours.1 <= plain.1 && plain.1 > 200, "{ours:?} and plainly {plain:?}");
        }
    }
}
