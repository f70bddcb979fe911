/*
 * Cursors of lists: where the next page begins. Opaque to clients, and good only for the list they came from.
 */
#ifndef VB_API_CURSOR_H
#define VB_API_CURSOR_H

#include "api/request.h"

/* What a list is of: its sort and filters. A list's cursors carry a digest of it. parts: NULL-terminated
 * pointers, of which some may be "" but none NULL. */
#define VB_CURSOR_LIST_SIZE 17
void vb_cursor_list(const char *const *parts, char ret_list[VB_CURSOR_LIST_SIZE]);

/* The cursor after a row with this value (what the list is sorted by) and id; in the arena. NULL: out of
 * memory. */
const char *vb_cursor_make(struct vb_http_request *request, const char *list, const char *value,
                           const char *id);
/* Reads the query parameter "cursor" of a request for that list. Both NULL if it is absent. Returns false
 * after a 400 invalid_cursor. */
bool vb_cursor_read(struct vb_http_request *request, const char *list, const char **ret_value,
                    const char **ret_id);
/* The 400 for one that was made up: the database did not take its value or id. */
void vb_cursor_problem(struct vb_http_request *request);

/* Reads the query parameter "limit": 1 to 100, 20 if absent. Returns false after a 422. */
bool vb_cursor_read_limit(struct vb_http_request *request, unsigned *ret_limit);

#endif
