/*
 * The lists of activities that everybody asks for, made once for all who ask at the same time.
 *
 * A page is the same for all but for "joined". Those who ask for it while it is being made wait for the next one
 * together: one of them asks the database for the page, and for the joins of all of them. So nobody gets anything
 * older than their request, nothing is kept, and the database works as much for a thousand who ask at once as for
 * one after the other.
 *
 *   GATHERING ──▶ RUNNING ──▶ DONE (freed when the last of them has taken their answer)
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

/* The page of a list as this user sees it, in out (to be released). list: of its cursor; filter: without owner,
 * joined_by, words and place. Returns 0, or what vb_db_acquire() or vb_activities_list() said. */
int vb_feed_page(struct vb_feed *feed, struct vb_http_request *request, const char *user_id, const char *list,
                 const struct vb_activity_filter *filter, struct vb_strbuf *out, struct vb_error *err);

#endif
