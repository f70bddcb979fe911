/* Which call gets the next worker: the six rules of queue.h, without a process or a thread. */
#include "media/queue.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#define MIB    ((uint64_t)1024 * 1024)
#define PLENTY (64 * 1024 * MIB)

static struct vb_media_queue make(unsigned processes)
{
    struct vb_media_queue queue;

    vb_media_queue_init(&queue, processes, PLENTY);
    return queue;
}

static struct vb_media_call add(struct vb_media_queue *queue, struct vb_media_call *call,
                                enum vb_media_lane lane, const char *owner)
{
    *call = (struct vb_media_call){.lane = lane, .owner = owner};
    vb_media_queue_add(queue, call);
    return *call;
}

/* Gives a worker to the next call, which must be this one (NULL: to none). */
static void assert_starts(struct vb_media_queue *queue, struct vb_media_call *expected)
{
    struct vb_media_call *next = vb_media_queue_next(queue);

    assert_ptr_equal(next, expected);
    if (next)
        vb_media_queue_start(queue, next);
}

static void jobs_have_the_lane_of_their_work(void **state)
{
    struct vb_media_job job = {.work = VB_WORK_VARIANT};

    (void)state;
    job.variant.format = VB_FORMAT_AVIF;
    assert_int_equal(vb_media_lane_of(&job), VB_MEDIA_LANE_SLOW);
    job.variant.format = VB_FORMAT_WEBP;
    assert_int_equal(vb_media_lane_of(&job), VB_MEDIA_LANE_VARIANT);
    for (int work = VB_WORK_PICTURE; work <= VB_WORK_INSPECT; work++) {
        job = (struct vb_media_job){.work = (uint32_t)work, .variant.format = VB_FORMAT_AVIF};
        if (work != VB_WORK_VARIANT)
            assert_int_equal(vb_media_lane_of(&job), VB_MEDIA_LANE_UPLOAD);
    }
}

static void uploads_go_before_variants_and_variants_before_avif(void **state)
{
    struct vb_media_queue queue = make(8);
    struct vb_media_call avif, variant, upload;

    (void)state;
    add(&queue, &avif, VB_MEDIA_LANE_SLOW, NULL);
    add(&queue, &variant, VB_MEDIA_LANE_VARIANT, NULL);
    add(&queue, &upload, VB_MEDIA_LANE_UPLOAD, "ana");
    assert_int_equal(queue.waiting, 3);
    assert_starts(&queue, &upload);
    assert_starts(&queue, &variant);
    assert_starts(&queue, &avif);
    assert_starts(&queue, NULL);
    assert_int_equal(queue.waiting, 0);
}

static void owners_take_turns(void **state)
{
    struct vb_media_queue queue = make(16);
    struct vb_media_call ana[3], ben[2], nobody[2];

    (void)state;
    for (int i = 0; i < 3; i++)
        add(&queue, &ana[i], VB_MEDIA_LANE_UPLOAD, "ana");
    for (int i = 0; i < 2; i++)
        add(&queue, &ben[i], VB_MEDIA_LANE_UPLOAD, "ben");
    for (int i = 0; i < 2; i++) /* each is as if it had an owner of its own */
        add(&queue, &nobody[i], VB_MEDIA_LANE_UPLOAD, NULL);
    assert_starts(&queue, &ana[0]);
    assert_starts(&queue, &ben[0]);
    assert_starts(&queue, &nobody[0]);
    assert_starts(&queue, &nobody[1]);
    assert_starts(&queue, &ana[1]);
    assert_starts(&queue, &ben[1]);
    assert_starts(&queue, &ana[2]);
}

static void calls_that_run_count_for_their_owners_turn(void **state)
{
    struct vb_media_queue queue = make(16);
    struct vb_media_call ana[2], ben;

    (void)state;
    add(&queue, &ana[0], VB_MEDIA_LANE_UPLOAD, "ana");
    assert_starts(&queue, &ana[0]);
    add(&queue, &ana[1], VB_MEDIA_LANE_UPLOAD, "ana");
    add(&queue, &ben, VB_MEDIA_LANE_UPLOAD, "ben");
    assert_starts(&queue, &ben);
    assert_starts(&queue, &ana[1]);
}

static void uploads_and_avif_leave_a_worker_to_other_variants(void **state)
{
    struct vb_media_queue queue = make(4);
    struct vb_media_call uploads[3], avif, more, variant;
    static const char *const owners[] = {"a", "b"};

    (void)state;
    for (int i = 0; i < 2; i++)
        add(&queue, &uploads[i], VB_MEDIA_LANE_UPLOAD, owners[i]);
    add(&queue, &avif, VB_MEDIA_LANE_SLOW, NULL);
    for (int i = 0; i < 2; i++)
        assert_starts(&queue, &uploads[i]);
    assert_starts(&queue, &avif);
    add(&queue, &more, VB_MEDIA_LANE_UPLOAD, "c");
    assert_starts(&queue, NULL);
    add(&queue, &variant, VB_MEDIA_LANE_VARIANT, NULL);
    assert_starts(&queue, &variant);
    vb_media_queue_end(&queue, &avif);
    assert_starts(&queue, &more);
}

static void one_owner_leaves_a_worker_to_the_others(void **state)
{
    struct vb_media_queue queue = make(4);
    struct vb_media_call ana[3], ben;

    (void)state;
    for (int i = 0; i < 3; i++)
        add(&queue, &ana[i], VB_MEDIA_LANE_UPLOAD, "ana");
    assert_starts(&queue, &ana[0]);
    assert_starts(&queue, &ana[1]);
    assert_starts(&queue, NULL);
    add(&queue, &ben, VB_MEDIA_LANE_UPLOAD, "ben");
    assert_starts(&queue, &ben);
    vb_media_queue_end(&queue, &ana[0]);
    assert_starts(&queue, &ana[2]);
}

