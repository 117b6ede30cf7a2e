/* Separates what the interpreter does to itself at shutdown from what the program causes there; see vm.h. */
#include "Python.h"
#include "code.h"
#include "frameobject.h"
#include "bctrace_shutdown.h"
#include "vm.h"

_Static_assert(sizeof(PyGC_Head) == sizeof(union _gc_head_old), "the mark lies in what pads the head");

/* The caller's function that receives code objects, and its context. */
struct receiver {
    void (*code)(void *context, const struct _object *code);
    void *context;
};

static PyObject *
attribute(PyObject *object, const char *name)
{
    PyObject *interned = PyString_InternFromString(name), *found;

    if (interned == NULL)
        return NULL;
    found = PyInstance_Check(object) ? _PyInstance_Lookup(object, interned) : _PyType_Lookup(Py_TYPE(object), interned);
    Py_DECREF(interned);
    return found;
}

/* The code that a call of this runs first; NULL if that is none. */
static PyObject *
code_of(PyObject *callable)
{
    if (callable != NULL && !PyFunction_Check(callable) && !PyMethod_Check(callable))
        callable = attribute(callable, "__call__");
    if (callable != NULL && PyMethod_Check(callable))
        callable = PyMethod_GET_FUNCTION(callable);
    return callable != NULL && PyFunction_Check(callable) ? PyFunction_GET_CODE(callable) : NULL;
}

/* The code that the death of this object runs; NULL if that is none. */
static PyObject *
code_of_death(PyObject *object)
{
    if (PyWeakref_Check(object))
        return code_of(((PyWeakReference *)object)->wr_callback);
    if (PyInstance_Check(object) || (PyType_HasFeature(Py_TYPE(object), Py_TPFLAGS_HEAPTYPE) && Py_TYPE(object)->tp_del))
        return code_of(attribute(object, "__del__"));
    return NULL;
}

/* Passes on a code object and those among its constants. */
static void
pass_on(const struct receiver *receiver, PyObject *code)
{
    PyObject *constants = ((PyCodeObject *)code)->co_consts;
    Py_ssize_t at;

    receiver->code(receiver->context, code);
    for (at = 0; at < PyTuple_GET_SIZE(constants); at++)
        if (PyCode_Check(PyTuple_GET_ITEM(constants, at)))
            pass_on(receiver, PyTuple_GET_ITEM(constants, at));
}

static void
mark(PyObject *object, void *receiver)
{
    PyObject *code = code_of_death(object);

    _Py_AS_GC(object)->gc.gc_own = code == NULL ? BCTRACE_WAS_THERE : code;
    if (PyFunction_Check(object))
        pass_on(receiver, PyFunction_GET_CODE(object));
    if (PyGen_CheckExact(object) && ((PyGenObject *)object)->gi_frame != NULL)
        ((PyGenObject *)object)->gi_frame->f_number = BCTRACE_OLD_FRAME;
}

void
vm_mark_own(void (*code)(void *context, const struct _object *code), void *context)
{
    struct receiver receiver = {code, context};

    bctrace_each_tracked(mark, &receiver);
}

/* What an argument of a frame that is entered says about the cause. */
static enum vm_cause
cause_by(const PyObject *argument, const PyCodeObject *code)
{
    const void *own;

    if (argument == NULL || !PyObject_IS_GC((PyObject *)argument))
        return VM_CAUSE_UNKNOWN;
    own = _Py_AS_GC(argument)->gc.gc_own;
    return own == code ? VM_CAUSE_OWN
        : own == NULL && PyWeakref_Check(argument) ? VM_CAUSE_PROGRAM
        : VM_CAUSE_UNKNOWN;
}

enum vm_cause
vm_cause(const struct _frame *frame)
{
    const PyCodeObject *code = frame->f_code;
    const PyObject *rest;
    enum vm_cause cause = frame->f_number == BCTRACE_OLD_FRAME ? VM_CAUSE_OWN : VM_CAUSE_UNKNOWN;
    Py_ssize_t at;

    for (at = 0; at < code->co_argcount && cause == VM_CAUSE_UNKNOWN; at++)
        cause = cause_by(frame->f_localsplus[at], code);
    rest = code->co_flags & CO_VARARGS ? frame->f_localsplus[code->co_argcount] : NULL;
    if (rest == NULL || !PyTuple_CheckExact(rest))
        return cause;
    for (at = 0; at < PyTuple_GET_SIZE(rest) && cause == VM_CAUSE_UNKNOWN; at++)
        cause = cause_by(PyTuple_GET_ITEM(rest, at), code);
    return cause;
}
