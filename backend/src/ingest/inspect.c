/* What arrived in staging: see inspect.h. */
#include "ingest/inspect.h"

#include "base/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static enum vb_outcome check(const struct vb_ingest *ingest, const struct vb_staged *staged, bool has_target,
                             const struct vb_s3_object *object, const struct vb_strbuf *head,
                             struct vb_inspection *ret, struct vb_error *err)
{
    struct vb_inspection found = {.type = vb_sniff(head->data, head->length), .size = object->size};

    if (object->size != staged->ticket.length)
        return vb_outcome_of_file(err, VB_OUTCOME_WRONG_LENGTH,
                                  "The file has %" PRId64 " bytes, but its ticket is for %" PRId64,
                                  object->size, staged->ticket.length);
    if (found.type == VB_MEDIA_UNKNOWN)
        return vb_outcome_of_file(
            err, VB_OUTCOME_UNKNOWN_TYPE,
            "The file's type is not supported: send JPEG, PNG, WebP, HEIC, AVIF, GIF, MP4 or QuickTime");
    if (!vb_media_same_family(found.type, staged->ticket.type))
        return vb_outcome_of_file(err, VB_OUTCOME_WRONG_TYPE, "The file is %s, but its ticket is for %s",
                                  vb_media_mime(found.type), vb_media_mime(staged->ticket.type));
    if (has_target && vb_target_read(ingest->keys, staged->upload_id, object, &found.target) < 0)
        return vb_outcome_of_file(err, VB_OUTCOME_WRONG_TARGET,
                                  "The file was not sent with the headers of its ticket");
    memcpy(found.etag, object->etag, sizeof(found.etag));
    *ret = found;
    return VB_OUTCOME_DONE;
}

enum vb_outcome vb_inspect(const struct vb_ingest *ingest, const struct vb_staged *staged, bool has_target,
                           struct vb_inspection *ret_inspection, struct vb_error *err)
{
    struct vb_strbuf head VB_CLEANUP(vb_strbuf_release) = {0};
    struct vb_s3_object object = {0};
    int r;

    vb_strbuf_init(&head, VB_SNIFF_SIZE);
    r = vb_s3_get_data(ingest->s3, staged->key, 0, VB_SNIFF_SIZE, NULL, &head, &object, err);
    if (r == -ENOENT)
        return vb_outcome_not_arrived(err);
    if (r < 0 && r != -ENODATA) /* an empty object has no first byte */
        return vb_outcome_storage(err, r);
    return check(ingest, staged, has_target, &object, &head, ret_inspection, err);
}
