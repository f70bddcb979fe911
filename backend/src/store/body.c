/* Receiving bodies: see body.h. */
#include "store/body.h"

#include "base/encode.h"
#include "base/memory.h"
#include "base/number.h"
#include "store/call.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static int parse_size(const char *text, int64_t *ret_size)
{
    uint64_t size;
    int r = vb_uint_parse(text, strlen(text), INT64_MAX, &size);

    if (r == 0)
        *ret_size = (int64_t)size;
    return r;
}

static bool begin_payload_hash(struct vb_store_call *call)
{
    struct vb_store_body *body = &call->body;
    const char *hash = call->verified.payload_hash;
    unsigned char digest[VB_SHA256_SIZE];

    if (!*hash || strcmp(hash, VB_SIGV4_UNSIGNED) == 0)
        return true;
    if (strcmp(hash, VB_SIGV4_STREAMING) == 0 || strcmp(hash, VB_SIGV4_STREAMING_TRAILER) == 0 ||
        strcmp(hash, VB_SIGV4_UNSIGNED_TRAILER) == 0) {
        body->chunked = vb_s3_chunked_create(&call->verified);
        if (!body->chunked)
            vb_store_fail(call->http, VB_STORE_SLOW_DOWN, NULL);
        return body->chunked != NULL;
    }
    vb_assert(vb_hex_decode(hash, strlen(hash), digest, sizeof(digest)) ==
              0); /* vb_sigv4_verify() has checked its form */
    vb_hex_encode(digest, sizeof(digest), body->expected_sha256);
    body->want_sha256 = true;
    vb_hash_init(&body->sha256, VB_HASH_SHA256);
    return true;
}

static bool begin_length(struct vb_store_call *call)
{
    struct vb_store_body *body = &call->body;
    struct vb_http_request *http = call->http;
    bool object = call->operation->body == VB_STORE_BODY_OBJECT;
    int64_t max = object ? VB_ENGINE_PUT_MAX : (int64_t)VB_STORE_XML_BODY_MAX;

    if (body->chunked) {
        const char *decoded = vb_http_header(http, "x-amz-decoded-content-length");

        if (!decoded || parse_size(decoded, &body->expected_size) < 0) {
            vb_store_fail(
                http, VB_STORE_MISSING_CONTENT_LENGTH,
                "You must provide the x-amz-decoded-content-length HTTP header with an aws-chunked body.");
            return false;
        }
    } else if (http->content_length == VB_HTTP_LENGTH_UNKNOWN ||
               (object && http->content_length == 0 && !vb_http_header(http, "Content-Length"))) {
        vb_store_fail(http, VB_STORE_MISSING_CONTENT_LENGTH, NULL);
        return false;
    } else {
        body->expected_size = http->content_length;
    }
    if (body->expected_size > max) {
        vb_store_fail_fields(
            http, VB_STORE_ENTITY_TOO_LARGE,
            (const struct vb_store_error_field[]){
                {"ProposedSize", vb_arena_printf(&http->arena, "%lld", (long long)body->expected_size)},
                {"MaxSizeAllowed", vb_arena_printf(&http->arena, "%lld", (long long)max)},
                {NULL, NULL}},
            NULL);
        return false;
    }
    return true;
}

static bool begin_md5(struct vb_store_call *call)
{
    struct vb_store_body *body = &call->body;
    const char *header = vb_http_header(call->http, "Content-MD5");
    size_t size;

    if (!header)
        return true;
    if (vb_base64_decode(header, strlen(header), body->expected_md5, sizeof(body->expected_md5), &size) < 0 ||
        size != sizeof(body->expected_md5)) {
        vb_store_fail_fields(call->http, VB_STORE_INVALID_DIGEST,
                             (const struct vb_store_error_field[]){{"Content-MD5", header}, {NULL, NULL}},
                             NULL);
        return false;
    }
    body->want_md5 = true;
    if (call->operation->body != VB_STORE_BODY_OBJECT)
        vb_hash_init(&body->md5, VB_HASH_MD5);
    return true;
}

void vb_store_body_compute(struct vb_store_body *body, enum vb_hash_algorithm algorithm)
{
    vb_assert(!body->hashing && body->size == 0);
    body->hashing = true;
    body->checksum = (struct vb_engine_checksum){.algorithm = algorithm};
    vb_hash_init(&body->checksum_hash, algorithm);
}

