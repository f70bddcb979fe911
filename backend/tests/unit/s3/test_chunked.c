/* aws-chunked decoder: published vectors, every split, every truncation, every kind of damage. */
#include "s3/chunked.h"

#include "base/encode.h"
#include "base/memory.h"
#include "base/random.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DATE         "20130524T000000Z"
#define SCOPE        "20130524/us-east-1/s3/aws4_request"
#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SEED         "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
#define TRAILER_SEED "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"

static int collect(void *context, const char *data, size_t size)
{
    vb_strbuf_add(context, data, size);
    return 0;
}

static struct vb_sigv4_verified make_verified(const char *payload_hash, const char *seed)
{
    struct vb_sigv4_verified verified = {0};

    strcpy(verified.payload_hash, payload_hash);
    strcpy(verified.seed_signature, seed);
    strcpy(verified.amz_date, DATE);
    strcpy(verified.scope, SCOPE);
    vb_sigv4_signing_key("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", DATE, "us-east-1", "s3",
                         verified.signing_key);
    return verified;
}

/* Decodes the whole body in pieces of `step` bytes and finishes. The first error ends it. */
static int decode(const struct vb_sigv4_verified *verified, const char *body, size_t size, size_t step,
                  struct vb_strbuf *out, struct vb_s3_chunked **ret_chunked)
{
    struct vb_s3_chunked *chunked = vb_s3_chunked_create(verified);
    int r = 0;

    assert_non_null(chunked);
    vb_strbuf_clear(out);
    for (size_t at = 0; at < size && r == 0; at += step)
        r = vb_s3_chunked_decode(chunked, body + at, size - at < step ? size - at : step, collect, out);
    if (r == 0)
        r = vb_s3_chunked_finish(chunked);
    else
        assert_int_equal(vb_s3_chunked_finish(chunked), r); /* an error stays */
    if (ret_chunked && r == 0)
        *ret_chunked = chunked;
    else
        vb_s3_chunked_destroy(chunked);
    return r;
}

/* The body of the documentation's examples: 65536 and 1024 times 'a'. */
static void add_example(struct vb_strbuf *body, const char *first, const char *second, const char *last)
{
    static char a[65536];

    memset(a, 'a', sizeof(a));
    vb_strbuf_addf(body, "10000;chunk-signature=%s\r\n", first);
    vb_strbuf_add(body, a, 65536);
    vb_strbuf_addf(body, "\r\n400;chunk-signature=%s\r\n", second);
    vb_strbuf_add(body, a, 1024);
    vb_strbuf_addf(body, "\r\n0;chunk-signature=%s\r\n", last);
}

static void assert_all_a(const struct vb_strbuf *out, size_t size)
{
    assert_int_equal(out->length, size);
    assert_int_equal(strspn(out->data, "a"), size);
}

/* "Signature calculations …: Transferring payload in multiple chunks", example PUT object */
static void documented_signed_chunks_are_decoded(void **state)
{
    struct vb_sigv4_verified verified = make_verified(VB_SIGV4_STREAMING, SEED);
    struct vb_strbuf body, out;

    (void)state;
    vb_strbuf_init(&body, 100000);
    vb_strbuf_init(&out, 100000);
    add_example(&body, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
                "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
                "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9");
    vb_strbuf_adds(&body, "\r\n");
    assert_int_equal(body.length, 66824); /* the example's Content-Length */
    assert_int_equal(decode(&verified, body.data, body.length, body.length, &out, NULL), 0);
    assert_all_a(&out, 66560);
    body.data[30000] = 'b';
    assert_int_equal(decode(&verified, body.data, body.length, body.length, &out, NULL), -EACCES);
    vb_strbuf_release(&body);
    vb_strbuf_release(&out);
}

/* "… Including trailing headers", example PUT object; ending: how the trailers end, in the ways of several
 * clients */
