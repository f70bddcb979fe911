/* Objects from memory, disk and the origin, when the origin refuses, hangs, tears, lies, changes its mind, or
 * is unreachable. */
#include "edge_fixture.h"

#include "base/memory.h"
#include "base/metrics.h"
#include "base/wait.h"

#include <errno.h>
#include <pthread.h>

#define PIECE (256 * 1024)
#define LARGE (2 * (int64_t)PIECE + 10000)

static struct vb_cache_outcome fetch_object(struct fixture *f)
{
    struct vb_cache_outcome outcome;

    vb_fetch_object(&f->fetch, KEY, &outcome);
    return outcome;
}

static struct vb_cache_outcome fetch_description(struct fixture *f)
{
    struct vb_cache_outcome outcome;

    vb_fetch_description(&f->fetch, KEY, &outcome);
    return outcome;
}

/* The object of ten bytes is the outcome, from that source; its reference is released. */
static void assert_ten(struct vb_cache_outcome outcome, enum vb_cache_source source, const char *etag)
{
    assert_int_equal(outcome.error, 0);
    assert_non_null(outcome.entry);
    assert_int_equal(outcome.source, source);
    assert_int_equal(outcome.entry->size, 10);
    assert_string_equal(outcome.entry->etag, etag);
    if (outcome.entry->body)
        assert_memory_equal(outcome.entry->body, TEN, 10);
    vb_cache_entry_release(outcome.entry);
}

static void assert_missing(struct vb_cache_outcome outcome)
{
    assert_non_null(outcome.entry);
    assert_true(outcome.entry->missing);
    vb_cache_entry_release(outcome.entry);
}

static void assert_failed(struct vb_cache_outcome outcome, int error)
{
    assert_null(outcome.entry);
    assert_int_equal(outcome.error, error);
}

/*
 * Whole objects.
 */

static void an_object_is_fetched_once_and_then_remembered(void **state)
{
    struct fixture f;
    SCRIPT(origin, {GOT("a")});

    (void)state;
    fixture_init(&f, &(struct fixture_config){.origin = origin});
    assert_ten(fetch_object(&f), VB_CACHE_SOURCE_MISS, "\"a\"");
    assert_ten(fetch_object(&f), VB_CACHE_SOURCE_HIT, "\"a\"");
    assert_ten(fetch_description(&f), VB_CACHE_SOURCE_HIT, "\"a\"");
    assert_int_equal(script_requests(origin), 1);
    assert_string_equal(script_request(origin, 0)->method, "GET");
    fixture_release(&f);
    script_stop(origin);
}

static void a_missing_object_is_remembered_as_missing(void **state)
{
    struct fixture f;
    SCRIPT(origin, {GONE});

    (void)state;
    fixture_init(&f, &(struct fixture_config){.origin = origin, .disk = true});
    assert_missing(fetch_object(&f));
    assert_missing(fetch_object(&f));
    assert_int_equal(script_requests(origin), 1);
    assert_false(vb_disk_has(f.fetch.disk, KEY, VB_DISK_OBJECT));
    fixture_release(&f);
    script_stop(origin);
}

static void an_origin_that_refuses_is_an_error_and_nothing_is_remembered(void **state)
{
    struct fixture f;
    uint64_t errors;

    (void)state;
    fixture_init(&f, &(struct fixture_config){0});
    errors = vb_counter_value(f.fetch.errors);
    assert_failed(fetch_object(&f), -ECONNREFUSED);
    assert_failed(fetch_description(&f), -ECONNREFUSED);
    assert_false(fixture_remembers(&f, KEY));
    assert_int_equal(vb_counter_value(f.fetch.errors), errors + 2);
    fixture_release(&f);
}

