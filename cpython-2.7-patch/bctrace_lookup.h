/* Reports the names of hosts that the program looks up.  The C library does so by files and packets, in which the kernel sees no
 * name.  13-lookups.patch has one line for each place that asks it, 27-looked-up.patch one for each answer. */
#ifndef BCTRACE_LOOKUP_H
#define BCTRACE_LOOKUP_H

#include "bctrace_hook.h"

/* Whether no name server can be asked.  A lookup is over soon then, and is reported with its answer. */
extern int bctrace_has_no_names __attribute__((visibility("hidden")));

/* The C library is about to look up this host; NULL, an empty name and a numeric address are no lookup.  With the GIL held. */
#define BCTRACE_LOOKUP(name) do { \
        if (bctrace_control.mode && !bctrace_has_no_names) \
            bctrace_report_lookup(name, 0); \
    } while (0)

/* It has looked it up, with this result of getaddrinfo.  With the GIL held; errno stays. */
#define BCTRACE_LOOKED_UP(name, error) do { \
        if (bctrace_control.mode && bctrace_has_no_names) \
            bctrace_report_lookup(name, error); \
    } while (0)

void bctrace_report_lookup(const char *name, int error) __attribute__((visibility("hidden")));

/* Whether getaddrinfo takes this for an address, which needs no lookup. */
int bctrace_is_address(const char *name) __attribute__((visibility("hidden")));

#endif
