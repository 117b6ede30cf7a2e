/* The importer of the embedded library: a type in C whose instances stand for one folder each, as zipimporter's stand for a zip
 * file.  It is called through sys.path_hooks, so that the order of sys.path decides what shadows what, as with files. */
#include "Python.h"
#include "importer.h"

typedef struct {
    PyObject_HEAD
    PyObject *path; /* as it stood on sys.path or in a package's __path__ */
    char *folder;   /* relative to the library, "" or ending in a slash; NULL: a folder that holds nothing */
} Importer;

static PyTypeObject Importer_Type;

static int
set_stolen(PyObject *dict, const char *name, PyObject *value)
{
    int err = value == NULL ? -1 : PyDict_SetItemString(dict, name, value);

    Py_XDECREF(value);
    return err;
}

/* A new instance for the folder that a module lies in. */
static PyObject *
loader_of(struct bctrace_module module)
{
    size_t len = module.file.path_len - (module.is_package ? BCTRACE_INIT_PY_LEN : 0);
    PyObject *importer, *path;

    while (len > 0 && module.file.path[len - 1] != '/')
        len--;
    path = bctrace_path_object(module.file, len ? len - 1 : 0, "");
    importer = path == NULL ? NULL : PyObject_CallFunctionObjArgs((PyObject *)&Importer_Type, path, NULL);
    Py_XDECREF(path);
    return importer;
}

/* Does what PEP 302 asks of load_module. */
static PyObject *
load(const char *name, struct bctrace_module module, PyObject *loader)
{
    PyObject *code = bctrace_code(module.file), *loaded = NULL, *dict;
    /* .pyc, as a plain interpreter's second run shows it. */
    PyObject *filename = bctrace_filename(module.file, Py_OptimizeFlag ? "o" : "c");

    if (code == NULL || filename == NULL || (loaded = PyImport_AddModule(name)) == NULL)
        goto done;
    dict = PyModule_GetDict(loaded); /* borrowed, as the module is */
    loaded = NULL;
    if (PyDict_SetItemString(dict, "__loader__", loader) < 0)
        goto done;
    if (module.is_package) {
        PyObject *folder = bctrace_path_object(module.file, module.file.path_len - BCTRACE_INIT_PY_LEN, "");
        if (folder == NULL || set_stolen(dict, "__path__", Py_BuildValue("[N]", folder)) < 0)
            goto done;
    }
    loaded = PyImport_ExecCodeModuleEx((char *)name, code, PyString_AS_STRING(filename));
    if (loaded != NULL && Py_VerboseFlag)
        PySys_WriteStderr("import %s # embedded %s\n", name, PyString_AS_STRING(filename));
  done:
    Py_XDECREF(code);
    Py_XDECREF(filename);
    return loaded;
}

PyObject *
bctrace_load(const char *name, struct bctrace_module module)
{
    PyObject *loader = loader_of(module), *loaded = NULL;

    if (loader != NULL)
        loaded = load(name, module, loader);
    Py_XDECREF(loader);
    return loaded;
}

static int
find(Importer *self, const char *fullname, struct bctrace_module *module)
{
    const char *dot = strrchr(fullname, '.');

    return self->folder != NULL &&
        bctrace_find_in(self->folder, strlen(self->folder), dot == NULL ? fullname : dot + 1, module);
}

/* find for the methods that need a module: parses their one argument, raises ImportError where there is none. */
static const char *
demand(Importer *self, PyObject *args, const char *format, struct bctrace_module *module)
{
    char *fullname;

    if (!PyArg_ParseTuple(args, format, &fullname))
        return NULL;
    if (find(self, fullname, module))
        return fullname;
    PyErr_Format(PyExc_ImportError, "Loader for %.200s cannot handle module %.200s",
                 self->path == NULL ? "???" : PyString_AS_STRING(self->path), fullname);
    return NULL;
}

