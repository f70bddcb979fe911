/*
 * Which call gets the next media worker. Holds no thread, no lock and no clock: the pool calls it under its
 * own lock.
 *
 *            add                     start                     end
 *   call ────────▶ waiters, in the ────────▶ running, counted ────▶ gone
 *                  order they are            by lane
 *                  served in
 *                     │ withdraw: its time is up
 *                     └────────────────────────────────────────────▶ gone
 *
 * 1. Uploads are served before variants, and variants before AVIF.
 * 2. Within a lane: round robin over owners. An owner's second call waits behind the first calls of all
 *    others.
 * 3. Uploads and AVIF ("heavy") leave one worker to the other variants, and never need more memory than there
 *    is.
 * 4. One owner's uploads leave one of the workers for heavy calls to other owners.
 * 5. AVIF has half of all workers at most.
 * 6. A call that asked to be alone starts when nothing heavy runs, and nothing heavy starts before it or
 *    beside it.
 */
#ifndef VB_MEDIA_QUEUE_H
#define VB_MEDIA_QUEUE_H

#include "media/job.h"

#include <stdbool.h>
#include <stdint.h>

/* In the order in which they are served. */
enum vb_media_lane {
    VB_MEDIA_LANE_UPLOAD, /* a person waits for it */
    VB_MEDIA_LANE_VARIANT,
    VB_MEDIA_LANE_SLOW /* AVIF: takes many times as long as the other variants */
};
#define VB_MEDIA_LANES (VB_MEDIA_LANE_SLOW + 1)

enum vb_media_lane vb_media_lane_of(const struct vb_media_job *job);

/* The first three fields are the caller's; the rest is the queue's. */
struct vb_media_call {
    enum vb_media_lane lane;
    const char *owner; /* NULL: none; then no owner's limit applies */
    bool alone;        /* it needs so much memory that nothing heavy may run beside it */
    unsigned rank;     /* how many calls of the same owner were there when it came */
    struct vb_media_call *next;
};

struct vb_media_queue {
    struct vb_media_call *waiters, *running;
    unsigned waiting;               /* the length of waiters */
    unsigned lanes[VB_MEDIA_LANES]; /* the calls of running, by lane */
    unsigned heavy_max, slow_max, owner_max;
};

/* processes: workers there are, at least 1. memory_bytes: what this machine or container has. */
void vb_media_queue_init(struct vb_media_queue *queue, unsigned processes, uint64_t memory_bytes);

void vb_media_queue_add(struct vb_media_queue *queue, struct vb_media_call *call);
/* A call that waits. */
void vb_media_queue_withdraw(struct vb_media_queue *queue, struct vb_media_call *call);
/* The waiting call that is to have the next worker; NULL: none may start now. */
struct vb_media_call *vb_media_queue_next(const struct vb_media_queue *queue);
/* The call that vb_media_queue_next() returned has its worker. */
void vb_media_queue_start(struct vb_media_queue *queue, struct vb_media_call *call);
/* A call that runs. */
void vb_media_queue_end(struct vb_media_queue *queue, struct vb_media_call *call);

#endif
