/* Variants, when the worker works, is busy, dies, hangs, lies or writes too much; and when there is one
 * already. */
#include "edge_fixture.h"
#include "fake_render.h"

#include "base/memory.h"
#include "base/metrics.h"
#include "edge/query.h"
#include "edge/render.h"

#include <errno.h>

static const struct vb_variant webp = {.width = 320, .format = VB_FORMAT_WEBP, .quality = 80};
static struct vb_workers *workers; /* of the fake program, for all tests */

/* A renderer before an origin that has one object: it answers a HEAD, a GET, and then only HEAD. */
struct kitchen {
    struct fixture f;
    struct scripted_server *origin;
    struct script_step steps[3];
    struct vb_render render;
};

static struct script_step answer(const char *method, const char *type, const void *body, size_t size)
{
    bool is_get = strcmp(method, "GET") == 0;
    char *text = vb_xmalloc(size + 512), range[64] = "";
    int head;

    if (is_get)
        snprintf(range, sizeof(range), "Content-Range: bytes 0-%zu/%zu\r\n", size - 1, size);
    head = snprintf(text, 512,
                    "HTTP/1.1 %s\r\nETag: \"source\"\r\nContent-Type: %s\r\n%s"
                    "Last-Modified: Tue, 14 Nov 2023 22:13:20 GMT\r\nContent-Length: %zu\r\n\r\n",
                    is_get ? "206 Partial Content" : "200 OK", type, range, size);
    memcpy(text + head, body, size);
    return (struct script_step){.answer = text, .size = (size_t)head + (is_get ? size : 0)};
}

static void open_kitchen_of(struct kitchen *k, const char *type, const void *body, size_t size,
                            struct vb_workers *pool, size_t memory_bytes)
{
    *k = (struct kitchen){.steps = {answer("HEAD", type, body, size), answer("GET", type, body, size),
                                    answer("HEAD", type, body, size)}};
    k->origin = script_start(k->steps, 3);
    k->origin->repeat_last = true;
    fixture_init(&k->f,
                 &(struct fixture_config){.origin = k->origin, .disk = true, .memory_bytes = memory_bytes});
    k->render = (struct vb_render){
        .fetch = &k->f.fetch, .workers = pool, .rendered = vb_metrics_counter("test_rendered", "", "")};
}

/* With a JPEG of 640 x 480 pixels, of which a worker does that. */
static void open_kitchen(struct kitchen *k, enum fake_order order)
{
    char source[] = FAKE_JPEG FAKE_JPEG_SIZE " ";

    source[sizeof(source) - 2] = (char)order;
    open_kitchen_of(k, "image/jpeg", source, sizeof(source) - 1, workers, 0);
}

static void close_kitchen(struct kitchen *k)
{
    fixture_release(&k->f);
    script_stop(k->origin);
    for (int i = 0; i < 3; i++)
        free((void *)k->steps[i].answer);
}

static struct vb_cache_outcome make(struct kitchen *k, const struct vb_variant *variant)
{
    struct vb_cache_outcome outcome;

    vb_render_make(&k->render, KEY, variant, &outcome);
    return outcome;
}

static bool is_on_disk(struct kitchen *k, const struct vb_variant *variant)
{
    char text[VB_QUERY_TEXT_SIZE];

    vb_query_format(variant, text);
    return vb_disk_has(k->f.fetch.disk, KEY, text);
}

/* No entry, and it may work the next time. */
static void assert_again(struct vb_cache_outcome outcome)
{
    assert_null(outcome.entry);
    assert_int_equal(outcome.error, -EAGAIN);
    assert_false(outcome.keep);
}

/* The source is at fault: that is remembered, or every request would cost a worker. */
static void assert_unfit(struct vb_cache_outcome outcome)
{
    assert_non_null(outcome.entry);
    assert_true(outcome.entry->unfit && outcome.keep);
    vb_cache_entry_release(outcome.entry);
}

