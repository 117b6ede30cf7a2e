/* Marks of what was there before the program began: 10-shutdown.patch has room for them, shutdown.c sets and reads them. */
#ifndef BCTRACE_SHUTDOWN_H
#define BCTRACE_SHUTDOWN_H

#include <stdint.h>

/* `gc_own` of an object from before the program is the code object that its death would run, or this if it would run none.  Of a
 * younger object it is NULL, unless that came from a free list (tuples, lists, dicts, frames, methods): it may have its
 * predecessor's. */
#define BCTRACE_WAS_THERE ((void *)1)

/* `f_number` of the frame of a generator from before the program, until the hook sets another one. */
#define BCTRACE_OLD_FRAME UINT32_MAX

/* Calls `visit` with each object that the garbage collector tracks.  `visit` must make and free none of them. */
void bctrace_each_tracked(void (*visit)(PyObject *object, void *context), void *context)
    __attribute__((visibility("hidden")));

#endif