static void documented_signed_trailer_is_decoded(void **state)
{
    static const char *const endings[] = {
        "x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:%s\r\n\r\n",
        "X-Amz-Checksum-Crc32c: sOO8/Q== \r\nX-Amz-Trailer-Signature:%s\r\n\r\n",
        "x-amz-checksum-crc32c:sOO8/Q==\n\r\nx-amz-trailer-signature:%s\r\n\r\n", /* minio-go */
    };
    static const char signature[] = "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435";
    struct vb_sigv4_verified verified = make_verified(VB_SIGV4_STREAMING_TRAILER, TRAILER_SEED);

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(endings); i++) {
        struct vb_s3_chunked *chunked = NULL;
        struct vb_strbuf body, out;

        vb_strbuf_init(&body, 100000);
        vb_strbuf_init(&out, 100000);
        add_example(&body, "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
                    "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
                    "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        vb_strbuf_addf(&body, endings[i], signature);
#pragma GCC diagnostic pop
        assert_int_equal(decode(&verified, body.data, body.length, 1000, &out, &chunked), 0);
        assert_all_a(&out, 66560);
        assert_string_equal(vb_s3_chunked_trailer(chunked, "x-amz-checksum-crc32c"), "sOO8/Q==");
        assert_null(vb_s3_chunked_trailer(chunked, "x-amz-checksum-crc32"));
        assert_null(vb_s3_chunked_trailer(chunked, "x-amz-trailer-signature"));
        vb_s3_chunked_destroy(chunked);

        *strstr(body.data, "sOO8") = 't';
        assert_int_equal(decode(&verified, body.data, body.length, 1000, &out, NULL), -EACCES);
        vb_strbuf_release(&body);
        vb_strbuf_release(&out);
    }
}

/* An encoder of our own for the small bodies below. */
static void sign_chunk(const struct vb_sigv4_verified *verified, const char *data, size_t size,
                       char signature[65])
{
    char hash[65];
    const char *const lines[] = {"AWS4-HMAC-SHA256-PAYLOAD", DATE, SCOPE, signature, EMPTY_SHA256, hash};
    char signed_[65];

    vb_sha256_hex(data, size, hash);
    vb_sigv4_signature(verified->signing_key, lines, VB_ARRAY_SIZE(lines), signed_);
    memcpy(signature, signed_, 65);
}

static void encode(const struct vb_sigv4_verified *verified, const char *data, size_t size, size_t chunk,
                   const char *trailer, struct vb_strbuf *body)
{
    bool is_signed = strcmp(verified->payload_hash, VB_SIGV4_UNSIGNED_TRAILER) != 0;
    char signature[65];

    memcpy(signature, verified->seed_signature, 65);
    for (;;) {
        size_t part = size < chunk ? size : chunk;

        sign_chunk(verified, data, part, signature);
        vb_strbuf_addf(body, is_signed ? "%zx;chunk-signature=%s\r\n" : "%zx\r\n", part, signature);
        if (part == 0)
            break;
        vb_strbuf_add(body, data, part);
        vb_strbuf_adds(body, "\r\n");
        data += part;
        size -= part;
    }
    if (strcmp(verified->payload_hash, VB_SIGV4_STREAMING) != 0)
        vb_strbuf_addf(body, "%s\r\n", trailer);
    if (strcmp(verified->payload_hash, VB_SIGV4_STREAMING_TRAILER) == 0) {
        char hash[65], signed_[65], canonical[200];
        const char *const lines[] = {"AWS4-HMAC-SHA256-TRAILER", DATE, SCOPE, signature, hash};

        vb_sha256_hex(canonical, (size_t)snprintf(canonical, sizeof(canonical), "%s\n", trailer), hash);
        vb_sigv4_signature(verified->signing_key, lines, VB_ARRAY_SIZE(lines), signed_);
        vb_strbuf_addf(body, "x-amz-trailer-signature:%s\r\n", signed_);
    }
    vb_strbuf_adds(body, "\r\n");
}

static const char *const forms[] = {VB_SIGV4_STREAMING, VB_SIGV4_STREAMING_TRAILER,
                                    VB_SIGV4_UNSIGNED_TRAILER};

