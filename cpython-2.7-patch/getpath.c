/* Stand-in for our own getpath.c: sys.path is $PYTHONPATH alone. */
#include "Python.h"

char *Py_GetPath(void) { char *path = getenv("PYTHONPATH"); return path ? path : ""; }
char *Py_GetPrefix(void) { return "/usr"; }
char *Py_GetExecPrefix(void) { return "/usr"; }
char *Py_GetProgramFullPath(void) { return ""; }
