/*
 * Arrays of text in PostgreSQL's own form, {a,"b c",NULL}: "Array Input and Output Syntax" of its manual.
 */
#ifndef VB_DB_TEXT_ARRAY_H
#define VB_DB_TEXT_ARRAY_H

#include "base/strbuf.h"

#include <stdbool.h>

/* Goes through an array as the server sent it (one dimension). */
struct vb_text_array {
    const char *at;
};

/* text: the array's value; NULL or anything else than an array of one dimension is an empty one. */
void vb_text_array_init(struct vb_text_array *array, const char *text);
/* The next element into element (cleared before): false at the end. *ret_null tells a NULL from "". */
bool vb_text_array_next(struct vb_text_array *array, struct vb_strbuf *element, bool *ret_null);

/* Writes one as a parameter: begin, add …, end. */
void vb_text_array_begin(struct vb_strbuf *out);
void vb_text_array_add(struct vb_strbuf *out, const char *element);
void vb_text_array_end(struct vb_strbuf *out);

#endif
