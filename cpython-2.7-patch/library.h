/* The standard library inside the binary, as data: an index of files sorted by path, and for each its marshalled code and its
 * text, packed.  build/stdlib.rs writes it, library.c reads it; neither needs a running interpreter.
 *
 * Layout, in the machine's byte order: the magic, the number of files (uint32), one struct bctrace_entry per file, then the
 * bytes that the entries point to.  Paths are relative to BCTRACE_LIBRARY, without a NUL, in memcmp order.
 */
#ifndef BCTRACE_LIBRARY_H
#define BCTRACE_LIBRARY_H

#include <stddef.h>
#include <stdint.h>

/* Where the library seems to lie.  No file need be there. */
#define BCTRACE_PREFIX "/opt/python2.7"
#define BCTRACE_LIBRARY BCTRACE_PREFIX "/lib/python2.7"

/* When its files seem to have been changed last: 20 April 2020, the day of CPython's release. */
#define BCTRACE_LIBRARY_TIME 1587340800

#define BCTRACE_LIBRARY_MAGIC "BCTLIB 2"

/* All offsets count from the first byte of the magic; `size` is the unpacked length, and where it equals `packed` the bytes are
 * stored as they are.  A part that a file does not have has size 0. */
struct bctrace_part { uint32_t at, packed, size; };
struct bctrace_entry {
    uint32_t path_at, path_len;
    struct bctrace_part code; /* marshalled; modules only */
    struct bctrace_part text; /* source text, or the bytes of a data file */
};

/* A file found.  `path` is not terminated. */
struct bctrace_file {
    const char *path;
    size_t path_len;
    struct bctrace_part code, text;
};

/* Unpacks src into dst and returns how many bytes it wrote there; anything but dst_len means that src is damaged.  It neither
 * calls Python nor unwinds. */
typedef size_t (*bctrace_unpack)(void *dst, size_t dst_len, const void *src, size_t src_len);

/* Hands the library to the VM; to be called before Py_Initialize.  `bytes` must live as long as the process.  Returns 0, or -1
 * where the bytes are not a library of this layout.  Without a call the VM has no library and reads PYTHONPATH alone. */
int bctrace_library_embed(const void *bytes, size_t len, bctrace_unpack unpack);

/* Number of files, and the file at a place in the index. */
uint32_t bctrace_library_count(void);
struct bctrace_file bctrace_library_at(uint32_t place);

/* Finds the first place whose path is not less than `path`: where a folder's files begin. */
uint32_t bctrace_library_seek(const char *path, size_t len);

/* Finds a file by its relative path; returns 1 and fills `file`, or 0. */
int bctrace_library_find(const char *path, size_t len, struct bctrace_file *file);

/* Returns a part that is stored as it is, where it lies; NULL for one that has to be unpacked. */
const void *bctrace_library_stored(struct bctrace_part part);

/* Unpacks a part into `dst`, which holds part.size bytes; returns 0, or -1 where the stored bytes are damaged. */
int bctrace_library_read(struct bctrace_part part, void *dst);

#endif
