/* The storage behind bctrace_hook.h.  Both structs fill whole pages of their own, because the tracer maps other memory over
 * them: a shared page over the slot, a page that a fork wipes over the control block. */
#include <stdio.h>
#include <unistd.h>
#include "bctrace_hook.h"
#include "bctrace_origin.h"

#define PAGE_OF(type) \
    union { struct type value; char page[BCTRACE_PAGE]; } __attribute__((aligned(BCTRACE_PAGE)))

/* The assembler names let every other file see the struct itself, at the address of its page. */
PAGE_OF(bctrace_control) bctrace_control_page __asm__("bctrace_control") __attribute__((visibility("hidden")));
PAGE_OF(bctrace_slot) bctrace_slot_page __asm__("bctrace_slot") __attribute__((visibility("hidden")));

struct bctrace_hooks bctrace_hooks;
struct bctrace_quiet bctrace_quiet;
__thread struct bctrace_makers bctrace_makers;

void
bctrace_stop(void)
{
    fflush(NULL);
    _exit(0);
}
