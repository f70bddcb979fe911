/* Presigned URLs of Signature Version 2: the published vector, and URLs that must not pass. */
#include "store/sigv2.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* "Signing and authenticating REST requests", example "Query string request authentication" */
#define EXPIRES 1175139620
#define QUERY                                                                                                \
    "AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620"

static const struct vb_sigv4_credentials credentials = {"AKIAIOSFODNN7EXAMPLE",
                                                        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", NULL};

static enum vb_sigv4_result verify(struct vb_sigv4_request request, const char *host_bucket, int64_t now_s)
{
    struct vb_arena arena;
    enum vb_sigv4_result result;

    vb_arena_init(&arena, 256 * 1024);
    result = vb_store_sigv2_verify(&arena, &request, host_bucket, &credentials, now_s);
    vb_arena_release(&arena);
    return result;
}

static struct vb_sigv4_request published(void)
{
    return (struct vb_sigv4_request){.method = "GET", .path = "/photos/puppy.jpg", .query = QUERY};
}

static void the_published_url_passes_until_it_expires(void **state)
{
    (void)state;
    assert_int_equal(verify(published(), "johnsmith", EXPIRES - 1), VB_SIGV4_OK);
    assert_int_equal(verify(published(), "johnsmith", EXPIRES), VB_SIGV4_OK);
    assert_int_equal(verify(published(), "johnsmith", EXPIRES + 1), VB_SIGV4_EXPIRED);
}

static void path_style_signs_the_same_resource(void **state)
{
    struct vb_sigv4_request request = published();

    (void)state;
    request.path = "/johnsmith/photos/puppy.jpg";
    assert_int_equal(verify(request, NULL, EXPIRES), VB_SIGV4_OK);
}

static void any_change_to_a_signed_part_fails(void **state)
{
    static const struct vb_sigv4_header amz = {"x-amz-copy-source", "/other/object"},
                                        type = {"Content-Type", "text/html"};
    struct vb_sigv4_request method = published(), path = published(), resource = published(),
                            with_amz = published(), with_type = published(), later = published();

    (void)state;
    method.method = "PUT";
    assert_int_equal(verify(method, "johnsmith", EXPIRES), VB_SIGV4_MISMATCH);
    path.path = "/photos/kitten.jpg";
    assert_int_equal(verify(path, "johnsmith", EXPIRES), VB_SIGV4_MISMATCH);
    assert_int_equal(verify(published(), "other", EXPIRES), VB_SIGV4_MISMATCH);
    resource.query = QUERY "&acl";
    assert_int_equal(verify(resource, "johnsmith", EXPIRES), VB_SIGV4_MISMATCH);
    resource.query = QUERY "&response-content-type=text/html";
    assert_int_equal(verify(resource, "johnsmith", EXPIRES), VB_SIGV4_MISMATCH);
    with_amz.headers = &amz;
    with_amz.header_count = 1;
    assert_int_equal(verify(with_amz, "johnsmith", EXPIRES), VB_SIGV4_MISMATCH);
    with_type.headers = &type;
    with_type.header_count = 1;
    assert_int_equal(verify(with_type, "johnsmith", EXPIRES), VB_SIGV4_MISMATCH);
    later.query =
        "AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1999999999";
    assert_int_equal(verify(later, "johnsmith", EXPIRES), VB_SIGV4_MISMATCH);
}

static void broken_queries_are_refused(void **state)
{
    static const struct {
        const char *query;
        enum vb_sigv4_result result;
    } cases[] = {
        {"AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=x", VB_SIGV4_MALFORMED},
        {"AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=x&Expires=", VB_SIGV4_MALFORMED},
        {"AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=x&Expires=-1", VB_SIGV4_MALFORMED},
        {"AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=x&Expires=99999999999999999999", VB_SIGV4_MALFORMED},
        {"AWSAccessKeyId=%zz&Signature=x&Expires=1", VB_SIGV4_MALFORMED},
        {"AWSAccessKeyId=a%00b&Signature=x&Expires=1", VB_SIGV4_MALFORMED},
        {"AWSAccessKeyId=other&Signature=x&Expires=1", VB_SIGV4_UNKNOWN_KEY},
        {"AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=&Expires=1", VB_SIGV4_MISMATCH}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vb_sigv4_request request = published();

        request.query = cases[i].query;
        assert_int_equal(verify(request, "johnsmith", EXPIRES), cases[i].result);
    }
}

static void a_url_is_a_signed_one_only_with_key_and_signature(void **state)
{
    (void)state;
    assert_true(vb_store_sigv2_present(QUERY));
    assert_false(vb_store_sigv2_present(""));
    assert_false(vb_store_sigv2_present("Signature=x"));
    assert_false(vb_store_sigv2_present("X-Amz-Signature=x&XAWSAccessKeyId=y"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_url_passes_until_it_expires),
        cmocka_unit_test(path_style_signs_the_same_resource),
        cmocka_unit_test(any_change_to_a_signed_part_fails),
        cmocka_unit_test(broken_queries_are_refused),
        cmocka_unit_test(a_url_is_a_signed_one_only_with_key_and_signature),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
