/*
 * The metadata of an object: in memory, and as columns of the index.
 */
#include "store/engine/rows.h"

#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

/* These names are in the index: they must never change. */
static const char *const checksum_names[VB_HASH_ALGORITHMS] = {
    [VB_HASH_SHA256] = "SHA256", [VB_HASH_SHA1] = "SHA1",     [VB_HASH_MD5] = "MD5",
    [VB_HASH_CRC32] = "CRC32",   [VB_HASH_CRC32C] = "CRC32C", [VB_HASH_CRC64NVME] = "CRC64NVME"};

#define TEXT_FIELDS 6

/* The text fields, in the order of META_COLUMNS. */
static void text_fields(struct vb_engine_meta *meta, char **fields[TEXT_FIELDS])
{
    fields[0] = &meta->content_type;
    fields[1] = &meta->cache_control;
    fields[2] = &meta->content_disposition;
    fields[3] = &meta->content_encoding;
    fields[4] = &meta->content_language;
    fields[5] = &meta->expires;
}

void vb_engine_meta_release(struct vb_engine_meta *meta)
{
    char **fields[TEXT_FIELDS];

    text_fields(meta, fields);
    for (int i = 0; i < TEXT_FIELDS; i++)
        free(*fields[i]);
    free(meta->user_metadata);
    *meta = (struct vb_engine_meta){0};
}

/* The size of "name\0value\0…\0" with its final NUL. */
static size_t user_metadata_size(const char *user_metadata)
{
    const char *p = user_metadata;

    while (*p) {
        p += strlen(p) + 1;
        p += strlen(p) + 1;
    }
    return (size_t)(p - user_metadata) + 1;
}

static char *copy_bytes(const void *data, size_t size)
{
    char *copy = malloc(size + 2);

    if (copy) {
        memcpy(copy, data, size);
        copy[size] = copy[size + 1] = '\0'; /* ends the list, even if the data is damaged */
    }
    return copy;
}

int vb_engine_meta_copy(const struct vb_engine_meta *meta, struct vb_engine_meta *ret_meta,
                        struct vb_error *err)
{
    struct vb_engine_meta copy = *meta, from = *meta;
    char **to_fields[TEXT_FIELDS], **from_fields[TEXT_FIELDS];
    bool failed = false;

    text_fields(&copy, to_fields);
    text_fields(&from, from_fields);
    for (int i = 0; i < TEXT_FIELDS; i++) {
        *to_fields[i] = *from_fields[i] ? strdup(*from_fields[i]) : NULL;
        failed |= *from_fields[i] && !*to_fields[i];
    }
    copy.user_metadata =
        meta->user_metadata ? copy_bytes(meta->user_metadata, user_metadata_size(meta->user_metadata)) : NULL;
    failed |= meta->user_metadata && !copy.user_metadata;
    if (failed) {
        vb_engine_meta_release(&copy);
        return vb_engine_index_describe(ENOMEM, "", err);
    }
    *ret_meta = copy;
    return 0;
}

void vb_engine_row_read_text(sqlite3_stmt *statement, int column, char *buffer, size_t size)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);

    snprintf(buffer, size, "%s", text ? text : "");
}

void vb_engine_row_read_checksum(sqlite3_stmt *statement, int column, struct vb_engine_checksum *ret_checksum)
{
    const char *name = (const char *)sqlite3_column_text(statement, column);

    *ret_checksum = (struct vb_engine_checksum){0};
    for (unsigned i = 0; name && i < VB_HASH_ALGORITHMS; i++) {
        if (strcmp(name, checksum_names[i]) != 0)
            continue;
        ret_checksum->present = true;
        ret_checksum->algorithm = (enum vb_hash_algorithm)i;
        vb_engine_row_read_text(statement, column + 1, ret_checksum->value, sizeof(ret_checksum->value));
        ret_checksum->full_object = sqlite3_column_int(statement, column + 2);
    }
}

void vb_engine_row_bind_checksum(sqlite3_stmt *statement, int parameter,
                                 const struct vb_engine_checksum *checksum)
{
    if (!checksum || !checksum->present) {
        for (int i = 0; i < 3; i++)
            sqlite3_bind_null(statement, parameter + i);
        return;
    }
    vb_assert((unsigned)checksum->algorithm < VB_HASH_ALGORITHMS);
    vb_engine_index_bind_text(statement, parameter, checksum_names[checksum->algorithm]);
    vb_engine_index_bind_text(statement, parameter + 1, checksum->value);
    sqlite3_bind_int(statement, parameter + 2, checksum->full_object);
}

int vb_engine_row_read_meta(sqlite3_stmt *row, struct vb_engine_meta *ret_meta, struct vb_error *err)
{
    struct vb_engine_meta meta = {.size = sqlite3_column_int64(row, 0),
                                  .last_modified_ms = sqlite3_column_int64(row, 1),
                                  .parts = (unsigned)sqlite3_column_int(row, 3)};
    char **fields[TEXT_FIELDS];
    bool failed = false;

    vb_engine_row_read_text(row, 2, meta.etag, sizeof(meta.etag));
    vb_engine_row_read_checksum(row, 4, &meta.checksum);
    text_fields(&meta, fields);
    for (int i = 0; i < TEXT_FIELDS; i++) {
        const char *text = (const char *)sqlite3_column_text(row, 7 + i);

        *fields[i] = text ? strdup(text) : NULL;
        failed |= text && !*fields[i];
    }
    if (sqlite3_column_type(row, 13) != SQLITE_NULL) {
        const void *data = sqlite3_column_blob(row, 13);

        meta.user_metadata = copy_bytes(data ? data : "", (size_t)sqlite3_column_bytes(row, 13));
        failed |= !meta.user_metadata;
    }
    if (failed) {
        vb_engine_meta_release(&meta);
        return vb_engine_index_describe(ENOMEM, "", err);
    }
    *ret_meta = meta;
    return 0;
}

void vb_engine_row_bind_meta(sqlite3_stmt *statement, int parameter, const struct vb_engine_meta *meta)
{
    struct vb_engine_meta copy = *meta; /* text_fields() takes a struct that it may change */
    char **fields[TEXT_FIELDS];

    sqlite3_bind_int64(statement, parameter, meta->size);
    sqlite3_bind_int64(statement, parameter + 1, meta->last_modified_ms);
    vb_engine_index_bind_text(statement, parameter + 2, meta->etag);
    sqlite3_bind_int64(statement, parameter + 3, meta->parts);
    vb_engine_row_bind_checksum(statement, parameter + 4, &meta->checksum);
    text_fields(&copy, fields);
    for (int i = 0; i < TEXT_FIELDS; i++)
        vb_engine_index_bind_text(statement, parameter + 7 + i, *fields[i]);
    if (meta->user_metadata)
        sqlite3_bind_blob64(statement, parameter + 13, meta->user_metadata,
                            user_metadata_size(meta->user_metadata), SQLITE_STATIC);
    else
        sqlite3_bind_null(statement, parameter + 13);
}
