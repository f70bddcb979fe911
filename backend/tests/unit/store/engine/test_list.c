/* Listing: byte order, prefixes, delimiters, continuation, and skipping what is under a common prefix. */
#include "fixture.h"

#include <errno.h>

struct listed {
    char text[8192]; /* every name and a space; common prefixes end with '*' */
    unsigned count;
    bool truncated;
    char next[VB_ENGINE_KEY_MAX + 1];
};

static int collect(void *context, const struct vb_engine_entry *entry)
{
    struct listed *listed = context;

    listed->count++;
    strcat(listed->text, entry->key);
    strcat(listed->text, entry->is_prefix ? "* " : " ");
    if (!entry->is_prefix)
        assert_int_equal(strlen(entry->etag), 32);
    return 0;
}

static struct listed list(struct vb_engine *engine, const char *prefix, const char *delimiter,
                          const char *after, unsigned max)
{
    struct vb_engine_list request = {prefix, delimiter, after, max};
    struct listed listed = {0};

    assert_int_equal(
        vb_engine_list(engine, "photos", &request, collect, &listed, &listed.truncated, listed.next, NULL),
        0);
    return listed;
}

#define assert_listed(engine, prefix, delimiter, after, max, expected, expected_next)                        \
    do {                                                                                                     \
        struct listed listed_ = list(engine, prefix, delimiter, after, max);                                 \
        assert_string_equal(listed_.text, expected);                                                         \
        assert_string_equal(listed_.next, expected_next);                                                    \
        assert_int_equal(listed_.truncated, (expected_next)[0] != '\0');                                     \
    } while (0)

static void put_keys(struct vb_engine *engine, const char *const *keys, size_t count)
{
    for (size_t i = 0; i < count; i++)
        put_made(engine, keys[i], i, i + 1);
}

static void keys_come_in_byte_order(void **state)
{
    struct fixture *fixture = *state;
    static const char *const keys[] = {"b",   "a",  "\xc3\xa4",         "Z",           "a/b",
                                       "a-b", "a0", "\xf0\x9f\x8c\xbb", "\xef\xbc\xa1"};

    put_keys(fixture->engine, keys, VB_ARRAY_SIZE(keys));
    /* in UTF-8 order U+FF21 is before U+1F33B; in UTF-16 order it is after it */
    assert_listed(fixture->engine, "", "", "", 1000,
                  "Z a a-b a/b a0 b \xc3\xa4 \xef\xbc\xa1 \xf0\x9f\x8c\xbb ", "");
}

static void a_delimiter_folds_keys_into_common_prefixes(void **state)
{
    struct fixture *fixture = *state;
    static const char *const keys[] = {"a",        "photos/2024/x", "photos/2024/y", "photos/2025/z",
                                       "photos/q", "photos0",       "sample.jpg",    "videos/1"};
    struct vb_engine *engine = fixture->engine;

    put_keys(engine, keys, VB_ARRAY_SIZE(keys));
    assert_listed(engine, "", "/", "", 1000, "a photos/* photos0 sample.jpg videos/* ", "");
    assert_listed(engine, "photos/", "/", "", 1000, "photos/2024/* photos/2025/* photos/q ", "");
    assert_listed(engine, "photos", "/", "", 1000, "photos/* photos0 ", "");
    assert_listed(engine, "photos/2", "", "", 1000, "photos/2024/x photos/2024/y photos/2025/z ", "");
    assert_listed(engine, "none", "/", "", 1000, "", "");
    assert_listed(engine, "", "2024/", "", 1000,
                  "a photos/2024/* photos/2025/z photos/q photos0 sample.jpg videos/1 ", "");
    assert_listed(engine, "photos/2024/", "/", "", 1000, "photos/2024/x photos/2024/y ", "");
}

static void start_after_is_strict_and_skips_its_common_prefix(void **state)
{
    struct fixture *fixture = *state;
    static const char *const keys[] = {"a", "a/1", "a/2", "b", "c/1", "d"};
    struct vb_engine *engine = fixture->engine;

    put_keys(engine, keys, VB_ARRAY_SIZE(keys));
    assert_listed(engine, "", "", "a", 1000, "a/1 a/2 b c/1 d ", "");
    assert_listed(engine, "", "", "a/", 1000, "a/1 a/2 b c/1 d ", "");
    assert_listed(engine, "", "/", "a", 1000, "a/* b c/* d ", "");
    assert_listed(engine, "", "/", "a/", 1000, "b c/* d ", "");
    assert_listed(engine, "", "/", "a/1", 1000, "b c/* d ", "");
    assert_listed(engine, "c", "", "a", 1000, "c/1 ", "");
    assert_listed(engine, "a", "", "b", 1000, "", "");
    assert_listed(engine, "", "", "d", 1000, "", "");
    assert_listed(engine, "a/", "", "a/", 1000, "a/1 a/2 ", "");
}

