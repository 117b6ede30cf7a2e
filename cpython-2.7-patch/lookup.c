/* Reports names of hosts, but not numeric addresses, which need no lookup: see bctrace_lookup.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <string.h>

#include "bctrace_fake_net.h"
#include "bctrace_lookup.h"
#include "vm.h"

int bctrace_has_no_names;

void
vm_have_no_names(void)
{
    bctrace_has_no_names = 1;
}

/* One of IPv4 in any of inet_aton's forms and with nothing after it, or one of IPv6, which may name an interface after a %. */
int
bctrace_is_address(const char *name)
{
    struct in_addr ipv4;
    struct in6_addr ipv6;
    char plain[INET6_ADDRSTRLEN];
    size_t length = strcspn(name, "%");

    if (strpbrk(name, " \t\n\v\f\r") == NULL && inet_aton(name, &ipv4))
        return 1;
    if (length >= sizeof plain)
        return 0;
    memcpy(plain, name, length);
    plain[length] = '\0';
    return inet_pton(AF_INET6, plain, &ipv6) == 1;
}

void
bctrace_report_lookup(const char *name, int error)
{
    int saved = errno;

    if (name != NULL && *name != '\0' && !bctrace_is_address(name))
        bctrace_hooks.lookup(name, bctrace_fakes_net ? bctrace_fake_host(name, AF_INET) : NULL,
                             error == EAI_SYSTEM ? saved : error);
    errno = saved;
}