static PyObject *
importer_find_module(Importer *self, PyObject *args)
{
    char *fullname;
    PyObject *path = NULL, *found;
    struct bctrace_module module;

    if (!PyArg_ParseTuple(args, "s|O:find_module", &fullname, &path))
        return NULL;
    found = find(self, fullname, &module) ? (PyObject *)self : Py_None;
    Py_INCREF(found);
    return found;
}

static PyObject *
importer_load_module(Importer *self, PyObject *args)
{
    struct bctrace_module module;
    const char *fullname = demand(self, args, "s:load_module", &module);

    return fullname == NULL ? NULL : load(fullname, module, (PyObject *)self);
}

static PyObject *
importer_get_code(Importer *self, PyObject *args)
{
    struct bctrace_module module;

    return demand(self, args, "s:get_code", &module) ? bctrace_code(module.file) : NULL;
}

static PyObject *
importer_get_source(Importer *self, PyObject *args)
{
    struct bctrace_module module;

    return demand(self, args, "s:get_source", &module) ? bctrace_text(module.file) : NULL;
}

static PyObject *
importer_get_filename(Importer *self, PyObject *args)
{
    struct bctrace_module module;

    return demand(self, args, "s:get_filename", &module) ? bctrace_filename(module.file, "") : NULL;
}

static PyObject *
importer_is_package(Importer *self, PyObject *args)
{
    struct bctrace_module module;

    return demand(self, args, "s:is_package", &module) ? PyBool_FromLong(module.is_package) : NULL;
}

static PyObject *
importer_get_data(Importer *self, PyObject *args)
{
    char *path;
    const char *relative;
    struct bctrace_file file;

    if (!PyArg_ParseTuple(args, "s:get_data", &path))
        return NULL;
    relative = bctrace_library_inside(path);
    if (relative != NULL && bctrace_library_find(relative, strlen(relative), &file))
        return bctrace_text(file);
    errno = ENOENT;
    return PyErr_SetFromErrnoWithFilename(PyExc_IOError, path);
}

/* Appends (prefix + name, is package) where the file is a module right in the folder; others are passed over. */
static int
append_module(PyObject *list, const char *prefix, struct bctrace_file file, size_t folder_len)
{
    const char *name = file.path + folder_len;
    size_t len = file.path_len - folder_len, tail = 3;
    int package = len > BCTRACE_INIT_PY_LEN && memcmp(name + len - BCTRACE_INIT_PY_LEN, BCTRACE_INIT_PY, BCTRACE_INIT_PY_LEN) == 0;
    int err = -1;
    PyObject *qualified, *item;

    if (len <= tail || file.code.size == 0)
        return 0;
    len -= package ? BCTRACE_INIT_PY_LEN : tail;
    if (memchr(name, '/', len) || memchr(name, '.', len) || (!package && len == 8 && memcmp(name, "__init__", 8) == 0))
        return 0;
    qualified = PyString_FromString(prefix);
    PyString_ConcatAndDel(&qualified, PyString_FromStringAndSize(name, len));
    item = qualified == NULL ? NULL : Py_BuildValue("NN", qualified, PyBool_FromLong(package));
    if (item != NULL)
        err = PyList_Append(list, item);
    Py_XDECREF(item);
    return err;
}

/* Not part of PEP 302: pkgutil.iter_importer_modules asks for it. */
static PyObject *
importer_iter_modules(Importer *self, PyObject *args)
{
    char *prefix = "";
    PyObject *list, *modules = NULL;
    size_t len;
    uint32_t place;

    if (!PyArg_ParseTuple(args, "|s:iter_modules", &prefix))
        return NULL;
    list = PyList_New(0);
    if (list == NULL)
        return NULL;
    len = self->folder == NULL ? 0 : strlen(self->folder);
    place = self->folder == NULL ? bctrace_library_count() : bctrace_library_seek(self->folder, len);
    for (; place < bctrace_library_count(); place++) {
        struct bctrace_file file = bctrace_library_at(place);
        if (file.path_len < len || memcmp(file.path, self->folder, len) != 0)
            break;
        if (append_module(list, prefix, file, len) < 0)
            goto done;
    }
    if (PyList_Sort(list) == 0)
        modules = PyObject_GetIter(list);
  done:
    Py_DECREF(list);
    return modules;
}

