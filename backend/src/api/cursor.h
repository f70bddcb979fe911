/*
 * Cursors of lists: where the next page begins. Opaque to clients, and valid only for the list they came
 * from.
 */
#ifndef VB_API_CURSOR_H
#define VB_API_CURSOR_H

#include "api/request.h"

/* The digest of a list's sort and filters, which its cursors carry. parts: ended by NULL; each may be "". */
#define VB_CURSOR_LIST_SIZE 17
void vb_cursor_list(const char *const *parts, char ret_list[VB_CURSOR_LIST_SIZE]);

/* The cursor after a row. value: the row's value of the column that the list is sorted by. In the arena;
 * NULL: out of memory. */
const char *vb_cursor_make(struct vb_http_request *request, const char *list, const char *value,
                           const char *id);
/* Reads the query parameter "cursor". Both results are NULL if it is absent. Returns false after a 400
 * invalid_cursor. */
bool vb_cursor_read(struct vb_http_request *request, const char *list, const char **ret_value,
                    const char **ret_id);
/* The 400 for a forged cursor: the database refused its value or id. */
void vb_cursor_problem(struct vb_http_request *request);

/* Reads the query parameter "limit": 1 to 100, 20 if absent. Returns false after a 422. */
bool vb_cursor_read_limit(struct vb_http_request *request, unsigned *ret_limit);

#endif
