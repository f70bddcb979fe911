/* Fuzzes the aws-chunked decoder. The first byte chooses the form and how the rest is split: the result must
 * not depend on the split. */
#include "s3/chunked.h"

#include "base/memory.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int collect(void *context, const char *data, size_t size)
{
    vb_strbuf_add(context, data, size);
    return 0;
}

static int decode(const struct vb_sigv4_verified *verified, const char *data, size_t size, size_t step,
                  struct vb_strbuf *out)
{
    struct vb_s3_chunked *chunked = vb_s3_chunked_create(verified);
    int r = 0;

    for (size_t at = 0; at < size && r == 0; at += step)
        r = vb_s3_chunked_decode(chunked, data + at, size - at < step ? size - at : step, collect, out);
    if (r == 0)
        r = vb_s3_chunked_finish(chunked);
    if (r == 0)
        vb_s3_chunked_trailer(chunked, "x-amz-checksum-crc32");
    vb_s3_chunked_destroy(chunked);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const forms[] = {VB_SIGV4_STREAMING, VB_SIGV4_STREAMING_TRAILER,
                                        VB_SIGV4_UNSIGNED_TRAILER, VB_SIGV4_UNSIGNED_TRAILER};
    struct vb_sigv4_verified verified = {.amz_date = "20130524T000000Z",
                                         .scope = "20130524/us-east-1/s3/aws4_request"};
    struct vb_strbuf whole, pieces;
    size_t step;

    if (size == 0)
        return 0;
    strcpy(verified.payload_hash, forms[data[0] & 3]);
    memset(verified.seed_signature, '0', 2 * VB_SHA256_SIZE);
    step = 1 + (data[0] >> 2);
    vb_strbuf_init(&whole, 1 << 20);
    vb_strbuf_init(&pieces, 1 << 20);
    vb_assert(decode(&verified, (const char *)data + 1, size - 1, size, &whole) ==
              decode(&verified, (const char *)data + 1, size - 1, step, &pieces));
    vb_assert(whole.length == pieces.length && memcmp(whole.data, pieces.data, whole.length) == 0);
    vb_strbuf_release(&whole);
    vb_strbuf_release(&pieces);
    return 0;
}
