/* The pool of media workers, with the real program and with fakes that misbehave. */
#include "media/workers.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/metrics.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* One white pixel. */
static const char gif[] =
    "GIF89a\1\0\1\0\x80\0\0\xff\xff\xff\0\0\0!\xf9\4\0\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;";

static int make_input(const void *data, size_t size)
{
    int file = vb_media_memory_file("input");

    assert_true(file >= 0);
    assert_int_equal(vb_write_all(file, data, size), 0);
    return file;
}

static int run_picture(struct vb_workers *workers, enum vb_media_type type, const void *data, size_t size,
                       struct vb_media_result *ret, off_t *ret_size, struct vb_error *err)
{
    struct vb_media_files files = {
        .input = make_input(data, size), .output = vb_media_memory_file("output"), .poster = -1};
    int r = vb_workers_run(workers, &(struct vb_media_job){.work = VB_WORK_PICTURE, .type = type}, &files,
                           NULL, ret, err);

    *ret_size = lseek(files.output, 0, SEEK_END);
    close(files.input);
    close(files.output);
    return r;
}

static struct vb_workers *start(const char *variable, unsigned processes, unsigned timeout_ms)
{
    struct vb_workers *workers = NULL;
    struct vb_error err = {0};
    int r = vb_workers_start(&(struct vb_workers_config){.program = getenv(variable),
                                                         .processes = processes,
                                                         .timeout_ms = timeout_ms},
                             &workers, &err);

    if (r == 0)
        r = vb_workers_wait(workers, &err);
    if (r < 0)
        print_error("%s\n", err.message);
    assert_int_equal(r, 0);
    return workers;
}

static void a_picture_becomes_a_jpeg(void **state)
{
    struct vb_workers *workers = start("VIBE_MEDIA", 1, 20000);
    struct vb_media_result result;
    struct vb_error err = {0};
    off_t size = 0;

    (void)state;
    for (int i = 0; i < 3; i++) { /* each by a worker of its own */
        assert_int_equal(run_picture(workers, VB_MEDIA_GIF, gif, sizeof(gif) - 1, &result, &size, &err), 0);
        assert_int_equal(result.status, VB_MEDIA_OK);
        assert_int_equal(result.width, 1);
        assert_int_equal(result.height, 1);
        assert_memory_equal(result.dominant, "\xff\xff\xff", 3);
        assert_true(size > 100);
    }
    vb_workers_stop(workers);
}

static void a_damaged_file_is_refused_with_a_reason(void **state)
{
    struct vb_workers *workers = start("VIBE_MEDIA", 1, 20000);
    struct vb_media_result result;
    struct vb_error err = {0};
    off_t size = 0;

    (void)state;
    assert_int_equal(
        run_picture(workers, VB_MEDIA_JPEG, "\xff\xd8\xff\xe0 and no more", 16, &result, &size, &err), 0);
    assert_int_equal(result.status, VB_MEDIA_BAD);
    assert_non_null(strstr(result.problem, "damaged"));
    assert_int_equal(size, 0);
    /* by its bytes, not by what it is called */
    assert_int_equal(run_picture(workers, VB_MEDIA_PNG, gif, sizeof(gif) - 1, &result, &size, &err), 0);
    assert_int_equal(result.status, VB_MEDIA_BAD);
    vb_workers_stop(workers);
}

struct crowd {
    struct vb_workers *workers;
    int failures;
    pthread_mutex_t lock;
};

static void *join_crowd(void *argument)
{
    struct crowd *crowd = argument;
    struct vb_media_result result;
    off_t size;

    for (int i = 0; i < 4; i++)
        if (run_picture(crowd->workers, VB_MEDIA_GIF, gif, sizeof(gif) - 1, &result, &size, NULL) != 0 ||
            result.status != VB_MEDIA_OK) {
            pthread_mutex_lock(&crowd->lock);
            crowd->failures++;
            pthread_mutex_unlock(&crowd->lock);
        }
    return NULL;
}

