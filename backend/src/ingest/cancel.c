/* An upload that its owner cancels: see cancel.h. */
#include "ingest/cancel.h"

#include "ingest/parts.h"
#include "ingest/publish.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "db/media.h"

#include <errno.h>
#include <string.h>

#define SLACK_S (60 * 60) /* a PUT that began in time may take as long */

/* For how long a PUT of this ticket may still arrive. */
static unsigned keep_s(const struct vb_ticket *ticket)
{
    int64_t left_ms = ticket->time_ms + (int64_t)VB_TICKET_LIFETIME_S * 1000 - vb_clock_realtime_ms();

    return (unsigned)(left_ms > 0 ? left_ms / 1000 + 1 : 0) + SLACK_S;
}

/* Makes the upload's row say that it is cancelled. ret_row: the row that the upload already had.
 * -EALREADY: it is published. */
static int mark(struct vb_db *db, const struct vb_staged *staged, struct vb_media *ret_row, bool *ret_has_row,
                struct vb_error *err)
{
    const struct vb_ticket *ticket = &staged->ticket;
    const struct vb_media_new media = {.upload_id = ticket->uuid,
                                       .user_id = staged->user_id,
                                       .purpose = vb_upload_purpose_name(ticket->purpose),
                                       .key = staged->key,
                                       .content_type = vb_media_mime(ticket->type)};
    int r = vb_media_cancel(db, &media, keep_s(ticket), err);

    if (r != -EALREADY)
        return r == -EDOM ? -ESRCH : r; /* -EDOM: no user can have that id */
    r = vb_media_abandon(db, ticket->uuid, keep_s(ticket), err);
    if (r == 0 || r == -ENOENT)
        r = vb_media_find_by_upload(db, ticket->uuid, ret_row, err);
    if (r == -ENOENT) /* forgotten just now, so it was over long ago */
        return 0;
    *ret_has_row = r == 0;
    return r == 0 && ret_row->published ? vb_error_set(err, EALREADY, "the upload is published") : r;
}

static int delete_objects(const struct vb_ingest *ingest, const struct vb_staged *staged,
                          const struct vb_media *row, struct vb_error *err)
{
    int r = 0;

    if (vb_parts_wanted(staged->ticket.length)) /* first, so that nobody makes an object of the parts */
        r = vb_parts_abort(ingest->s3, staged->key, err);
    if (r == 0)
        r = vb_s3_delete(ingest->s3, staged->key, err);
    if (r == 0 && row && strcmp(row->key, staged->key) != 0) /* half-way published */
        r = vb_publish_withdraw(ingest, row->key, row->poster_key, err);
    return r;
}

enum vb_outcome vb_cancel(const struct vb_ingest *ingest, const struct vb_staged *staged,
                          struct vb_error *err)
{
    struct vb_media row VB_CLEANUP(vb_media_release) = {0};
    struct vb_db *db = NULL;
    bool has_row = false;
    int r;

    if (!vb_purpose_of(staged->ticket.purpose))
        return vb_outcome_unknown_purpose(err);
    r = vb_db_acquire(ingest->db, &db, err);
    if (r == 0)
        r = mark(db, staged, &row, &has_row, err);
    vb_db_release(db);
    if (r == -EALREADY)
        return VB_OUTCOME_DONE_BEFORE;
    if (r < 0)
        return vb_outcome_rows(err, r);
    r = delete_objects(ingest, staged, has_row ? &row : NULL, err);
    return r < 0 ? vb_outcome_storage(err, r) : VB_OUTCOME_DONE;
}