static void assert_made(struct vb_cache_outcome outcome, enum vb_cache_source source, const char *type,
                        int64_t size)
{
    assert_int_equal(outcome.error, 0);
    assert_non_null(outcome.entry);
    assert_int_equal(outcome.source, source);
    assert_string_equal(outcome.entry->content_type, type);
    assert_int_equal(outcome.entry->size, size);
    assert_non_null(outcome.entry->body);
    assert_string_equal(outcome.entry->source_etag, "\"source\"");
    assert_string_equal(outcome.entry->last_modified, "Tue, 14 Nov 2023 22:13:20 GMT");
    assert_int_equal(strlen(outcome.entry->etag), 34);
    vb_cache_entry_release(outcome.entry);
}

/*
 * What the worker does.
 */

static void a_variant_is_made_described_and_kept(void **state)
{
    static const struct {
        enum vb_format format;
        const char *type;
    } cases[] = {
        {VB_FORMAT_JPEG, "image/jpeg"}, {VB_FORMAT_WEBP, "image/webp"}, {VB_FORMAT_AVIF, "image/avif"}};

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(cases); i++) {
        struct vb_variant variant = {.width = 320, .format = cases[i].format, .quality = 80};
        struct vb_cache_outcome outcome;
        struct kitchen k;

        open_kitchen(&k, FAKE_WORKS);
        outcome = make(&k, &variant);
        assert_true(outcome.keep);
        assert_made(outcome, VB_CACHE_SOURCE_MISS, cases[i].type, FAKE_SIZE);
        assert_true(is_on_disk(&k, &variant));
        close_kitchen(&k);
    }
}

static void a_variant_too_large_for_memory_is_kept_on_disk_alone(void **state)
{
    struct vb_cache_outcome outcome;
    struct kitchen k;

    (void)state;
    open_kitchen(&k, FAKE_WRITES_MUCH);
    outcome = make(&k, &webp);
    assert_false(outcome.keep);
    assert_made(outcome, VB_CACHE_SOURCE_MISS, "image/webp", FAKE_LARGE_SIZE);
    assert_true(is_on_disk(&k, &webp));
    close_kitchen(&k);
}

static void an_output_that_cannot_be_the_variant_is_not_used(void **state)
{
    static const enum fake_order orders[] = {FAKE_WRITES_TOO_MUCH, FAKE_WRITES_ANOTHER_FORMAT,
                                             FAKE_WRITES_NOTHING};

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(orders); i++) {
        struct kitchen k;

        open_kitchen(&k, orders[i]);
        assert_again(make(&k, &webp));
        assert_false(is_on_disk(&k, &webp));
        close_kitchen(&k);
    }
}

static void trouble_or_nonsense_of_a_worker_is_try_again(void **state)
{
    static const enum fake_order orders[] = {FAKE_SAYS_TROUBLE, FAKE_TALKS_NONSENSE};

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(orders); i++) {
        struct kitchen k;

        open_kitchen(&k, orders[i]);
        assert_again(make(&k, &webp));
        close_kitchen(&k);
    }
}

static void a_source_that_a_worker_calls_bad_or_dies_of_is_unfit(void **state)
{
    static const enum fake_order orders[] = {FAKE_SAYS_BAD, FAKE_CRASHES};

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(orders); i++) {
        struct kitchen k;

        open_kitchen(&k, orders[i]);
        assert_unfit(make(&k, &webp));
        assert_false(is_on_disk(&k, &webp));
        close_kitchen(&k);
    }
}

static struct vb_workers *start_workers(const char *program, unsigned timeout_ms)
{
    struct vb_workers *pool = NULL;
    struct vb_error err = {0};

    if (vb_workers_start(
            &(struct vb_workers_config){.program = program, .processes = 2, .timeout_ms = timeout_ms}, &pool,
            &err) < 0)
        fail_msg("%s", err.message);
    return pool;
}

static void a_source_that_a_worker_hangs_on_is_unfit(void **state)
{
    struct vb_workers *impatient = start_workers(getenv("FAKE_RENDER"), 300);
    struct kitchen k;

    (void)state;
    assert_int_equal(vb_workers_wait(impatient, NULL), 0);
    open_kitchen(&k, FAKE_HANGS);
    k.render.workers = impatient;
    assert_unfit(make(&k, &webp));
    close_kitchen(&k);
    vb_workers_stop(impatient);
}

