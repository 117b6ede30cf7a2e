/* The address at which started interpreters ask for a recorder (src/process/socket.rs): a Unix socket with an abstract name. */
#ifndef BCTRACE_FRONT_H
#define BCTRACE_FRONT_H

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* What its name begins with, after the 0 of an abstract one. */
#define BCTRACE_FRONT "bctrace-"

/* Whether an address is one of a front. */
static inline int
bctrace_is_front(const struct sockaddr *address, int length)
{
    const struct sockaddr_un *local = (const struct sockaddr_un *)address;
    int before = (int)offsetof(struct sockaddr_un, sun_path) + 1, beginning = (int)sizeof BCTRACE_FRONT - 1;

    return length >= before + beginning && local->sun_family == AF_UNIX && local->sun_path[0] == '\0' &&
           memcmp(local->sun_path + 1, BCTRACE_FRONT, (size_t)beginning) == 0;
}

#endif
