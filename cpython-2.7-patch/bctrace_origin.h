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
    const struct _frame *frame;
};

/* Each thread has its own: a C function can let other threads run before it returns. */
extern __thread struct bctrace_maker bctrace_maker __attribute__((visibility("hidden")));

#ifdef Py_PYTHON_H

static inline const struct _frame *
bctrace_running_frame(void)
{
    return _PyThreadState_Current == NULL ? NULL : _PyThreadState_Current->frame;
}

static inline struct bctrace_maker
bctrace_begin_making(int how, const char *path)
{
    struct bctrace_maker outer = bctrace_maker, maker = {how, path, bctrace_running_frame()};

    bctrace_maker = maker;
    return outer;
}

static inline void
bctrace_end_making(struct bctrace_maker *outer)
{
    bctrace_maker = *outer;
}

static inline void
bctrace_tell_made(const void *code)
{
    const struct _frame *frame = bctrace_running_frame();
    int is_known = bctrace_maker.frame == frame;

    bctrace_hooks.made(code, is_known ? bctrace_maker.how : BCTRACE_BY_C, is_known ? bctrace_maker.path : NULL, frame);
}

/* First among a function's declarations: until it returns, this is what makes code objects. */
#define BCTRACE_MAKES(how, path) \
    struct bctrace_maker bctrace_outer __attribute__((cleanup(bctrace_end_making), unused)) = bctrace_begin_making(how, path)

#define BCTRACE_MADE(code) do { if (bctrace_control.mode) bctrace_tell_made(code); } while (0)

#endif
#endif
