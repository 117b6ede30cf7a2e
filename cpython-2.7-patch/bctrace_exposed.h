/* What may write into this process's memory, so that bytes that were described cannot be trusted: an open file on procfs
 * (/proc/self/mem), another process, the kernel at an address that the program gives it, and what the VM itself does not check.
 * Needs no GIL.
 *
 * While something is exposed the lane compares bytes (bctrace_lane.h).  It begins to trust them again when the hook is called next. */
#ifndef BCTRACE_EXPOSED_H
#define BCTRACE_EXPOSED_H

/* The program's image begins here, and no memory lies below it. */
#define BCTRACE_LOWEST 0x200000

/* Something may write from here on: comes before it can. */
void bctrace_expose(void);
/* Takes one call of bctrace_expose back. */
void bctrace_cover(void);
/* The same, unless this descriptor, which was opened in between, is of a file on procfs; -1: nothing was opened. */
void bctrace_cover_unless_proc(int fd);

/* Before the number that an object stands for is found out, and written where there may be room no more: code of the program can run. */
#define BCTRACE_CONVERTS(object) do { \
        PyObject *o_ = (object); \
        if (!PyInt_CheckExact(o_) && !PyLong_CheckExact(o_) && !PyFloat_CheckExact(o_) && !PyString_CheckExact(o_) && \
            !PyUnicode_CheckExact(o_)) \
            bctrace_expose(); \
    } while (0)

#endif
