/* Where a bucket is: by host on AWS, by path elsewhere, and never at a malformed address. */
#include "s3/endpoint.h"

#include "base/cleanup.h"
#include "base/memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define REGION "eu-central-1"

static void expect_path(const struct vb_s3_endpoint *endpoint, const char *key, const char *expected)
{
    struct vb_strbuf path VB_CLEANUP(vb_strbuf_release);

    vb_strbuf_init(&path, 4096);
    vb_s3_endpoint_path(endpoint, key, &path);
    assert_string_equal(path.data, expected);
}

static void expect_host(const struct vb_s3_endpoint *endpoint, const char *instead, const char *expected)
{
    struct vb_strbuf host VB_CLEANUP(vb_strbuf_release);

    vb_strbuf_init(&host, 4096);
    vb_s3_endpoint_host(endpoint, instead, &host);
    assert_string_equal(host.data, expected);
}

static void addresses_name_the_bucket_by_host_on_aws_and_by_path_elsewhere(void **state)
{
    static const struct {
        const char *url, *region, *bucket, *scheme, *host, *path;
    } cases[] = {
        {NULL, REGION, "b", "https", "b.s3.eu-central-1.amazonaws.com", "/k"},
        {NULL, "cn-north-1", "b", "https", "b.s3.cn-north-1.amazonaws.com.cn", "/k"},
        {NULL, REGION, "a.b", "https", "s3.eu-central-1.amazonaws.com", "/a.b/k"},
        {"https://S3.EU-Central-1.amazonaws.com/", REGION, "b", "https", "b.s3.eu-central-1.amazonaws.com",
         "/k"},
        {"https://s3-fips.us-east-1.amazonaws.com", REGION, "b", "https", "b.s3-fips.us-east-1.amazonaws.com",
         "/k"},
        {"https://s3.amazonaws.com.evil.example", REGION, "b", "https", "s3.amazonaws.com.evil.example",
         "/b/k"},
        {"http://127.0.0.1:9000", REGION, "b", "http", "127.0.0.1:9000", "/b/k"},
        {"http://127.0.0.1:80", REGION, "b", "http", "127.0.0.1", "/b/k"},
        {"https://store.example:443", REGION, "b", "https", "store.example", "/b/k"},
        {"https://store.example:80", REGION, "b", "https", "store.example:80", "/b/k"},
        {"http://[::1]:9000", REGION, "b", "http", "[::1]:9000", "/b/k"},
        {"https://store.example/base/", REGION, "b", "https", "store.example", "/base/b/k"},
    };

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(cases); i++) {
        struct vb_s3_endpoint endpoint;

        assert_int_equal(vb_s3_endpoint_init(&endpoint, cases[i].url, cases[i].region, cases[i].bucket), 0);
        assert_string_equal(endpoint.scheme, cases[i].scheme);
        assert_string_equal(endpoint.host, cases[i].host);
        expect_path(&endpoint, "k", cases[i].path);
    }
}

static void malformed_addresses_are_refused(void **state)
{
    static const char *const urls[] = {
        "",
        "store.example",
        "ftp://store.example",
        "http://",
        "http:///base",
        "http://:9000",
        "http://store.example:",
        "http://store.example:90a",
        "http://store.example:123456",
        "http://user@store.example",
        "http://store.example/?x",
        "http://store.example/#x",
        "http://store example",
        "http://store.example\r\nX: y",
        "http://%41.example",
    };
    struct vb_s3_endpoint endpoint;
    char long_bucket[65];

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(urls); i++)
        assert_int_equal(vb_s3_endpoint_init(&endpoint, urls[i], REGION, "b"), -EINVAL);
    memset(long_bucket, 'b', sizeof(long_bucket) - 1);
    long_bucket[64] = '\0';
    assert_int_equal(vb_s3_endpoint_init(&endpoint, NULL, REGION, ""), -EINVAL);
    assert_int_equal(vb_s3_endpoint_init(&endpoint, NULL, REGION, "a/b"), -EINVAL);
    assert_int_equal(vb_s3_endpoint_init(&endpoint, NULL, REGION, long_bucket), -EINVAL);
    assert_int_equal(vb_s3_endpoint_init(&endpoint, NULL, REGION, long_bucket + 1), 0);
}

static void keys_are_percent_encoded_and_keep_their_slashes(void **state)
{
    struct vb_s3_endpoint aws, other;

    (void)state;
    assert_int_equal(vb_s3_endpoint_init(&aws, NULL, REGION, "b"), 0);
    assert_int_equal(vb_s3_endpoint_init(&other, "http://127.0.0.1:9000", REGION, "b"), 0);
    expect_path(&aws, "a/b c?+é", "/a/b%20c%3F%2B%C3%A9");
    expect_path(&other, "../a//", "/b/../a//");
    expect_path(&aws, NULL, "/");
    expect_path(&other, NULL, "/b");
}

static void another_host_replaces_that_of_a_store_and_keeps_its_port(void **state)
{
    struct vb_s3_endpoint aws, other;

    (void)state;
    assert_int_equal(vb_s3_endpoint_init(&aws, NULL, REGION, "b"), 0);
    assert_int_equal(vb_s3_endpoint_init(&other, "http://127.0.0.1:9000", REGION, "b"), 0);
    expect_host(&other, NULL, "127.0.0.1:9000");
    expect_host(&other, "192.168.1.5", "192.168.1.5:9000");
    expect_host(&other, "192.168.1.5:80", "192.168.1.5:80");
    expect_host(&other, "[fe80::1]", "[fe80::1]:9000");
    expect_host(&aws, "192.168.1.5", "b.s3.eu-central-1.amazonaws.com");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_name_the_bucket_by_host_on_aws_and_by_path_elsewhere),
        cmocka_unit_test(malformed_addresses_are_refused),
        cmocka_unit_test(keys_are_percent_encoded_and_keep_their_slashes),
        cmocka_unit_test(another_host_replaces_that_of_a_store_and_keeps_its_port),
    };

    return cmocka_run_group_tests_name("endpoint", tests, NULL, NULL);
}
