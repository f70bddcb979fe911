/*
 * What the ingest works with, on its way from a staged file to a published one. It knows nothing of HTTP
 * requests: the API completes uploads with it, and the sweeper does on the owner's behalf. All of it is
 * blocking and thread-safe.
 */
#ifndef VB_INGEST_INGEST_H
#define VB_INGEST_INGEST_H

#include "base/keys.h"
#include "db/pool.h"
#include "media/workers.h"
#include "s3/client.h"

/* The creator owns all members. They must outlive every call that gets this struct. */
struct vb_ingest {
    struct vb_db_pool *db;
    struct vb_s3_client *s3;
    struct vb_workers *workers;
    const struct vb_keys *keys;
    const char *cdn_base_url; /* without a final slash */
    /* Is told of each public object that was deleted; from any thread. NULL: nobody is. */
    void (*on_deleted)(void *context, const char *key);
    void *on_deleted_context;
};

/* Deletes an object, and tells on_deleted about a public one. Errors of the S3 client. */
int vb_ingest_delete(const struct vb_ingest *ingest, const char *key, struct vb_error *err);

/* Deletes the objects of a media that is deleting, the poster first (NULL: none), and then its row: after a
 * failure or a crash in between, the sweeper finds the row. Holds no connection while it waits for S3. Errors
 * of the S3 client and of the database. */
int vb_ingest_delete_media(const struct vb_ingest *ingest, const char *key, const char *poster_key,
                           struct vb_error *err);

/* Appends where the CDN serves a key: {base_url}/{key}, with the key percent-encoded. */
void vb_ingest_add_cdn_url(struct vb_strbuf *out, const char *base_url, const char *key);

#endif