static void pages_together_are_the_whole_listing(void **state)
{
    struct fixture *fixture = *state;
    static const char *const keys[] = {"a/1", "a/2", "b", "c/1", "c/2", "d", "e", "f/1"};
    struct vb_engine *engine = fixture->engine;
    static const char *const delimiters[] = {"", "/"};

    put_keys(engine, keys, VB_ARRAY_SIZE(keys));
    assert_listed(engine, "", "/", "", 2, "a/* b ", "b");
    assert_listed(engine, "", "/", "", 3, "a/* b c/* ", "c/");
    assert_listed(engine, "", "/", "c/", 2, "d e ", "e");
    assert_listed(engine, "", "/", "e", 1, "f/* ", "");
    assert_listed(engine, "", "", "", 0, "", "");
    for (unsigned max = 1; max < 10; max++) {
        for (size_t d = 0; d < VB_ARRAY_SIZE(delimiters); d++) {
            struct listed whole = list(engine, "", delimiters[d], "", 1000), page = {0};
            char joined[1000] = "";

            do {
                page = list(engine, "", delimiters[d], page.next, max);
                assert_true(page.count <= max);
                strcat(joined, page.text);
            } while (page.truncated);
            assert_string_equal(joined, whole.text);
        }
    }
}

static void texts_longer_than_any_key_are_handled(void **state)
{
    struct fixture *fixture = *state;
    static char text[3 * VB_ENGINE_KEY_MAX];
    char longest[VB_ENGINE_KEY_MAX + 1];

    memset(text, 'k', sizeof(text) - 1);
    memcpy(longest, text, VB_ENGINE_KEY_MAX);
    longest[VB_ENGINE_KEY_MAX] = '\0';
    put_made(fixture->engine, longest, 1, 1);
    put_made(fixture->engine, "z", 1, 1);
    assert_listed(fixture->engine, text, "", "", 10, "", "");
    assert_listed(fixture->engine, "", text, text, 10, "z ", "");
    assert_listed(fixture->engine, "k", "/", text, 10, "", "");
    assert_string_equal(list(fixture->engine, longest, "/", "", 1).next, "");
    assert_int_equal(list(fixture->engine, longest, "k", "", 5).count, 1);
    assert_string_equal(list(fixture->engine, "", "/", "", 1).next, longest);
}

static int stop(void *context, const struct vb_engine_entry *entry)
{
    (void)context, (void)entry;
    return -7;
}

static void a_visitor_can_end_the_listing(void **state)
{
    struct fixture *fixture = *state;
    struct vb_engine_list request = {"", "", "", 10};
    char next[VB_ENGINE_KEY_MAX + 1];
    bool truncated;

    put_made(fixture->engine, "a", 1, 1);
    assert_int_equal(vb_engine_list(fixture->engine, "photos", &request, stop, NULL, &truncated, next, NULL),
                     -7);
    assert_int_equal(vb_engine_list(fixture->engine, "nowhere", &request, stop, NULL, &truncated, next, NULL),
                     -ENODEV);
    assert_listed(fixture->engine, "", "", "", 10, "a ", "");
}

/* Enough keys that a listing which scans them all takes many times as long. */
#define MANY 100000u

static int make_many(struct fixture *fixture)
{
    sqlite3 *handle;
    char path[128];
    int r;

    snprintf(path, sizeof(path), "%s/index.db", fixture->directory);
    assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
    r = sqlite3_exec(handle,
                     "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999)"
                     " INSERT INTO objects (bucket_id, key, blob_id, size, last_modified_ms, etag, parts)"
                     " SELECT 1, printf('p%d/%06d', i % 4, i), 0, 1, 1, printf('%032d', i), 0 FROM n",
                     NULL, NULL, NULL);
    sqlite3_close(handle);
    return r;
}

static void common_prefixes_are_skipped_not_scanned(void **state)
{
    struct fixture *fixture = *state;
    int64_t scan_us, skip_us;
    unsigned count = 0;
    struct listed page = {0};

    assert_int_equal(make_many(fixture), SQLITE_OK);
    scan_us = vb_clock_monotonic_us();
    do { /* all keys */
        page = list(fixture->engine, "", "", page.next, 100);
        count += page.count;
    } while (page.truncated);
    scan_us = vb_clock_monotonic_us() - scan_us;
    assert_int_equal(count, MANY);

    skip_us = vb_clock_monotonic_us();
    for (int i = 0; i < 10; i++)
        assert_listed(fixture->engine, "", "/", "", 1000, "p0/* p1/* p2/* p3/* ", "");
    skip_us = vb_clock_monotonic_us() - skip_us;
    assert_true(skip_us / 10 < scan_us / 20);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(keys_come_in_byte_order),
        TEST(a_delimiter_folds_keys_into_common_prefixes),
        TEST(start_after_is_strict_and_skips_its_common_prefix),
        TEST(pages_together_are_the_whole_listing),
        TEST(texts_longer_than_any_key_are_handled),
        TEST(a_visitor_can_end_the_listing),
        TEST(common_prefixes_are_skipped_not_scanned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
