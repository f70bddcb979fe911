/*
 * Listing objects in byte order. One seek skips all keys under a common prefix.
 */
#include "store/engine/internal.h"

#include "base/cleanup.h"

#include <stdio.h>
#include <string.h>

/* Where to seek: the first key at or after text. No key holds a NUL byte, so that "key\0" is right after
 * "key". */
struct position {
    char text[VB_ENGINE_KEY_MAX + 2];
    size_t length;
};

struct listing {
    struct vb_engine_index *index;
    sqlite3_stmt *statement;
    const struct vb_engine_list *list;
    size_t prefix_length, delimiter_length;
    int64_t bucket_id;
};

/* Cuts a text that is longer than any key: the same keys come after it. */
static void set_position(struct position *position, const char *text, size_t length)
{
    position->length = length < VB_ENGINE_KEY_MAX ? length : VB_ENGINE_KEY_MAX;
    memcpy(position->text, text, position->length);
}

static void after_key(struct position *position)
{
    position->text[position->length++] = '\0';
}

/* Moves behind all keys that begin with the text. False: no key can follow. */
static bool after_prefix(struct position *position)
{
    while (position->length > 0 && (unsigned char)position->text[position->length - 1] == 0xff)
        position->length--;
    if (position->length == 0)
        return false;
    position->text[position->length - 1] = (char)((unsigned char)position->text[position->length - 1] + 1);
    return true;
}

/* The length of the common prefix under which the key is listed; 0: the key is listed itself. */
static size_t common_prefix(const struct listing *listing, const char *key)
{
    const char *found;

    if (listing->delimiter_length == 0)
        return 0;
    found = strstr(key + listing->prefix_length, listing->list->delimiter);
    return found ? (size_t)(found - key) + listing->delimiter_length : 0;
}

/* Where the listing begins. False: no key can follow. */
static bool first_position(const struct listing *listing, struct position *ret_position)
{
    const char *after = listing->list->start_after, *prefix = listing->list->prefix;
    size_t common;

    if (listing->prefix_length > VB_ENGINE_KEY_MAX)
        return false;
    if (strcmp(after, prefix) < 0) {
        set_position(ret_position, prefix, listing->prefix_length);
        return true;
    }
    set_position(ret_position, after, strlen(after));
    if (after[0] == '\0')
        return true;
    if (strncmp(after, prefix, listing->prefix_length) != 0)
        return false; /* beyond all keys with the prefix */
    common = common_prefix(listing, after);
    if (common == 0 || common > ret_position->length) {
        after_key(ret_position);
        return true;
    }
    ret_position->length = common;
    return after_prefix(ret_position);
}

/* The next key with the prefix: from the position on (seek), or after the current one. NULL: there is
 * none. */
static const char *next_key(struct listing *listing, const struct position *seek)
{
    const char *key;

    if (seek) {
        sqlite3_reset(listing->statement);
        sqlite3_bind_int64(listing->statement, 1, listing->bucket_id);
        sqlite3_bind_text(listing->statement, 2, seek->text, (int)seek->length, SQLITE_STATIC);
    }
    if (!vb_engine_index_step(listing->index, listing->statement))
        return NULL;
    key = (const char *)sqlite3_column_text(listing->statement, 0);
    return key && strncmp(key, listing->list->prefix, listing->prefix_length) == 0 ? key : NULL;
}

static void read_entry(const struct listing *listing, const char *key, struct vb_engine_entry *ret_entry)
{
    *ret_entry = (struct vb_engine_entry){.key = key,
                                          .size = sqlite3_column_int64(listing->statement, 1),
                                          .last_modified_ms = sqlite3_column_int64(listing->statement, 2),
                                          .etag = (const char *)sqlite3_column_text(listing->statement, 3)};
    vb_engine_row_read_checksum(listing->statement, 4, &ret_entry->checksum);
}

static int list_all(struct listing *listing, int (*visit)(void *context, const struct vb_engine_entry *entry),
                    void *context, bool *ret_truncated, char ret_next[VB_ENGINE_KEY_MAX + 1])
{
    struct position position;
    const struct position *seek = &position;
    bool more = listing->list->max > 0 && first_position(listing, &position);

    for (unsigned count = 0; more; count++) {
        char last[VB_ENGINE_KEY_MAX + 1];
        const char *key = next_key(listing, seek);
        struct vb_engine_entry entry;
        size_t common;
        int r;

        if (!key)
            break;
        if (count == listing->list->max) {
            *ret_truncated = true;
            break;
        }
        common = common_prefix(listing, key);
        snprintf(last, sizeof(last), "%.*s", common ? (int)common : VB_ENGINE_KEY_MAX, key);
        if (common) {
            entry = (struct vb_engine_entry){.key = last, .is_prefix = true};
            set_position(&position, last, common);
            more = after_prefix(&position);
            seek = &position;
        } else {
            read_entry(listing, key, &entry);
            seek = NULL;
        }
        r = visit(context, &entry);
        if (r != 0)
            return r;
        memcpy(ret_next, last, sizeof(last));
    }
    if (!*ret_truncated)
        ret_next[0] = '\0';
    return 0;
}

int vb_engine_list(struct vb_engine *engine, const char *bucket, const struct vb_engine_list *list,
                   int (*visit)(void *context, const struct vb_engine_entry *entry), void *context,
                   bool *ret_truncated, char ret_next[VB_ENGINE_KEY_MAX + 1], struct vb_error *err)
{
    struct listing listing = {
        .list = list, .prefix_length = strlen(list->prefix), .delimiter_length = strlen(list->delimiter)};
    struct vb_engine_index *index VB_CLEANUP(vb_engine_index_pool_returnp) = NULL;
    char next[VB_ENGINE_KEY_MAX + 1] = "";
    bool truncated = false;
    int r = vb_engine_index_pool_borrow(engine->readers, &index, err);

    if (r < 0)
        return r;
    /* one snapshot, however many seeks */
    vb_engine_index_run(index, vb_engine_index_statement(index, VB_ENGINE_SQL_BEGIN_READ));
    listing.index = index;
    listing.statement = vb_engine_index_statement(index, VB_ENGINE_SQL_OBJECT_LIST);
    r = vb_engine_row_find_bucket(index, bucket, &listing.bucket_id, err);
    if (r == 0)
        r = list_all(&listing, visit, context, &truncated, next);
    sqlite3_reset(listing.statement);
    if (r == 0)
        r = vb_engine_index_error(index, err);
    sqlite3_exec(index->handle, "COMMIT", NULL, NULL, NULL);
    if (r == 0) {
        *ret_truncated = truncated;
        memcpy(ret_next, next, sizeof(next));
    }
    return r;
}
