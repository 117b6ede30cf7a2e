/* The embedded library (library.h) as the VM and programs see it: a read-only tree of files below BCTRACE_PREFIX, which lie on no disk.
 *
 * Each module is there as its source and as its .pyc, as after a first run of an installed Python.  lib-dynload holds the extension
 * modules that are part of this binary, as empty files; importing one calls its init function.
 *
 * Two groups of functions look here.  Those of the VM (import, tracebacks) look for nothing on disk where the library is.  Those that
 * serve programs (open, os.stat and the like) look on disk for what the library does not have. */
#ifndef BCTRACE_LIBRARY_FILES_H
#define BCTRACE_LIBRARY_FILES_H

#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

/* -- For the VM ------------------------------------------------------------------------------------------------------------ */

/* stat and fopen.  A file of the library is unpacked when it is first read and has no descriptor. */
int bctrace_vm_stat(const char *path, struct stat *status);
FILE *bctrace_vm_fopen(const char *path, const char *mode);

/* fstat, also for a stream of bctrace_vm_fopen. */
int bctrace_vm_fstat(FILE *stream, struct stat *status);

/* Returns the place in the index (library.h) of the module whose .pyc the library has at a path, or -1. */
int64_t bctrace_module_at(const char *path);

/* Returns the init function of the extension module that the library has at a path, or NULL. */
typedef void (*bctrace_init)(void);
bctrace_init bctrace_extension_at(const char *path);

/* -- For programs ---------------------------------------------------------------------------------------------------------- */

/* What stat and lstat (`otherwise`), access, open and fopen do, for a file or folder of the library too.  It can be read only. */
int bctrace_stat(int (*otherwise)(const char *, struct stat *), const char *path, struct stat *status);
int bctrace_access(const char *path, int mode);
int bctrace_open(const char *path, int flags, int mode);
FILE *bctrace_fopen(const char *path, const char *mode);

/* Calls `each` with the names in a folder of the library until it returns something else than 0, and returns that; -1 for a path that
 * is no folder of it. */
int bctrace_list_folder(const char *path, int (*each)(void *context, const char *name, size_t len), void *context);

/* -- For library_objects.c and the generated table of modules -------------------------------------------------------------- */

/* Opens a stream on bytes of malloc, which it frees when it is closed. */
FILE *bctrace_stream_of(char *bytes, size_t size);

/* The extension modules, up to one without a name. */
struct bctrace_extension { const char *name; bctrace_init init; };
extern const struct bctrace_extension bctrace_extensions[];

#ifdef Py_PYTHON_H
/* Opens the compiled form of a library's module, as the running interpreter compiles it; else as bctrace_vm_fopen. */
FILE *bctrace_open_compiled(const char *path);

/* Names to the hook a code object that was read just now from such a stream, if that has the library's own bytes. */
void bctrace_tell_library(PyObject *code, FILE *stream);

/* os.listdir for a folder of the library; returns NULL without an exception for any other path. */
PyObject *bctrace_listdir(const char *path, int as_unicode);

/* Gives a stream of bctrace_vm_fopen, which is closed, a descriptor; returns any other stream as it is. */
FILE *bctrace_with_descriptor(FILE *stream, const char *path, const char *mode);
#endif

#endif
