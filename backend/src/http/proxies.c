/* Trusted proxies: see proxies.h. */
#include "http/proxies.h"

#include "base/memory.h"
#include "base/number.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS_MAX   64
#define ADDRESS_SIZE INET6_ADDRSTRLEN

struct block {
    unsigned char address[16]; /* IPv4 as ::ffff:a.b.c.d */
    unsigned bits;
};

struct vb_proxies {
    size_t count;
    struct block blocks[BLOCKS_MAX];
};

static bool parse_address(const char *text, unsigned char address[16], bool *ret_v4)
{
    static const unsigned char v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

    *ret_v4 = inet_pton(AF_INET, text, address + 12) == 1;
    if (*ret_v4) {
        memcpy(address, v4_prefix, sizeof(v4_prefix));
        return true;
    }
    return inet_pton(AF_INET6, text, address) == 1;
}

static int parse_block(char *text, struct block *block)
{
    char *slash = strchr(text, '/');
    bool v4;

    if (slash)
        *slash = '\0';
    if (!parse_address(text, block->address, &v4))
        return -EINVAL;
    block->bits = 128;
    if (slash) {
        uint64_t bits;

        if (vb_uint_parse(slash + 1, strlen(slash + 1), v4 ? 32 : 128, &bits) < 0)
            return -EINVAL;
        block->bits = (unsigned)bits + (v4 ? 96 : 0);
    }
    return 0;
}

int vb_proxies_parse(const char *text, struct vb_proxies **ret_proxies, struct vb_error *err)
{
    struct vb_proxies *proxies = vb_xcalloc(1, sizeof(*proxies));

    while (text && *text) {
        size_t length = strcspn(text, ",");
        const char *start = text + strspn(text, " \t,"), *end = text + length;
        char part[64];

        text = *end ? end + 1 : end;
        while (end > start && isspace((unsigned char)end[-1]))
            end--;
        if (end <= start)
            continue;
        snprintf(part, sizeof(part), "%.*s", (int)(end - start), start);
        if (proxies->count == BLOCKS_MAX || (size_t)(end - start) >= sizeof(part) ||
            parse_block(part, &proxies->blocks[proxies->count]) < 0) {
            free(proxies);
            vb_error_set(err, EINVAL, "'%.*s' is not an IP address or CIDR block", (int)(end - start), start);
            return vb_error_hint(err, "give at most %d, comma-separated, such as 10.0.0.0/8", BLOCKS_MAX);
        }
        proxies->count++;
    }
    *ret_proxies = proxies;
    return 0;
}

void vb_proxies_destroy(struct vb_proxies *proxies)
{
    free(proxies);
}

static bool in_block(const struct block *block, const unsigned char address[16])
{
    unsigned bytes = block->bits / 8, rest = block->bits % 8;
    unsigned char mask = (unsigned char)(0xff << (8 - rest));

    return memcmp(block->address, address, bytes) == 0 &&
           (rest == 0 || (block->address[bytes] & mask) == (address[bytes] & mask));
}

bool vb_proxies_trusts(const struct vb_proxies *proxies, const char *text)
{
    unsigned char address[16];
    bool v4;

    if (proxies->count == 0 || !parse_address(text, address, &v4))
        return false;
    for (size_t i = 0; i < proxies->count; i++)
        if (in_block(&proxies->blocks[i], address))
            return true;
    return false;
}

void vb_proxies_client(const struct vb_proxies *proxies, const char *peer, const char *forwarded_for,
                       char *buffer, size_t size)
{
    const char *end = forwarded_for ? forwarded_for + strlen(forwarded_for) : NULL;

    snprintf(buffer, size, "%s", peer);
    while (end && end > forwarded_for && vb_proxies_trusts(proxies, buffer)) {
        const char *start = end, *stop = end;
        char candidate[ADDRESS_SIZE];
        unsigned char address[16];
        bool v4;

        while (start > forwarded_for && start[-1] != ',')
            start--;
        end = start > forwarded_for ? start - 1 : forwarded_for;
        start += strspn(start, " \t");
        while (stop > start && (stop[-1] == ' ' || stop[-1] == '\t'))
            stop--;
        if (stop <= start || (size_t)(stop - start) >= sizeof(candidate))
            return;
        snprintf(candidate, sizeof(candidate), "%.*s", (int)(stop - start), start);
        if (!parse_address(candidate, address, &v4))
            return; /* no proxy of ours wrote this: keep the last address that is known */
        snprintf(buffer, size, "%s", candidate);
    }
}