static void many_share_few_workers(void **state)
{
    struct crowd crowd = {.workers = start("VIBE_MEDIA", 2, 60000), .lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t threads[12];

    (void)state;
    for (int i = 0; i < 12; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, join_crowd, &crowd), 0);
    for (int i = 0; i < 12; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(crowd.failures, 0);
    vb_workers_stop(crowd.workers);
}

/* The children of this process. */
static pid_t first_child(void)
{
    char path[64];
    int child = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
    file = fopen(path, "re");
    if (file) {
        if (fscanf(file, "%d", &child) != 1)
            child = 0;
        fclose(file);
    }
    return child;
}

static void a_nursery_that_ends_is_started_again(void **state)
{
    struct vb_workers *workers = start("VIBE_MEDIA", 1, 20000);
    int64_t deadline_ms = vb_clock_monotonic_ms() + 20000;
    struct vb_media_result result;
    pid_t nursery = first_child();
    off_t size;
    int r;

    (void)state;
    assert_true(nursery > 0);
    kill(nursery, SIGKILL);
    do
        r = run_picture(workers, VB_MEDIA_GIF, gif, sizeof(gif) - 1, &result, &size, NULL);
    while (r != 0 && vb_clock_monotonic_ms() < deadline_ms);
    assert_int_equal(r, 0);
    assert_int_equal(result.status, VB_MEDIA_OK);
    vb_workers_stop(workers);
    assert_int_equal(first_child(), 0); /* nothing is left behind */
}

static void a_worker_that_hangs_times_out(void **state)
{
    struct vb_workers *workers = start("FAKE_HANGS", 1, 200);
    struct vb_media_result result;
    struct vb_error err = {0};
    off_t size;

    (void)state;
    assert_int_equal(run_picture(workers, VB_MEDIA_GIF, gif, 1, &result, &size, &err), -ETIMEDOUT);
    assert_non_null(strstr(err.message, "took more than"));
    vb_workers_stop(workers);
}

static void a_nonsense_answer_is_refused(void **state)
{
    struct vb_workers *workers = start("FAKE_LIES", 1, 20000);
    struct vb_media_result result;
    off_t size;

    (void)state;
    assert_int_equal(run_picture(workers, VB_MEDIA_GIF, gif, 1, &result, &size, NULL), -EPROTO);
    vb_workers_stop(workers);
}

static void a_worker_that_crashes_fails_its_job(void **state)
{
    struct vb_workers *workers = start("FAKE_DIES", 1, 20000);
    struct vb_media_result result;
    off_t size;

    (void)state;
    assert_int_equal(run_picture(workers, VB_MEDIA_GIF, gif, 1, &result, &size, NULL), -EPIPE);
    vb_workers_stop(workers);
}

/* The system kills a worker for lack of memory: the file must not be refused for that. */
static void a_worker_that_is_killed_is_not_blamed_on_the_file(void **state)
{
    static const char *const fakes[] = {"FAKE_KILLED", "FAKE_SILENT"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct vb_workers *workers = start(fakes[i], 1, 20000);
        struct vb_media_result result;
        struct vb_error err = {0};
        off_t size;

        assert_int_equal(run_picture(workers, VB_MEDIA_GIF, gif, 1, &result, &size, &err), -EBUSY);
        assert_non_null(strstr(err.message, "memory"));
        vb_workers_stop(workers);
    }
}

static void *hang(void *argument)
{
    struct vb_media_result result;
    off_t size;

    return (void *)(intptr_t)run_picture(argument, VB_MEDIA_GIF, gif, 1, &result, &size, NULL);
}

static void a_full_queue_refuses(void **state)
{
    struct vb_workers *workers = NULL;
    int refused = 0, others = 0;
    pthread_t threads[6];

    (void)state;
    assert_int_equal(vb_workers_start(&(struct vb_workers_config){.program = getenv("FAKE_HANGS"),
                                                                  .processes = 1,
                                                                  .queue_max = 2,
                                                                  .timeout_ms = 1000},
                                      &workers, NULL),
                     0);
    for (int i = 0; i < 6; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hang, workers), 0);
    for (int i = 0; i < 6; i++) {
        void *r;

        pthread_join(threads[i], &r);
        *((intptr_t)r == -EBUSY ? &refused : &others) += 1;
    }
    assert_in_range(refused, 3, 5); /* one runs, two may wait */
    assert_true(others >= 1);
    vb_workers_stop(workers);
}