static void an_origin_that_is_busy_is_an_error_until_it_answers(void **state)
{
    struct fixture f;
    SCRIPT(origin, {UNAVAILABLE}, {GOT("a")});

    (void)state;
    fixture_init(&f, &(struct fixture_config){.origin = origin});
    assert_failed(fetch_object(&f), -EBUSY);
    assert_ten(fetch_object(&f), VB_CACHE_SOURCE_MISS, "\"a\"");
    fixture_release(&f);
    script_stop(origin);
}

static void an_origin_that_hangs_is_given_up_at_the_deadline(void **state)
{
    struct fixture f;
    int64_t start_ms = vb_clock_monotonic_ms();
    SCRIPT(origin, {NULL, 0, SCRIPT_STALL}, {GOT("a"), 50, SCRIPT_STALL});

    (void)state;
    fixture_init(&f, &(struct fixture_config){.origin = origin, .timeout_ms = 200});
    assert_failed(fetch_object(&f), -ETIMEDOUT); /* no head */
    assert_failed(fetch_object(&f), -ETIMEDOUT); /* half a head */
    assert_in_range(vb_clock_monotonic_ms() - start_ms, 400, 15000);
    assert_false(fixture_remembers(&f, KEY));
    fixture_release(&f);
    script_stop(origin);
}

static void a_torn_object_is_no_object(void **state)
{
    struct fixture f;
    SCRIPT(origin, {GOT("a"), sizeof(GOT("a")) - 5, SCRIPT_CLOSE});

    (void)state;
    fixture_init(&f, &(struct fixture_config){.origin = origin, .disk = true});
    assert_failed(fetch_object(&f), -EIO);
    assert_false(fixture_remembers(&f, KEY));
    assert_false(vb_disk_has(f.fetch.disk, KEY, VB_DISK_OBJECT));
    fixture_release(&f);
    script_stop(origin);
}

static void torn_download_resumes(void **state)
{
    struct fixture f;
    SCRIPT(origin, {GOT("a"), sizeof(GOT("a")) - 1 - 4, SCRIPT_CLOSE},
           {"HTTP/1.1 206 Partial Content\r\nETag: \"a\"\r\n" DATED
            "Content-Range: bytes 6-9/10\r\nContent-Length: 4\r\n\r\n6789"});

    (void)state;
    fixture_init(&f, &(struct fixture_config){.origin = origin, .attempts = 2});
    assert_ten(fetch_object(&f), VB_CACHE_SOURCE_MISS, "\"a\"");
    assert_string_equal(script_header(script_request(origin, 1), "If-Match"), "\"a\"");
    fixture_release(&f);
    script_stop(origin);
}

/* It says ten bytes and sends five: what it sent is not delivered as the object. */
static void an_object_that_is_shorter_than_said_has_no_body(void **state)
{
    static const char shorter[] = "HTTP/1.1 206 Partial Content\r\nETag: \"a\"\r\n" DATED
                                  "Content-Range: bytes 0-4/10\r\nContent-Length: 5\r\n\r\n01234";
    struct vb_cache_outcome outcome;
    struct vb_http_stream stream;
    struct fixture f;
    SCRIPT(origin, {shorter}, {shorter});

    (void)state;
    fixture_init(&f, &(struct fixture_config){.origin = origin});
    outcome = fetch_object(&f);
    assert_non_null(outcome.entry);
    assert_null(outcome.entry->body);
    assert_int_equal(vb_fetch_stream(&f.fetch, KEY, outcome.entry, 0, 10, &stream), -EIO);
    vb_cache_entry_release(outcome.entry);
    fixture_release(&f);
    script_stop(origin);
}

static void without_room_in_memory_an_object_is_described_alone(void **state)
{
    struct vb_cache_outcome outcome;
    struct fixture f;
    SCRIPT(origin, {HEADED("a")});

    (void)state;
    fixture_init(&f, &(struct fixture_config){.origin = origin, .memory_bytes = 1000});
    outcome = fetch_object(&f);
    assert_non_null(outcome.entry);
    assert_null(outcome.entry->body);
    assert_false(outcome.keep);
    vb_cache_entry_release(outcome.entry);
    assert_false(fixture_remembers(&f, KEY));
    fixture_release(&f);
    script_stop(origin);
}

