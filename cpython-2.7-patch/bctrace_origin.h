/* Tells the hook of every code object that is made, and by what: compile, marshal and types.CodeType all call PyCode_New, and the
 * C function that was asked for the code has left its name here.
 *
 * The name counts only in the frame that it was left in: eval(), execfile() and an import run code before they return, and what
 * that code makes is its own. */
#ifndef BCTRACE_ORIGIN_H
#define BCTRACE_ORIGIN_H

#include "bctrace_hook.h"

struct bctrace_maker {
    int how;          /* BCTRACE_BY_C and so on */
    const char *path; /* the file that is imported, NULL: none */
    uint32_t making;  /* what the hook calls the making of its text, 0: it has none */
    int has_made;     /* it has made a code object */
    const struct _frame *frame;
};

/* Those of a thread, which can let other threads run before it returns.  They are kept here and not in the functions themselves, whose
 * frames on the C stack must not become larger than in an ordinary build.  Where more than this many are nested, the outer ones lose
 * their names. */
enum { BCTRACE_MAKERS = 16 };
struct bctrace_makers {
    unsigned depth; /* the innermost is at depth modulo BCTRACE_MAKERS */
    struct bctrace_maker nested[BCTRACE_MAKERS];
};

extern __thread struct bctrace_makers bctrace_makers __attribute__((visibility("hidden")));

/* The same by another name, so that the compiler does not keep its offset in a register, which takes room in the frame. */
extern __thread struct bctrace_makers bctrace_makers_here __asm__("bctrace_makers") __attribute__((visibility("hidden")));

#ifdef Py_PYTHON_H

static inline const struct _frame *
bctrace_running_frame(void)
{
    return _PyThreadState_Current == NULL ? NULL : _PyThreadState_Current->frame;
}

static inline struct bctrace_maker *
bctrace_innermost_maker(void)
{
    return &bctrace_makers.nested[bctrace_makers.depth % BCTRACE_MAKERS];
}

static inline char
bctrace_begin_making(int how, const char *path)
{
    struct bctrace_maker maker = {how, path, 0, 0, bctrace_running_frame()};

    bctrace_makers.depth++;
    *bctrace_innermost_maker() = maker;
    return 0;
}

static inline void
bctrace_end_making(char *making)
{
    bctrace_makers_here.depth--;
}

static inline void
bctrace_tell_made(const void *code)
{
    const struct _frame *frame = bctrace_running_frame();
    static const struct bctrace_maker unknown = {BCTRACE_BY_C, NULL, 0, 0, NULL};
    struct bctrace_maker *maker = bctrace_innermost_maker();
    int is_known = maker->frame == frame;
    const struct bctrace_maker *by = is_known ? maker : &unknown;

    if (is_known)
        maker->has_made = 1;
    bctrace_hooks.made(code, by->how, by->path, frame, by->making);
}

/* First among a function's declarations: until it returns, this is what makes code objects. */
#define BCTRACE_MAKES(how, path) \
    char bctrace_making __attribute__((cleanup(bctrace_end_making), unused)) = bctrace_begin_making(how, path)

#define BCTRACE_MADE(code) do { if (bctrace_control.mode) bctrace_tell_made(code); } while (0)

#endif
#endif
