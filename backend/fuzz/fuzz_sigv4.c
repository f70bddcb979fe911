/*
 * Fuzzes verification. The input is a request, a line each: method, path, query, then headers ("name:
 * value"). Nothing may verify, because no input knows the key; what is signed here must verify.
 */
#include "s3/sigv4.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEADERS_MAX 120
#define TIME_S      1369353600 /* 20130524T000000Z */

static const struct vb_sigv4_credentials credentials = {"AKIAIOSFODNN7EXAMPLE", "not in any input", NULL};

static const char *take_line(char **rest)
{
    char *line = *rest, *end = strchr(line, '\n');

    if (end)
        *end++ = '\0';
    *rest = end ? end : line + strlen(line);
    return line;
}

static size_t take_headers(char *rest, struct vb_sigv4_header headers[HEADERS_MAX])
{
    size_t count = 0;

    while (*rest && count < HEADERS_MAX - 3) {
        char *name = (char *)take_line(&rest), *colon = strchr(name, ':');

        if (!colon)
            continue;
        *colon = '\0';
        headers[count++] = (struct vb_sigv4_header){name, colon + 1};
    }
    return count;
}

/* Signs the same path and query in both forms; each must verify unless it cannot be signed at all. */
static void sign_and_verify(const struct vb_sigv4_request *found)
{
    struct vb_sigv4_header headers[4] = {
        {"host", "h"}, {"x-amz-date", "20130524T000000Z"}, {"x-amz-content-sha256", VB_SIGV4_UNSIGNED}};
    struct vb_sigv4_request request = {.method = found->method,
                                       .path = found->path,
                                       .query = found->query,
                                       .headers = headers,
                                       .header_count = 3,
                                       .payload_hash = VB_SIGV4_UNSIGNED};
    struct vb_sigv4_verified verified;
    struct vb_strbuf out;

    vb_strbuf_init(&out, 1 << 20);
    if (!strstr(found->query, "mz-") && !strstr(found->query, "AWSAccessKeyId") &&
        !strchr(found->query, '%') &&
        vb_sigv4_sign(&request, &credentials, "us-east-1", "s3", TIME_S, &out) == 0) {
        headers[3] = (struct vb_sigv4_header){"authorization", out.data};
        request.header_count = 4;
        vb_assert(vb_sigv4_verify(&request, &credentials, "us-east-1", TIME_S, &verified) == VB_SIGV4_OK);
    }
    vb_strbuf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1), *rest = text;
    struct vb_sigv4_header headers[HEADERS_MAX];
    struct vb_sigv4_request request;
    struct vb_sigv4_verified verified;
    struct vb_strbuf out;

    vb_assert(text);
    memcpy(text, data, size);
    text[size] = '\0';
    request.method = take_line(&rest);
    request.path = take_line(&rest);
    request.query = take_line(&rest);
    request.header_count = take_headers(rest, headers);
    request.headers = headers;
    request.payload_hash = VB_SIGV4_UNSIGNED;
    vb_assert(vb_sigv4_verify(&request, &credentials, "us-east-1", TIME_S, &verified) != VB_SIGV4_OK);
    vb_assert(verified.detail && verified.seed_signature[0] == '\0');
    vb_strbuf_init(&out, 1 << 20);
    vb_sigv4_canonical_request(&request, request.header_count ? headers[0].name : "host", &out);
    vb_strbuf_release(&out);
    sign_and_verify(&request);
    free(text);
    return 0;
}
