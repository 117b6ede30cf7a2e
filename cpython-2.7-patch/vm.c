/* See vm.h.  Nothing here that looks at an object runs Python, changes a reference count or sets an error. */
#include "Python.h"
#include "code.h"
#include "frameobject.h"
#include "longintrepr.h"
#include "marshal.h"
#include "osdefs.h"
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

void
vm_initialize(int argc, char **argv, char **path)
{
    PySys_ResetWarnOptions();
    apply_environment();
    Py_Initialize();
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

int
vm_run_main(struct _object *code, const char *path)
{
    PyObject *module = PyImport_AddModule("__main__"), *globals, *file, *result = NULL;
    int code_flags = ((PyCodeObject *)code)->co_flags, status;

    if (module != NULL) {
        Py_INCREF(module);
        globals = PyModule_GetDict(module);
        file = PyString_FromString(path);
        if (file != NULL && PyDict_SetItemString(globals, "__file__", file) == 0) {
            Py_DECREF(file);
            result = PyEval_EvalCode((PyCodeObject *)code, globals, globals);
        }
    }
    Py_DECREF(code);
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

int
vm_is_over(void)
{
    return !Py_IsInitialized();
}

ptrdiff_t
vm_code_length(const struct _object *code, const unsigned char *first_instr)
{
    const PyObject *string = ((const PyCodeObject *)code)->co_code;

    /* Where the program has put another string there since the frame began, the running one is the object whose text this is. */
    if (string == NULL || first_instr != (const unsigned char *)PyString_AS_STRING(string))
        string = (const PyObject *)(first_instr - offsetof(PyStringObject, ob_sval));
    if (Py_TYPE(string) != &PyString_Type && (string != ((const PyCodeObject *)code)->co_code || !PyString_Check(string)))
        return -1;
    return PyString_GET_SIZE(string);
}

const struct _object *
vm_code_part(const struct _object *object, enum vm_code_part part)
{
    const PyCodeObject *code = (const PyCodeObject *)object;

    switch (part) {
    case VM_CODE_NAME: return code->co_name;
    case VM_CODE_FILENAME: return code->co_filename;
    case VM_CODE_CONSTS: return code->co_consts;
    case VM_CODE_NAMES: return code->co_names;
    case VM_CODE_VARNAMES: return code->co_varnames;
    case VM_CODE_CELLVARS: return code->co_cellvars;
    case VM_CODE_FREEVARS: return code->co_freevars;
    case VM_CODE_LNOTAB: return code->co_lnotab;
    case VM_CODE_CODE: return code->co_code;
    }
    return NULL;
}

void
vm_code_numbers(const struct _object *object, struct vm_code_numbers *out)
{
    const PyCodeObject *code = (const PyCodeObject *)object;

    out->first_line = code->co_firstlineno;
    out->flags = code->co_flags;
    out->argcount = code->co_argcount;
    out->nlocals = code->co_nlocals;
    out->stacksize = code->co_stacksize;
}

/* -- Objects ------------------------------------------------------------------------------------------------------------ */

enum vm_kind
vm_kind(const struct _object *object)
{
    const PyTypeObject *type;

    if (object == NULL)
        return VM_OTHER;
    if (object == Py_None)
        return VM_NONE;
    if (object == Py_Ellipsis)
        return VM_ELLIPSIS;
    if (object == Py_False)
        return VM_FALSE;
    if (object == Py_True)
        return VM_TRUE;
    if (object == PyExc_StopIteration)
        return VM_STOP_ITERATION;
    type = Py_TYPE(object);
    return type == &PyInt_Type ? VM_INT
        : type == &PyLong_Type ? VM_LONG
        : type == &PyFloat_Type ? VM_FLOAT
        : type == &PyComplex_Type ? VM_COMPLEX
        : type == &PyString_Type ? VM_STR
        : type == &PyUnicode_Type ? VM_UNICODE
        : type == &PyTuple_Type ? VM_TUPLE
        : type == &PyList_Type ? VM_LIST
        : type == &PyDict_Type ? VM_DICT
        : type == &PySet_Type ? VM_SET
        : type == &PyFrozenSet_Type ? VM_FROZENSET
        : type == &PyCode_Type ? VM_CODE
        : VM_OTHER;
}

static const char *
behind_last_dot(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot == NULL ? name : dot + 1;
}

const char *
vm_type_name(const struct _object *object)
{
    return object == NULL ? "NULL" : behind_last_dot(Py_TYPE(object)->tp_name);
}

int64_t
vm_int(const struct _object *object)
{
    return PyInt_AS_LONG(object);
}

double
vm_float(const struct _object *object)
{
    return PyFloat_AS_DOUBLE(object);
}

void
vm_complex(const struct _object *object, double *real, double *imag)
{
    *real = ((const PyComplexObject *)object)->cval.real;
    *imag = ((const PyComplexObject *)object)->cval.imag;
}

const uint32_t *
vm_long(const struct _object *object, ptrdiff_t *digits, int *negative)
{
#if PYLONG_BITS_IN_DIGIT != 30
#error "vm_long hands out digits of 30 bits"
#endif
    ptrdiff_t size = Py_SIZE(object);

    *negative = size < 0;
    *digits = size < 0 ? -size : size;
    return ((const PyLongObject *)object)->ob_digit;
}

const unsigned char *
vm_str(const struct _object *object, ptrdiff_t *len)
{
    if (object == NULL || !PyString_Check(object)) {
        *len = 0;
        return NULL;
    }
    *len = PyString_GET_SIZE(object);
    return (const unsigned char *)PyString_AS_STRING(object);
}

int
vm_is_interned(const struct _object *object)
{
    return PyString_CheckExact(object) && PyString_CHECK_INTERNED(object);
}

const uint32_t *
vm_unicode(const struct _object *object, ptrdiff_t *len)
{
#if Py_UNICODE_SIZE != 4
#error "vm_unicode hands out code points of 32 bits"
#endif
    *len = PyUnicode_GET_SIZE(object);
    return (const uint32_t *)PyUnicode_AS_UNICODE(object);
}

ptrdiff_t
vm_len(const struct _object *object)
{
    if (object == NULL)
        return -1;
    if (PyTuple_Check(object))
        return PyTuple_GET_SIZE(object);
    switch (vm_kind(object)) {
    case VM_LIST: return PyList_GET_SIZE(object);
    case VM_DICT: return ((const PyDictObject *)object)->ma_used;
    case VM_SET: case VM_FROZENSET: return ((const PySetObject *)object)->used;
    default: return -1;
    }
}

const struct _object *
vm_item(const struct _object *object, ptrdiff_t index)
{
    if (index < 0 || index >= vm_len(object))
        return NULL;
    return PyTuple_Check(object) ? PyTuple_GET_ITEM(object, index) : PyList_GET_ITEM(object, index);
}

int
vm_next(const struct _object *object, ptrdiff_t *position, const struct _object **key, const struct _object **value)
{
    PyObject *borrowed_key = NULL, *borrowed_value = NULL;
    long hash;
    int more;

    if (vm_kind(object) == VM_DICT)
        more = PyDict_Next((PyObject *)object, position, &borrowed_key, &borrowed_value);
    else
        more = _PySet_NextEntry((PyObject *)object, position, &borrowed_key, &hash);
    *key = borrowed_key;
    *value = borrowed_value;
    return more;
}

const char *
vm_exception_name(const struct _object *type, ptrdiff_t *len)
{
    const char *name = "?";

    if (type != NULL && PyClass_Check(type) && PyString_Check(((const PyClassObject *)type)->cl_name)) {
        *len = PyString_GET_SIZE(((const PyClassObject *)type)->cl_name);
        return PyString_AS_STRING(((const PyClassObject *)type)->cl_name);
    }
    if (type != NULL && PyType_Check(type))
        name = behind_last_dot(((const PyTypeObject *)type)->tp_name);
    *len = strlen(name);
    return name;
}

const struct _object *
vm_exception_message(const struct _object *value)
{
    const PyObject *args;

    if (value == NULL || value == Py_None)
        return NULL;
    if (!PyExceptionInstance_Check(value) || !PyType_IsSubtype(Py_TYPE(value), (PyTypeObject *)PyExc_BaseException))
        return value;
    args = ((const PyBaseExceptionObject *)value)->args;
    if (args == NULL || Py_TYPE(args) != &PyTuple_Type || PyTuple_GET_SIZE(args) == 0)
        return NULL;
    return PyTuple_GET_SIZE(args) == 1 ? PyTuple_GET_ITEM(args, 0) : args;
}
