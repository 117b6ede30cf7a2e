/* What marshal has read from standard input and is not reported yet: see bctrace_input.h. */
#include <string.h>

#include "bctrace_input.h"

FILE *bctrace_gathered;

static struct { unsigned char bytes[4096]; size_t length; } gathered;

/* Reports what was gathered; in a child that was forked in the meantime the mode is off. */
static void
report(void)
{
    if (bctrace_control.mode && gathered.length != 0)
        bctrace_hooks.input(gathered.bytes, gathered.length);
    gathered.length = 0;
}

void
bctrace_gather(const void *bytes, size_t length)
{
    if (length > sizeof gathered.bytes - gathered.length)
        report();
    if (length > sizeof gathered.bytes) {
        if (bctrace_control.mode)
            bctrace_hooks.input(bytes, length);
        return;
    }
    memcpy(gathered.bytes + gathered.length, bytes, length);
    gathered.length += length;
}

void
bctrace_report_gathered(void)
{
    report();
    bctrace_gathered = NULL;
}
