/* Reports the names of hosts that the program looks up.  The C library does so by files and packets, in which the kernel sees no
 * name.  13-lookups.patch has one line for each place that asks it. */
#ifndef BCTRACE_LOOKUP_H
#define BCTRACE_LOOKUP_H

#include "bctrace_hook.h"

/* The C library is about to look up this host; NULL, an empty name and a numeric address are no lookup.  With the GIL held. */
#define BCTRACE_LOOKUP(name) do { if (bctrace_control.mode) bctrace_report_lookup(name); } while (0)

void bctrace_report_lookup(const char *name) __attribute__((visibility("hidden")));

/* Whether getaddrinfo takes this for an address, which needs no lookup. */
int bctrace_is_address(const char *name) __attribute__((visibility("hidden")));

#endif
