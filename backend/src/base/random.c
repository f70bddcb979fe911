/* Randomness: see random.h. */
#include "base/random.h"

#include "base/encode.h"
#include "base/memory.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/* A thread's stock of random bytes: one system call serves many identifiers. Bytes are wiped as they go out.
 */
static __thread struct {
    unsigned char bytes[512];
    size_t left;
} stock;
static pthread_once_t watching_forks = PTHREAD_ONCE_INIT;

/* A child must not hand out the same bytes as its parent: it starts with an empty stock. */
static void forget_stock(void)
{
    explicit_bzero(&stock, sizeof(stock));
}

static void watch_forks(void)
{
    vb_assert(pthread_atfork(NULL, NULL, forget_stock) == 0);
}

static void fill(void *buffer, size_t size)
{
    unsigned char *to = buffer;

    while (size > 0) {
        ssize_t got = getrandom(to, size, 0);

        if (got < 0 && errno == EINTR)
            continue;
        vb_assert(got > 0);
        to += got;
        size -= (size_t)got;
    }
}

void vb_random_bytes(void *buffer, size_t size)
{
    unsigned char *from;

    if (size > sizeof(stock.bytes) / 4) {
        fill(buffer, size);
        return;
    }
    if (size == 0)
        return;
    if (stock.left < size) {
        pthread_once(&watching_forks, watch_forks);
        fill(stock.bytes, sizeof(stock.bytes));
        stock.left = sizeof(stock.bytes);
    }
    from = stock.bytes + sizeof(stock.bytes) - stock.left;
    memcpy(buffer, from, size);
    explicit_bzero(from, size);
    stock.left -= size;
}

uint32_t vb_random_below(uint32_t bound)
{
    uint32_t value;
    uint32_t limit;

    vb_assert(bound > 0);
    limit =
        UINT32_MAX - UINT32_MAX % bound; /* rejects the uneven rest, so that every result is equally likely */
    do
        vb_random_bytes(&value, sizeof(value));
    while (value >= limit);
    return value % bound;
}

void vb_random_uuid(char buffer[VB_UUID_SIZE])
{
    unsigned char id[16];
    struct timespec now;
    unsigned fraction; /* of a millisecond, in 4096ths: RFC 9562 6.2, method 3 */
    uint64_t ms;
    char hex[33];

    clock_gettime(CLOCK_REALTIME, &now);
    ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    fraction = (unsigned)((uint64_t)now.tv_nsec % 1000000 * 4096 / 1000000);

    vb_random_bytes(id + 8, sizeof(id) - 8);
    for (int i = 0; i < 6; i++)
        id[i] = (unsigned char)(ms >> (40 - 8 * i));
    id[6] = (unsigned char)(0x70 | fraction >> 8);
    id[7] = (unsigned char)fraction;
    id[8] = (unsigned char)(0x80 | (id[8] & 0x3f));
    vb_hex_encode(id, sizeof(id), hex);
    memcpy(buffer, hex, 8);
    buffer[8] = '-';
    memcpy(buffer + 9, hex + 8, 4);
    buffer[13] = '-';
    memcpy(buffer + 14, hex + 12, 4);
    buffer[18] = '-';
    memcpy(buffer + 19, hex + 16, 4);
    buffer[23] = '-';
    memcpy(buffer + 24, hex + 20, 13);
}
