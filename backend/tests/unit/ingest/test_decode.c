/* A file is fetched and decoded: what each failure is said to be the fault of. */
#include "ingest/decode.h"
#include "ingest_fixture.h"

#include "base/file.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

/* ---- fetching ---- */

static enum vb_outcome fetch(struct ingest_fixture *f, int *ret_file)
{
    const struct vb_inspection inspection = {.type = VB_MEDIA_GIF, .size = GIF_SIZE, .etag = ETAG};

    return vb_fetch(&f->ingest, "user-uploads/u/x.gif", &inspection, ret_file, &f->err);
}

static void the_object_that_was_inspected_is_fetched(void **state)
{
    char bytes[GIF_SIZE + 1];
    struct ingest_fixture f;
    int file = -1;

    (void)state;
    ingest_init(&f, NULL, NULL);
    ingest_answer_object(&f, GIF, GIF_SIZE, NULL);
    ingest_begin(&f);
    assert_int_equal(fetch(&f, &file), VB_OUTCOME_DONE);
    assert_int_equal(pread(file, bytes, sizeof(bytes), 0), GIF_SIZE);
    assert_memory_equal(bytes, GIF, GIF_SIZE);
    assert_string_equal(script_header(script_request(f.server, 0), "If-Match"), ETAG);
    close(file);
    ingest_release(&f);
}

static void a_failed_fetch_blames_the_file_or_the_storage(void **state)
{
    static const struct {
        struct script_step step;
        enum vb_outcome outcome;
        int code;
    } cases[] = {
        {ERROR("404 Not Found", "NoSuchKey", "no such key"), VB_OUTCOME_NOT_ARRIVED, EINVAL},
        {ERROR("503 Slow Down", "SlowDown", "slow down"), VB_OUTCOME_STORAGE, EBUSY}, /* not our workers */
        {ERROR("412 Precondition Failed", "PreconditionFailed", "changed"), VB_OUTCOME_STORAGE, EKEYREJECTED},
        {ERROR("403 Forbidden", "AccessDenied", "denied"), VB_OUTCOME_STORAGE, EACCES},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct ingest_fixture f;
        int file = -1;

        ingest_init(&f, NULL, NULL);
        ingest_answer(&f, cases[i].step);
        ingest_begin(&f);
        assert_int_equal(fetch(&f, &file), cases[i].outcome);
        assert_int_equal(f.err.code, cases[i].code);
        assert_int_equal(file, -1);
        ingest_release(&f);
    }
}

static struct rlimit limit(int resource, rlim_t to)
{
    struct rlimit before, now;

    assert_int_equal(getrlimit(resource, &before), 0);
    now = (struct rlimit){.rlim_cur = to, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(resource, &now), 0);
    return before;
}

static void without_a_file_descriptor_nothing_is_fetched(void **state)
{
    struct ingest_fixture f;
    struct rlimit before;
    enum vb_outcome outcome;
    int file = -1;

    (void)state;
    ingest_init(&f, NULL, NULL);
    ingest_begin(&f);
    before = limit(RLIMIT_NOFILE, 0);
    outcome = fetch(&f, &file);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(outcome, VB_OUTCOME_BUSY);
    assert_string_equal(f.err.message,
                        "no memory, disk space or file descriptor is left to work on the file");
    assert_int_equal(script_requests(f.server), 0);
    ingest_release(&f);
}

static void a_full_disk_is_not_blamed_on_the_storage(void **state)
{
    struct ingest_fixture f;
    struct rlimit before;
    enum vb_outcome outcome;
    int file = -1;

    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    ingest_init(&f, NULL, NULL);
    ingest_answer_object(&f, GIF, GIF_SIZE, NULL);
    ingest_begin(&f);
    before = limit(RLIMIT_FSIZE, 10);
    outcome = fetch(&f, &file);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(outcome, VB_OUTCOME_BUSY);
    assert_int_equal(file, -1);
    ingest_release(&f);
}

/* ---- decoding ---- */

static enum vb_outcome decode(struct vb_workers *workers, const void *data, size_t size,
                              enum vb_media_type type, struct vb_made *ret_made, struct vb_error *err)
{
    struct vb_original original = {
        .file = vb_media_memory_file("original"), .size = (int64_t)size, .type = type, .owner = NOBODY};
    enum vb_outcome outcome;

    assert_int_equal(vb_write_all(original.file, data, size), 0);
    outcome = vb_decode(workers, &original, ret_made, err);
    close(original.file);
    return outcome;
}

