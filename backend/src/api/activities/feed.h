/*
 * Single flight for the lists of activities that every user asks for: concurrent requests share one query.
 *
 * A page is the same for every user but for "joined". Requests for a page that is just being made gather in
 * the next batch; the first of them asks the database once for the page, and once for the joins of all users
 * in the batch. So no answer is older than its request, nothing is cached, and a thousand concurrent requests
 * cost the database as much as one after the other.
 *
 *   GATHERING ──▶ RUNNING ──▶ DONE (freed when the last of the batch has its answer)
 *
 * Thread-safe. Blocking.
 */
#ifndef VB_API_ACTIVITIES_FEED_H
#define VB_API_ACTIVITIES_FEED_H

#include "api/request.h"
#include "db/activities.h"

struct vb_feed;

struct vb_feed *vb_feed_create(void);
void vb_feed_destroy(struct vb_feed *feed);

/* Writes the page as this user sees it into out, which the caller releases. list: see vb_cursor_list().
 * filter: without owner, joined_by, words and place. Returns 0, or the error of vb_db_acquire() or
 * vb_activities_list(). */
int vb_feed_page(struct vb_feed *feed, struct vb_http_request *request, const char *user_id, const char *list,
                 const struct vb_activity_filter *filter, struct vb_strbuf *out, struct vb_error *err);

#endif
