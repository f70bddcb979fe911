/* What the ingest works with: see ingest.h. */
#include "ingest/ingest.h"

#include "ingest/staged.h"
#include "base/cleanup.h"
#include "base/encode.h"
#include "db/media.h"

#include <string.h>

int vb_ingest_delete(const struct vb_ingest *ingest, const char *key, struct vb_error *err)
{
    int r = vb_s3_delete(ingest->s3, key, err);

    if (r == 0 && ingest->on_deleted && strncmp(key, VB_STAGED_PREFIX, strlen(VB_STAGED_PREFIX)) != 0)
        ingest->on_deleted(ingest->on_deleted_context, key);
    return r;
}

int vb_ingest_delete_media(const struct vb_ingest *ingest, const char *key, const char *poster_key,
                           struct vb_error *err)
{
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    int r = poster_key ? vb_ingest_delete(ingest, poster_key, err) : 0;

    if (r == 0)
        r = vb_ingest_delete(ingest, key, err);
    if (r == 0)
        r = vb_db_acquire(ingest->db, &db, err);
    return r == 0 ? vb_media_forget(db, key, err) : r;
}

void vb_ingest_add_cdn_url(struct vb_strbuf *out, const char *base_url, const char *key)
{
    vb_strbuf_adds(out, base_url);
    vb_strbuf_addc(out, '/');
    vb_percent_encode(out, key, strlen(key), true);
}
