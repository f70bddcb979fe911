/*
 * A writer for JSON (RFC 8259) into a string builder: commas and escapes are its business, balance is the
 * caller's. Text that is not UTF-8 is written with U+FFFD in place of the bad bytes. Reading is jansson's
 * work.
 */
#ifndef VB_BASE_JSON_H
#define VB_BASE_JSON_H

#include "base/strbuf.h"

#include <stdbool.h>
#include <stdint.h>

struct vb_json {
    struct vb_strbuf *out;
    bool need_comma;
};

void vb_json_init(struct vb_json *json, struct vb_strbuf *out);

void vb_json_object_begin(struct vb_json *json);
void vb_json_object_end(struct vb_json *json);
void vb_json_array_begin(struct vb_json *json);
void vb_json_array_end(struct vb_json *json);
void vb_json_key(struct vb_json *json, const char *key);

/* text NULL writes null. */
void vb_json_string(struct vb_json *json, const char *text);
void vb_json_stringn(struct vb_json *json, const char *text, size_t length);
void vb_json_int(struct vb_json *json, int64_t value);
void vb_json_null(struct vb_json *json);
/* Text that is JSON already. */
void vb_json_raw(struct vb_json *json, const char *text);

/* Whether text is nested more than depth_max levels deep. jansson's parser calls itself for each level, and
 * workers' stacks are small: so this is asked before it begins. */
bool vb_json_too_deep(const char *text, size_t length, unsigned depth_max);

void vb_json_key_string(struct vb_json *json, const char *key, const char *text);
void vb_json_key_int(struct vb_json *json, const char *key, int64_t value);
void vb_json_key_bool(struct vb_json *json, const char *key, bool value);

#endif