/*
 * Copies on the disk, when memory has forgotten.
 */

static void a_copy_that_the_origin_still_has_is_a_hit(void **state)
{
    struct fixture f;
    SCRIPT(origin, {GOT("a")}, {HEADED("a")});

    (void)state;
    fixture_init(&f, &(struct fixture_config){.origin = origin, .disk = true});
    assert_ten(fetch_object(&f), VB_CACHE_SOURCE_MISS, "\"a\"");
    fixture_restart(&f);
    assert_ten(fetch_object(&f), VB_CACHE_SOURCE_HIT, "\"a\"");
    assert_string_equal(script_request(origin, 1)->method, "HEAD");
    fixture_release(&f);
    script_stop(origin);
}

static void a_copy_of_another_etag_is_fetched_anew(void **state)
{
    struct fixture f;
    SCRIPT(origin, {GOT("a")}, {HEADED("b")}, {GOT("b")}, {HEADED("b")});

    (void)state;
    fixture_init(&f, &(struct fixture_config){.origin = origin, .disk = true});
    assert_ten(fetch_object(&f), VB_CACHE_SOURCE_MISS, "\"a\"");
    fixture_restart(&f);
    assert_ten(fetch_object(&f), VB_CACHE_SOURCE_MISS, "\"b\"");
    fixture_restart(&f);
    assert_ten(fetch_object(&f), VB_CACHE_SOURCE_HIT, "\"b\""); /* the disk has the new one */
    fixture_release(&f);
    script_stop(origin);
}

static void without_the_origin_a_copy_is_served_as_stale(void **state)
{
    struct fixture f;
    SCRIPT(origin, {GOT("a")}, {UNAVAILABLE}, {UNAVAILABLE});

    (void)state;
    fixture_init(&f, &(struct fixture_config){.origin = origin, .disk = true});
    assert_ten(fetch_object(&f), VB_CACHE_SOURCE_MISS, "\"a\"");
    fixture_restart(&f);
    assert_ten(fetch_object(&f), VB_CACHE_SOURCE_STALE, "\"a\"");
    assert_ten(fetch_object(&f), VB_CACHE_SOURCE_STALE,
               "\"a\""); /* from memory: the origin is not asked each time */
    assert_int_equal(script_requests(origin), 2);
    fixture_restart(&f);
    assert_ten(fetch_description(&f), VB_CACHE_SOURCE_STALE, "\"a\"");
    fixture_release(&f);
    script_stop(origin);
}

static void a_copy_of_an_object_that_is_gone_goes_with_its_parts(void **state)
{
    struct fixture f;
    SCRIPT(origin, {GOT("a")}, {GONE}, {GOT("a")}, {GONE});

    (void)state;
    for (int by_description = 0; by_description < 2; by_description++) {
        if (!by_description)
            fixture_init(&f, &(struct fixture_config){.origin = origin, .disk = true});
        else
            fixture_restart(&f);
        assert_ten(fetch_object(&f), VB_CACHE_SOURCE_MISS, "\"a\"");
        vb_disk_store(f.fetch.disk, KEY, "w=64", &(struct vb_cache_entry){.size = 1, .etag = "\"v\""}, "v",
                      1);
        fixture_restart(&f);
        assert_missing(by_description ? fetch_description(&f) : fetch_object(&f));
        assert_false(vb_disk_has(f.fetch.disk, KEY, VB_DISK_OBJECT));
        assert_false(vb_disk_has(f.fetch.disk, KEY, "w=64"));
    }
    fixture_release(&f);
    script_stop(origin);
}