static bool begin_checksum_header(struct vb_store_call *call)
{
    struct vb_store_body *body = &call->body;

    for (const enum vb_hash_algorithm *a = vb_store_checksum_algorithms; *a != VB_HASH_ALGORITHMS; a++) {
        const char *value = vb_http_header(call->http, vb_store_checksum_header(*a));

        if (!value)
            continue;
        if (body->hashing) {
            vb_store_fail(
                call->http, VB_STORE_INVALID_REQUEST,
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.");
            return false;
        }
        if (!vb_store_checksum_value_valid(*a, value)) {
            vb_store_fail(call->http, VB_STORE_INVALID_REQUEST, "Value for %s header is invalid.",
                          vb_store_checksum_header(*a));
            return false;
        }
        body->expected_checksum = value;
        vb_store_body_compute(body, *a);
    }
    return true;
}

static bool begin_checksum(struct vb_store_call *call)
{
    struct vb_store_body *body = &call->body;
    const char *trailer = vb_http_header(call->http, "x-amz-trailer");
    const char *sdk = vb_http_header(call->http, "x-amz-sdk-checksum-algorithm");
    enum vb_hash_algorithm algorithm;

    if (!begin_checksum_header(call))
        return false;
    if (trailer) {
        if (!body->chunked || body->hashing || vb_store_checksum_parse_header(trailer, &algorithm) < 0) {
            vb_store_fail(call->http, VB_STORE_INVALID_REQUEST,
                          "The value specified in the x-amz-trailer header is not supported");
            return false;
        }
        body->checksum_in_trailer = true;
        vb_store_body_compute(body, algorithm);
    }
    if (sdk && vb_store_checksum_parse_name(sdk, &algorithm) < 0) {
        vb_store_fail(
            call->http, VB_STORE_INVALID_REQUEST,
            "Checksum algorithm provided is unsupported. "
            "Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]");
        return false;
    }
    if (sdk && !body->hashing)
        vb_store_body_compute(body, algorithm);
    return true;
}

bool vb_store_body_begin(struct vb_store_call *call)
{
    vb_strbuf_init(&call->body.collected, VB_STORE_XML_BODY_MAX);
    call->body.expected_size = VB_HTTP_LENGTH_UNKNOWN;
    if (call->operation->body == VB_STORE_BODY_NONE)
        return true;
    return begin_payload_hash(call) && begin_length(call) && begin_md5(call) &&
           (call->operation->body == VB_STORE_BODY_PARTS || begin_checksum(call));
}

/* Before the first byte is written. Returns false after answering. */
static bool open_writer(struct vb_store_call *call)
{
    struct vb_error err = {0};
    int r;

    if (call->operation->admit && !call->operation->admit(call))
        return false;
    r = vb_engine_writer_open(call->engine, call->body.expected_size, &call->body.writer, &err);
    if (r < 0)
        vb_store_call_fail(call, r, &err);
    return r == 0;
}

/* Takes decoded bytes. Returns an error only after answering. */
static int sink(void *context, const char *data, size_t size)
{
    struct vb_store_call *call = context;
    struct vb_store_body *body = &call->body;
    struct vb_error err = {0};
    int r = 0;

    if ((int64_t)size > body->expected_size - body->size) {
        vb_store_fail(call->http, VB_STORE_INCOMPLETE_BODY,
                      "The body is longer than the %lld bytes that the request announced",
                      (long long)body->expected_size);
        return -ECANCELED;
    }
    if (body->want_sha256)
        vb_hash_update(&body->sha256, data, size);
    if (body->hashing)
        vb_hash_update(&body->checksum_hash, data, size);
    if (call->operation->body == VB_STORE_BODY_OBJECT) {
        r = vb_engine_writer_write(body->writer, data, size, &err);
    } else {
        if (body->want_md5)
            vb_hash_update(&body->md5, data, size);
        vb_strbuf_add(&body->collected, data, size);
        if (vb_strbuf_failed(&body->collected))
            r = -ENOMEM;
    }
    body->size += (int64_t)size;
    if (r < 0) {
        vb_store_call_fail(call, r, &err);
        return -ECANCELED;
    }
    return 0;
}

static void fail_decoding(struct vb_store_call *call, int code)
{
    if (code == -EACCES)
        vb_store_fail(call->http, VB_STORE_SIGNATURE_MISMATCH, NULL);
    else
        vb_store_fail(call->http, VB_STORE_INCOMPLETE_BODY,
                      "The aws-chunked body ends early or is malformed");
}

void vb_store_body_write(struct vb_store_call *call, const char *data, size_t size)
{
    struct vb_store_body *body = &call->body;
    int r;

    if (call->operation->body == VB_STORE_BODY_NONE || vb_http_answered(call->http))
        return;
    if (call->operation->body == VB_STORE_BODY_OBJECT && !body->writer && !open_writer(call))
        return;
    r = body->chunked ? vb_s3_chunked_decode(body->chunked, data, size, sink, call) : sink(call, data, size);
    if (r < 0)
        fail_decoding(call, r); /* no second answer if the sink has answered */
}

static bool finish_sha256(struct vb_store_call *call)
{
    unsigned char digest[VB_SHA256_SIZE];
    char hex[2 * VB_SHA256_SIZE + 1];

    if (!call->body.want_sha256)
        return true;
    call->body.want_sha256 = false;
    vb_hash_final(&call->body.sha256, digest);
    vb_hex_encode(digest, sizeof(digest), hex);
    if (strcmp(hex, call->body.expected_sha256) == 0)
        return true;
    vb_store_fail_fields(
        call->http, VB_STORE_SHA256_MISMATCH,
        (const struct vb_store_error_field[]){{"ClientComputedContentSHA256", call->body.expected_sha256},
                                              {"S3ComputedContentSHA256", hex},
                                              {NULL, NULL}},
        NULL);
    return false;
}

static bool finish_md5(struct vb_store_call *call)
{
    struct vb_store_body *body = &call->body;
    unsigned char digest[16];
    char expected[VB_BASE64_SIZE(16)], calculated[VB_BASE64_SIZE(16)];

    if (!body->want_md5)
        return true;
    body->want_md5 = false;
    if (body->writer)
        vb_engine_writer_md5(body->writer, digest);
    else
        vb_hash_final(&body->md5, digest);
    if (memcmp(digest, body->expected_md5, sizeof(digest)) == 0)
        return true;
    vb_base64_encode(body->expected_md5, sizeof(digest), expected);
    vb_base64_encode(digest, sizeof(digest), calculated);
    vb_store_fail_fields(call->http, VB_STORE_BAD_DIGEST,
                         (const struct vb_store_error_field[]){
                             {"ExpectedDigest", expected}, {"CalculatedDigest", calculated}, {NULL, NULL}},
                         NULL);
    return false;
}

static bool finish_checksum(struct vb_store_call *call)
{
    struct vb_store_body *body = &call->body;
    unsigned char digest[VB_HASH_MAX_SIZE];
    const char *expected = body->expected_checksum;
    enum vb_hash_algorithm algorithm = body->checksum.algorithm;

    if (!body->hashing)
        return true;
    body->hashing = false;
    vb_hash_final(&body->checksum_hash, digest);
    vb_store_checksum_set(&body->checksum, algorithm, digest);
    if (body->checksum_in_trailer) {
        expected = vb_s3_chunked_trailer(body->chunked, vb_store_checksum_header(algorithm));
        if (!expected) {
            vb_store_fail(call->http, VB_STORE_MALFORMED_TRAILER, NULL);
            return false;
        }
        if (!vb_store_checksum_value_valid(algorithm, expected)) {
            vb_store_fail(call->http, VB_STORE_INVALID_REQUEST, "Value for %s trailing header is invalid.",
                          vb_store_checksum_header(algorithm));
            return false;
        }
    }
    if (expected && strcmp(expected, body->checksum.value) != 0) {
        vb_store_fail(call->http, VB_STORE_BAD_DIGEST,
                      "The %s you specified did not match the calculated checksum.",
                      vb_store_checksum_name(algorithm));
        return false;
    }
    return true;
}

bool vb_store_body_finish(struct vb_store_call *call)
{
    struct vb_store_body *body = &call->body;
    int r;

    if (call->operation->body == VB_STORE_BODY_NONE)
        return true;
    if (call->operation->body == VB_STORE_BODY_OBJECT && !body->writer && !open_writer(call))
        return false;
    if (body->chunked) {
        r = vb_s3_chunked_finish(body->chunked);
        if (r < 0) {
            fail_decoding(call, r);
            return false;
        }
    }
    if (body->size != body->expected_size) {
        vb_store_fail(call->http, VB_STORE_INCOMPLETE_BODY, NULL);
        return false;
    }
    return finish_sha256(call) && finish_md5(call) && finish_checksum(call);
}

void vb_store_body_release(struct vb_store_body *body)
{
    if (body->chunked)
        vb_s3_chunked_destroy(body->chunked);
    vb_engine_writer_abort(body->writer);
    vb_strbuf_release(&body->collected);
    if (body->want_sha256)
        vb_hash_release(&body->sha256);
    if (body->hashing)
        vb_hash_release(&body->checksum_hash);
    if (body->want_md5 && body->md5.context)
        vb_hash_release(&body->md5);
}
