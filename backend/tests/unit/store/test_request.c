/* The target of a request: the bucket and key that a path, a Host header or a copy source names. */
#include "store/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static enum vb_store_error parse(struct vb_arena *arena, const char *path, const char *host,
                                 struct vb_store_target *target)
{
    vb_arena_init(arena, 64 * 1024);
    *target = (struct vb_store_target){0};
    return vb_store_target_parse(arena, path, host, target);
}

static void assert_target(const char *path, const char *host, const char *bucket, const char *key)
{
    struct vb_arena arena;
    struct vb_store_target target;

    assert_int_equal(parse(&arena, path, host, &target), VB_STORE_OK);
    if (bucket)
        assert_string_equal(target.bucket, bucket);
    else
        assert_null(target.bucket);
    if (key)
        assert_string_equal(target.key, key);
    else
        assert_null(target.key);
    vb_arena_release(&arena);
}

static void assert_refused(const char *path, const char *host, enum vb_store_error error)
{
    struct vb_arena arena;
    struct vb_store_target target;

    assert_string_equal(vb_store_error_code(parse(&arena, path, host, &target)), vb_store_error_code(error));
    assert_null(target.bucket);
    vb_arena_release(&arena);
}

static void path_style_names_service_bucket_and_key(void **state)
{
    (void)state;
    assert_target("/", "localhost:9000", NULL, NULL);
    assert_target("/photos", "localhost:9000", "photos", NULL);
    assert_target("/photos/", "127.0.0.1:9000", "photos", NULL);
    assert_target("/photos/a/b.jpg", "", "photos", "a/b.jpg");
}

static void keys_are_never_paths(void **state)
{
    (void)state;
    assert_target("/photos/../../etc/passwd", "", "photos", "../../etc/passwd");
    assert_target("/photos/./a", "", "photos", "./a");
    assert_target("/photos//a//b/", "", "photos", "/a//b/");
    assert_target("/photos/%2e%2e%2fsecret", "", "photos", "../secret");
    assert_target("/photos/a+b%20c%2Bd", "", "photos", "a+b c+d");
}

static void keys_are_utf8(void **state)
{
    (void)state;
    assert_target("/photos/%E2%98%83.jpg", "", "photos", "\xe2\x98\x83.jpg");
    assert_target("/photos/%01", "", "photos", "\x01");
    assert_refused("/photos/%ff", "", VB_STORE_INVALID_URI);
    assert_refused("/photos/%c0%af", "", VB_STORE_INVALID_URI);    /* an over-long slash */
    assert_refused("/photos/%ed%a0%80", "", VB_STORE_INVALID_URI); /* a lone surrogate */
}

static void nul_and_broken_percent_encoding_are_refused(void **state)
{
    (void)state;
    assert_refused("/photos/a%00b", "", VB_STORE_INVALID_URI);
    assert_refused("/photos/%", "", VB_STORE_INVALID_URI);
    assert_refused("/photos/%4", "", VB_STORE_INVALID_URI);
    assert_refused("/photos/%zz", "", VB_STORE_INVALID_URI);
    assert_refused("photos", "", VB_STORE_INVALID_URI);
}

static void a_key_has_at_most_1024_bytes_once_decoded(void **state)
{
    char path[16 + 3 * 1025 + 1] = "/photos/";

    (void)state;
    for (int i = 0; i < 1024; i++)
        strcat(path, "%61");
    {
        struct vb_arena arena;
        struct vb_store_target target;

        assert_int_equal(parse(&arena, path, "", &target), VB_STORE_OK);
        assert_int_equal(strlen(target.key), 1024);
        vb_arena_release(&arena);
    }
    strcat(path, "b");
    assert_refused(path, "", VB_STORE_KEY_TOO_LONG);
}

