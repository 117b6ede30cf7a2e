/* Answers to prompts (vm.h, vm_answer): before the program reads from standard input, which is a file in memory, the answer to what it wrote
 * last is put there.  21-answers.patch has one line for each place that writes or reads. */
#ifndef BCTRACE_ANSWERS_H
#define BCTRACE_ANSWERS_H

#include "bctrace_input.h"

/* Whether there are any. */
extern int bctrace_has_answers __attribute__((visibility("hidden")));

void bctrace_wrote(const char *bytes, size_t length) __attribute__((visibility("hidden")));
void bctrace_ask(FILE *stream) __attribute__((visibility("hidden")));

/* The program is about to write to a descriptor, or a stream; with the GIL held. */
#define BCTRACE_WROTE(descriptor, bytes, length) do { \
        if (bctrace_has_answers && ((descriptor) == 1 || (descriptor) == 2)) \
            bctrace_wrote((const char *)(bytes), (size_t)(length)); \
    } while (0)
#define BCTRACE_WROTE_STREAM(stream, bytes, length) BCTRACE_WROTE(BCTRACE_DESCRIPTOR(stream), bytes, length)

/* The program is about to read from a descriptor, or a stream; with the GIL held. */
#define BCTRACE_ASK(descriptor) do { \
        if (bctrace_has_answers && (descriptor) == 0) \
            bctrace_ask(NULL); \
    } while (0)
#define BCTRACE_ASK_STREAM(stream) do { \
        if (bctrace_has_answers && BCTRACE_DESCRIPTOR(stream) == 0) \
            bctrace_ask(stream); \
    } while (0)

/* Whether this is the terminal, which a program that gets answers has not, so that getpass asks standard input. */
#define BCTRACE_IS_TERMINAL(path) (bctrace_has_answers && strcmp(path, "/dev/tty") == 0)

#endif
