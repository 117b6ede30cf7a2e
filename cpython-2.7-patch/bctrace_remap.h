/* Code objects whose opcodes have other numbers than 2.7's.  They are translated when they are made of marshal data, so that the eval
 * loop executes 2.7's opcodes alone; the program sees the original bytes.
 *
 * What is translated, and into what, is Rust's to decide (src/vm/remap.rs).  All functions are NULL while no map is set: then an ordinary
 * run pays a test for each code object that is made, read or freed. */
#ifndef BCTRACE_REMAP_H
#define BCTRACE_REMAP_H

#include <stddef.h>

struct _frame;
struct _object;

struct bctrace_bytes { const unsigned char *bytes; size_t len; };

/* What a code object is about to be made of; counts of tables that its operands index. */
struct bctrace_code_parts {
    struct bctrace_bytes code, lnotab, filename;
    size_t constants, names, locals, cells;
};

/* The parts of a code object of which the program sees the original. */
enum bctrace_shown { BCTRACE_SHOWN_CODE, BCTRACE_SHOWN_LNOTAB };

struct bctrace_remap {
    /* Translates a code object; returns 0 if it stays as it is.  The bytes in `out` live until the next call.  `by_program` is not 0 for
     * types.CodeType, called by a frame of the code object `caller`; it is 0 for marshal data. */
    int (*translate)(const struct bctrace_code_parts *parts, const struct _object *caller, int by_program, struct bctrace_bytes *code,
                     struct bctrace_bytes *lnotab);
    /* The code object that was made of the last translation. */
    void (*made)(const struct _object *code);
    /* The original of a part; returns 0 for code that was not translated. */
    int (*original)(const struct _object *code, int part, struct bctrace_bytes *out);
    /* A code object is freed. */
    void (*gone)(const struct _object *code);
};

extern struct bctrace_remap bctrace_remap __attribute__((visibility("hidden")));

#ifdef Py_PYTHON_H

/* PyCode_New for what marshal data holds, and for what the program asks types.CodeType for. */
PyCodeObject *bctrace_code_loaded(int argcount, int nlocals, int stacksize, int flags, PyObject *code, PyObject *consts,
                                  PyObject *names, PyObject *varnames, PyObject *freevars, PyObject *cellvars, PyObject *filename,
                                  PyObject *name, int firstlineno, PyObject *lnotab);
PyCodeObject *bctrace_code_constructed(int argcount, int nlocals, int stacksize, int flags, PyObject *code, PyObject *consts,
                                       PyObject *names, PyObject *varnames, PyObject *freevars, PyObject *cellvars,
                                       PyObject *filename, PyObject *name, int firstlineno, PyObject *lnotab);

/* The part as the program sees it: a new reference, NULL with an error set if there is no memory. */
PyObject *bctrace_shown_part(const void *code, PyObject *part, int which);

/* Types of PyMemberDef for those parts; the numbers are free in structmember.h. */
#define BCTRACE_T_CODE 120
#define BCTRACE_T_LNOTAB 121

#define BCTRACE_FORGET_ORIGINAL(code) do { \
        if (bctrace_remap.gone) \
            bctrace_remap.gone((const struct _object *)(code)); \
    } while (0)

/* An opcode that 2.7 does not define is about to be refused: it may be one that the map does not name. */
#define BCTRACE_REFUSED() do { \
        if (bctrace_remap.gone && bctrace_control.mode) \
            bctrace_hooks.refused(f, stack_pointer); \
    } while (0)

#endif
#endif
