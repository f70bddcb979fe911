/* An S3 client before a scripted S3: see client_fixture.h. */
#include "client_fixture.h"

#include "base/clock.h"
#include "base/hash.h"

void fixture_init(struct fixture *f, const struct scripted_server *server, unsigned attempts,
                  unsigned timeout_ms)
{
    const struct vb_http_client_config http_config = {0};
    char endpoint[64];

    *f = (struct fixture){.http = vb_http_client_create(&http_config),
                          .credentials = vb_credentials_fixed(KEY_ID, SECRET)};
    snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%u", server->port);
    f->s3 = vb_s3_client_create(&(struct vb_s3_config){.region = REGION,
                                                       .bucket = BUCKET,
                                                       .endpoint = endpoint,
                                                       .credentials = f->credentials,
                                                       .http = f->http,
                                                       .attempts = attempts,
                                                       .timeout_ms = timeout_ms});
    assert_non_null(f->s3);
}

void fixture_release(struct fixture *f)
{
    vb_s3_client_destroy(f->s3);
    vb_credentials_destroy(f->credentials);
    vb_http_client_destroy(f->http);
}

void assert_signed(const struct script_request *request)
{
    static char head[SCRIPT_HEAD_MAX], target[sizeof(request->target)];
    const struct vb_sigv4_credentials credentials = {KEY_ID, SECRET, NULL};
    struct vb_sigv4_header headers[64];
    struct vb_sigv4_request signed_request = {.method = request->method, .path = target, .query = ""};
    struct vb_sigv4_verified verified = {0};
    char hash[2 * VB_SHA256_SIZE + 1], *line, *query;
    size_t count = 0;

    memcpy(head, request->head, sizeof(head));
    for (line = strstr(head, "\r\n") + 2; strncmp(line, "\r\n", 2) != 0; count++) {
        char *end = strstr(line, "\r\n"), *colon = strchr(line, ':');

        assert_true(count < 64 && colon && colon < end);
        *end = *colon = '\0';
        headers[count] = (struct vb_sigv4_header){line, colon + 1 + strspn(colon + 1, " ")};
        line = end + 2;
    }
    memcpy(target, request->target, sizeof(target));
    query = strchr(target, '?');
    if (query) {
        *query = '\0';
        signed_request.query = query + 1;
    }
    signed_request.headers = headers;
    signed_request.header_count = count;
    assert_int_equal(vb_sigv4_verify(&signed_request, &credentials, REGION, vb_clock_realtime_s(), &verified),
                     VB_SIGV4_OK);
    vb_sha256_hex(request->body, request->body_size, hash);
    assert_string_equal(verified.payload_hash, hash);
}
