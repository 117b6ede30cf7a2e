/* What the program asks, and the answers that standard input gets: see bctrace_answers.h. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bctrace_answers.h"
#include "vm.h"

int bctrace_has_answers;

/* Bytes of a prompt, of which the end is kept, and of an answer. */
enum { LONGEST = 1024, LONGEST_ANSWER = 4096 };

/* The last line that the program wrote and that is not empty. */
static struct { char bytes[LONGEST]; size_t length; int is_over; } line;

static long (*answer)(const unsigned char *prompt, size_t length, unsigned char *to, size_t room);
/* Standard input as it was at first; the program can have replaced it. */
static struct stat input;

void
vm_answer(long (*with)(const unsigned char *prompt, size_t length, unsigned char *to, size_t room))
{
    answer = with;
    bctrace_has_answers = fstat(0, &input) == 0 && S_ISREG(input.st_mode);
}

void
bctrace_wrote(const char *bytes, size_t length)
{
    for (; length > 0; bytes++, length--) {
        if (*bytes == '\n' || *bytes == '\r') {
            line.is_over = 1;
            continue;
        }
        if (line.is_over)
            line.length = 0;
        line.is_over = 0;
        if (line.length == LONGEST) {
            memmove(line.bytes, line.bytes + LONGEST / 2, LONGEST / 2);
            line.length = LONGEST / 2;
        }
        line.bytes[line.length++] = *bytes;
    }
}

/* Whether standard input is the file that it was, read to its end; sets where that is. */
static int
is_at_end(off_t *end)
{
    struct stat now;

    if (fstat(0, &now) < 0 || now.st_dev != input.st_dev || now.st_ino != input.st_ino)
        return 0;
    *end = now.st_size;
    return lseek(0, 0, SEEK_CUR) == now.st_size;
}

void
bctrace_ask(FILE *stream)
{
    int error = errno;
    unsigned char text[LONGEST_ANSWER];
    off_t end;
    long length;

    if ((stream == NULL || stream->_IO_read_ptr >= stream->_IO_read_end) && is_at_end(&end)) {
        length = answer((const unsigned char *)line.bytes, line.length, text, sizeof text);
        line.length = 0;
        if (length > 0 && pwrite(0, text, (size_t)length, end) == length && stream != NULL)
            clearerr(stream);
    }
    errno = error;
}
