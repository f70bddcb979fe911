/* Single flight for lists of activities: see feed.h. */
#include "api/activities/feed.h"

#include "api/activities/activity_page.h"
#include "base/memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define VIEWERS_MAX 64

enum batch_state { GATHERING, RUNNING, DONE };

struct batch {
    struct batch *next;
    char *key; /* of the page */
    enum batch_state state;
    unsigned references;
    pthread_cond_t done;
    const char *viewers[VIEWERS_MAX]; /* user ids; their requests wait, so they live */
    unsigned viewer_count;
    /* the result */
    int result;
    struct vb_error err;
    struct vb_activity_page page;
    bool joined[VIEWERS_MAX][VB_ACTIVITY_PAGE_ROWS];
};

struct vb_feed {
    pthread_mutex_t lock;    /* guards all of this and the batches */
    pthread_cond_t finished; /* a batch is DONE: the next batch of its key may run */
    struct batch *batches;   /* GATHERING or RUNNING */
};

struct vb_feed *vb_feed_create(void)
{
    struct vb_feed *feed = vb_xcalloc(1, sizeof(*feed));

    pthread_mutex_init(&feed->lock, NULL);
    pthread_cond_init(&feed->finished, NULL);
    return feed;
}

void vb_feed_destroy(struct vb_feed *feed)
{
    if (!feed)
        return;
    vb_assert(!feed->batches);
    pthread_cond_destroy(&feed->finished);
    pthread_mutex_destroy(&feed->lock);
    free(feed);
}

/* All that a page depends on, without the user. The URLs in it have the host that the client used. */
static char *make_key(const struct vb_http_request *request, const struct vb_activity_filter *filter)
{
    return vb_xasprintf("%d %u %s %s %s", filter->sort, filter->limit,
                        filter->after_value ? filter->after_value : "",
                        filter->after_id ? filter->after_id : "", request->host);
}

static struct batch *find(struct vb_feed *feed, const char *key, enum batch_state state)
{
    for (struct batch *batch = feed->batches; batch; batch = batch->next)
        if (batch->state == state && strcmp(batch->key, key) == 0 &&
            (state != GATHERING || batch->viewer_count < VIEWERS_MAX))
            return batch;
    return NULL;
}

static struct batch *begin_batch(struct vb_feed *feed, char *key)
{
    struct batch *batch = vb_xcalloc(1, sizeof(*batch));

    batch->key = key;
    pthread_cond_init(&batch->done, NULL);
    batch->next = feed->batches;
    feed->batches = batch;
    return batch;
}

static void remove_batch(struct vb_feed *feed, struct batch *batch)
{
    struct batch **link = &feed->batches;

    while (*link != batch)
        link = &(*link)->next;
    *link = batch->next;
}

/* Without the lock: while the batch is RUNNING, no other thread touches its result. */
static void make_page(struct vb_http_request *request, const char *list,
                      const struct vb_activity_filter *filter, struct batch *batch)
{
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;

    batch->result = vb_db_acquire(vb_api_of(request)->db, &db, &batch->err);
    if (batch->result == 0)
        batch->result = vb_activity_page_read(request, db, list, filter, &batch->page, &batch->err);
    if (batch->result == 0)
        batch->result = vb_activity_page_joined(db, &batch->page, batch->viewers, batch->viewer_count,
                                                batch->joined, &batch->err);
}

/* With the lock. The first request of a batch waits until the batch before is DONE, and makes the page for
 * all requests that have gathered by then. */
static void lead(struct vb_feed *feed, struct batch *batch, struct vb_http_request *request, const char *list,
                 const struct vb_activity_filter *filter)
{
    while (find(feed, batch->key, RUNNING))
        pthread_cond_wait(&feed->finished, &feed->lock);
    batch->state = RUNNING;
    pthread_mutex_unlock(&feed->lock);
    make_page(request, list, filter, batch);
    pthread_mutex_lock(&feed->lock);
    batch->state = DONE;
    remove_batch(feed, batch);
    pthread_cond_broadcast(&batch->done);
    pthread_cond_broadcast(&feed->finished);
}

static void free_batch(struct batch *batch)
{
    vb_activity_page_release(&batch->page);
    pthread_cond_destroy(&batch->done);
    free(batch->key);
    free(batch);
}

int vb_feed_page(struct vb_feed *feed, struct vb_http_request *request, const char *user_id, const char *list,
                 const struct vb_activity_filter *filter, struct vb_strbuf *out, struct vb_error *err)
{
    char *key = make_key(request, filter);
    struct batch *batch;
    unsigned viewer;
    bool is_last;
    int r;

    pthread_mutex_lock(&feed->lock);
    batch = find(feed, key, GATHERING);
    if (batch)
        free(key);
    else
        batch = begin_batch(feed, key);
    viewer = batch->viewer_count++;
    batch->viewers[viewer] = user_id;
    batch->references++;
    if (viewer == 0)
        lead(feed, batch, request, list, filter);
    while (batch->state != DONE)
        pthread_cond_wait(&batch->done, &feed->lock);
    pthread_mutex_unlock(&feed->lock);

    r = batch->result;
    if (r == 0)
        vb_activity_page_fill(&batch->page, batch->joined[viewer], out);
    else
        *err = batch->err;
    pthread_mutex_lock(&feed->lock);
    is_last = --batch->references == 0;
    pthread_mutex_unlock(&feed->lock);
    if (is_last)
        free_batch(batch);
    return r;
}
