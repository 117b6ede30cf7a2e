/* The files of the embedded library as Python objects: their names, texts and code.  Knows nothing of importing. */
#include "Python.h"
#include "osdefs.h"
#include "marshal.h"
#include "bctrace_origin.h"
#include "importer.h"

int
bctrace_find_in(const char *folder, size_t folder_len, const char *name, struct bctrace_module *module)
{
    char path[MAXPATHLEN];
    size_t len = folder_len + strlen(name);

    if (len + BCTRACE_INIT_PY_LEN >= sizeof path)
        return 0;
    memcpy(path, folder, folder_len);
    strcpy(path + folder_len, name);
    strcpy(path + len, BCTRACE_INIT_PY);
    module->is_package = bctrace_library_find(path, len + BCTRACE_INIT_PY_LEN, &module->file);
    if (module->is_package)
        return 1;
    strcpy(path + len, ".py");
    return bctrace_library_find(path, len + 3, &module->file);
}

PyObject *
bctrace_path_object(struct bctrace_file file, size_t len, const char *suffix)
{
    char path[MAXPATHLEN];

    /* PyString_FromFormat does not know %.*s. */
    PyOS_snprintf(path, sizeof path, "%s%s%.*s%s", BCTRACE_LIBRARY, len ? "/" : "", (int)len, file.path, suffix);
    return PyString_FromString(path);
}

PyObject *
bctrace_filename(struct bctrace_file file, const char *suffix)
{
    return bctrace_path_object(file, file.path_len, suffix);
}

static PyObject *
damaged(struct bctrace_file file)
{
    PyObject *filename = bctrace_filename(file, "");

    if (filename != NULL)
        PyErr_Format(PyExc_ImportError, "cannot unpack %.200s: the interpreter's own file is damaged", PyString_AS_STRING(filename));
    Py_XDECREF(filename);
    return NULL;
}

PyObject *
bctrace_text(struct bctrace_file file)
{
    PyObject *text = PyString_FromStringAndSize(NULL, file.text.size);

    if (text != NULL && bctrace_library_read(file.text, PyString_AS_STRING(text)) < 0) {
        Py_DECREF(text);
        return damaged(file);
    }
    return text;
}

/* Under -O the text is compiled anew, since the embedded code holds asserts and docstrings: a .pyo would not. */
static PyObject *
compiled(struct bctrace_file file)
{
    PyObject *text = bctrace_text(file), *filename = bctrace_filename(file, ""), *code = NULL;

    if (text != NULL && filename != NULL)
        code = Py_CompileString(PyString_AS_STRING(text), PyString_AS_STRING(filename), Py_file_input);
    Py_XDECREF(text);
    Py_XDECREF(filename);
    return code;
}

PyObject *
bctrace_code(struct bctrace_file file)
{
    BCTRACE_MAKES(BCTRACE_BY_IMPORT, NULL);
    const char *stored = bctrace_library_stored(file.code);
    PyObject *code;
    char *bytes = NULL;

    if (Py_OptimizeFlag)
        return compiled(file);
    if (stored == NULL) {
        bytes = PyMem_Malloc(file.code.size);
        if (bytes == NULL)
            return PyErr_NoMemory();
        if (bctrace_library_read(file.code, bytes) < 0) {
            PyMem_Free(bytes);
            return damaged(file);
        }
        stored = bytes;
    }
    code = PyMarshal_ReadObjectFromString((char *)stored, file.code.size);
    PyMem_Free(bytes);
    if (code != NULL && !PyCode_Check(code)) {
        Py_DECREF(code);
        return damaged(file);
    }
    return code;
}
