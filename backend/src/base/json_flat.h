/*
 * A reader for flat JSON objects (RFC 8259): members are strings, integers, true, false or null. It allocates
 * and copies nothing. It reads what comes with every request: an access token's claims, a ticket's three
 * fields. It refuses all other JSON. A refused text may still be JSON: give it to jansson next.
 */
#ifndef VB_BASE_JSON_FLAT_H
#define VB_BASE_JSON_FLAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vb_json_flat {
    const char *at, *end;
    bool begun;
};

enum vb_json_flat_kind { VB_JSON_FLAT_TEXT, VB_JSON_FLAT_INTEGER, VB_JSON_FLAT_WORD };

struct vb_json_flat_member {
    const char *name; /* as written, with its escapes; points into the input, no NUL; so does text */
    size_t name_length;
    enum vb_json_flat_kind kind;
    const char *text; /* VB_JSON_FLAT_TEXT */
    size_t text_length;
    int64_t integer; /* VB_JSON_FLAT_INTEGER: of at most 15 digits */
};

void vb_json_flat_init(struct vb_json_flat *reader, const char *text, size_t length);
/* Returns 1 with the next member, 0 at the end of an object after which nothing follows, or -EINVAL. Strings
 * may hold the escapes \" \\ \/ and any byte but control characters: UTF-8 is not checked. */
int vb_json_flat_next(struct vb_json_flat *reader, struct vb_json_flat_member *ret_member);

/* Whether the member has that name, which must be one that needs no escapes. */
bool vb_json_flat_named(const struct vb_json_flat_member *member, const char *name);
/* Writes the text without its escapes and a NUL. Returns 0, or -ENOSPC when it has capacity bytes or more. */
int vb_json_flat_copy(const struct vb_json_flat_member *member, char *buffer, size_t capacity);

#endif
