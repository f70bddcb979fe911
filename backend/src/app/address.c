/* The addresses of a server of ours: see address.h. */
#include "app/address.h"

#include "base/memory.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

bool vb_address_is_any(const char *bind_address)
{
    return strcmp(bind_address, "0.0.0.0") == 0 || strcmp(bind_address, "::") == 0;
}

char *vb_address_url(const char *bind_address, uint16_t port)
{
    const char *host = vb_address_is_any(bind_address) ? "127.0.0.1" : bind_address;

    return strchr(host, ':') ? vb_xasprintf("http://[%s]:%u", host, port)
                             : vb_xasprintf("http://%s:%u", host, port);
}

void vb_address_lan(char ret_address[INET_ADDRSTRLEN])
{
    struct ifaddrs *all;

    ret_address[0] = '\0';
    if (getifaddrs(&all) < 0)
        return;
    for (struct ifaddrs *one = all; one && !ret_address[0]; one = one->ifa_next) {
        const struct sockaddr_in *address = (const void *)one->ifa_addr;

        if (address && address->sin_family == AF_INET && !(one->ifa_flags & IFF_LOOPBACK) &&
            (one->ifa_flags & IFF_UP))
            inet_ntop(AF_INET, &address->sin_addr, ret_address, INET_ADDRSTRLEN);
    }
    freeifaddrs(all);
}
