/* Which missing modules, and which missing attributes of modules that there are, have stand-ins: see bctrace_stand_in.h. */
#include "Python.h"
#include "frameobject.h"
#include "bctrace_stand_in.h"
#include "library.h"
#include "vm.h"

int bctrace_has_stand_ins, bctrace_has_windows_types;

/* Names as they were asked for, ending in NULL; and whether every missing module has a stand-in. */
static const char *const *asked;
static int are_all;

/* What the library's modules have on Windows alone. */
static const char *const of_windows[] = {
    "ctypes.windll", "ctypes.oledll", "ctypes.WinDLL", "ctypes.OleDLL", "ctypes.WINFUNCTYPE", "ctypes.WinError", "ctypes.FormatError",
    "ctypes.GetLastError", "ctypes.get_last_error", "ctypes.set_last_error", "ctypes.HRESULT", "ctypes.DllCanUnloadNow",
    "ctypes.DllGetClassObject", "os.startfile", "os.O_BINARY", "os.O_NOINHERIT", "os.O_SHORT_LIVED", "os.O_TEMPORARY", "os.O_RANDOM",
    "os.O_SEQUENTIAL", "os.O_TEXT", "signal.CTRL_C_EVENT", "signal.CTRL_BREAK_EVENT", "signal.SIGBREAK", "socket.SIO_RCVALL",
    "socket.SIO_KEEPALIVE_VALS", "socket.RCVALL_ON", "socket.RCVALL_OFF", "socket.RCVALL_MAX", "subprocess.STARTUPINFO",
    "subprocess.STARTF_USESHOWWINDOW", "subprocess.STARTF_USESTDHANDLES", "subprocess.CREATE_NEW_CONSOLE",
    "subprocess.CREATE_NEW_PROCESS_GROUP", "subprocess.SW_HIDE", "sys.getwindowsversion", "sys.winver", "sys.dllhandle", NULL,
};

/* Whether `name` is this one or a module in it. */
static int
is_within(const char *name, const char *outer)
{
    size_t length = strlen(outer);

    return strncmp(name, outer, length) == 0 && (name[length] == '\0' || name[length] == '.');
}

static int
is_asked(const char *name)
{
    const char *const *row;

    for (row = asked; *row != NULL; row++)
        if (is_within(name, *row) || is_within(*row, name))
            return 1;
    return 0;
}

/* Whether the standard library imports for itself: it does without what it does not find. */
static int
is_of_library(void)
{
    static const char importer[] = BCTRACE_LIBRARY "/importlib/";
    PyFrameObject *frame = PyEval_GetFrame();
    const char *file = frame == NULL ? "" : PyString_AS_STRING(frame->f_code->co_filename);

    return strncmp(file, BCTRACE_LIBRARY, strlen(BCTRACE_LIBRARY)) == 0 && strncmp(file, importer, strlen(importer)) != 0;
}

/* Makes the module known under its name, and to the package that it would be in; -1 with an error. */
static int
enter_module(const char *name, PyObject *text, PyObject *parent, PyObject *module)
{
    const char *last = strrchr(name, '.');

    if (PyDict_SetItem(PyImport_GetModuleDict(), text, module) < 0)
        return -1;
    return last != NULL && PyModule_Check(parent) ? PyObject_SetAttrString(parent, (char *)last + 1, module) : 0;
}

PyObject *
bctrace_stand_in_module(const char *name, PyObject *parent)
{
    PyObject *type, *value, *traceback, *module = NULL, *text;
    int has_failed;

    if (!bctrace_has_stand_ins)
        return NULL;
    PyErr_Fetch(&type, &value, &traceback);
    /* A module of the program's that raised the error itself was found. */
    has_failed = traceback != NULL || (type != NULL && !PyErr_GivenExceptionMatches(type, PyExc_ImportError));
    text = PyString_FromString(name);
    if (text != NULL && (is_asked(name) || (are_all && !has_failed && !is_of_library())))
        module = bctrace_make_stand_in_module(name);
    if (module != NULL && enter_module(name, text, parent, module) < 0)
        Py_CLEAR(module);
    PyErr_Clear();
    if (module == NULL) {
        PyErr_Restore(type, value, traceback);
        Py_XDECREF(text);
        return NULL;
    }
    bctrace_report_stand_in(BCTRACE_IMPORT, text);
    Py_DECREF(text);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    return module;
}

static void
set_missing(const char *name, const char *attribute, PyObject *module)
{
    PyObject *stand_in;

    if (PyObject_HasAttrString(module, (char *)attribute))
        return;
    stand_in = bctrace_make_stand_in(name);
    if (stand_in == NULL || PyObject_SetAttrString(module, (char *)attribute, stand_in) < 0)
        PyErr_Clear();
    Py_XDECREF(stand_in);
}

static void
set_rows(const char *const *rows, const char *name, PyObject *module)
{
    size_t length = strlen(name);

    for (; *rows != NULL; rows++)
        if (strncmp(*rows, name, length) == 0 && (*rows)[length] == '.' && strchr(*rows + length + 1, '.') == NULL)
            set_missing(*rows, *rows + length + 1, module);
}

void
bctrace_stand_in_attributes(const char *name, PyObject *module)
{
    if (!bctrace_has_stand_ins || !PyModule_Check(module))
        return;
    set_rows(asked, name, module);
    if (are_all)
        set_rows(of_windows, name, module);
}

/* Defines WindowsError, which `except` clauses of programs for Windows name. */
static void
add_windows_error(void)
{
    PyObject *builtins = PyImport_AddModule("__builtin__"), *error = NULL;

    if (builtins != NULL && !PyObject_HasAttrString(builtins, "WindowsError"))
        error = PyErr_NewException("exceptions.WindowsError", PyExc_OSError, NULL);
    if (error != NULL && PyModule_AddObject(builtins, "WindowsError", error) < 0)
        PyErr_Clear();
    PyErr_Clear();
}

void
vm_stand_in(const char *const *names, int all)
{
    PyObject *name, *module;
    Py_ssize_t at = 0;

    if (bctrace_ready_stand_ins() < 0)
        Py_FatalError("no memory for stand-ins");
    asked = names;
    are_all = bctrace_has_windows_types = all;
    bctrace_has_stand_ins = 1;
    while (PyDict_Next(PyImport_GetModuleDict(), &at, &name, &module))
        if (PyString_Check(name))
            bctrace_stand_in_attributes(PyString_AS_STRING(name), module);
    if (all)
        add_windows_error();
}
