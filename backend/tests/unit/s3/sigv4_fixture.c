/* Signed requests: see sigv4_fixture.h. */
#include "sigv4_fixture.h"

#include "base/memory.h"

#include <stdio.h>

const struct vb_sigv4_credentials doc_credentials = {"AKIAIOSFODNN7EXAMPLE",
                                                     "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", NULL};
const struct vb_sigv4_credentials token_credentials = {
    "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "FwoGZXIvYXdzE/+a=="};

static size_t count_headers(const struct vb_sigv4_header *headers)
{
    size_t count = 0;

    while (count < HEADERS_MAX && headers[count].name)
        count++;
    return count;
}

struct vb_sigv4_request make_request(const char *method, const char *path, const char *query,
                                     const struct vb_sigv4_header *headers)
{
    return (struct vb_sigv4_request){.method = method,
                                     .path = path,
                                     .query = query,
                                     .headers = headers,
                                     .header_count = count_headers(headers),
                                     .payload_hash = EMPTY_SHA256};
}

void add_header(struct signed_request *s, const char *name, const char *value)
{
    vb_assert(s->request.header_count < HEADERS_MAX);
    s->headers[s->request.header_count++] = (struct vb_sigv4_header){name, value};
}

void sign_request(struct signed_request *s, const struct vb_sigv4_credentials *credentials,
                  const struct vb_sigv4_header *extra)
{
    *s = (struct signed_request){0};
    s->request = make_request("GET", "/test.txt", "a=1&b=2", s->headers);
    vb_strbuf_init(&s->authorization, 4096);
    add_header(s, "Host", DOC_HOST);
    add_header(s, "X-Amz-Date", DOC_DATE);
    add_header(s, "X-Amz-Content-Sha256", EMPTY_SHA256);
    for (; extra && extra->name; extra++)
        add_header(s, extra->name, extra->value);
    if (credentials->session_token)
        add_header(s, "X-Amz-Security-Token", credentials->session_token);
    assert_int_equal(
        vb_sigv4_sign(&s->request, credentials, "us-east-1", "s3", DOC_TIME_S, &s->authorization), 0);
    add_header(s, "Authorization", s->authorization.data);
}

enum vb_sigv4_result verify(const struct signed_request *s)
{
    struct vb_sigv4_verified verified;

    return vb_sigv4_verify(&s->request, &doc_credentials, "us-east-1", DOC_TIME_S, &verified);
}

enum vb_sigv4_result verify_url(const char *url, const char *method, const struct vb_sigv4_header *extra,
                                const struct vb_sigv4_credentials *credentials, int64_t now_s,
                                struct vb_sigv4_verified *ret_verified)
{
    char host[256] = "", path[2048] = "", query[8192] = "";
    struct vb_sigv4_header headers[HEADERS_MAX] = {{"Host", host}};
    struct vb_sigv4_request request;

    assert_int_equal(sscanf(url, "%*[a-z]://%255[^/]%2047[^?]?%8191s", host, path, query), 3);
    for (size_t i = 1; extra && extra->name; extra++)
        headers[i++] = *extra;
    request = make_request(method, path, query, headers);
    return vb_sigv4_verify(&request, credentials, "us-east-1", now_s, ret_verified);
}
