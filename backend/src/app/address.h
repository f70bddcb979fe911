/*
 * The addresses of a server of ours, as programs on this machine and phones beside it reach it.
 */
#ifndef VB_APP_ADDRESS_H
#define VB_APP_ADDRESS_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>

/* Whether a server that binds to this address listens on every network: 0.0.0.0 or ::. */
bool vb_address_is_any(const char *bind_address);

/* "http://host:port" for programs on this machine; the caller frees it. */
char *vb_address_url(const char *bind_address, uint16_t port);

/* The IPv4 address that this machine has on its network, for a phone beside it; "" if none. */
void vb_address_lan(char ret_address[INET_ADDRSTRLEN]);

#endif