/* Somebody deleted the object while it was fetched: neither memory nor the disk keeps it. */
static void an_object_that_is_purged_in_flight_is_not_kept(void **state)
{
    struct vb_cache_outcome outcome = {0};
    enum vb_cache_source source;
    struct fixture f;
    char *body = vb_xstrdup(TEN);

    (void)state;
    fixture_init(&f, &(struct fixture_config){.disk = true});
    assert_int_equal(vb_cache_claim(f.fetch.cache, KEY, 0, NULL, &outcome.entry, &source), VB_CACHE_LEAD);
    outcome = (struct vb_cache_outcome){
        .entry = vb_cache_entry_create(f.fetch.cache, &(struct vb_cache_entry){.size = 10}, body),
        .keep = true};
    vb_disk_store(f.fetch.disk, KEY, VB_DISK_OBJECT, outcome.entry, TEN, 10);
    vb_cache_purge(f.fetch.cache, KEY);
    vb_fetch_publish(&f.fetch, KEY, KEY, &outcome);
    vb_cache_entry_release(outcome.entry);
    assert_false(fixture_remembers(&f, KEY));
    assert_false(vb_disk_has(f.fetch.disk, KEY, VB_DISK_OBJECT));
    fixture_release(&f);
}

/*
 * Single flight. The origin answers one request: a second one would be an error.
 */

enum { CROWD = 16 };

struct crowd {
    struct fixture *f;
    pthread_barrier_t start;
    void *(*ask)(void *crowd);
};

static void *ask_for_object(void *context)
{
    struct crowd *crowd = context;
    struct vb_cache_outcome outcome;
    bool whole;

    pthread_barrier_wait(&crowd->start);
    outcome = fetch_object(crowd->f);
    whole = outcome.entry && outcome.entry->body && memcmp(outcome.entry->body, TEN, 10) == 0;
    vb_cache_entry_release(outcome.entry);
    return whole ? crowd : NULL;
}

static void *ask_for_failure(void *context)
{
    struct crowd *crowd = context;
    struct vb_cache_outcome outcome;

    pthread_barrier_wait(&crowd->start);
    outcome = fetch_object(crowd->f);
    vb_cache_entry_release(outcome.entry);
    return !outcome.entry && outcome.error < 0 ? crowd : NULL;
}

static void *ask_for_piece(void *context)
{
    static const struct vb_cache_entry description = {.size = LARGE, .etag = "\"a\""};
    struct crowd *crowd = context;
    struct vb_http_stream stream;
    char byte = 0;

    pthread_barrier_wait(&crowd->start);
    if (vb_fetch_stream(&crowd->f->fetch, KEY, &description, 5, 1, &stream) < 0)
        return NULL;
    stream.fill(stream.context, 0, &byte, 1);
    stream.release(stream.context);
    return byte == byte_at(5) ? crowd : NULL;
}

static void run_crowd(struct fixture *f, void *(*ask)(void *crowd))
{
    struct crowd crowd = {.f = f};
    pthread_t threads[CROWD];
    void *served;

    pthread_barrier_init(&crowd.start, NULL, CROWD);
    for (int i = 0; i < CROWD; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &crowd), 0);
    for (int i = 0; i < CROWD; i++) {
        pthread_join(threads[i], &served);
        assert_non_null(served);
    }
    pthread_barrier_destroy(&crowd.start);
}

static void a_crowd_makes_one_request_for_an_object(void **state)
{
    struct fixture f;
    SCRIPT(origin, {GOT("a")});

    (void)state;
    fixture_init(&f, &(struct fixture_config){.origin = origin});
    run_crowd(&f, ask_for_object);
    assert_int_equal(script_requests(origin), 1);
    fixture_release(&f);
    script_stop(origin);
}

/* Pieces are not kept in memory: one who comes late finds it on the disk. */
static void a_crowd_makes_one_request_for_a_piece(void **state)
{
    struct script_step steps[] = {piece_step("a", 0, PIECE, LARGE)};
    struct scripted_server *origin = script_start(steps, 1);
    struct fixture f;

    (void)state;
    fixture_init(&f, &(struct fixture_config){.origin = origin, .disk = true});
    run_crowd(&f, ask_for_piece);
    assert_int_equal(script_requests(origin), 1);
    fixture_release(&f);
    script_stop(origin);
    free((void *)steps[0].answer);
}