static PyMethodDef importer_methods[] = {
    {"find_module", (PyCFunction)importer_find_module, METH_VARARGS, NULL},
    {"load_module", (PyCFunction)importer_load_module, METH_VARARGS, NULL},
    {"get_code", (PyCFunction)importer_get_code, METH_VARARGS, NULL},
    {"get_source", (PyCFunction)importer_get_source, METH_VARARGS, NULL},
    {"get_filename", (PyCFunction)importer_get_filename, METH_VARARGS, NULL},
    {"is_package", (PyCFunction)importer_is_package, METH_VARARGS, NULL},
    {"get_data", (PyCFunction)importer_get_data, METH_VARARGS, NULL},
    {"iter_modules", (PyCFunction)importer_iter_modules, METH_VARARGS, NULL},
    {NULL, NULL}
};

/* A folder's path relative to the library, with a slash behind it, in memory of PyMem_Malloc. */
static char *
folder_of(const char *relative)
{
    size_t len = strlen(relative);
    char *folder = PyMem_Malloc(len + 2);

    if (folder == NULL)
        return (char *)PyErr_NoMemory();
    strcpy(folder, relative);
    if (len > 0 && folder[len - 1] != '/')
        strcpy(folder + len, "/");
    return folder;
}

/* Whether a path is to be looked for in the library alone: all below BCTRACE_PREFIX, so that lib-dynload and the like are never
 * looked for on a disk that may hold another Python's, but a module's own file, which is no folder. */
static int
is_claimed(const char *path)
{
    size_t len = sizeof(BCTRACE_PREFIX) - 1;
    const char *dot = strrchr(path, '.');

    if (bctrace_library_count() == 0 || strncmp(path, BCTRACE_PREFIX, len) != 0)
        return 0;
    return (path[len] == '/' || path[len] == '\0') && (dot == NULL || strncmp(dot, ".py", 3) != 0);
}

static int
importer_init(Importer *self, PyObject *args, PyObject *keywords)
{
    char *path, *folder = NULL;
    const char *relative;

    if (!_PyArg_NoKeywords("LibraryImporter()", keywords) || !PyArg_ParseTuple(args, "s:LibraryImporter", &path))
        return -1;
    if (!is_claimed(path)) {
        PyErr_Format(PyExc_ImportError, "not in the embedded library: '%.200s'", path);
        return -1;
    }
    relative = bctrace_library_inside(path);
    if (relative != NULL && (folder = folder_of(relative)) == NULL)
        return -1;
    PyMem_Free(self->folder);
    self->folder = folder;
    Py_XDECREF(self->path);
    self->path = PyString_FromString(path);
    return self->path == NULL ? -1 : 0;
}

static void
importer_dealloc(Importer *self)
{
    PyMem_Free(self->folder);
    Py_XDECREF(self->path);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyObject *
importer_repr(Importer *self)
{
    return PyString_FromFormat("<LibraryImporter object \"%s\">", self->path == NULL ? "???" : PyString_AS_STRING(self->path));
}

static PyTypeObject Importer_Type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "imp.LibraryImporter",
    .tp_basicsize = sizeof(Importer),
    .tp_dealloc = (destructor)importer_dealloc,
    .tp_repr = (reprfunc)importer_repr,
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_methods = importer_methods,
    .tp_init = (initproc)importer_init,
    .tp_new = PyType_GenericNew,
};

int
bctrace_add_path_hook(PyObject *path_hooks)
{
    if (bctrace_library_count() == 0)
        return 0;
    if (PyType_Ready(&Importer_Type) < 0)
        return -1;
    return PyList_Append(path_hooks, (PyObject *)&Importer_Type);
}
