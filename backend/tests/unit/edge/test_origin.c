/* The origin as cache entries: what of S3's answers is taken over, and what is not. */
#include "edge_fixture.h"

#include "base/memory.h"
#include "edge/origin.h"

#include <errno.h>

#define LENGTH_0 "Content-Length: 0\r\n\r\n"

static void an_object_is_described_by_a_head(void **state)
{
    struct vb_cache_entry *entry;
    struct fixture f;
    SCRIPT(origin, {HEADED("a")});

    (void)state;
    fixture_init(&f, &(struct fixture_config){.origin = origin});
    assert_int_equal(vb_origin_describe(f.s3, f.fetch.cache, KEY, &entry, NULL), 0);
    assert_null(entry->body);
    assert_int_equal(entry->size, 10);
    assert_string_equal(entry->etag, "\"a\"");
    assert_string_equal(entry->content_type, "image/jpeg");
    assert_string_equal(entry->last_modified, "Tue, 14 Nov 2023 22:13:20 GMT");
    assert_string_equal(script_request(origin, 0)->method, "HEAD");
    vb_cache_entry_release(entry);
    fixture_release(&f);
    script_stop(origin);
}

/* Browsers would run it as a page of ours; and caches would take a weak ETag for a strong one. */
static void types_and_etags_that_could_harm_are_not_taken_over(void **state)
{
    static const char *const answers[][2] = {
        {"Content-Type: text/html\r\nETag: \"a\"\r\n", "\"a\""},
        {"Content-Type: image/svg+xml\r\nETag: W/\"a\"\r\n", ""},
        {"ETag: unquoted\r\n", ""},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(answers); i++) {
        char *answer = vb_xasprintf("HTTP/1.1 200 OK\r\n%s" LENGTH_0, answers[i][0]);
        struct script_step step = {.answer = answer};
        struct scripted_server *origin = script_start(&step, 1);
        struct vb_cache_entry *entry;
        struct fixture f;

        fixture_init(&f, &(struct fixture_config){.origin = origin});
        assert_int_equal(vb_origin_describe(f.s3, f.fetch.cache, KEY, &entry, NULL), 0);
        assert_string_equal(entry->content_type, "application/octet-stream");
        assert_string_equal(entry->etag, answers[i][1]);
        vb_cache_entry_release(entry);
        fixture_release(&f);
        script_stop(origin);
        free(answer);
    }
}

static void an_object_of_no_bytes_is_fetched_with_an_empty_body(void **state)
{
    struct vb_cache_entry *entry;
    struct fixture f;
    bool keep = false;
    SCRIPT(origin, {"HTTP/1.1 416 Range Not Satisfiable\r\n" LENGTH_0},
           {"HTTP/1.1 200 OK\r\nETag: \"e\"\r\n" DATED LENGTH_0});

    (void)state;
    fixture_init(&f, &(struct fixture_config){.origin = origin});
    assert_int_equal(vb_origin_fetch(f.s3, f.fetch.cache, KEY, &entry, &keep, NULL), 0);
    assert_int_equal(entry->size, 0);
    assert_non_null(entry->body);
    assert_true(keep);
    vb_cache_entry_release(entry);
    fixture_release(&f);
    script_stop(origin);
}

/* One byte more than memory keeps of one object: that it is so large is all that is fetched. */
static void an_object_larger_than_memory_keeps_is_described(void **state)
{
    enum { KEPT = 512 * 1024 };
    struct script_step step = piece_step("a", 0, KEPT, KEPT + 1);
    struct scripted_server *origin = script_start(&step, 1);
    struct vb_cache_entry *entry;
    struct fixture f;
    bool keep;

    (void)state;
    fixture_init(&f, &(struct fixture_config){.origin = origin});
    assert_int_equal(vb_origin_fetch(f.s3, f.fetch.cache, KEY, &entry, &keep, NULL), 0);
    assert_null(entry->body);
    assert_int_equal(entry->size, KEPT + 1);
    assert_string_equal(script_header(script_request(origin, 0), "Range"), "bytes=0-524287");
    vb_cache_entry_release(entry);
    fixture_release(&f);
    script_stop(origin);
    free((void *)step.answer);
}

static void a_piece_has_its_own_size_and_its_objects_etag(void **state)
{
    static const struct vb_cache_entry object = {.size = 10, .etag = "\"a\"", .content_type = "video/mp4"};
    struct script_step step = piece_step("a", 3, 4, 10);
    struct scripted_server *origin = script_start(&step, 1);
    struct vb_cache_entry *entry;
    struct fixture f;

    (void)state;
    fixture_init(&f, &(struct fixture_config){.origin = origin});
    assert_int_equal(vb_origin_piece(f.s3, f.fetch.cache, KEY, &object, 3, 4, &entry, NULL), 0);
    assert_int_equal(entry->size, 4);
    assert_string_equal(entry->etag, "\"a\"");
    for (int i = 0; i < 4; i++)
        assert_int_equal(entry->body[i], byte_at(3 + i));
    vb_cache_entry_release(entry);
    fixture_release(&f);
    script_stop(origin);
    free((void *)step.answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_is_described_by_a_head),
        cmocka_unit_test(types_and_etags_that_could_harm_are_not_taken_over),
        cmocka_unit_test(an_object_of_no_bytes_is_fetched_with_an_empty_body),
        cmocka_unit_test(an_object_larger_than_memory_keeps_is_described),
        cmocka_unit_test(a_piece_has_its_own_size_and_its_objects_etag),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