static void any_split_gives_the_same_result(void **state)
{
    static const char text[] = "0123456789abcdef\r\n0;chunk-signature=\r\n\r\nwith lines of its own";

    (void)state;
    for (size_t form = 0; form < VB_ARRAY_SIZE(forms); form++) {
        struct vb_sigv4_verified verified = make_verified(forms[form], SEED);
        struct vb_strbuf body, out;

        vb_strbuf_init(&body, 10000);
        vb_strbuf_init(&out, 10000);
        encode(&verified, text, sizeof(text) - 1, 20, "x-amz-checksum-crc32:AAAAAA==", &body);
        for (size_t step = 1; step <= body.length; step++) {
            struct vb_s3_chunked *chunked = NULL;

            assert_int_equal(decode(&verified, body.data, body.length, step, &out, &chunked), 0);
            assert_string_equal(out.data, text);
            if (form > 0)
                assert_string_equal(vb_s3_chunked_trailer(chunked, "x-amz-checksum-crc32"), "AAAAAA==");
            vb_s3_chunked_destroy(chunked);
        }
        vb_strbuf_release(&body);
        vb_strbuf_release(&out);
    }
}

static void no_truncation_succeeds(void **state)
{
    (void)state;
    for (size_t form = 0; form < VB_ARRAY_SIZE(forms); form++) {
        struct vb_sigv4_verified verified = make_verified(forms[form], SEED);
        struct vb_strbuf body, out;

        vb_strbuf_init(&body, 10000);
        vb_strbuf_init(&out, 10000);
        encode(&verified, "hello, world", 12, 5, "x-amz-checksum-crc32:AAAAAA==", &body);
        for (size_t size = 0; size < body.length; size++)
            assert_int_equal(decode(&verified, body.data, size, 7, &out, NULL), -EINVAL);
        assert_int_equal(decode(&verified, body.data, body.length, 7, &out, NULL), 0);
        vb_strbuf_release(&body);
        vb_strbuf_release(&out);
    }
}

/* In the signed forms any byte that is changed is found, data and framing alike. The letter case of a size or
 * a trailer's name, and white space around a trailer's value, are no change. */
static void any_changed_byte_of_a_signed_body_fails(void **state)
{
    (void)state;
    for (size_t form = 0; form < 2; form++) {
        struct vb_sigv4_verified verified = make_verified(forms[form], SEED);
        struct vb_strbuf body, out;

        vb_strbuf_init(&body, 10000);
        vb_strbuf_init(&out, 10000);
        encode(&verified, "hello, world", 12, 5, "x-amz-checksum-crc32:AAAAAA==", &body);
        for (size_t i = 0; i < body.length; i++) {
            char original = body.data[i];

            body.data[i] = original == '~' ? '!' : '~';
            assert_int_not_equal(decode(&verified, body.data, body.length, body.length, &out, NULL), 0);
            body.data[i] = original ^ 1;
            assert_int_not_equal(decode(&verified, body.data, body.length, body.length, &out, NULL), 0);
            body.data[i] = original;
        }
        vb_strbuf_release(&body);
        vb_strbuf_release(&out);
    }
}

/* A chunk that is moved, repeated or left out breaks the chain. */
static void chunks_cannot_be_reordered_or_dropped(void **state)
{
    struct vb_sigv4_verified verified = make_verified(VB_SIGV4_STREAMING, SEED);
    const size_t chunk = 1 + sizeof(";chunk-signature=") - 1 + 64 + 2 + 5 + 2;
    struct vb_strbuf body, bent, out;

    (void)state;
    vb_strbuf_init(&body, 10000);
    vb_strbuf_init(&bent, 10000);
    vb_strbuf_init(&out, 10000);
    encode(&verified,
           "first"
           "other",
           10, 5, "", &body);
    vb_strbuf_add(&bent, body.data + chunk, chunk);
    vb_strbuf_add(&bent, body.data, chunk);
    vb_strbuf_adds(&bent, body.data + 2 * chunk);
    assert_int_equal(decode(&verified, bent.data, bent.length, 100, &out, NULL), -EACCES);
    vb_strbuf_clear(&bent);
    vb_strbuf_add(&bent, body.data, chunk);
    vb_strbuf_adds(&bent, body.data + 2 * chunk);
    assert_int_equal(decode(&verified, bent.data, bent.length, 100, &out, NULL), -EACCES);
    vb_strbuf_clear(&bent);
    vb_strbuf_add(&bent, body.data, chunk);
    vb_strbuf_adds(&bent, body.data);
    assert_int_equal(decode(&verified, bent.data, bent.length, 100, &out, NULL), -EACCES);
    vb_strbuf_release(&body);
    vb_strbuf_release(&bent);
    vb_strbuf_release(&out);
}

