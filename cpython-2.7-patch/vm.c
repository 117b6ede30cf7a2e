/* See vm.h: running a program, and its frames.  Looking at objects is in vm_objects.c. */
#include "Python.h"
#include "code.h"
#include "frameobject.h"
#include "marshal.h"
#include "osdefs.h"
#include "bctrace_fixed.h"
#include "bctrace_hook.h"
#include "bctrace_main.h"
#include "bctrace_shutdown.h"
#include "library.h"
#include "vm.h"

/* -- Running ------------------------------------------------------------------------------------------------------------ */

static size_t (*unpack_library)(uint8_t *, size_t, const uint8_t *, size_t);

static size_t
unpack(void *to, size_t to_len, const void *from, size_t from_len)
{
    return unpack_library(to, to_len, from, from_len);
}

int
vm_embed_library(const uint8_t *bytes, size_t len, size_t (*unpack_with)(uint8_t *, size_t, const uint8_t *, size_t))
{
    unpack_library = unpack_with;
    return bctrace_library_embed(bytes, len, unpack);
}

int
vm_fix(int all)
{
    return bctrace_fix(all ? BCTRACE_SLEEPS | BCTRACE_ALL : BCTRACE_SLEEPS);
}

static int
is_set(const char *variable)
{
    const char *text = Py_GETENV(variable);

    return text != NULL && *text != '\0';
}

/* The part of Py_Main (Modules/main.c) that the environment decides. */
static void
apply_environment(void)
{
    const char *text;

    Py_InspectFlag = is_set("PYTHONINSPECT");
    Py_NoUserSiteDirectory = is_set("PYTHONNOUSERSITE");
    if (is_set("PYTHONUNBUFFERED")) {
        setvbuf(stdin, NULL, _IONBF, BUFSIZ);
        setvbuf(stdout, NULL, _IONBF, BUFSIZ);
        setvbuf(stderr, NULL, _IONBF, BUFSIZ);
    }
    text = Py_GETENV("PYTHONWARNINGS");
    if (text != NULL && *text != '\0') {
        char *copy = strdup(text), *rest = copy, *one;

        while (copy != NULL && (one = strsep(&rest, ",")) != NULL)
            if (*one != '\0')
                PySys_AddWarnOption(one);
        free(copy);
    }
}

/* Puts the entries behind the program's folder, which PySys_SetArgv has put first. */
static void
add_to_path(char **entries)
{
    PyObject *path = PySys_GetObject("path"), *entry;
    Py_ssize_t place = 1;

    for (; *entries != NULL && path != NULL && PyList_Check(path); entries++) {
        entry = PyString_FromString(*entries);
        if (entry == NULL || PyList_Insert(path, place++, entry) < 0)
            Py_FatalError("no memory for sys.path");
        Py_DECREF(entry);
    }
}

/* As RunMainFromImporter of Py_Main does, which leaves its answer in sys.path_importer_cache. */
static void
ask_for_importer(const char *path)
{
    PyObject *name = PyString_FromString(path), *importer = NULL;

    if (name != NULL)
        importer = PyImport_GetImporter(name);
    if (importer == NULL)
        PyErr_Clear();
    Py_XDECREF(name);
    Py_XDECREF(importer);
}

static void
start(void)
{
    PySys_ResetWarnOptions();
    apply_environment();
    Py_Initialize();
}

static PyCodeObject *
compile_stream(FILE *stream, const char *path)
{
    PyArena *arena = PyArena_New();
    PyCompilerFlags flags = {0};
    PyCodeObject *code = NULL;
    struct _mod *tree;

    if (arena == NULL)
        return NULL;
    tree = PyParser_ASTFromFile(stream, path, Py_file_input, NULL, NULL, &flags, NULL, arena);
    if (tree != NULL)
        code = PyAST_Compile(tree, path, &flags, arena);
    PyArena_Free(arena);
    return code;
}

const unsigned char *
vm_compile(const char *source, size_t len, const char *path, size_t *marshalled_len)
{
    char *argv[] = {(char *)path};
    PyObject *marshalled = NULL;
    PyCodeObject *code = NULL;
    /* A stream of no bytes is an error in older C libraries; an empty line is the same program. */
    FILE *stream = len > 0 ? fmemopen((void *)source, len, "r") : fmemopen("\n", 1, "r");

    start();
    PySys_SetArgvEx(1, argv, 0);
    if (stream == NULL)
        PyErr_SetFromErrno(PyExc_IOError);
    else {
        code = compile_stream(stream, path);
        fclose(stream);
    }
    if (code != NULL) {
        marshalled = PyMarshal_WriteObjectToString((PyObject *)code, Py_MARSHAL_VERSION);
        Py_DECREF(code);
    }
    if (marshalled == NULL) {
        PyErr_Print();
        return NULL;
    }
    *marshalled_len = PyString_GET_SIZE(marshalled);
    return (const unsigned char *)PyString_AS_STRING(marshalled);
}

void
vm_initialize(int argc, char **argv, char **path)
{
    start();
    PySys_SetArgv(argc, argv);
    ask_for_importer(argv[0]);
    add_to_path(path);
}

struct _object *
vm_load(const char *marshalled, ptrdiff_t len)
{
    PyObject *code = PyMarshal_ReadObjectFromString((char *)marshalled, len);

    if (code != NULL && !PyCode_Check(code)) {
        Py_CLEAR(code);
        PyErr_SetString(PyExc_RuntimeError, "Bad code object in .pyc file");
    }
    if (code == NULL)
        PyErr_Print();
    return code;
}