/* A call whose worker obeys this test (fake_worker.c). */
struct told {
    struct vb_workers *workers;
    const char *owner;
    struct vb_media_job job;
    struct vb_media_files files;
    pthread_t thread;
    int r;
};

static void *run_told(void *argument)
{
    struct told *told = argument;
    struct vb_media_result result;

    told->r = vb_workers_run(told->workers, &told->job, &told->files, told->owner, &result, NULL);
    return NULL;
}

static void begin(struct told *told, struct vb_workers *workers, const char *owner, enum vb_media_work work,
                  enum vb_format format)
{
    *told = (struct told){
        .workers = workers,
        .owner = owner,
        .job = {.work = work, .type = VB_MEDIA_JPEG, .variant.format = format},
        .files = {.input = make_input("", 1), .output = vb_media_memory_file("output"), .poster = -1}};
    assert_int_equal(pthread_create(&told->thread, NULL, run_told, told), 0);
}

static bool has_started(const struct told *told)
{
    return lseek(told->files.output, 0, SEEK_END) > 0;
}

static void wait_for_start(const struct told *told)
{
    int64_t deadline_ms = vb_clock_monotonic_ms() + 20000;

    while (!has_started(told)) {
        assert_true(vb_clock_monotonic_ms() < deadline_ms);
        sched_yield();
    }
}

/* Waits until so many calls wait for a worker, by the gauge that counts them. */
static void wait_for_waiting(unsigned count)
{
    int64_t deadline_ms = vb_clock_monotonic_ms() + 20000;
    char line[64];
    bool found;

    snprintf(line, sizeof(line), "vibe_media_jobs_waiting %u\n", count);
    do {
        struct vb_strbuf text;

        assert_true(vb_clock_monotonic_ms() < deadline_ms);
        vb_strbuf_init(&text, (size_t)1024 * 1024);
        vb_metrics_render(&text);
        found = strstr(text.data, line) != NULL;
        vb_strbuf_release(&text);
    } while (!found);
}

static void finish(struct told *told)
{
    wait_for_start(told);
    assert_int_equal(pwrite(told->files.input, "\1", 1, 0), 1);
    pthread_join(told->thread, NULL);
    assert_int_equal(told->r, 0);
    close(told->files.input);
    close(told->files.output);
}

/* Of four workers one is for variants, and of the other three one for somebody else's upload. */
static void uploads_of_one_owner_leave_workers_to_others(void **state)
{
    struct vb_workers *workers = start("FAKE_OBEYS", 4, 60000);
    struct told ana[4], ben, cy[2], variant;

    (void)state;
    for (int i = 0; i < 4; i++) {
        begin(&ana[i], workers, "ana", VB_WORK_PICTURE, 0);
        i < 2 ? wait_for_start(&ana[i]) : wait_for_waiting((unsigned)i - 1);
    }
    begin(&ben, workers, "ben", VB_WORK_PICTURE, 0);
    wait_for_start(&ben);
    begin(&cy[0], workers, "cy", VB_WORK_VIDEO, 0);
    wait_for_waiting(3);
    begin(&cy[1], workers, "cy", VB_WORK_PICTURE, 0);
    wait_for_waiting(4);
    begin(&variant, workers, NULL, VB_WORK_VARIANT, VB_FORMAT_WEBP);
    finish(&variant); /* a worker was left for it */
    finish(&ana[0]);
    wait_for_start(&cy[0]); /* round robin: his first upload goes before her third */
    assert_false(has_started(&ana[2]));
    finish(&ben);
    wait_for_start(&cy[1]); /* his second, too: two of hers have been served */
    assert_false(has_started(&ana[2]));
    finish(&cy[0]);
    wait_for_start(&ana[2]);
    finish(&ana[1]);
    finish(&ana[2]);
    finish(&ana[3]);
    finish(&cy[1]);
    vb_workers_stop(workers);
}

