/*
 * Activities in JSON. A page is the same for every user but for "joined". It is written once, with a gap for
 * each value of "joined", and filled for each user.
 */
#ifndef VB_API_ACTIVITIES_ACTIVITY_PAGE_H
#define VB_API_ACTIVITIES_ACTIVITY_PAGE_H

#include "api/request.h"
#include "db/activities.h"

#define VB_ACTIVITY_PAGE_ROWS 100

struct vb_activity_page {
    struct vb_strbuf text; /* {"activities":[…],"nextCursor":…}, or {"activity":{…}} */
    unsigned count;
    char *ids[VB_ACTIVITY_PAGE_ROWS];
    size_t gaps[VB_ACTIVITY_PAGE_ROWS]; /* offsets in text */
};

void vb_activity_page_release(struct vb_activity_page *page); /* a zeroed struct is fine */

/* Reads a page of a list. list: see vb_cursor_list(). Returns 0 or the error of vb_activities_list(). The
 * caller releases the page in both cases. */
int vb_activity_page_read(struct vb_http_request *request, struct vb_db *db, const char *list,
                          const struct vb_activity_filter *filter, struct vb_activity_page *ret_page,
                          struct vb_error *err);
/* Reads one activity. Returns 0 or the error of vb_activities_find(). */
int vb_activity_page_read_one(struct vb_http_request *request, struct vb_db *db, const char *id,
                              struct vb_activity_page *ret_page, struct vb_error *err);

/* Which of the page's activities these users take part in: joined[user][row]. Returns 0 or the error of the
 * database. */
int vb_activity_page_joined(struct vb_db *db, const struct vb_activity_page *page,
                            const char *const *user_ids, unsigned user_count,
                            bool (*joined)[VB_ACTIVITY_PAGE_ROWS], struct vb_error *err);

/* Initialises out and writes the page with its gaps filled. */
void vb_activity_page_fill(const struct vb_activity_page *page, const bool joined[VB_ACTIVITY_PAGE_ROWS],
                           struct vb_strbuf *out);

/* activities.c: answers with one activity as the user sees it, or 404. */
void vb_api_show_activity(struct vb_http_request *request, struct vb_db *db, const char *user_id,
                          const char *id);
void vb_api_activity_not_found(struct vb_http_request *request);

#endif
