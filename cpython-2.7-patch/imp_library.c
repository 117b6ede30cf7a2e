/* imp.find_module and imp.load_module with the embedded library in view.  Both are older than importers and look at files alone
 * (import.c, call_find_module), and programs use them on modules of the standard library.  The two functions stay the objects
 * they are; only what their method entries call is ours. */
#include "Python.h"
#include "osdefs.h"
#include "importer.h"

/* import.c and importdl.h */
extern void initimp(void);
enum { PY_SOURCE = 1, PKG_DIRECTORY = 5 };

static PyCFunction find_on_disk, load_from_disk;

/* imp.find_module looks here before it looks at sys.path. */
static int
is_built_in(const char *name)
{
    const struct _inittab *builtin;
    const struct _frozen *frozen;

    for (builtin = PyImport_Inittab; builtin->name != NULL; builtin++)
        if (strcmp(builtin->name, name) == 0)
            return 1;
    for (frozen = PyImport_FrozenModules; frozen->name != NULL; frozen++)
        if (strcmp(frozen->name, name) == 0)
            return 1;
    return 0;
}

/* Finds name in one entry of the search path, where that is a folder of the library. */
static int
find_in_entry(PyObject *entry, const char *name, struct bctrace_module *module)
{
    char folder[MAXPATHLEN];
    const char *relative;
    size_t len;

    if (!PyString_Check(entry) || (relative = bctrace_library_inside(PyString_AS_STRING(entry))) == NULL)
        return 0;
    len = strlen(relative);
    if (len + 1 >= sizeof folder)
        return 0;
    strcpy(folder, relative);
    if (len > 0 && folder[len - 1] != '/')
        folder[len++] = '/';
    return bctrace_find_in(folder, len, name, module);
}

/* What imp.find_module returns for a module of the library: (file object or None, path, description). */
static PyObject *
description(struct bctrace_module module)
{
    char path[MAXPATHLEN];
    PyObject *stream;
    FILE *opened;

    PyOS_snprintf(path, sizeof path, "%s/%.*s", BCTRACE_LIBRARY, (int)module.file.path_len, module.file.path);
    if (module.is_package) {
        *strrchr(path, '/') = '\0';
        return Py_BuildValue("Os(ssi)", Py_None, path, "", "", PKG_DIRECTORY);
    }
    opened = bctrace_library_open_fd(path);
    if (opened == NULL)
        return PyErr_SetFromErrnoWithFilename(PyExc_IOError, path);
    stream = PyFile_FromFile(opened, path, "U", fclose);
    return stream == NULL ? NULL : Py_BuildValue("Ns(ssi)", stream, path, ".py", "U", PY_SOURCE);
}

/* imp.find_module(name) over the given part of the search path, on disk alone.  Returns NULL without an exception where nothing
 * is found there. */
static PyObject *
search_disk(PyObject *self, const char *name, PyObject *path, Py_ssize_t end)
{
    PyObject *part = PyList_GetSlice(path, 0, end), *args, *found;

    if (part == NULL)
        return NULL;
    args = Py_BuildValue("(sN)", name, part);
    if (args == NULL)
        return NULL;
    found = find_on_disk(self, args);
    Py_DECREF(args);
    if (found == NULL && PyErr_ExceptionMatches(PyExc_ImportError))
        PyErr_Clear();
    return found;
}

static PyObject *
find_module(PyObject *self, PyObject *args)
{
    char *name;
    PyObject *path = Py_None, *found;
    struct bctrace_module module;
    Py_ssize_t i;

    if (!PyArg_ParseTuple(args, "s|O:find_module", &name, &path))
        return NULL;
    if (path == Py_None) {
        if (is_built_in(name))
            return find_on_disk(self, args);
        path = PySys_GetObject("path");
    }
    if (path == NULL || !PyList_Check(path))
        return find_on_disk(self, args);
    for (i = 0; i < PyList_GET_SIZE(path); i++)
        if (find_in_entry(PyList_GET_ITEM(path, i), name, &module)) {
            /* What stands before it on the path shadows it. */
            found = i == 0 ? NULL : search_disk(self, name, path, i);
            return found != NULL || PyErr_Occurred() ? found : description(module);
        }
    return find_on_disk(self, args);
}

/* Finds what imp.load_module is asked for, where that is in the library. */
static int
find_described(const char *path, int type, struct bctrace_module *module)
{
    const char *relative = bctrace_library_inside(path);

    if (relative == NULL || (type != PKG_DIRECTORY && type != PY_SOURCE))
        return 0;
    if (type == PKG_DIRECTORY)
        return bctrace_find_in("", 0, relative, module) && module->is_package;
    module->is_package = 0;
    return bctrace_library_find(relative, strlen(relative), &module->file) && module->file.code.size != 0;
}

static PyObject *
load_module(PyObject *self, PyObject *args)
{
    char *name, *path, *suffix, *mode;
    PyObject *stream;
    int type;
    struct bctrace_module module;

    if (!PyArg_ParseTuple(args, "sOs(ssi):load_module", &name, &stream, &path, &suffix, &mode, &type))
        return NULL;
    return find_described(path, type, &module) ? bctrace_load(name, module) : load_from_disk(self, args);
}

static PyCFunction
replace(PyObject *module, const char *name, PyCFunction ours)
{
    PyObject *function = PyDict_GetItemString(PyModule_GetDict(module), name);
    PyMethodDef *method;
    PyCFunction theirs;

    if (function == NULL || !PyCFunction_Check(function))
        Py_FatalError("imp has no find_module or load_module");
    method = ((PyCFunctionObject *)function)->m_ml;
    theirs = method->ml_meth;
    method->ml_meth = ours;
    return theirs;
}

void
bctrace_initimp(void)
{
    PyObject *module;

    initimp();
    module = PyDict_GetItemString(PyImport_GetModuleDict(), "imp");
    /* import.c's method table is written to once in the life of the process. */
    if (module == NULL || find_on_disk != NULL)
        return;
    find_on_disk = replace(module, "find_module", find_module);
    load_from_disk = replace(module, "load_module", load_module);
}
