/* What the embedded library (library.h) has at a path: files, and folders with names in them.  For library_files.c, and
 * for bundle.c. */
#ifndef BCTRACE_LIBRARY_TREE_H
#define BCTRACE_LIBRARY_TREE_H

#include "library.h"
#include "library_files.h"

/* Room for a path of the library; a longer one is none. */
enum { BCTRACE_ROOM = 256 };

enum bctrace_kind {
    BCTRACE_NOTHING,
    BCTRACE_ABOVE, /* a folder that the library lies in */
    BCTRACE_FOLDER,
    BCTRACE_TEXT,
    BCTRACE_COMPILED,
    BCTRACE_EXTENSION
};

struct bctrace_found {
    enum bctrace_kind kind;
    struct bctrace_file file;                  /* of BCTRACE_TEXT and BCTRACE_COMPILED */
    const struct bctrace_extension *extension; /* of BCTRACE_EXTENSION */
    const char *name;                          /* what comes after BCTRACE_LIBRARY; "" for that itself */
    char path[BCTRACE_ROOM];                   /* what comes after BCTRACE_PREFIX, without . and .. */
};

/* Finds what the library has at a path; returns its kind. */
enum bctrace_kind bctrace_find(const char *path, struct bctrace_found *found);

/* The extension module that a file of this name holds: NAME.so, NAMEmodule.so or NAME.pyd; NULL if the binary has none of that name. */
const struct bctrace_extension *bctrace_extension_of(const char *file);

/* Has the binary's own extension modules loaded in place of the files in this folder.  The path must live as long as the process. */
void bctrace_replace_extensions_in(const char *folder);

/* Whether the VM looks in the library alone: where sys.path leads. */
int bctrace_is_for_library_alone(const char *path);

#endif
