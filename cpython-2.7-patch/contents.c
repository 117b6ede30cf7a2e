/* Reports contents whole: see bctrace_contents.h.  Nothing here runs Python, sets an error, or moves the place at which a file is read. */
#include "Python.h"
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bctrace_contents.h"
#include "bctrace_origin.h"
#include "vm_reading.h"

int bctrace_follows_calls;

static size_t least_blob;

/* Bytes of a file that are read for its text. */
#define LONGEST_FILE (64 << 20)

void
bctrace_report_text(const char *text, size_t length)
{
    const struct _frame *frame = bctrace_running_frame();
    struct bctrace_maker *maker = bctrace_innermost_maker();

    maker->making = bctrace_hooks.text((const unsigned char *)text, length, maker->how, frame);
}

void
bctrace_report_text_of_file(FILE *file)
{
    int saved = errno, descriptor = file == NULL ? -1 : fileno(file);
    struct stat status;
    long begin = -1;
    ssize_t length = -1;
    char *text = NULL;

    if (descriptor >= 0 && fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode))
        begin = ftell(file);
    if (begin >= 0 && status.st_size > begin) {
        size_t rest = status.st_size - begin;

        if (rest > LONGEST_FILE)
            rest = LONGEST_FILE;
        text = malloc(rest);
        if (text != NULL)
            length = pread(descriptor, text, rest, begin);
    }
    if (length > 0)
        bctrace_report_text(text, length);
    free(text);
    errno = saved;
}

void
bctrace_report_new(const struct _object *result)
{
    /* The hook walks what is returned only if code objects were made for it. */
    if (result != NULL && bctrace_innermost_maker()->has_made)
        bctrace_hooks.created(result);
}

/* -- Calls -------------------------------------------------------------------------------------------------------------- */

void
vm_follow_calls(size_t least)
{
    least_blob = least;
    bctrace_follows_calls = least != 0;
    PyThreadState_GET()->use_tracing |= bctrace_follows_calls;
}

/* What every ctypes object begins with (Modules/_ctypes/ctypes.h). */
struct data {
    PyObject_HEAD
    char *pointer;
    int needs_free;
    struct data *base;
    Py_ssize_t size;
};

extern PyTypeObject PyCData_Type, PyCFuncPtr_Type;

static void
report(const struct bctrace_called *called, const PyObject *object, int role)
{
    const unsigned char *bytes;
    size_t length, unit = 1;

    if (object == NULL)
        return;
    if (PyString_Check(object)) {
        bytes = (const unsigned char *)PyString_AS_STRING(object);
        length = PyString_GET_SIZE(object);
    } else if (PyUnicode_Check(object)) {
        bytes = (const unsigned char *)PyUnicode_AS_UNICODE(object);
        length = PyUnicode_GET_SIZE(object);
        unit = sizeof(Py_UNICODE);
    } else if (PyByteArray_Check(object)) {
        bytes = (const unsigned char *)PyByteArray_AS_STRING(object);
        length = PyByteArray_GET_SIZE(object);
    } else if (PyObject_TypeCheck(object, &PyCData_Type)) {
        bytes = (const unsigned char *)((const struct data *)object)->pointer;
        length = bytes == NULL ? 0 : ((const struct data *)object)->size;
    } else
        return;
    if (length >= least_blob)
        bctrace_hooks.blob(called, role, bytes, length, unit);
}

/* Whether a function is not in this program's own image. */
static int
is_foreign(PyCFunction function)
{
    extern const char __executable_start, etext;

    return (const char *)function < &__executable_start || (const char *)function >= &etext;
}

void
bctrace_report_called(const PyObject *function, const PyObject *arguments, const PyObject *argument, const PyObject *result)
{
    struct bctrace_called called = {"", "ctypes", 1};
    struct vm_text name = {NULL, 0};
    Py_ssize_t number;

    if (PyCFunction_Check(function)) {
        const PyCFunctionObject *builtin = (const PyCFunctionObject *)function;

        called.name = builtin->m_ml->ml_name;
        called.is_foreign = is_foreign(builtin->m_ml->ml_meth);
        if (builtin->m_module != NULL && PyString_Check(builtin->m_module))
            called.owner = PyString_AS_STRING(builtin->m_module);
        else
            called.owner = builtin->m_self == NULL ? "" : Py_TYPE(builtin->m_self)->tp_name;
        report(&called, builtin->m_self, BCTRACE_RECEIVER);
    } else if (PyObject_TypeCheck((PyObject *)function, &PyCFuncPtr_Type)) {
        vm_say_foreign(&name, function);
        /* It is of a string, which ends in a NUL. */
        if (name.len != 0)
            called.name = (const char *)name.bytes;
    }
    if (argument != NULL)
        report(&called, argument, BCTRACE_ARGUMENT);
    if (arguments != NULL && PyTuple_Check(arguments))
        for (number = 0; number < PyTuple_GET_SIZE(arguments); number++)
            report(&called, PyTuple_GET_ITEM(arguments, number), BCTRACE_ARGUMENT);
    report(&called, result, BCTRACE_RESULT);
}
