/* Lookups that the C library is not asked (vm.h, vm_fake_net): each name has an address of a network that is reserved for documentation
 * (RFC 5737).  22-fake-net.patch has one line for each place that asks. */
#ifndef BCTRACE_FAKE_NET_H
#define BCTRACE_FAKE_NET_H

#include <sys/socket.h>

/* Whether lookups are answered here. */
extern int bctrace_fakes_net __attribute__((visibility("hidden")));

/* Returns the address of a host of this name as text, of IPv6 if that family is asked for; NULL if the C library is to be asked: for numeric
 * addresses and localhost, and for hosts that can be reached.  With the GIL held; the text lives as long as the process. */
const char *bctrace_fake_host(const char *name, int family) __attribute__((visibility("hidden")));

/* Returns the name that was looked up first of those with this address, or NULL. */
const char *bctrace_fake_name(const struct sockaddr *address) __attribute__((visibility("hidden")));

/* Whether this is an address of this machine alone. */
int bctrace_is_loopback(const struct sockaddr *address) __attribute__((visibility("hidden")));

/* The C library is about to be asked for this name, a variable; has it asked for an address instead. */
#define BCTRACE_FAKE_HOST(name, family) do { \
        const char *bctrace_fake = bctrace_fakes_net ? bctrace_fake_host(name, family) : NULL; \
        if (bctrace_fake != NULL) \
            (name) = (char *)bctrace_fake; \
    } while (0)

/* The flags of getnameinfo, which asks no server with these. */
#define BCTRACE_FAKE_NAME_FLAGS(flags) (bctrace_fakes_net ? ((flags) | NI_NUMERICHOST) & ~NI_NAMEREQD : (flags))

#endif