static void avif_has_half_of_the_workers_at_most(void **state)
{
    struct vb_media_queue queue = make(6);
    struct vb_media_call avif[4];

    (void)state;
    for (int i = 0; i < 4; i++)
        add(&queue, &avif[i], VB_MEDIA_LANE_SLOW, NULL);
    for (int i = 0; i < 3; i++)
        assert_starts(&queue, &avif[i]);
    assert_starts(&queue, NULL);
    vb_media_queue_end(&queue, &avif[1]);
    assert_starts(&queue, &avif[3]);
}

static void memory_bounds_how_many_heavy_calls_run(void **state)
{
    static const struct {
        unsigned processes, heavy_max;
        uint64_t memory;
    } cases[] = {{10, 9, PLENTY},    {10, 9, UINT64_MAX}, {10, 1, 600 * MIB}, {10, 2, 1050 * MIB},
                 {10, 1, 512 * MIB}, {10, 1, 0},          {1, 1, PLENTY},     {2, 1, PLENTY}};

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(cases); i++) {
        struct vb_media_queue queue;

        vb_media_queue_init(&queue, cases[i].processes, cases[i].memory);
        assert_int_equal(queue.heavy_max, cases[i].heavy_max);
        assert_true(queue.owner_max >= 1 && queue.slow_max >= 1); /* nobody is shut out */
    }
}

static void a_call_that_wants_to_be_alone_is_alone(void **state)
{
    struct vb_media_queue queue = make(8);
    struct vb_media_call before, alone = {.lane = VB_MEDIA_LANE_UPLOAD, .owner = "ana", .alone = true}, after,
                                 variant;

    (void)state;
    add(&queue, &before, VB_MEDIA_LANE_UPLOAD, "ben");
    assert_starts(&queue, &before);
    vb_media_queue_add(&queue, &alone);
    add(&queue, &after, VB_MEDIA_LANE_UPLOAD, "cy");
    assert_starts(&queue, NULL); /* another runs; and nobody overtakes, or it would wait for ever */
    add(&queue, &variant, VB_MEDIA_LANE_VARIANT, NULL);
    assert_starts(&queue, &variant); /* needs little memory */
    vb_media_queue_end(&queue, &before);
    assert_starts(&queue, &alone);
    assert_starts(&queue, NULL);
    vb_media_queue_end(&queue, &alone);
    assert_starts(&queue, &after);
}

static void a_call_whose_time_is_up_leaves_the_queue_as_it_was(void **state)
{
    struct vb_media_queue queue = make(4);
    struct vb_media_call calls[3];

    (void)state;
    for (int i = 0; i < 3; i++)
        add(&queue, &calls[i], VB_MEDIA_LANE_VARIANT, NULL);
    vb_media_queue_withdraw(&queue, &calls[1]);
    assert_int_equal(queue.waiting, 2);
    assert_starts(&queue, &calls[0]);
    assert_starts(&queue, &calls[2]);
    vb_media_queue_end(&queue, &calls[0]);
    vb_media_queue_end(&queue, &calls[2]);
    assert_null(queue.running);
    assert_int_equal(queue.lanes[VB_MEDIA_LANE_VARIANT], 0);
}

/* Whatever comes and goes: the limits hold, and everything that waits is served in the end. */
static void limits_hold_in_any_order(void **state)
{
    enum { CALLS = 64, PROCESSES = 5 };
    static const char *const owners[] = {"a", "b", "c", NULL};
    struct vb_media_queue queue = make(PROCESSES);
    struct vb_media_call calls[CALLS], *next;
    unsigned served = 0, running = 0;

    (void)state;
    srand(11);
    for (size_t added = 0; served < CALLS;) {
        if (added < CALLS && rand() % 2) {
            add(&queue, &calls[added++], (enum vb_media_lane)(rand() % VB_MEDIA_LANES), owners[rand() % 4]);
        } else if (running < PROCESSES && (next = vb_media_queue_next(&queue))) {
            vb_media_queue_start(&queue, next);
            running++;
        } else if (running > 0) {
            vb_media_queue_end(&queue, queue.running);
            running--;
            served++;
        }
        assert_true(queue.lanes[VB_MEDIA_LANE_UPLOAD] + queue.lanes[VB_MEDIA_LANE_SLOW] <= PROCESSES - 1);
        assert_true(queue.lanes[VB_MEDIA_LANE_SLOW] <= PROCESSES / 2);
    }
    assert_int_equal(queue.waiting, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_have_the_lane_of_their_work),
        cmocka_unit_test(uploads_go_before_variants_and_variants_before_avif),
        cmocka_unit_test(owners_take_turns),
        cmocka_unit_test(calls_that_run_count_for_their_owners_turn),
        cmocka_unit_test(uploads_and_avif_leave_a_worker_to_other_variants),
        cmocka_unit_test(one_owner_leaves_a_worker_to_the_others),
        cmocka_unit_test(avif_has_half_of_the_workers_at_most),
        cmocka_unit_test(memory_bounds_how_many_heavy_calls_run),
        cmocka_unit_test(a_call_that_wants_to_be_alone_is_alone),
        cmocka_unit_test(a_call_whose_time_is_up_leaves_the_queue_as_it_was),
        cmocka_unit_test(limits_hold_in_any_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