static void avif_yields_to_uploads_and_other_variants(void **state)
{
    struct vb_workers *workers = start("FAKE_OBEYS", 3, 60000);
    struct told slow[2], upload, variant;

    (void)state;
    begin(&slow[0], workers, NULL, VB_WORK_VARIANT, VB_FORMAT_AVIF);
    wait_for_start(&slow[0]);
    begin(&slow[1], workers, NULL, VB_WORK_VARIANT, VB_FORMAT_AVIF);
    wait_for_waiting(1);
    begin(&upload, workers, "ana", VB_WORK_PICTURE, 0);
    wait_for_start(&upload);
    begin(&variant, workers, NULL, VB_WORK_VARIANT, VB_FORMAT_JPEG);
    finish(&variant);
    assert_false(has_started(&slow[1]));
    finish(&slow[0]);
    finish(&slow[1]);
    finish(&upload);
    vb_workers_stop(workers);
}

/* A machine may have more cores than a nursery takes workers. */
static void the_number_of_workers_is_capped(void **state)
{
    (void)state;
    vb_workers_stop(start("FAKE_DIES", 100000, 20000));
}

static void a_missing_program_is_named(void **state)
{
    struct vb_workers *workers = NULL;
    struct vb_error err = {0};

    (void)state;
    assert_true(
        vb_workers_start(&(struct vb_workers_config){.program = "/nowhere/vibe-media"}, &workers, &err) < 0);
    assert_non_null(strstr(err.message, "/nowhere/vibe-media"));
    assert_non_null(strstr(err.hint, "beside vibe"));
    vb_workers_stop(NULL);
}

static void a_system_without_seccomp_is_an_error(void **state)
{
    struct vb_workers *workers = NULL;
    struct vb_error err = {0};

    (void)state;
    assert_int_equal(
        vb_workers_start(&(struct vb_workers_config){.program = getenv("FAKE_FREE"), .processes = 1},
                         &workers, &err),
        0);
    assert_int_equal(vb_workers_wait(workers, &err), -EPERM);
    assert_non_null(strstr(err.message, "cannot be jailed"));
    assert_non_null(strstr(err.hint, "seccomp"));
    vb_workers_stop(workers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_picture_becomes_a_jpeg),
        cmocka_unit_test(a_damaged_file_is_refused_with_a_reason),
        cmocka_unit_test(many_share_few_workers),
        cmocka_unit_test(a_nursery_that_ends_is_started_again),
        cmocka_unit_test(a_worker_that_hangs_times_out),
        cmocka_unit_test(a_nonsense_answer_is_refused),
        cmocka_unit_test(a_worker_that_crashes_fails_its_job),
        cmocka_unit_test(a_worker_that_is_killed_is_not_blamed_on_the_file),
        cmocka_unit_test(a_full_queue_refuses),
        cmocka_unit_test(uploads_of_one_owner_leave_workers_to_others),
        cmocka_unit_test(avif_yields_to_uploads_and_other_variants),
        cmocka_unit_test(the_number_of_workers_is_capped),
        cmocka_unit_test(a_missing_program_is_named),
        cmocka_unit_test(a_system_without_seccomp_is_an_error),
    };

    /* The pool has our threads; those of the workers are their libraries', which the thread sanitizer cannot
     * see. */
    setenv("TSAN_OPTIONS", "report_bugs=0", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
