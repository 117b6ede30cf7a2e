/* In the place of CPython's Modules/getpath.c: where the interpreter says that it lies.  Nothing is searched, nothing on disk is
 * looked at and nothing is printed, since the library is inside the binary. */
#include "Python.h"
#include "osdefs.h"
#include "library.h"
#include "vm.h"

static char program_path[MAXPATHLEN + 1];
static char prefix[MAXPATHLEN + 1], exec_prefix[MAXPATHLEN + 1];
static char *search_path;
static int home_counts;

void
vm_set_executable(const char *path, int allow_home)
{
    PyOS_snprintf(program_path, sizeof program_path, "%s", path);
    home_counts = allow_home;
}

/* PYTHONHOME is PREFIX or PREFIX:EXEC_PREFIX. */
static void
set_prefixes(void)
{
    const char *home = home_counts ? Py_GetPythonHome() : NULL;
    const char *colon;

    if (home == NULL || *home == '\0')
        home = BCTRACE_PREFIX;
    colon = strchr(home, DELIM);
    PyOS_snprintf(prefix, sizeof prefix, "%.*s", colon == NULL ? MAXPATHLEN : (int)(colon - home), home);
    PyOS_snprintf(exec_prefix, sizeof exec_prefix, "%s", colon == NULL ? home : colon + 1);
}

/* The entries and the order of a plain install, those that it has no folder for included. */
static void
set_search_path(void)
{
    static const char format[] =
        "%s%s%s/lib/python27.zip:%s/lib/python2.7:%s/lib/python2.7/plat-linux2:%s/lib/python2.7/lib-tk:"
        "%s/lib/python2.7/lib-old:%s/lib/python2.7/lib-dynload";
    const char *environment = Py_GETENV("PYTHONPATH");
    size_t size;

    set_prefixes();
    size = sizeof format + (environment == NULL ? 0 : strlen(environment)) + 5 * strlen(prefix) + strlen(exec_prefix);
    search_path = malloc(size);
    if (search_path == NULL)
        Py_FatalError("no memory for sys.path");
    /* An empty PYTHONPATH is an empty entry, the current folder, as in CPython's own. */
    PyOS_snprintf(search_path, size, format, environment == NULL ? "" : environment, environment == NULL ? "" : ":", prefix,
                  prefix, prefix, prefix, prefix, exec_prefix);
}

char *
Py_GetPath(void)
{
    if (search_path == NULL)
        set_search_path();
    return search_path;
}

char *
Py_GetPrefix(void)
{
    Py_GetPath();
    return prefix;
}

char *
Py_GetExecPrefix(void)
{
    Py_GetPath();
    return exec_prefix;
}

char *
Py_GetProgramFullPath(void)
{
    return program_path;
}
