/* How far an upload has come: see progress.h. */
#include "ingest/progress.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "db/media.h"

#include <errno.h>
#include <string.h>

/* What the row says: nothing more is to be sent. */
static enum vb_progress_status status_of_row(const struct vb_media *row)
{
    if (row->published)
        return VB_PROGRESS_COMPLETED;
    return strcmp(row->status, "pending") == 0 ? VB_PROGRESS_ARRIVED : VB_PROGRESS_CANCELLED;
}

/* -ENOENT: the upload has no row. */
static int read_row(const struct vb_ingest *ingest, const char *uuid, enum vb_progress_status *ret_status,
                    struct vb_error *err)
{
    struct vb_media row VB_CLEANUP(vb_media_release) = {0};
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    int r = vb_db_acquire(ingest->db, &db, err);

    if (r == 0)
        r = vb_media_find_by_upload(db, uuid, &row, err);
    if (r == 0)
        *ret_status = status_of_row(&row);
    return r;
}

static bool is_past(const struct vb_ticket *ticket)
{
    return vb_clock_realtime_ms() > ticket->time_ms + (int64_t)VB_TICKET_LIFETIME_S * 1000;
}

static int read_storage(const struct vb_ingest *ingest, const struct vb_staged *staged,
                        struct vb_upload_progress *ret, struct vb_error *err)
{
    bool wanted = vb_parts_wanted(staged->ticket.length);
    struct vb_s3_object object;
    int r =
        wanted ? vb_parts_read(ingest->s3, staged->key, staged->ticket.length, &ret->parts, err) : -ENOENT;

    if (r == 0) {
        ret->in_parts = true;
        ret->status = ret->parts.arrived == ret->parts.count ? VB_PROGRESS_ARRIVED : VB_PROGRESS_WAITING;
    }
    if (r != -ENOENT)
        return r;
    r = vb_s3_head(ingest->s3, staged->key, &object, err);
    ret->status = VB_PROGRESS_ARRIVED;
    if (r == -ENOENT)
        ret->status = wanted || is_past(&staged->ticket) ? VB_PROGRESS_EXPIRED : VB_PROGRESS_WAITING;
    return r == -ENOENT ? 0 : r;
}

enum vb_outcome vb_progress_read(const struct vb_ingest *ingest, const struct vb_staged *staged,
                                 struct vb_upload_progress *ret_progress, struct vb_error *err)
{
    int r;

    *ret_progress = (struct vb_upload_progress){0};
    r = read_row(ingest, staged->ticket.uuid, &ret_progress->status, err);
    if (r == 0)
        return VB_OUTCOME_DONE;
    if (r != -ENOENT)
        return vb_outcome_database(err, r);
    r = read_storage(ingest, staged, ret_progress, err);
    return r < 0 ? vb_outcome_storage(err, r) : VB_OUTCOME_DONE;
}