/* All who wait hear of the leader's failure: none of them hangs, and none makes it worse with a request of
 * its own. */
static void waiters_get_the_leaders_error(void **state)
{
    struct fixture f;
    SCRIPT(origin, {NULL, 0, SCRIPT_STALL});

    (void)state;
    fixture_init(&f, &(struct fixture_config){.origin = origin, .timeout_ms = 1000});
    run_crowd(&f, ask_for_failure);
    assert_int_equal(script_requests(origin), 1);
    fixture_release(&f);
    script_stop(origin);
}

/*
 * Large objects, in pieces.
 */

static const struct vb_cache_entry large = {.size = LARGE, .etag = "\"a\"", .content_type = "video/mp4"};

static void assert_bytes(const struct vb_http_stream *stream, int64_t offset, int64_t size)
{
    char *bytes = vb_xmalloc((size_t)size);

    for (int64_t done = 0; done < size;) {
        int64_t got = stream->fill(stream->context, done, bytes + done, (size_t)(size - done));

        assert_true(got > 0);
        done += got;
    }
    for (int64_t i = 0; i < size; i++)
        if (bytes[i] != byte_at(offset + i))
            fail_msg("byte %lld is wrong", (long long)i);
    free(bytes);
}

static void a_stream_is_the_range_that_was_asked_for(void **state)
{
    struct script_step steps[] = {piece_step("a", 0, PIECE, LARGE), piece_step("a", PIECE, PIECE, LARGE),
                                  piece_step("a", 2 * PIECE, 10000, LARGE)};
    struct scripted_server *origin = script_start(steps, 3);
    struct vb_http_stream stream;
    struct fixture f;
    char more[100];

    (void)state;
    fixture_init(&f, &(struct fixture_config){.origin = origin, .disk = true});
    assert_int_equal(vb_fetch_stream(&f.fetch, KEY, &large, 100, LARGE - 200, &stream), 0);
    assert_int_equal(stream.size, LARGE - 200);
    assert_bytes(&stream, 100, LARGE - 200);
    assert_int_equal(stream.fill(stream.context, LARGE - 200 - 10, more, sizeof(more)),
                     10); /* not to its end */
    stream.release(stream.context);
    assert_string_equal(script_header(script_request(origin, 2), "Range"), "bytes=524288-534287");
    assert_string_equal(script_header(script_request(origin, 2), "If-Match"), "\"a\"");
    fixture_restart(&f); /* from here on the disk has them */
    assert_int_equal(vb_fetch_stream(&f.fetch, KEY, &large, 0, LARGE, &stream), 0);
    assert_bytes(&stream, 0, LARGE);
    stream.release(stream.context);
    assert_int_equal(script_requests(origin), 3);
    fixture_release(&f);
    script_stop(origin);
    for (int i = 0; i < 3; i++)
        free((void *)steps[i].answer);
}

static void an_object_that_changes_between_pieces_ends_the_stream(void **state)
{
    struct script_step steps[] = {piece_step("a", 0, PIECE, LARGE), {CHANGED}};
    struct scripted_server *origin = script_start(steps, 2);
    struct vb_http_stream stream;
    struct fixture f;
    char byte;

    (void)state;
    fixture_init(&f, &(struct fixture_config){.origin = origin});
    assert_int_equal(vb_fetch_stream(&f.fetch, KEY, &large, 0, LARGE, &stream), 0);
    assert_int_equal(stream.fill(stream.context, PIECE - 1, &byte, 1), 1);
    assert_int_equal(stream.fill(stream.context, PIECE, &byte, 1), -EKEYREJECTED);
    stream.release(stream.context);
    fixture_release(&f);
    script_stop(origin);
    free((void *)steps[0].answer);
}

