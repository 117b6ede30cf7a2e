/* How the embedded library (library.h) enters Python: a PEP 302 importer for the folders below BCTRACE_PREFIX, imp.find_module and
 * imp.load_module for them, and the paths that sys shows. */
#ifndef BCTRACE_IMPORTER_H
#define BCTRACE_IMPORTER_H

#include "library.h"

struct _object;

/* Says what sys.executable is (copied; NULL: ""), and whether PYTHONHOME counts: where it does and is set, the library on disk
 * below it takes the embedded one's place on sys.path.  To be called before Py_Initialize. */
void bctrace_set_paths(const char *executable, int allow_home);

/* Puts the importer into a new interpreter's sys.path_hooks; import.c, _PyImportHooks_Init, calls it.  Returns 0, or -1 with an
 * exception set. */
int bctrace_add_path_hook(struct _object *path_hooks);

/* The inittab's entry for imp: import.c's initimp, then the two functions that must know the embedded library. */
void bctrace_initimp(void);

/* A module of the library.  As a package its file is the folder's __init__.py; imported as such, that file is a plain module. */
struct bctrace_module { struct bctrace_file file; int is_package; };

/* Finds the module or package `name` in a folder ("" or "json/"); returns 1 and fills `module`, or 0. */
int bctrace_find_in(const char *folder, size_t folder_len, const char *name, struct bctrace_module *module);

#define BCTRACE_INIT_PY "/__init__.py"
#define BCTRACE_INIT_PY_LEN (sizeof(BCTRACE_INIT_PY) - 1)

/* New references, or NULL with an exception set: BCTRACE_LIBRARY with the first len bytes of a file's path and a suffix; with the whole
 * path; a file's text; a module's code. */
struct _object *bctrace_path_object(struct bctrace_file file, size_t len, const char *suffix);
struct _object *bctrace_filename(struct bctrace_file file, const char *suffix);
struct _object *bctrace_text(struct bctrace_file file);
struct _object *bctrace_code(struct bctrace_file file);

/* Loads a module under a name of the caller's choice; returns a new reference, or NULL with an exception set. */
struct _object *bctrace_load(const char *name, struct bctrace_module module);

#endif
