/*
 * Activities in JSON. A page of them is the same for everybody but for "joined": it is written once, with a gap
 * where that goes.
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

/* Reads a page of a list. list: of its cursor. Returns 0 or what vb_activities_list() said: then the page is an empty one,
 * which is to be released as well. */
int vb_activity_page_read(struct vb_http_request *request, struct vb_db *db, const char *list,
                          const struct vb_activity_filter *filter, struct vb_activity_page *ret_page,
                          struct vb_error *err);
/* Reads one activity. Returns 0 or what vb_activities_find() said. */
int vb_activity_page_read_one(struct vb_http_request *request, struct vb_db *db, const char *id,
                              struct vb_activity_page *ret_page, struct vb_error *err);

/* Which of the page's activities these users take part in: joined[user][row]. Returns 0 or what the database said. */
int vb_activity_page_joined(struct vb_db *db, const struct vb_activity_page *page,
                            const char *const *user_ids, unsigned user_count,
                            bool (*joined)[VB_ACTIVITY_PAGE_ROWS], struct vb_error *err);

/* Appends the page with its gaps filled. */
void vb_activity_page_fill(const struct vb_activity_page *page, const bool joined[VB_ACTIVITY_PAGE_ROWS],
                           struct vb_strbuf *out);

/* activities.c: answers with one activity as the user sees it, or 404. */
void vb_api_show_activity(struct vb_http_request *request, struct vb_db *db, const char *user_id,
                          const char *id);
void vb_api_activity_not_found(struct vb_http_request *request);

#endif
