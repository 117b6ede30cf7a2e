/* Reports what the program reads from standard input: the bytes that a C function of the VM got for it from descriptor 0.  The kernel
 * sees reads of whole buffers, of which the program may get a line.  12-input.patch has one line for each place that reads. */
#ifndef BCTRACE_INPUT_H
#define BCTRACE_INPUT_H

#include <stdio.h>

#include "bctrace_hook.h"

/* The descriptor of a stream, -1 if it has none.  glibc's field is read without a call that sets errno. */
#ifdef __GLIBC__
#define BCTRACE_DESCRIPTOR(stream) ((stream)->_fileno)
#else
#define BCTRACE_DESCRIPTOR(stream) fileno(stream)
#endif

/* So many bytes were read from a descriptor; a length below 1 is a failure or the end.  With the GIL held. */
#define BCTRACE_READ(descriptor, bytes, length) do { \
        if (bctrace_control.mode && (descriptor) == 0 && (length) > 0) \
            bctrace_hooks.input((const unsigned char *)(bytes), (size_t)(length)); \
    } while (0)

/* The same of a stream, which is NULL if the file was closed in the meantime. */
#define BCTRACE_READ_STREAM(stream, bytes, length) do { \
        if (bctrace_control.mode && (stream) != NULL) \
            BCTRACE_READ(BCTRACE_DESCRIPTOR(stream), bytes, length); \
    } while (0)

/* What marshal reads from a stream byte by byte is gathered, and reported as a whole. */
extern FILE *bctrace_gathered __attribute__((visibility("hidden")));
void bctrace_gather(const void *bytes, size_t length) __attribute__((visibility("hidden")));
void bctrace_report_gathered(void) __attribute__((visibility("hidden")));

/* What is read from the stream between these two is gathered. */
#define BCTRACE_GATHER(stream) do { \
        if (bctrace_control.mode && (stream) != NULL && BCTRACE_DESCRIPTOR(stream) == 0) \
            bctrace_gathered = (stream); \
    } while (0)
#define BCTRACE_GATHERED() do { \
        if (bctrace_gathered != NULL) \
            bctrace_report_gathered(); \
    } while (0)

static inline int
bctrace_getc(FILE *stream)
{
    int byte = getc(stream);

    if (stream == bctrace_gathered && byte != EOF) {
        unsigned char read = (unsigned char)byte;

        bctrace_gather(&read, 1);
    }
    return byte;
}

static inline size_t
bctrace_fread(void *to, size_t length, FILE *stream)
{
    size_t read = fread(to, 1, length, stream);

    if (stream == bctrace_gathered)
        bctrace_gather(to, read);
    return read;
}

#endif
