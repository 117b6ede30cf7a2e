/* What the running bytecode does with a stand-in: see bctrace_stand_in.h.  It looks at code objects and calls nothing of the program's. */
#include "Python.h"
#include "frameobject.h"
#include "opcode.h"
#include "bctrace_stand_in.h"

/* Reads the instruction at an offset; returns the offset after it, or -1 at the end. */
static Py_ssize_t
read_instruction(PyCodeObject *code, Py_ssize_t offset, int *opcode, int *operand)
{
    const unsigned char *bytes = (const unsigned char *)PyString_AS_STRING(code->co_code);
    Py_ssize_t length = PyString_GET_SIZE(code->co_code);

    *operand = 0;
    if (offset < 0 || offset >= length)
        return -1;
    *opcode = bytes[offset];
    if (*opcode < HAVE_ARGUMENT)
        return offset + 1;
    if (length - offset < 3)
        return -1;
    *operand = bytes[offset + 1] | bytes[offset + 2] << 8;
    return offset + 3;
}

int
bctrace_running_opcode(int *operand)
{
    PyFrameObject *frame = PyEval_GetFrame();
    Py_ssize_t offset = frame == NULL ? -1 : frame->f_lasti;
    int opcode, prefix = 0;

    while (frame != NULL && (offset = read_instruction(frame->f_code, offset, &opcode, operand)) >= 0) {
        if (opcode != EXTENDED_ARG) {
            *operand |= prefix << 16;
            return opcode;
        }
        prefix = *operand;
    }
    return -1;
}

/* -- Answers --------------------------------------------------------------------------------------------------------------- */

enum { PLACES = 4096, PERIOD = 5 };
static struct { unsigned long long place; unsigned times; } places[PLACES];
static unsigned used;

static unsigned long long
mix(unsigned long long hash, const char *bytes, size_t length)
{
    for (; length > 0; length--)
        hash = (hash ^ (unsigned char)*bytes++) * 0x100000001b3ULL;
    return hash;
}

/* A number for the place by what the code is, not by where it lies: addresses differ from run to run. */
static unsigned long long
place_of(PyFrameObject *frame)
{
    PyCodeObject *code = frame->f_code;
    int numbers[2] = {code->co_firstlineno, frame->f_lasti};
    unsigned long long hash = 0xcbf29ce484222325ULL;

    hash = mix(hash, PyString_AS_STRING(code->co_name), PyString_GET_SIZE(code->co_name));
    hash = mix(hash, PyString_AS_STRING(code->co_filename), PyString_GET_SIZE(code->co_filename));
    return mix(hash, (const char *)numbers, sizeof numbers) | 1;
}

int
bctrace_is_other_answer(void)
{
    PyFrameObject *frame = PyEval_GetFrame();
    unsigned long long place;
    size_t slot;

    if (frame == NULL)
        return 0;
    place = place_of(frame);
    if (used >= PLACES / 2) {
        memset(places, 0, sizeof places);
        used = 0;
    }
    for (slot = (place >> 20) % PLACES; places[slot].place != 0 && places[slot].place != place;)
        slot = (slot + 1) % PLACES;
    if (places[slot].place == 0) {
        places[slot].place = place;
        used++;
    }
    return ++places[slot].times % PERIOD == 0;
}

/* -- from NAME import * ---------------------------------------------------------------------------------------------------- */

/* Adds the names that code loads as globals, with the code in it; -1 with an error. */
static int
add_names(PyCodeObject *code, PyObject *names, int depth)
{
    Py_ssize_t offset = 0, place;
    int opcode, operand;

    while ((offset = read_instruction(code, offset, &opcode, &operand)) >= 0)
        if ((opcode == LOAD_NAME || opcode == LOAD_GLOBAL) && operand < PyTuple_GET_SIZE(code->co_names)
            && PyDict_SetItem(names, PyTuple_GET_ITEM(code->co_names, operand), Py_None) < 0)
            return -1;
    for (place = 0; depth > 0 && place < PyTuple_GET_SIZE(code->co_consts); place++) {
        PyObject *constant = PyTuple_GET_ITEM(code->co_consts, place);
        if (PyCode_Check(constant) && add_names((PyCodeObject *)constant, names, depth - 1) < 0)
            return -1;
    }
    return 0;
}

