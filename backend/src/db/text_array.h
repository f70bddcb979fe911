/*
 * Arrays of text in PostgreSQL's own form, {a,"b c",NULL}: "Array Input and Output Syntax" of its manual.
 */
#ifndef VB_DB_TEXT_ARRAY_H
#define VB_DB_TEXT_ARRAY_H

#include "base/strbuf.h"

#include <stdbool.h>

/* Reads an array of one dimension, as the server sends it. */
struct vb_text_array {
    const char *at;
};

/* text: the array's value. NULL, or an array of more dimensions, counts as empty. */
void vb_text_array_init(struct vb_text_array *array, const char *text);
/* Puts the next element into `element`, which it clears first. Returns false at the end. *ret_null tells NULL
 * from "". */
bool vb_text_array_next(struct vb_text_array *array, struct vb_strbuf *element, bool *ret_null);

/* Writes one as a parameter: begin, add …, end. */
void vb_text_array_begin(struct vb_strbuf *out);
void vb_text_array_add(struct vb_strbuf *out, const char *element);
void vb_text_array_end(struct vb_strbuf *out);

#endif
