/* Which call gets the next media worker: see queue.h. */
#include "media/queue.h"

#include "base/memory.h"

#include <string.h>

/* Measured: the largest pictures that are accepted need this much while they are decoded; most need a fifth
 * of it. */
#define HEAVY_BYTES ((uint64_t)450 * 1024 * 1024)
#define REST_BYTES  ((uint64_t)150 * 1024 * 1024) /* for the service, idle workers and variants */

enum vb_media_lane vb_media_lane_of(const struct vb_media_job *job)
{
    if (job->work != VB_WORK_VARIANT)
        return VB_MEDIA_LANE_UPLOAD;
    return job->variant.format == VB_FORMAT_AVIF ? VB_MEDIA_LANE_SLOW : VB_MEDIA_LANE_VARIANT;
}

static unsigned at_least_one(unsigned count)
{
    return count > 0 ? count : 1;
}

void vb_media_queue_init(struct vb_media_queue *queue, unsigned processes, uint64_t memory_bytes)
{
    uint64_t room = memory_bytes > REST_BYTES ? memory_bytes - REST_BYTES : 0, fit = room / HEAVY_BYTES;

    vb_assert(processes > 0);
    *queue = (struct vb_media_queue){0};
    queue->heavy_max = at_least_one(fit < processes - 1 ? (unsigned)fit : processes - 1);
    queue->owner_max = at_least_one(queue->heavy_max - 1);
    queue->slow_max = at_least_one(processes / 2);
}

static unsigned count_of_owner(const struct vb_media_call *list, const char *owner)
{
    unsigned count = 0;

    for (; list && owner; list = list->next)
        count += list->owner && strcmp(list->owner, owner) == 0;
    return count;
}

static bool is_served_before(const struct vb_media_call *call, const struct vb_media_call *other)
{
    return call->lane < other->lane || (call->lane == other->lane && call->rank <= other->rank);
}

void vb_media_queue_add(struct vb_media_queue *queue, struct vb_media_call *call)
{
    struct vb_media_call **at = &queue->waiters;

    call->rank = count_of_owner(queue->waiters, call->owner) + count_of_owner(queue->running, call->owner);
    while (*at && is_served_before(*at, call))
        at = &(*at)->next;
    call->next = *at;
    *at = call;
    queue->waiting++;
}

static void unlink_call(struct vb_media_call **list, const struct vb_media_call *call)
{
    while (*list != call)
        list = &(*list)->next;
    *list = call->next;
}

void vb_media_queue_withdraw(struct vb_media_queue *queue, struct vb_media_call *call)
{
    unlink_call(&queue->waiters, call);
    queue->waiting--;
}

static bool is_one_alone(const struct vb_media_call *running)
{
    while (running && !running->alone)
        running = running->next;
    return running != NULL;
}

/* Rules 3 to 6. A worker that has a file cannot be called back before it is done, so some workers stay
 * reserved. */
static bool may_start(const struct vb_media_queue *queue, const struct vb_media_call *call)
{
    unsigned heavy = queue->lanes[VB_MEDIA_LANE_UPLOAD] + queue->lanes[VB_MEDIA_LANE_SLOW];

    if (call->lane == VB_MEDIA_LANE_VARIANT)
        return true;
    if (heavy >= queue->heavy_max || (call->alone && heavy > 0) || is_one_alone(queue->running))
        return false;
    if (call->lane == VB_MEDIA_LANE_SLOW)
        return queue->lanes[VB_MEDIA_LANE_SLOW] < queue->slow_max;
    return count_of_owner(queue->running, call->owner) < queue->owner_max;
}

struct vb_media_call *vb_media_queue_next(const struct vb_media_queue *queue)
{
    bool held = false; /* a call before this one waits to be alone: nothing heavy overtakes it */

    for (struct vb_media_call *call = queue->waiters; call; call = call->next) {
        if ((!held || call->lane == VB_MEDIA_LANE_VARIANT) && may_start(queue, call))
            return call;
        held |= call->alone;
    }
    return NULL;
}

void vb_media_queue_start(struct vb_media_queue *queue, struct vb_media_call *call)
{
    vb_media_queue_withdraw(queue, call);
    call->next = queue->running;
    queue->running = call;
    queue->lanes[call->lane]++;
}

void vb_media_queue_end(struct vb_media_queue *queue, struct vb_media_call *call)
{
    unlink_call(&queue->running, call);
    queue->lanes[call->lane]--;
}
