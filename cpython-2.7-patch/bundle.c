/* The importer of a bundle (vm.h, vm_bundle): modules that lie in memory, and native ones that were unpacked.  It stands on sys.meta_path
 * where PyInstaller's own FrozenImporter does, has that one's name and methods, and runs no bytecode. */
#include "Python.h"
#include "marshal.h"
#include "bctrace_origin.h"
#include "bundle.h"

static struct vm_bundle bundle;

static const struct vm_module *
find(const char *name)
{
    size_t low = 0, high = bundle.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(bundle.modules[middle].name, name);
        if (order == 0)
            return &bundle.modules[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* The module of this name, with an ImportError where there is none. */
static const struct vm_module *
known(const char *name)
{
    const struct vm_module *module = find(name);

    if (module == NULL)
        PyErr_Format(PyExc_ImportError, "No module named %.200s", name);
    return module;
}

/* What is compiled into the interpreter comes first, as under the bootloader. */
static int
is_builtin(const char *name)
{
    const struct _inittab *row;

    for (row = PyImport_Inittab; row->name != NULL; row++)
        if (strcmp(row->name, name) == 0)
            return 1;
    return 0;
}

static PyObject *
code_of(const struct vm_module *module)
{
    BCTRACE_MAKES(BCTRACE_BY_IMPORT, module->file);

    return PyMarshal_ReadObjectFromString((char *)module->code, module->len);
}

/* -- Stand-ins for modules that only the frozen program's own executable has ---------------------------------------------- */

static PyTypeObject importer_type;

static PyObject *
do_nothing(PyObject *self, PyObject *arguments)
{
    Py_RETURN_NONE;
}

static PyObject *
is_verbose(PyObject *self, PyObject *arguments)
{
    return PyInt_FromLong(0);
}

static PyObject *
refuse_to_import(PyObject *self, PyObject *arguments)
{
    PyErr_SetString(PyExc_ImportError, "a library for Windows cannot be loaded");
    return NULL;
}

/* pyimod03_importers of PyInstaller, pyi_importers before its version 3, and _memimporter of py2exe. */
static PyMethodDef stand_in_functions[] = {
    {"install", do_nothing, METH_VARARGS, NULL},
    {"get_verbose_flag", is_verbose, METH_VARARGS, NULL},
    {"import_module", refuse_to_import, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyObject *
load_stand_in(const char *name)
{
    PyObject *module = Py_InitModule(name, stand_in_functions);

    if (module == NULL || PyModule_AddStringConstant(module, "__file__", "<bctrace>") < 0)
        return NULL;
    Py_INCREF(&importer_type);
    if (PyModule_AddObject(module, "FrozenImporter", (PyObject *)&importer_type) < 0)
        return NULL;
    Py_INCREF(module);
    return module;
}

/* -- Loading -------------------------------------------------------------------------------------------------------------- */

/* Sets what a module has before its code runs. */
static int
prepare(PyObject *self, const struct vm_module *module)
{
    PyObject *made = PyImport_AddModule((char *)module->name), *path;
    int status;

    if (made == NULL || PyObject_SetAttrString(made, "__loader__", self) < 0)
        return -1;
    if (module->folder == NULL)
        return 0;
    path = Py_BuildValue("[s]", module->folder);
    if (path == NULL)
        return -1;
    status = PyObject_SetAttrString(made, "__path__", path);
    Py_DECREF(path);
    return status;
}

static PyObject *
load_code(PyObject *self, const struct vm_module *module)
{
    PyObject *code, *loaded = NULL;

    if (prepare(self, module) < 0)
        return NULL;
    code = code_of(module);
    if (code != NULL)
        loaded = PyImport_ExecCodeModuleEx((char *)module->name, code, (char *)module->file);
    Py_XDECREF(code);
    return loaded;
}

static PyObject *
importer_find_module(PyObject *self, PyObject *arguments)
{
    PyObject *path = NULL;
    char *name;

    if (!PyArg_ParseTuple(arguments, "s|O:find_module", &name, &path))
        return NULL;
    if (is_builtin(name) || find(name) == NULL)
        Py_RETURN_NONE;
    Py_INCREF(self);
    return self;
}

static PyObject *
importer_load_module(PyObject *self, PyObject *arguments)
{
    const struct vm_module *module;
    PyObject *loaded, *path = NULL;
    char *name;

    if (!PyArg_ParseTuple(arguments, "s|O:load_module", &name, &path))
        return NULL;
    module = known(name);
    if (module == NULL)
        return NULL;
    loaded = PyDict_GetItemString(PyImport_GetModuleDict(), name);
    if (loaded != NULL) {
        Py_INCREF(loaded);
        return loaded;
    }
    if (module->code != NULL)
        return load_code(self, module);
    return module->file != NULL ? bctrace_load_native(&bundle, module) : load_stand_in(name);
}

static PyObject *
importer_is_package(PyObject *self, PyObject *argument)
{
    const char *name = PyString_AsString(argument);
    const struct vm_module *module = name == NULL ? NULL : known(name);

    return module == NULL ? NULL : PyBool_FromLong(module->folder != NULL);
}

static PyObject *
importer_get_code(PyObject *self, PyObject *argument)
{
    const char *name = PyString_AsString(argument);
    const struct vm_module *module = name == NULL ? NULL : known(name);

    if (module == NULL)
        return NULL;
    if (module->code != NULL)
        return code_of(module);
    Py_RETURN_NONE;
}

static PyObject *
importer_get_source(PyObject *self, PyObject *argument)
{
    const char *name = PyString_AsString(argument);

    if (name == NULL || known(name) == NULL)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *
importer_get_filename(PyObject *self, PyObject *argument)
{
    const char *name = PyString_AsString(argument);
    const struct vm_module *module = name == NULL ? NULL : known(name);

    return module == NULL ? NULL : PyString_FromString(module->file != NULL ? module->file : "<bctrace>");
}

static PyObject *
importer_get_data(PyObject *self, PyObject *argument)
{
    PyObject *file, *data;
    char *path = PyString_AsString(argument);

    if (path == NULL)
        return NULL;
    file = PyFile_FromString(path, "rb");
    if (file == NULL)
        return NULL;
    data = PyObject_CallMethod(file, "read", NULL);
    Py_DECREF(file);
    return data;
}

static PyMethodDef importer_methods[] = {
    {"find_module", importer_find_module, METH_VARARGS, NULL},
    {"load_module", importer_load_module, METH_VARARGS, NULL},
    {"is_package", importer_is_package, METH_O, NULL},
    {"get_code", importer_get_code, METH_O, NULL},
    {"get_source", importer_get_source, METH_O, NULL},
    {"get_filename", importer_get_filename, METH_O, NULL},
    {"get_data", importer_get_data, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyTypeObject importer_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "pyimod03_importers.FrozenImporter",
    .tp_basicsize = sizeof(PyObject),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_methods = importer_methods,
};

/* -- What the program finds in sys ---------------------------------------------------------------------------------------- */

static void
set(const char *name, PyObject *value)
{
    if (value == NULL || PySys_SetObject((char *)name, value) < 0)
        Py_FatalError("no memory for sys");
    Py_DECREF(value);
}

static void
set_first_of_path(const char *entry)
{
    PyObject *path = PySys_GetObject("path"), *first = PyString_FromString(entry);
    int status = -1;

    if (path != NULL && PyList_Check(path) && first != NULL) {
        Py_INCREF(first);
        status = PyList_GET_SIZE(path) > 0 ? PyList_SetItem(path, 0, first) : PyList_Append(path, first);
    }
    Py_XDECREF(first);
    if (status < 0)
        Py_FatalError("no memory for sys.path");
}

static void
put_on_meta_path(void)
{
    PyObject *finders = PySys_GetObject("meta_path"), *importer = NULL;

    if (PyType_Ready(&importer_type) == 0)
        importer = PyObject_New(PyObject, &importer_type);
    if (importer == NULL || finders == NULL || PyList_Append(finders, importer) < 0)
        Py_FatalError("no memory for sys.meta_path");
    Py_DECREF(importer);
}

void
vm_bundle(const struct vm_bundle *from)
{
    bundle = *from;
    if (bundle.frozen != NULL)
        bctrace_replace_natives(&bundle);
    if (bundle.unpacked != NULL)
        set("_MEIPASS", PyString_FromString(bundle.unpacked));
    if (bundle.frozen != NULL)
        set("frozen", *bundle.frozen == '\0' ? PyBool_FromLong(1) : PyString_FromString(bundle.frozen));
    if (bundle.executable != NULL)
        set("executable", PyString_FromString(bundle.executable));
    if (bundle.first != NULL)
        set_first_of_path(bundle.first);
    if (bundle.count > 0)
        put_on_meta_path();
}
