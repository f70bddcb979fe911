/* What the ingest works with: see ingest.h. */
#include "ingest/ingest.h"

#include "ingest/staged.h"
#include "base/encode.h"

#include <string.h>

int vb_ingest_delete(const struct vb_ingest *ingest, const char *key, struct vb_error *err)
{
    int r = vb_s3_delete(ingest->s3, key, err);

    if (r == 0 && ingest->on_deleted && strncmp(key, VB_STAGED_PREFIX, strlen(VB_STAGED_PREFIX)) != 0)
        ingest->on_deleted(ingest->on_deleted_context, key);
    return r;
}

void vb_ingest_add_cdn_url(struct vb_strbuf *out, const char *base_url, const char *key)
{
    vb_strbuf_adds(out, base_url);
    vb_strbuf_addc(out, '/');
    vb_percent_encode(out, key, strlen(key), true);
}
