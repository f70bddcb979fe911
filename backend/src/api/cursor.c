/* Cursors of lists: see cursor.h. A cursor is base64url(list NUL value NUL id). */
#include "api/cursor.h"

#include "base/encode.h"
#include "base/hash.h"
#include "base/number.h"
#include "http/problem.h"

#include <string.h>

#define LIMIT_MAX     100
#define LIMIT_DEFAULT 20
#define CURSOR_MAX    1024 /* characters */

void vb_cursor_list(const char *const *parts, char ret_list[VB_CURSOR_LIST_SIZE])
{
    unsigned char digest[VB_SHA256_SIZE];
    struct vb_hash hash;

    vb_hash_init(&hash, VB_HASH_SHA256);
    for (; *parts; parts++)
        vb_hash_update(&hash, *parts, strlen(*parts) + 1);
    vb_hash_final(&hash, digest);
    vb_hex_encode(digest, (VB_CURSOR_LIST_SIZE - 1) / 2, ret_list);
}

const char *vb_cursor_make(struct vb_http_request *request, const char *list, const char *value,
                           const char *id)
{
    size_t list_size = strlen(list) + 1, value_size = strlen(value) + 1, id_length = strlen(id);
    size_t size = list_size + value_size + id_length;
    char *plain = vb_arena_alloc(&request->arena, size + VB_BASE64_SIZE(size)), *text;

    if (!plain)
        return NULL;
    text = plain + size;
    memcpy(plain, list, list_size);
    memcpy(plain + list_size, value, value_size);
    memcpy(plain + list_size + value_size, id, id_length);
    vb_base64url_encode(plain, size, text);
    return text;
}

void vb_cursor_problem(struct vb_http_request *request)
{
    vb_problem_field(
        request, 400, "invalid_cursor", "cursor",
        "This cursor does not belong to this list: send \"nextCursor\" of the page before, with the same "
        "sort and filters");
}

bool vb_cursor_read(struct vb_http_request *request, const char *list, const char **ret_value,
                    const char **ret_id)
{
    const char *text = vb_http_query(request, "cursor"), *value, *id;
    char *plain;
    size_t size;

    *ret_value = *ret_id = NULL;
    if (!text)
        return true;
    plain = vb_arena_alloc(&request->arena, CURSOR_MAX + 1);
    if (!plain || strlen(text) > CURSOR_MAX ||
        vb_base64url_decode(text, strlen(text), plain, CURSOR_MAX, &size) < 0 || size < VB_CURSOR_LIST_SIZE ||
        memcmp(plain, list, VB_CURSOR_LIST_SIZE) != 0 || !vb_utf8_valid(plain, size)) {
        vb_cursor_problem(request);
        return false;
    }
    plain[size] = '\0';
    value = plain + VB_CURSOR_LIST_SIZE;
    id = memchr(value, '\0', (size_t)(plain + size - value));
    if (!id || !*value || !id[1] || strlen(id + 1) != (size_t)(plain + size - id - 1)) {
        vb_cursor_problem(request);
        return false;
    }
    *ret_value = value;
    *ret_id = id + 1;
    return true;
}

bool vb_cursor_read_limit(struct vb_http_request *request, unsigned *ret_limit)
{
    const char *text = vb_http_query(request, "limit");
    uint64_t limit;

    *ret_limit = LIMIT_DEFAULT;
    if (!text)
        return true;
    if (strlen(text) <= 3 && vb_uint_parse(text, strlen(text), LIMIT_MAX, &limit) == 0 && limit >= 1) {
        *ret_limit = (unsigned)limit;
        return true;
    }
    vb_api_invalid_field(request, "limit", "\"limit\" must be a whole number from 1 to %d", LIMIT_MAX);
    return false;
}
