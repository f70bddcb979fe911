/* The cache of cross-origin rules: bounded, and never the rules of another bucket. */
#include "store/cors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ENTRIES_MAX 64 /* of cors_cache.c */

struct fixture {
    struct vb_store_cors_cache *cache;
    struct vb_arena arena;
};

static struct fixture fixture;

static int set_up(void **state)
{
    fixture.cache = vb_store_cors_cache_create();
    vb_arena_init(&fixture.arena, 64 * 1024);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    vb_store_cors_cache_destroy(fixture.cache);
    vb_arena_release(&fixture.arena);
    return 0;
}

static const char *get(const char *bucket)
{
    return vb_store_cors_cache_get(fixture.cache, bucket, &fixture.arena);
}

static void a_bucket_that_was_never_seen_has_no_rules(void **state)
{
    (void)state;
    vb_store_cors_cache_set(fixture.cache, "photos", "<a/>");
    assert_null(get("videos"));
    assert_null(get("photo"));
}

static void the_rules_last_set_are_found(void **state)
{
    (void)state;
    vb_store_cors_cache_set(fixture.cache, "photos", "<a/>");
    vb_store_cors_cache_set(fixture.cache, "photos", "<b/>");
    assert_string_equal(get("photos"), "<b/>");
}

static void rules_that_were_removed_are_forgotten(void **state)
{
    (void)state;
    vb_store_cors_cache_set(fixture.cache, "photos", "<a/>");
    vb_store_cors_cache_set(fixture.cache, "photos", NULL);
    assert_null(get("photos"));
    vb_store_cors_cache_set(fixture.cache, "never-seen", NULL);
    assert_null(get("never-seen"));
}

static void what_was_found_outlives_a_change(void **state)
{
    const char *before;

    (void)state;
    vb_store_cors_cache_set(fixture.cache, "photos", "<a/>");
    before = get("photos");
    vb_store_cors_cache_set(fixture.cache, "photos", NULL);
    assert_string_equal(before, "<a/>");
}

static void the_oldest_bucket_makes_room_when_the_cache_is_full(void **state)
{
    char bucket[16];

    (void)state;
    for (int i = 0; i <= ENTRIES_MAX; i++) {
        snprintf(bucket, sizeof(bucket), "bucket-%d", i);
        vb_store_cors_cache_set(fixture.cache, bucket, bucket);
    }
    assert_null(get("bucket-0"));
    for (int i = 1; i <= ENTRIES_MAX; i++) {
        snprintf(bucket, sizeof(bucket), "bucket-%d", i);
        assert_string_equal(get(bucket), bucket);
    }
}

int main(void)
{
#define WITH_CACHE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_CACHE(a_bucket_that_was_never_seen_has_no_rules),
        WITH_CACHE(the_rules_last_set_are_found),
        WITH_CACHE(rules_that_were_removed_are_forgotten),
        WITH_CACHE(what_was_found_outlives_a_change),
        WITH_CACHE(the_oldest_bucket_makes_room_when_the_cache_is_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