static void an_object_that_is_gone_or_changed_is_no_stream(void **state)
{
    struct vb_http_stream stream;
    struct fixture f;
    SCRIPT(origin, {GONE}, {CHANGED}, {UNAVAILABLE});

    (void)state;
    fixture_init(&f, &(struct fixture_config){.origin = origin});
    assert_int_equal(vb_fetch_stream(&f.fetch, KEY, &large, 0, LARGE, &stream), -ENOENT);
    assert_int_equal(vb_fetch_stream(&f.fetch, KEY, &large, 0, LARGE, &stream), -EKEYREJECTED);
    assert_int_equal(vb_fetch_stream(&f.fetch, KEY, &large, 0, LARGE, &stream), -EBUSY);
    fixture_release(&f);
    script_stop(origin);
}

static void a_torn_piece_is_an_error_and_is_not_kept(void **state)
{
    struct script_step steps[] = {piece_step("a", 0, PIECE, LARGE), piece_step("a", 0, PIECE, LARGE)};
    struct scripted_server *origin;
    struct vb_http_stream stream;
    struct fixture f;

    (void)state;
    steps[0].size -= 1000;
    steps[0].end = SCRIPT_CLOSE;
    origin = script_start(steps, 2);
    fixture_init(&f, &(struct fixture_config){.origin = origin, .disk = true});
    assert_int_equal(vb_fetch_stream(&f.fetch, KEY, &large, 0, 10, &stream), -EIO);
    assert_false(vb_disk_has(f.fetch.disk, KEY, "piece-0"));
    assert_int_equal(vb_fetch_stream(&f.fetch, KEY, &large, 0, 10, &stream), 0);
    assert_bytes(&stream, 0, 10);
    stream.release(stream.context);
    fixture_release(&f);
    script_stop(origin);
    for (int i = 0; i < 2; i++)
        free((void *)steps[i].answer);
}

/* The key had another object before: its pieces, in memory and on disk, are no pieces of this one. */
static void a_piece_of_an_earlier_object_is_not_used(void **state)
{
    static const struct vb_cache_entry newer = {.size = LARGE, .etag = "\"b\""};
    struct script_step steps[] = {piece_step("a", 0, PIECE, LARGE), piece_step("b", 0, PIECE, LARGE)};
    struct scripted_server *origin = script_start(steps, 2);
    struct vb_http_stream stream;
    struct fixture f;

    (void)state;
    fixture_init(&f, &(struct fixture_config){.origin = origin, .disk = true});
    assert_int_equal(vb_fetch_stream(&f.fetch, KEY, &large, 0, 10, &stream), 0);
    stream.release(stream.context);
    fixture_restart(&f);
    assert_int_equal(vb_fetch_stream(&f.fetch, KEY, &newer, 0, 10, &stream), 0);
    stream.release(stream.context);
    assert_int_equal(script_requests(origin), 2);
    fixture_release(&f);
    script_stop(origin);
    for (int i = 0; i < 2; i++)
        free((void *)steps[i].answer);
}

/*
 * All bytes into a file, as rendering needs them.
 */

static void assert_file(int file, int64_t size, bool is_ten)
{
    char *bytes = vb_xmalloc((size_t)size);

    assert_int_equal(lseek(file, 0, SEEK_END), size);
    assert_int_equal(pread(file, bytes, (size_t)size, 0), size);
    for (int64_t i = 0; i < size; i++)
        if (bytes[i] != (is_ten ? TEN[i] : byte_at(i)))
            fail_msg("byte %lld is wrong", (long long)i);
    free(bytes);
    close(file);
}

static int make_file(void)
{
    FILE *file = tmpfile();
    int copy = dup(fileno(file));

    fclose(file);
    return copy;
}

