/* Contents that the hook is to have whole: the text that is compiled, code objects that a program has asked for and may never run, and,
 * with --blobs, long strings that C functions get and return. */
#ifndef BCTRACE_CONTENTS_H
#define BCTRACE_CONTENTS_H

#include <stdio.h>

#include "bctrace_hook.h"

/* Not 0: each call of a C function by bytecode is reported.  It is in `use_tracing` of every thread, so that it costs nothing while it is
 * 0. */
extern int bctrace_follows_calls __attribute__((visibility("hidden")));

extern void bctrace_report_text(const char *text, size_t length) __attribute__((visibility("hidden")));
extern void bctrace_report_text_of_file(FILE *file) __attribute__((visibility("hidden")));
extern void bctrace_report_new(const struct _object *result) __attribute__((visibility("hidden")));
extern void bctrace_report_called(const struct _object *function, const struct _object *arguments, const struct _object *argument,
                                  const struct _object *result) __attribute__((visibility("hidden")));

/* The function that BCTRACE_MAKES stands in is about to compile this text, or the rest of this file. */
#define BCTRACE_TEXT(text, length) do { if (bctrace_control.mode) bctrace_report_text(text, length); } while (0)
#define BCTRACE_TEXT_OF_FILE(file) do { if (bctrace_control.mode) bctrace_report_text_of_file(file); } while (0)

/* It is about to return this to the program: a code object, a container of some, or NULL. */
#define BCTRACE_NEW(result) do { if (bctrace_control.mode) bctrace_report_new((const struct _object *)(result)); } while (0)

/* A C function has been called with a tuple of arguments or with one alone, both of which may be NULL, and returned this. */
#define BCTRACE_AFTER_CALL(function, arguments, argument, result) do { \
        if (bctrace_follows_calls && bctrace_control.mode) \
            bctrace_report_called(function, arguments, argument, result); \
    } while (0)

#endif
