/* The files of the embedded library for the parts of Python that handle objects: import and os.listdir. */
#include "Python.h"
#include "marshal.h"
#include "bctrace_origin.h"
#include "library.h"
#include "library_files.h"

FILE *
bctrace_with_descriptor(FILE *stream, const char *path, const char *mode)
{
    FILE *opened = fileno(stream) < 0 ? bctrace_fopen(path, mode[0] == 'U' ? "r" : mode) : NULL;

    if (opened == NULL)
        return stream;
    fclose(stream);
    return opened;
}

/* Returns the whole text of a stream, which it closes, as a new string. */
static PyObject *
text_of(FILE *stream)
{
    struct stat status;
    PyObject *text = NULL;

    if (bctrace_vm_fstat(stream, &status) == 0)
        text = PyString_FromStringAndSize(NULL, status.st_size);
    if (text != NULL && fread(PyString_AS_STRING(text), 1, status.st_size, stream) != (size_t)status.st_size)
        Py_CLEAR(text);
    fclose(stream);
    return text;
}

/* The bytes of the .pyo of a module, compiled now: under -O the embedded code, which holds asserts and docstrings, is of no use. */
static FILE *
compiled(const char *path, PyObject *text)
{
    BCTRACE_MAKES(BCTRACE_BY_IMPORT, path);
    PyObject *code = Py_CompileString(PyString_AS_STRING(text), path, Py_file_input);
    PyObject *marshalled = code == NULL ? NULL : PyMarshal_WriteObjectToString(code, Py_MARSHAL_VERSION);
    long magic = PyImport_GetMagicNumber();
    char *bytes = NULL;
    size_t size = 0;
    int i;

    if (marshalled != NULL) {
        size = 8 + PyString_GET_SIZE(marshalled);
        bytes = malloc(size);
    }
    if (bytes != NULL) {
        for (i = 0; i < 4; i++) {
            bytes[i] = (char)(magic >> 8 * i);
            bytes[4 + i] = (char)((long)BCTRACE_LIBRARY_TIME >> 8 * i);
        }
        memcpy(bytes + 8, PyString_AS_STRING(marshalled), size - 8);
    }
    Py_XDECREF(code);
    Py_XDECREF(marshalled);
    return bytes == NULL ? NULL : bctrace_stream_of(bytes, size);
}

/* The stream that was opened last, and the place in the index of the module whose bytes it has; -1: it has others; COMPILED: those of a
 * module that was compiled now. */
#define COMPILED UINT32_MAX
static struct { FILE *stream; int64_t module; } opened;

void
bctrace_tell_library(PyObject *code, FILE *stream)
{
    if (code != NULL && stream == opened.stream && opened.module >= 0 && bctrace_control.mode)
        bctrace_hooks.read_from_library(code, (uint32_t)opened.module);
    opened.stream = NULL;
}

FILE *
bctrace_open_compiled(const char *path)
{
    FILE *stream = bctrace_vm_fopen(path, "rb");
    size_t len = strlen(path);
    char source[256];
    PyObject *text;

    opened.stream = stream;
    opened.module = stream != NULL && fileno(stream) < 0 ? bctrace_module_at(path) : -1;
    if (stream != NULL || len < 4 || len > sizeof source || strcmp(path + len - 4, ".pyo") != 0)
        return stream;
    memcpy(source, path, len - 1);
    source[len - 1] = '\0';
    stream = bctrace_vm_fopen(source, "r");
    if (stream == NULL || fileno(stream) >= 0) {
        if (stream != NULL)
            fclose(stream);
        return NULL;
    }
    text = text_of(stream);
    stream = text == NULL ? NULL : compiled(source, text);
    opened.stream = stream;
    opened.module = COMPILED;
    Py_XDECREF(text);
    PyErr_Clear();
    return stream;
}

struct listing {
    PyObject *list;
    int as_unicode;
};

static int
append_name(void *context, const char *name, size_t len)
{
    struct listing *listing = context;
    PyObject *item = listing->as_unicode ? PyUnicode_DecodeASCII(name, len, NULL) : PyString_FromStringAndSize(name, len);
    int failed = item == NULL || PyList_Append(listing->list, item) != 0;

    Py_XDECREF(item);
    return failed;
}

PyObject *
bctrace_listdir(const char *path, int as_unicode)
{
    struct listing listing = {PyList_New(0), as_unicode};

    if (listing.list != NULL && bctrace_list_folder(path, append_name, &listing) != 0)
        Py_CLEAR(listing.list);
    return listing.list;
}