static void a_small_object_is_written_whole(void **state)
{
    const struct vb_cache_entry description = {.size = 10, .etag = "\"a\""};
    int file = make_file();
    struct fixture f;
    SCRIPT(origin, {GOT("a")});

    (void)state;
    fixture_init(&f, &(struct fixture_config){.origin = origin});
    assert_int_equal(vb_fetch_file(&f.fetch, KEY, &description, file), 0);
    assert_file(file, 10, true);
    fixture_release(&f);
    script_stop(origin);
}

static void another_object_than_the_described_one_is_not_written(void **state)
{
    const struct vb_cache_entry description = {.size = 10, .etag = "\"a\""};
    int file = make_file();
    struct fixture f;
    SCRIPT(origin, {GOT("b")});

    (void)state;
    fixture_init(&f, &(struct fixture_config){.origin = origin});
    assert_int_equal(vb_fetch_file(&f.fetch, KEY, &description, file), -EKEYREJECTED);
    assert_file(file, 0, true);
    fixture_release(&f);
    script_stop(origin);
}

/* More than any canonical picture has: one request, and nothing of it is kept. */
static void a_very_large_object_is_written_in_one_request(void **state)
{
    enum { SIZE = 2 * 1024 * 1024 + 1 };
    const struct vb_cache_entry description = {.size = SIZE, .etag = "\"a\""};
    struct script_step steps[] = {piece_step("a", 0, SIZE, SIZE)};
    struct scripted_server *origin = script_start(steps, 1);
    int file = make_file();
    struct fixture f;

    (void)state;
    fixture_init(&f, &(struct fixture_config){.origin = origin, .disk = true});
    assert_int_equal(vb_fetch_file(&f.fetch, KEY, &description, file), 0);
    assert_file(file, SIZE, false);
    assert_int_equal(script_requests(origin), 1);
    assert_false(vb_disk_has(f.fetch.disk, KEY, "piece-0"));
    fixture_release(&f);
    script_stop(origin);
    free((void *)steps[0].answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_is_fetched_once_and_then_remembered),
        cmocka_unit_test(a_missing_object_is_remembered_as_missing),
        cmocka_unit_test(an_origin_that_refuses_is_an_error_and_nothing_is_remembered),
        cmocka_unit_test(an_origin_that_is_busy_is_an_error_until_it_answers),
        cmocka_unit_test(an_origin_that_hangs_is_given_up_at_the_deadline),
        cmocka_unit_test(a_torn_object_is_no_object),
        cmocka_unit_test(torn_download_resumes),
        cmocka_unit_test(an_object_that_is_shorter_than_said_has_no_body),
        cmocka_unit_test(without_room_in_memory_an_object_is_described_alone),
        cmocka_unit_test(a_copy_that_the_origin_still_has_is_a_hit),
        cmocka_unit_test(a_copy_of_another_etag_is_fetched_anew),
        cmocka_unit_test(without_the_origin_a_copy_is_served_as_stale),
        cmocka_unit_test(a_copy_of_an_object_that_is_gone_goes_with_its_parts),
        cmocka_unit_test(an_object_that_is_purged_in_flight_is_not_kept),
        cmocka_unit_test(a_crowd_makes_one_request_for_an_object),
        cmocka_unit_test(a_crowd_makes_one_request_for_a_piece),
        cmocka_unit_test(waiters_get_the_leaders_error),
        cmocka_unit_test(a_stream_is_the_range_that_was_asked_for),
        cmocka_unit_test(an_object_that_changes_between_pieces_ends_the_stream),
        cmocka_unit_test(an_object_that_is_gone_or_changed_is_no_stream),
        cmocka_unit_test(a_torn_piece_is_an_error_and_is_not_kept),
        cmocka_unit_test(a_piece_of_an_earlier_object_is_not_used),
        cmocka_unit_test(a_small_object_is_written_whole),
        cmocka_unit_test(another_object_than_the_described_one_is_not_written),
        cmocka_unit_test(a_very_large_object_is_written_in_one_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