static void bucket_names_follow_the_rules(void **state)
{
    static const char *const good[] = {"abc", "vibe-app-production", "a.b.c", "0-9",
                                       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    static const char *const bad[] = {"",
                                      "ab",
                                      "Abc",
                                      "a_b_c",
                                      "-abc",
                                      "abc-",
                                      "a..b",
                                      "a.-b",
                                      "a-.b",
                                      ".abc",
                                      "192.168.1.1",
                                      "abc\xc3\xa9",
                                      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(vb_store_bucket_name_valid(good[i], strlen(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(vb_store_bucket_name_valid(bad[i], strlen(bad[i])));
    assert_refused("/UPPER/key", "", VB_STORE_INVALID_BUCKET_NAME);
    assert_refused("//key", "", VB_STORE_INVALID_BUCKET_NAME);
    assert_refused("/../key", "", VB_STORE_INVALID_BUCKET_NAME);
}

static void virtual_hosted_style_names_the_bucket_in_the_host(void **state)
{
    (void)state;
    assert_target("/a/b", "photos.localhost:9000", "photos", "a/b");
    assert_target("/", "photos.localhost", "photos", NULL);
    assert_target("/k", "photos.s3.eu-central-1.example.com", "photos", "k");
    assert_target("/k", "my.photos.s3.localhost:9000", "my.photos", "k");
}

static void other_hosts_mean_path_style(void **state)
{
    (void)state;
    assert_target("/photos/k", "s3.localhost:9000", "photos", "k"); /* "s3" is too short for a bucket */
    assert_target("/photos/k", "localhost", "photos", "k");
    assert_target("/photos/k", "store.example.com", "photos", "k");
    assert_target("/photos/k", "UPPER.localhost", "photos", "k");
    assert_target("/photos/k", "192.168.1.5:9000", "photos", "k");
    assert_target("/photos/k", ":.s3.x", "photos", "k");
}

static enum vb_store_error parse_source(const char *source, char *ret_text, size_t size)
{
    struct vb_arena arena;
    struct vb_store_target target = {0};
    enum vb_store_error error;

    vb_arena_init(&arena, 64 * 1024);
    error = vb_store_copy_source_parse(&arena, source, &target);
    if (!error)
        snprintf(ret_text, size, "%s|%s", target.bucket, target.key);
    vb_arena_release(&arena);
    return error;
}

static void copy_sources_are_read_in_every_form_that_clients_send(void **state)
{
    static const struct {
        const char *source, *target;
    } cases[] = {{"photos/a/b", "photos|a/b"},
                 {"/photos/a%20b", "photos|a b"},
                 {"photos%2Fa%2Fb", "photos|a/b"},
                 {"%2Fphotos/a", NULL},
                 {"photos/a?versionId=null", "photos|a"}};
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (cases[i].target) {
            assert_int_equal(parse_source(cases[i].source, text, sizeof(text)), VB_STORE_OK);
            assert_string_equal(text, cases[i].target);
        } else {
            assert_int_not_equal(parse_source(cases[i].source, text, sizeof(text)), VB_STORE_OK);
        }
    }
    assert_int_equal(parse_source("photos", text, sizeof(text)), VB_STORE_INVALID_ARGUMENT);
    assert_int_equal(parse_source("photos/", text, sizeof(text)), VB_STORE_INVALID_ARGUMENT);
    assert_int_equal(parse_source("", text, sizeof(text)), VB_STORE_INVALID_ARGUMENT);
    assert_int_equal(parse_source("photos/a?versionId=abc", text, sizeof(text)), VB_STORE_NO_SUCH_VERSION);
    assert_int_equal(parse_source("photos/a?other", text, sizeof(text)), VB_STORE_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(path_style_names_service_bucket_and_key),
        cmocka_unit_test(keys_are_never_paths),
        cmocka_unit_test(keys_are_utf8),
        cmocka_unit_test(nul_and_broken_percent_encoding_are_refused),
        cmocka_unit_test(a_key_has_at_most_1024_bytes_once_decoded),
        cmocka_unit_test(bucket_names_follow_the_rules),
        cmocka_unit_test(virtual_hosted_style_names_the_bucket_in_the_host),
        cmocka_unit_test(other_hosts_mean_path_style),
        cmocka_unit_test(copy_sources_are_read_in_every_form_that_clients_send),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