/* Removes the names that code binds itself; -1 with an error. */
static int
remove_bound(PyCodeObject *code, PyObject *names)
{
    Py_ssize_t offset = 0;
    int opcode, operand;

    while ((offset = read_instruction(code, offset, &opcode, &operand)) >= 0) {
        PyObject *name;
        if ((opcode != STORE_NAME && opcode != STORE_GLOBAL) || operand >= PyTuple_GET_SIZE(code->co_names))
            continue;
        name = PyTuple_GET_ITEM(code->co_names, operand);
        if (PyDict_GetItem(names, name) != NULL && PyDict_DelItem(names, name) < 0)
            return -1;
    }
    return 0;
}

static void
remove_known(PyObject *names, PyObject *known)
{
    Py_ssize_t at = 0;
    PyObject *name, *value;

    if (known == NULL || !PyDict_Check(known))
        return;
    while (PyDict_Next(known, &at, &name, &value))
        if (PyString_CheckExact(name) && PyDict_GetItem(names, name) != NULL)
            PyDict_DelItem(names, name);
}

PyObject *
bctrace_wanted_names(void)
{
    PyFrameObject *frame = PyEval_GetFrame();
    PyObject *names = PyDict_New(), *list = NULL;

    if (names == NULL)
        return NULL;
    if (frame == NULL)
        list = PyList_New(0);
    else if (add_names(frame->f_code, names, 50) == 0 && remove_bound(frame->f_code, names) == 0) {
        remove_known(names, frame->f_globals);
        remove_known(names, frame->f_builtins);
        list = PyDict_Keys(names);
    }
    Py_DECREF(names);
    if (list != NULL && PyList_Sort(list) < 0)
        Py_CLEAR(list);
    return list;
}

/* -- Decorators ------------------------------------------------------------------------------------------------------------ */

/* The name under which the result of the running call is stored, behind further calls with one argument; NULL: it is not. */
static PyObject *
stored_as(PyFrameObject *frame)
{
    PyCodeObject *code = frame->f_code;
    Py_ssize_t offset = frame->f_lasti;
    int opcode, operand;

    do {
        offset = read_instruction(code, offset, &opcode, &operand);
        if (offset < 0 || read_instruction(code, offset, &opcode, &operand) < 0)
            return NULL;
    } while (opcode == CALL_FUNCTION && operand == 1);
    if (opcode == STORE_FAST && operand < PyTuple_GET_SIZE(code->co_varnames))
        return PyTuple_GET_ITEM(code->co_varnames, operand);
    if ((opcode == STORE_NAME || opcode == STORE_GLOBAL) && operand < PyTuple_GET_SIZE(code->co_names))
        return PyTuple_GET_ITEM(code->co_names, operand);
    if (opcode == STORE_DEREF && operand < PyTuple_GET_SIZE(code->co_cellvars))
        return PyTuple_GET_ITEM(code->co_cellvars, operand);
    return NULL;
}

int
bctrace_is_decorating(PyObject *decorated)
{
    PyFrameObject *frame = PyEval_GetFrame();
    PyObject *name = NULL, *stored;
    char *own = NULL;
    int operand;

    if (frame == NULL || bctrace_running_opcode(&operand) != CALL_FUNCTION || operand != 1)
        return 0;
    stored = stored_as(frame);
    if (PyFunction_Check(decorated))
        name = ((PyFunctionObject *)decorated)->func_name;
    else if (PyClass_Check(decorated))
        name = ((PyClassObject *)decorated)->cl_name;
    else if (PyType_Check(decorated) && ((PyTypeObject *)decorated)->tp_flags & Py_TPFLAGS_HEAPTYPE)
        name = ((PyHeapTypeObject *)decorated)->ht_name;
    if (name != NULL && PyString_Check(name))
        own = PyString_AS_STRING(name);
    return own != NULL && stored != NULL && strcmp(own, PyString_AS_STRING(stored)) == 0;
}