/* No worker is ever free: this nursery has none. */
static void without_a_free_worker_it_is_try_again(void **state)
{
    struct vb_workers *busy = start_workers("/bin/false", 100);
    struct kitchen k;

    (void)state;
    open_kitchen(&k, FAKE_WORKS);
    k.render.workers = busy;
    assert_again(make(&k, &webp));
    assert_false(is_on_disk(&k, &webp));
    close_kitchen(&k);
    vb_workers_stop(busy);
}

/* Memory is full of bodies that slow readers still hold. */
static void without_room_in_memory_it_is_try_again(void **state)
{
    static const char source[] = FAKE_JPEG FAKE_JPEG_SIZE "w";
    struct script_step get;
    struct kitchen k;

    (void)state;
    open_kitchen_of(&k, "image/jpeg", source, sizeof(source) - 1, workers, 100);
    get = k.steps[1]; /* the source is described once more, and then fetched in pieces */
    k.steps[1] = k.steps[2];
    k.steps[2] = get;
    assert_again(make(&k, &webp));
    close_kitchen(&k);
}

/*
 * What the source is.
 */

static void a_source_that_is_no_picture_costs_no_worker(void **state)
{
    static const char jpeg[] = FAKE_JPEG FAKE_JPEG_SIZE "w";
    static const struct {
        const char *type, *body;
        size_t size;
    } cases[] = {{"video/mp4", jpeg, sizeof(jpeg) - 1},
                 {"image/jpeg", "no picture", 10},
                 {"image/jpeg", FAKE_JPEG, sizeof(FAKE_JPEG) - 1},
                 {"image/jpeg",
                  "\0\0\0\x18"
                  "ftypisom\0\0\2\0isommp41",
                  24}};

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(cases); i++) {
        struct kitchen k;

        open_kitchen_of(&k, cases[i].type, cases[i].body, cases[i].size, NULL /* would end this test */, 0);
        assert_unfit(make(&k, &webp));
        close_kitchen(&k);
    }
}

static void a_source_that_is_no_jpeg_is_made_canonical_first(void **state)
{
    static const char gif[] = "GIF89a\x80\2\xe0\1\0\0\0b"; /* of which itself no variant could be made */
    struct kitchen k;

    (void)state;
    open_kitchen_of(&k, "image/gif", gif, sizeof(gif) - 1, workers, 0);
    assert_made(make(&k, &webp), VB_CACHE_SOURCE_MISS, "image/webp", FAKE_SIZE);
    close_kitchen(&k);
}

static void a_missing_source_has_missing_variants(void **state)
{
    struct vb_cache_outcome outcome;
    struct kitchen k;

    (void)state;
    open_kitchen(&k, FAKE_WORKS);
    free((void *)k.steps[0].answer);
    k.steps[0] = (struct script_step){.answer = strdup(GONE)};
    outcome = make(&k, &webp);
    assert_true(outcome.entry && outcome.entry->missing);
    vb_cache_entry_release(outcome.entry);
    assert_true(vb_render_recall(&k.render, KEY, &webp, &outcome));
    assert_true(outcome.entry && outcome.entry->missing);
    vb_cache_entry_release(outcome.entry);
    close_kitchen(&k);
}

/*
 * What was made before.
 */

static void a_variant_that_was_made_is_recalled_while_its_source_is_the_same(void **state)
{
    struct vb_cache_outcome outcome;
    struct kitchen k;
    uint64_t rendered;

    (void)state;
    open_kitchen(&k, FAKE_WORKS);
    assert_false(vb_render_recall(&k.render, KEY, &webp, &outcome));
    assert_made(make(&k, &webp), VB_CACHE_SOURCE_MISS, "image/webp", FAKE_SIZE);
    fixture_restart(&k.f);
    rendered = vb_counter_value(k.render.rendered);
    assert_true(vb_render_recall(&k.render, KEY, &webp, &outcome));
    assert_made(outcome, VB_CACHE_SOURCE_HIT, "image/webp", FAKE_SIZE);
    assert_int_equal(vb_counter_value(k.render.rendered), rendered);
    close_kitchen(&k);
}

