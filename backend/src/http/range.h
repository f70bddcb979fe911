/*
 * Byte ranges (RFC 9110 section 14) and conditional requests (section 13): shared by the store and the edge.
 */
#ifndef VB_HTTP_RANGE_H
#define VB_HTTP_RANGE_H

#include <stdbool.h>
#include <stdint.h>

enum vb_range_result {
    VB_RANGE_NONE, /* send all: no Range header, or one to ignore (other unit, several ranges, malformed) */
    VB_RANGE_PARTIAL,      /* 206 with [offset, offset + size) */
    VB_RANGE_UNSATISFIABLE /* 416 */
};

/* header: the value of Range, or NULL. total: the representation's size in bytes. On VB_RANGE_PARTIAL the two
 * results are set, with size > 0 and offset + size <= total. */
enum vb_range_result vb_range_parse(const char *header, int64_t total, int64_t *ret_offset,
                                    int64_t *ret_size);

struct vb_conditions {
    const char *if_match, *if_none_match, *if_modified_since, *if_unmodified_since, *if_range; /* or NULL */
};

enum vb_condition_result {
    VB_CONDITION_PROCEED,
    VB_CONDITION_NOT_MODIFIED, /* 304 */
    VB_CONDITION_FAILED        /* 412 */
};

/* Evaluates in the order of RFC 9110 13.2.2. etag: the current one with its quotes, or NULL where nothing
 * exists. is_read: GET or HEAD. */
enum vb_condition_result vb_conditions_evaluate(const struct vb_conditions *conditions, bool is_read,
                                                const char *etag, int64_t last_modified_s);
/* Whether a Range header may be honoured: no If-Range, or one that matches. */
bool vb_if_range_holds(const char *if_range, const char *etag, int64_t last_modified_s);

#endif