/* As the end of Py_Main: prompts where the user or the program has asked for that; returns the exit status. */
static int
inspect(int status, int code_flags)
{
    PyCompilerFlags flags = {code_flags & PyCF_MASK};

    if ((!Py_InspectFlag && !is_set("PYTHONINSPECT")) || !Py_FdIsInteractive(stdin, NULL))
        return status;
    Py_InspectFlag = 0;
    return PyRun_AnyFileFlags(stdin, "<stdin>", &flags) != 0;
}

/* Runs a script in a module's dictionary, with its path there as `__file__`. */
static PyObject *
run_script(const struct vm_script *script, PyObject *globals)
{
    PyObject *file = PyString_FromString(script->path), *result = NULL;

    if (file != NULL && PyDict_SetItemString(globals, "__file__", file) == 0) {
        Py_DECREF(file);
        result = PyEval_EvalCode((PyCodeObject *)script->code, globals, globals);
    }
    return result;
}

int
vm_run_main(const struct vm_script *scripts, size_t count)
{
    PyObject *module = PyImport_AddModule("__main__"), *result = NULL;
    int code_flags = 0, status;
    size_t i;

    Py_XINCREF(module);
    for (i = 0; i < count; i++) {
        code_flags = ((PyCodeObject *)scripts[i].code)->co_flags;
        if (module != NULL && (i == 0 || result != NULL)) {
            Py_XDECREF(result);
            result = run_script(&scripts[i], PyModule_GetDict(module));
        }
        Py_DECREF(scripts[i].code);
    }
    if (result == NULL)
        PyErr_Print();
    else {
        Py_DECREF(result);
        if (Py_FlushLine())
            PyErr_Clear();
    }
    if (module != NULL) {
        if (PyDict_DelItemString(PyModule_GetDict(module), "__file__"))
            PyErr_Clear();
        Py_DECREF(module);
    }
    status = inspect(result == NULL, code_flags);
    Py_Finalize();
    return status;
}

/* What `module.a.b` is; a new reference. */
static PyObject *
find(PyObject *module, const char *dotted)
{
    PyObject *found = module, *name, *next;
    const char *end;

    Py_INCREF(found);
    for (;; dotted = end + 1) {
        end = strchr(dotted, '.');
        name = end == NULL ? PyString_FromString(dotted) : PyString_FromStringAndSize(dotted, end - dotted);
        next = name == NULL ? NULL : PyObject_GetAttr(found, name);
        Py_XDECREF(name);
        Py_DECREF(found);
        if (next == NULL || end == NULL)
            return next;
        found = next;
    }
}

/* Prints a result as a prompt does, None included; 0 if that went well. */
static int
print_result(PyObject *result)
{
    PyObject *out = PySys_GetObject("stdout");

    if (out == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "lost sys.stdout");
        return -1;
    }
    return PyFile_WriteObject(result, out, 0) != 0 || PyFile_WriteString("\n", out) != 0 ? -1 : 0;
}

int
vm_call(struct _object *code, const char *path, const char *name, const char *function, struct _object *arguments)
{
    PyObject *module = PyImport_ExecCodeModuleEx((char *)name, code, (char *)path), *callable = NULL, *result = NULL;
    int code_flags = ((PyCodeObject *)code)->co_flags, failed;

    Py_DECREF(code);
    if (module != NULL)
        callable = find(module, function);
    if (callable != NULL)
        result = PyObject_Call(callable, ((PyCodeObject *)arguments)->co_consts, NULL);
    failed = result == NULL || print_result(result) != 0;
    Py_XDECREF(result);
    Py_XDECREF(callable);
    Py_XDECREF(module);
    Py_DECREF(arguments);
    if (failed)
        PyErr_Print();
    else if (Py_FlushLine())
        PyErr_Clear();
    failed = inspect(failed, code_flags);
    Py_Finalize();
    return failed;
}

static void (*program_begins)(void *);
static void *program_context;

int
vm_python_main(int argc, char **argv, void (*begins)(void *), void *context)
{
    program_begins = begins;
    program_context = context;
    return Py_Main(argc, argv);
}

void
bctrace_program_begins(void)
{
    if (program_begins != NULL)
        program_begins(program_context);
}

/* -- Frames and code objects -------------------------------------------------------------------------------------------- */

struct _object *
vm_frame_code(const struct _frame *frame)
{
    return (PyObject *)frame->f_code;
}

int32_t
vm_frame_offset(const struct _frame *frame)
{
    return frame->f_lasti;
}

const struct _ts *
vm_current_thread(void)
{
    return _PyThreadState_Current;
}

const struct _frame *
vm_current_frame(void)
{
    return _PyThreadState_Current != NULL ? _PyThreadState_Current->frame : NULL;
}

const struct _frame *
vm_frame_back(const struct _frame *frame)
{
    return frame->f_back;
}

const unsigned char *
vm_frame_first(const struct _frame *frame)
{
    return (const unsigned char *)PyString_AS_STRING(frame->f_code->co_code);
}

uint32_t
vm_frame_number(const struct _frame *frame)
{
    return frame->f_number == BCTRACE_OLD_FRAME ? 0 : frame->f_number;
}

void
vm_set_frame_number(struct _frame *frame, uint32_t number)
{
    frame->f_number = number;
}

void
vm_mark_code(struct _frame *frame, uint32_t mark)
{
    frame->f_code->co_left_out = mark;
}

void
vm_stop(void)
{
    bctrace_stop();
}

int
vm_is_over(void)
{
    return !Py_IsInitialized();
}
