/* The C side of bctrace_remap.h: makes code objects of translated bytes, and shows the program the original ones. */
#include "Python.h"
#include "code.h"
#include "frameobject.h"
#include "bctrace_remap.h"

struct bctrace_remap bctrace_remap;

static struct bctrace_bytes
bytes_of(PyObject *string)
{
    struct bctrace_bytes bytes = {NULL, 0};

    if (string != NULL && PyString_Check(string)) {
        bytes.bytes = (const unsigned char *)PyString_AS_STRING(string);
        bytes.len = PyString_GET_SIZE(string);
    }
    return bytes;
}

static size_t
count_of(PyObject *tuple)
{
    return tuple != NULL && PyTuple_Check(tuple) ? PyTuple_GET_SIZE(tuple) : 0;
}

static PyObject *
string_of(struct bctrace_bytes bytes)
{
    return PyString_FromStringAndSize((const char *)bytes.bytes, bytes.len);
}

/* Translates the bytes and the line table of what is about to be made; 0: they stay as they are, -1: an error is set. */
static int
translate(const struct bctrace_code_parts *parts, int by_program, PyObject **code, PyObject **lnotab)
{
    PyThreadState *thread = _PyThreadState_Current;
    const PyCodeObject *caller = thread != NULL && thread->frame != NULL ? thread->frame->f_code : NULL;
    struct bctrace_bytes new_code, new_lnotab;

    if (!bctrace_remap.translate(parts, (const struct _object *)caller, by_program, &new_code, &new_lnotab))
        return 0;
    *code = string_of(new_code);
    *lnotab = string_of(new_lnotab);
    if (*code != NULL && *lnotab != NULL)
        return 1;
    Py_CLEAR(*code);
    Py_CLEAR(*lnotab);
    return -1;
}

static PyCodeObject *
make(int by_program, int argcount, int nlocals, int stacksize, int flags, PyObject *code, PyObject *consts, PyObject *names,
     PyObject *varnames, PyObject *freevars, PyObject *cellvars, PyObject *filename, PyObject *name, int firstlineno, PyObject *lnotab)
{
    struct bctrace_code_parts parts;
    PyObject *new_code = NULL, *new_lnotab = NULL;
    PyCodeObject *made;
    int translated;

    parts.code = bytes_of(code);
    parts.lnotab = bytes_of(lnotab);
    parts.filename = bytes_of(filename);
    parts.constants = count_of(consts);
    parts.names = count_of(names);
    parts.locals = nlocals < 0 ? 0 : nlocals;
    parts.cells = count_of(cellvars) + count_of(freevars);
    translated = translate(&parts, by_program, &new_code, &new_lnotab);
    if (translated < 0)
        return NULL;
    made = PyCode_New(argcount, nlocals, stacksize, flags, translated ? new_code : code, consts, names, varnames, freevars, cellvars,
                      filename, name, firstlineno, translated ? new_lnotab : lnotab);
    if (translated && made != NULL)
        bctrace_remap.made((const struct _object *)made);
    Py_XDECREF(new_code);
    Py_XDECREF(new_lnotab);
    return made;
}

PyCodeObject *
bctrace_code_loaded(int argcount, int nlocals, int stacksize, int flags, PyObject *code, PyObject *consts, PyObject *names,
                    PyObject *varnames, PyObject *freevars, PyObject *cellvars, PyObject *filename, PyObject *name, int firstlineno,
                    PyObject *lnotab)
{
    if (bctrace_remap.translate != NULL)
        return make(0, argcount, nlocals, stacksize, flags, code, consts, names, varnames, freevars, cellvars, filename, name,
                    firstlineno, lnotab);
    return PyCode_New(argcount, nlocals, stacksize, flags, code, consts, names, varnames, freevars, cellvars, filename, name,
                      firstlineno, lnotab);
}

PyCodeObject *
bctrace_code_constructed(int argcount, int nlocals, int stacksize, int flags, PyObject *code, PyObject *consts, PyObject *names,
                         PyObject *varnames, PyObject *freevars, PyObject *cellvars, PyObject *filename, PyObject *name,
                         int firstlineno, PyObject *lnotab)
{
    if (bctrace_remap.translate != NULL)
        return make(1, argcount, nlocals, stacksize, flags, code, consts, names, varnames, freevars, cellvars, filename, name,
                    firstlineno, lnotab);
    return PyCode_New(argcount, nlocals, stacksize, flags, code, consts, names, varnames, freevars, cellvars, filename, name,
                      firstlineno, lnotab);
}

PyObject *
bctrace_shown_part(const void *code, PyObject *part, int which)
{
    struct bctrace_bytes bytes;

    if (bctrace_remap.original != NULL && bctrace_remap.original((const struct _object *)code, which, &bytes))
        return string_of(bytes);
    part = part == NULL ? Py_None : part;
    Py_INCREF(part);
    return part;
}