static void a_variant_of_an_earlier_source_is_not_recalled(void **state)
{
    struct vb_cache_outcome outcome;
    struct kitchen k;

    (void)state;
    open_kitchen(&k, FAKE_WORKS);
    vb_disk_store(k.f.fetch.disk, KEY, "w=320&fm=webp&q=80",
                  &(struct vb_cache_entry){.size = 3, .etag = "\"v\"", .source_etag = "\"earlier\""}, "old",
                  3);
    assert_false(vb_render_recall(&k.render, KEY, &webp, &outcome));
    assert_made(make(&k, &webp), VB_CACHE_SOURCE_MISS, "image/webp", FAKE_SIZE);
    close_kitchen(&k);
}

static void without_the_origin_a_variant_that_was_made_is_stale(void **state)
{
    struct vb_cache_outcome outcome;
    struct kitchen k;

    (void)state;
    open_kitchen(&k, FAKE_WORKS);
    assert_made(make(&k, &webp), VB_CACHE_SOURCE_MISS, "image/webp", FAKE_SIZE);
    fixture_restart(&k.f);
    free((void *)k.steps[2].answer);
    k.steps[2] = (struct script_step){.answer = strdup(UNAVAILABLE)};
    assert_true(vb_render_recall(&k.render, KEY, &webp, &outcome));
    assert_made(outcome, VB_CACHE_SOURCE_STALE, "image/webp", FAKE_SIZE);
    vb_disk_purge(k.f.fetch.disk, KEY);
    fixture_restart(&k.f);
    assert_true(vb_render_recall(&k.render, KEY, &webp, &outcome)); /* an error is an answer, too */
    assert_null(outcome.entry);
    assert_int_equal(outcome.error, -EBUSY);
    close_kitchen(&k);
}

/* 1080 pixels of a picture that has 640: the same bytes as for 640, made once. */
static void a_size_that_would_enlarge_is_recalled_as_the_largest(void **state)
{
    static const struct vb_variant wide = {.width = 640, .format = VB_FORMAT_WEBP, .quality = 80},
                                   wider = {.width = 1080, .format = VB_FORMAT_WEBP, .quality = 80};
    struct kitchen k;

    (void)state;
    open_kitchen(&k, FAKE_WORKS);
    assert_made(make(&k, &wide), VB_CACHE_SOURCE_MISS, "image/webp", FAKE_SIZE);
    assert_made(make(&k, &wider), VB_CACHE_SOURCE_HIT, "image/webp", FAKE_SIZE);
    assert_false(is_on_disk(&k, &wider));
    close_kitchen(&k);
}

static int start_all(void **state)
{
    (void)state;
    workers = start_workers(getenv("FAKE_RENDER"), 30000);
    return vb_workers_wait(workers, NULL);
}

static int stop_all(void **state)
{
    (void)state;
    vb_workers_stop(workers);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_variant_is_made_described_and_kept),
        cmocka_unit_test(a_variant_too_large_for_memory_is_kept_on_disk_alone),
        cmocka_unit_test(an_output_that_cannot_be_the_variant_is_not_used),
        cmocka_unit_test(trouble_or_nonsense_of_a_worker_is_try_again),
        cmocka_unit_test(a_source_that_a_worker_calls_bad_or_dies_of_is_unfit),
        cmocka_unit_test(a_source_that_a_worker_hangs_on_is_unfit),
        cmocka_unit_test(without_a_free_worker_it_is_try_again),
        cmocka_unit_test(without_room_in_memory_it_is_try_again),
        cmocka_unit_test(a_source_that_is_no_picture_costs_no_worker),
        cmocka_unit_test(a_source_that_is_no_jpeg_is_made_canonical_first),
        cmocka_unit_test(a_missing_source_has_missing_variants),
        cmocka_unit_test(a_variant_that_was_made_is_recalled_while_its_source_is_the_same),
        cmocka_unit_test(a_variant_of_an_earlier_source_is_not_recalled),
        cmocka_unit_test(without_the_origin_a_variant_that_was_made_is_stale),
        cmocka_unit_test(a_size_that_would_enlarge_is_recalled_as_the_largest),
    };

    return cmocka_run_group_tests(tests, start_all, stop_all);
}