static void unsigned_bodies_are_decoded(void **state)
{
    static const struct {
        const char *body, *data, *checksum;
    } cases[] = {
        {"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n", "hello", "NhCmhg=="},
        {"5\r\nhello\r\n1\r\n!\r\n000\r\nX-Amz-Checksum-CRC32 :x\r\n\r\n", NULL,
         NULL}, /* a space in the name */
        {"0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", "", "AAAAAA=="},
        {"A\r\n0123456789\r\n0\r\n\r\n", "0123456789", NULL},
        {"2\r\nhi\r\n0\r\nx-amz-checksum-crc32:2P8fPQ==\n\r\n\r\n", "hi", "2P8fPQ=="}, /* minio-go */
    };
    struct vb_sigv4_verified verified = make_verified(VB_SIGV4_UNSIGNED_TRAILER, SEED);
    struct vb_strbuf out;

    (void)state;
    vb_strbuf_init(&out, 1000);
    for (size_t i = 0; i < VB_ARRAY_SIZE(cases); i++) {
        struct vb_s3_chunked *chunked = NULL;
        int r = decode(&verified, cases[i].body, strlen(cases[i].body), 3, &out, &chunked);

        assert_int_equal(r, cases[i].data ? 0 : -EINVAL);
        if (!cases[i].data)
            continue;
        assert_string_equal(out.data, cases[i].data);
        if (cases[i].checksum)
            assert_string_equal(vb_s3_chunked_trailer(chunked, "x-amz-checksum-crc32"), cases[i].checksum);
        else
            assert_null(vb_s3_chunked_trailer(chunked, "x-amz-checksum-crc32"));
        vb_s3_chunked_destroy(chunked);
    }
    vb_strbuf_release(&out);
}

static void malformed_framing_is_refused(void **state)
{
    static const char *const broken[] = {
        "\r\n",
        "x\r\n",
        "-1\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "5\nhello\n0\n\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello!\r\n0\r\n\r\n",
        "6\r\nhello\r\n0\r\n\r\n",
        "5;chunk-signature=00\r\nhello\r\n0\r\n\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "fffffffffffffffff\r\n",
        "0\r\n\r\n5\r\nhello\r\n",
        "0\r\n\r\n\r\n\r\n\r\n",
        "0\r\n:value\r\n\r\n",
        "0\r\nno colon\r\n\r\n",
        "0\r\na:b",
    };
    struct vb_sigv4_verified verified = make_verified(VB_SIGV4_UNSIGNED_TRAILER, SEED);
    struct vb_strbuf out;

    (void)state;
    vb_strbuf_init(&out, 1000);
    for (size_t i = 0; i < VB_ARRAY_SIZE(broken); i++)
        assert_int_equal(decode(&verified, broken[i], strlen(broken[i]), 4, &out, NULL), -EINVAL);
    assert_int_equal(decode(&verified, "0\r\na:b\0c\r\n\r\n", 14, 14, &out, NULL), -EINVAL);
    verified = make_verified(VB_SIGV4_STREAMING, SEED);
    assert_int_equal(decode(&verified, "5\r\nhello\r\n0\r\n\r\n", 15, 15, &out, NULL),
                     -EINVAL); /* unsigned */
    verified = make_verified(VB_SIGV4_STREAMING_TRAILER, SEED);
    assert_int_equal(decode(&verified, "0\r\n\r\n", 5, 5, &out, NULL), -EINVAL);
    vb_strbuf_release(&out);
}

