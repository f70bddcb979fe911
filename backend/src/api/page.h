/*
 * A page of a list in JSON: {"NAME": [ … ], "nextCursor": …}. The query is asked for one row more than the
 * page takes; that row is not written, but tells that there is a next page.
 *
 *     vb_page_begin(&page, request, "stories", list, limit, &body);
 *     r = vb_stories_list(db, …, limit + 1, …, visit, &page, …);
 *     vb_page_end(&page);
 *
 * where visit writes a row if the page takes it:
 *
 *     if (vb_page_takes(page)) {
 *         write_story(&page->json, story);
 *         vb_page_wrote(page, story->cursor_value, story->id);
 *     }
 */
#ifndef VB_API_PAGE_H
#define VB_API_PAGE_H

#include "api/cursor.h"

struct vb_page {
    struct vb_http_request *request;
    const char *list; /* of the cursors: see vb_cursor_list() */
    unsigned limit, count;
    struct vb_json json;
    const char *last_value, *last_id; /* of the row written last */
    const char *next_cursor;          /* NULL: this is the last page */
};

/* Begins the page in out, an initialised builder. list stays the caller's. */
void vb_page_begin(struct vb_page *page, struct vb_http_request *request, const char *name, const char *list,
                   unsigned limit, struct vb_strbuf *out);
/* Whether the page takes this row. */
bool vb_page_takes(struct vb_page *page);
/* A row is written. value: of what the list is sorted by. Both texts live until the next row is visited. */
void vb_page_wrote(struct vb_page *page, const char *value, const char *id);
void vb_page_end(struct vb_page *page);

#endif
