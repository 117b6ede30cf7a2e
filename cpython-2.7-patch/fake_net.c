/* Names of hosts and the addresses that they get, in the order in which they are looked up: see bctrace_fake_net.h. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bctrace_fake_net.h"
#include "bctrace_lookup.h"
#include "vm.h"

int bctrace_fakes_net;

/* The networks for documentation, without the hosts 0, 254 and 255: 254 of the first is the program's own address. */
static const char *const networks[] = {"192.0.2", "198.51.100", "203.0.113"};
enum { HOSTS = 253, MOST = 3 * HOSTS };

static struct host { char *name, ipv4[16], ipv6[32]; } hosts[MOST];
static int count;
/* The names that the C library is asked for, which end in NULL. */
static const char *const *real_names;

void
vm_fake_net(const char *const *real)
{
    real_names = real;
    bctrace_fakes_net = 1;
}

static int
is_real(const char *name)
{
    const char *const *real;

    if (*name == '\0' || bctrace_is_address(name) || strcasecmp(name, "localhost") == 0)
        return 1;
    for (real = real_names; *real != NULL; real++)
        if (strcasecmp(name, *real) == 0)
            return 1;
    return 0;
}

/* The last host is that of all names for which there is no room. */
static const struct host *
find(const char *name)
{
    const char *network = networks[count < MOST ? count / HOSTS : 0];
    struct host *host;
    int i;

    for (i = 0; i < count; i++)
        if (strcasecmp(hosts[i].name, name) == 0)
            return &hosts[i];
    host = &hosts[count < MOST ? count : MOST - 1];
    if (count < MOST) {
        if ((host->name = strdup(name)) == NULL)
            return NULL;
        snprintf(host->ipv4, sizeof host->ipv4, "%s.%d", network, count % HOSTS + 1);
        snprintf(host->ipv6, sizeof host->ipv6, "2001:db8::%s.%d", network, count % HOSTS + 1);
        count++;
    }
    return host;
}

const char *
bctrace_fake_host(const char *name, int family)
{
    const struct host *host;

    if (name == NULL || is_real(name) || (host = find(name)) == NULL)
        return NULL;
    return family == AF_INET6 ? host->ipv6 : host->ipv4;
}

const char *
bctrace_fake_name(const struct sockaddr *address)
{
    struct in_addr ipv4;
    struct in6_addr ipv6;
    int i;

    for (i = 0; i < count; i++) {
        if (address->sa_family == AF_INET && inet_pton(AF_INET, hosts[i].ipv4, &ipv4) == 1
            && memcmp(&ipv4, &((const struct sockaddr_in *)address)->sin_addr, sizeof ipv4) == 0)
            return hosts[i].name;
        if (address->sa_family == AF_INET6 && inet_pton(AF_INET6, hosts[i].ipv6, &ipv6) == 1
            && memcmp(&ipv6, &((const struct sockaddr_in6 *)address)->sin6_addr, sizeof ipv6) == 0)
            return hosts[i].name;
    }
    return NULL;
}

int
bctrace_is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24 == 127;
    return address->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)address)->sin6_addr);
}