static void a_picture_becomes_a_jpeg_that_is_described(void **state)
{
    struct vb_workers *workers = ingest_start_workers("VIBE_MEDIA", 20000);
    struct vb_made made = VB_MADE_NOTHING;
    struct vb_error err = {0};

    (void)state;
    assert_int_equal(decode(workers, GIF, GIF_SIZE, VB_MEDIA_GIF, &made, &err), VB_OUTCOME_DONE);
    assert_int_equal(made.type, VB_MEDIA_JPEG);
    assert_int_equal(made.result.width, 1);
    assert_int_equal(made.bytes, lseek(made.output, 0, SEEK_END));
    assert_int_equal(strlen(made.sha256), 64);
    assert_string_equal(made.color, "#ffffff");
    assert_true(*made.thumbhash && made.poster == -1);
    vb_made_release(&made);
    vb_workers_stop(workers);
}

static void a_damaged_file_is_refused_in_the_decoders_words(void **state)
{
    struct vb_workers *workers = ingest_start_workers("VIBE_MEDIA", 20000);
    struct vb_made made = VB_MADE_NOTHING;
    struct vb_error err = {0};

    (void)state;
    assert_int_equal(decode(workers, "\xff\xd8\xff\xe0 and no more", 16, VB_MEDIA_JPEG, &made, &err),
                     VB_OUTCOME_BAD_MEDIA);
    assert_non_null(strstr(err.message, "damaged"));
    vb_made_release(&made);
    vb_workers_stop(workers);
}

/* What a worker does, and what that says about the file. */
static void a_failed_worker_blames_the_file_or_itself(void **state)
{
    static const struct {
        const char *program;
        enum vb_outcome outcome;
        const char *words;
    } cases[] = {
        {"FAKE_DIES", VB_OUTCOME_BAD_MEDIA, "The file cannot be decoded: the decoder crashes on it"},
        {"FAKE_HANGS", VB_OUTCOME_BAD_MEDIA, "The file cannot be decoded: that takes too long"},
        {"FAKE_LIES", VB_OUTCOME_BUSY, ""},
        {"FAKE_KILLED", VB_OUTCOME_BUSY, ""},
        {"FAKE_OBEYS", VB_OUTCOME_BUSY, "the media worker's output is not the file that it describes"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct vb_workers *workers = ingest_start_workers(cases[i].program, 500);
        struct vb_made made = VB_MADE_NOTHING;
        struct vb_error err = {0};

        /* FAKE_OBEYS answers a file whose first byte is 1. */
        assert_int_equal(decode(workers, "\1 file", 6, VB_MEDIA_GIF, &made, &err), cases[i].outcome);
        if (*cases[i].words)
            assert_string_equal(err.message, cases[i].words);
        assert_true(err.code > 0);
        vb_made_release(&made);
        vb_workers_stop(workers);
    }
}

static void *decode_beside(void *workers)
{
    struct vb_made made = VB_MADE_NOTHING;
    struct vb_error err = {0};
    enum vb_outcome outcome = decode(workers, "file", 4, VB_MEDIA_GIF, &made, &err);

    vb_made_release(&made);
    return outcome == VB_OUTCOME_BUSY ? workers : NULL;
}

static void a_full_queue_is_busy(void **state)
{
    struct vb_workers *workers = ingest_start_workers("FAKE_HANGS", 1000);
    pthread_t threads[3]; /* one has the process, one waits */
    unsigned busy = 0;

    (void)state;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, decode_beside, workers), 0);
    for (size_t i = 0; i < 3; i++) {
        void *result;

        pthread_join(threads[i], &result);
        busy += result != NULL;
    }
    assert_true(busy >= 1);
    vb_workers_stop(workers);
}

static void without_scratch_files_no_worker_is_asked(void **state)
{
    struct vb_workers *workers = ingest_start_workers("FAKE_HANGS", 20000);
    const struct vb_original original = {.file = -1, .size = 4, .type = VB_MEDIA_MP4, .owner = NOBODY};
    struct vb_made made = VB_MADE_NOTHING;
    struct vb_error err = {0};
    struct rlimit before = limit(RLIMIT_NOFILE, 0);
    enum vb_outcome outcome = vb_decode(workers, &original, &made, &err);

    (void)state;
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(outcome, VB_OUTCOME_BUSY);
    assert_string_equal(err.message, "no memory, disk space or file descriptor is left to work on the file");
    vb_made_release(&made);
    vb_workers_stop(workers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_object_that_was_inspected_is_fetched),
        cmocka_unit_test(a_failed_fetch_blames_the_file_or_the_storage),
        cmocka_unit_test(without_a_file_descriptor_nothing_is_fetched),
        cmocka_unit_test(a_full_disk_is_not_blamed_on_the_storage),
        cmocka_unit_test(a_picture_becomes_a_jpeg_that_is_described),
        cmocka_unit_test(a_damaged_file_is_refused_in_the_decoders_words),
        cmocka_unit_test(a_failed_worker_blames_the_file_or_itself),
        cmocka_unit_test(a_full_queue_is_busy),
        cmocka_unit_test(without_scratch_files_no_worker_is_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
