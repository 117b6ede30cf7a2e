/* See bundle.h: loads native modules from the bundle's folder, as if LD_LIBRARY_PATH named that, which PyInstaller's bootloader sets. */
#include "Python.h"
#include <dlfcn.h>
#include <limits.h>
#include "bundle.h"
#include "library_tree.h"

/* Python/importdl.h, which is no public header. */
PyObject *_PyImport_LoadDynamicModule(char *name, char *pathname, FILE *stream);

/* -- Libraries that a module wants ---------------------------------------------------------------------------------------- */

/* Libraries that want one another at most. */
enum { DEEPEST = 32 };

/* Copies the name of the library that a message of the dynamic linker says to be missing; returns 0 if it says something else. */
static int
copy_missing(const char *message, char name[NAME_MAX + 1])
{
    const char *end = message == NULL ? NULL : strstr(message, ": cannot open shared object file: ");
    size_t len = end == NULL ? 0 : end - message;

    if (len == 0 || len > NAME_MAX || memchr(message, '/', len) != NULL)
        return 0;
    memcpy(name, message, len);
    name[len] = '\0';
    return 1;
}

/* Loads a library of the bundle, after those that it wants.  A library that is loaded is found by the name that it has for itself. */
static int
load_library(const char *folder, const char *name, int depth)
{
    char path[PATH_MAX], last[NAME_MAX + 1] = "", missing[NAME_MAX + 1];

    if (depth > DEEPEST || snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return 0;
    while (dlopen(path, RTLD_LAZY) == NULL) {
        if (!copy_missing(dlerror(), missing) || strcmp(missing, last) == 0 || !load_library(folder, missing, depth + 1))
            return 0;
        strcpy(last, missing);
    }
    return 1;
}

/* If the error that is set names a missing library, loads that and clears the error; returns 0 if there is nothing more to load. */
static int
has_loaded_missing(const struct vm_bundle *bundle)
{
    static char last[NAME_MAX + 1];
    PyObject *type, *value, *traceback, *text;
    char missing[NAME_MAX + 1];
    int has_loaded;

    if (bundle->unpacked == NULL || !PyErr_ExceptionMatches(PyExc_ImportError))
        return 0;
    PyErr_Fetch(&type, &value, &traceback);
    text = value == NULL ? NULL : PyObject_Str(value);
    if (text == NULL)
        PyErr_Clear();
    has_loaded = text != NULL && PyString_Check(text) && copy_missing(PyString_AS_STRING(text), missing) &&
                 strcmp(missing, last) != 0 && load_library(bundle->unpacked, missing, 0);
    Py_XDECREF(text);
    if (!has_loaded) {
        PyErr_Restore(type, value, traceback);
        return 0;
    }
    strcpy(last, missing);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    return 1;
}

/* -- Modules --------------------------------------------------------------------------------------------------------------- */

/* Prints a line that may have names out of the module's file in it. */
static void
print_plain(const char *text)
{
    for (; *text != '\0'; text++)
        fputc(*text >= ' ' && *text < 127 ? *text : '?', stderr);
    fputc('\n', stderr);
}

/* Says once for each module why it cannot be loaded; the program gets the error. */
static void
report(const struct vm_bundle *bundle, const struct vm_module *module)
{
    static unsigned char *reported;
    size_t place = module - bundle->modules;
    PyObject *type, *value, *traceback, *text;

    if (reported == NULL)
        reported = calloc(bundle->count, 1);
    if (reported == NULL || reported[place])
        return;
    reported[place] = 1;
    PyErr_Fetch(&type, &value, &traceback);
    text = value == NULL ? NULL : PyObject_Str(value);
    if (text == NULL)
        PyErr_Clear();
    fprintf(stderr, "bctrace: cannot load the bundled native module %s: ", module->shown);
    print_plain(text != NULL && PyString_Check(text) ? PyString_AS_STRING(text) : "it is no library");
    Py_XDECREF(text);
    PyErr_Restore(type, value, traceback);
}

PyObject *
bctrace_load_native(const struct vm_bundle *bundle, const struct vm_module *module)
{
    static const char elf[4] = {0x7f, 'E', 'L', 'F'};
    char begin[sizeof elf] = "";
    PyObject *loaded = NULL;
    FILE *stream = fopen(module->file, "rb");

    if (stream == NULL)
        PyErr_SetString(PyExc_ImportError, "it was not unpacked");
    else if (bctrace_extension_at(module->file) == NULL &&
             (fread(begin, 1, sizeof begin, stream) != sizeof begin || memcmp(begin, elf, sizeof elf) != 0))
        PyErr_SetString(PyExc_ImportError, "it is no library for Linux");
    else
        do
            loaded = _PyImport_LoadDynamicModule((char *)module->name, (char *)module->file, stream);
        while (loaded == NULL && has_loaded_missing(bundle));
    if (stream != NULL)
        fclose(stream);
    if (loaded == NULL && PyErr_ExceptionMatches(PyExc_ImportError))
        report(bundle, module);
    return loaded;
}

void
bctrace_replace_natives(const struct vm_bundle *bundle)
{
    static char folder[PATH_MAX];
    const char *last;

    if (bundle->unpacked != NULL) {
        bctrace_replace_extensions_in(bundle->unpacked);
        return;
    }
    last = bundle->first == NULL ? NULL : strrchr(bundle->first, '/');
    if (last == NULL || (size_t)(last - bundle->first) >= sizeof folder)
        return;
    memcpy(folder, bundle->first, last - bundle->first);
    bctrace_replace_extensions_in(folder);
}