/* The trailer signature cannot be left away where the request announced it. */
static void signed_trailers_need_their_signature(void **state)
{
    struct vb_sigv4_verified verified = make_verified(VB_SIGV4_STREAMING_TRAILER, SEED);
    struct vb_strbuf body, out;
    char *signature;

    (void)state;
    vb_strbuf_init(&body, 10000);
    vb_strbuf_init(&out, 10000);
    encode(&verified, "hello", 5, 5, "x-amz-checksum-crc32:AAAAAA==", &body);
    signature = strstr(body.data, "x-amz-trailer-signature");
    strcpy(signature, "\r\n");
    assert_int_equal(decode(&verified, body.data, strlen(body.data), 100, &out, NULL), -EINVAL);
    vb_strbuf_release(&body);
    vb_strbuf_release(&out);
}

static void lines_and_trailers_are_bounded(void **state)
{
    struct vb_sigv4_verified verified = make_verified(VB_SIGV4_UNSIGNED_TRAILER, SEED);
    struct vb_s3_chunked *chunked = vb_s3_chunked_create(&verified);
    struct vb_strbuf out;
    char zeros[VB_S3_CHUNK_HEADER_MAX + 1];
    int r = 0, lines = 0;

    (void)state;
    vb_strbuf_init(&out, 1000);
    memset(zeros, '0', sizeof(zeros));
    assert_int_equal(vb_s3_chunked_decode(chunked, zeros, sizeof(zeros), collect, &out), -EINVAL);
    vb_s3_chunked_destroy(chunked);

    chunked = vb_s3_chunked_create(&verified);
    assert_int_equal(vb_s3_chunked_decode(chunked, "0\r\n", 3, collect, &out), 0);
    for (; r == 0; lines++)
        r = vb_s3_chunked_decode(chunked, "name:value\r\n", 12, collect, &out);
    assert_int_equal(r, -EINVAL);
    assert_in_range(lines, 300, VB_S3_CHUNK_TRAILER_MAX / 11 + 1);
    vb_s3_chunked_destroy(chunked);
    vb_strbuf_release(&out);
}

static int refuse(void *context, const char *data, size_t size)
{
    (void)context, (void)data, (void)size;
    return -ENOSPC;
}

static void an_error_of_the_sink_ends_the_decoding(void **state)
{
    struct vb_sigv4_verified verified = make_verified(VB_SIGV4_UNSIGNED_TRAILER, SEED);
    struct vb_s3_chunked *chunked = vb_s3_chunked_create(&verified);

    (void)state;
    assert_int_equal(vb_s3_chunked_decode(chunked, "5\r\nhello", 8, refuse, NULL), -ENOSPC);
    assert_int_equal(vb_s3_chunked_decode(chunked, "\r\n0\r\n\r\n", 7, refuse, NULL), -ENOSPC);
    assert_int_equal(vb_s3_chunked_finish(chunked), -ENOSPC);
    vb_s3_chunked_destroy(chunked);
    strcpy(verified.payload_hash, VB_SIGV4_UNSIGNED);
    assert_null(vb_s3_chunked_create(&verified));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documented_signed_chunks_are_decoded),
        cmocka_unit_test(documented_signed_trailer_is_decoded),
        cmocka_unit_test(any_split_gives_the_same_result),
        cmocka_unit_test(no_truncation_succeeds),
        cmocka_unit_test(any_changed_byte_of_a_signed_body_fails),
        cmocka_unit_test(chunks_cannot_be_reordered_or_dropped),
        cmocka_unit_test(unsigned_bodies_are_decoded),
        cmocka_unit_test(malformed_framing_is_refused),
        cmocka_unit_test(signed_trailers_need_their_signature),
        cmocka_unit_test(lines_and_trailers_are_bounded),
        cmocka_unit_test(an_error_of_the_sink_ends_the_decoding),
    };

    return cmocka_run_group_tests_name("s3/chunked", tests, NULL, NULL);
}
