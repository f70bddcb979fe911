/* The upload's row and its public key: see reserve.h. */
#include "ingest/reserve.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "db/transaction.h"

#include <errno.h>

#define KEY_ATTEMPTS 64   /* one for each millisecond from now */
#define KEY_SIZE     1025 /* S3's limit and a NUL */

static struct vb_media_new describe(const struct vb_made *made)
{
    return (struct vb_media_new){.content_type = vb_media_mime(made->type),
                                 .bytes = made->bytes,
                                 .width = made->result.width,
                                 .height = made->result.height,
                                 .duration_ms = made->result.duration_ms,
                                 .sha256 = made->sha256,
                                 .thumbhash = made->thumbhash,
                                 .dominant_color = made->color};
}

struct attempt {
    const struct vb_reservation *wanted;
    int64_t time_ms; /* for the keys */
};

/* Finds the file's place and takes a key there. The table media knows every key that was ever taken. */
static int find_and_reserve(struct vb_db *db, const struct attempt *attempt, struct vb_error *err)
{
    const struct vb_reservation *wanted = attempt->wanted;
    const struct vb_purpose *purpose = wanted->purpose;
    const struct vb_made *made = wanted->made;
    struct vb_media_new media = describe(made);
    struct vb_place place = {0};
    char key[KEY_SIZE], poster_key[KEY_SIZE];
    int r = purpose->find_place(db, wanted->user_id, wanted->target, wanted->type, &place, err);

    if (r < 0)
        return r;
    if (!purpose->write_key(&place, wanted->user_id, attempt->time_ms, vb_media_extension(made->type), key,
                            sizeof(key)) ||
        (made->poster >= 0 &&
         !purpose->write_poster_key(&place, attempt->time_ms, poster_key, sizeof(poster_key))))
        return vb_error_set(err, EIO, "the id of this user is too long for a key");
    media.upload_id = wanted->upload_uuid;
    media.user_id = wanted->user_id;
    media.purpose = vb_upload_purpose_name(purpose->number);
    media.key = key;
    media.activity_id = *place.activity_id ? place.activity_id : NULL;
    media.story_id = *place.story_id ? place.story_id : NULL;
    media.slot = *place.slot ? place.slot : NULL;
    media.slot_index = place.index;
    media.poster_key = made->poster >= 0 ? poster_key : NULL;
    return vb_media_reserve(db, &media, err);
}

/* -EEXIST: the key is taken; -EALREADY: the upload has a row; else as vb_outcome_rows(). */
static int reserve_key(struct vb_db *db, void *context, struct vb_error *err)
{
    int r = find_and_reserve(db, context, err);

    /* -EDOM: no user can have that id; -ENOENT: there is no such user. */
    return r == -EDOM || r == -ENOENT ? -ESRCH : r;
}

enum vb_outcome vb_reserve(const struct vb_ingest *ingest, const struct vb_reservation *wanted,
                           struct vb_error *err)
{
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    struct attempt attempt = {wanted, vb_clock_realtime_ms()};
    int r = vb_db_acquire(ingest->db, &db, err);

    if (r < 0)
        return vb_outcome_rows(err, r);
    /* A failed attempt takes the place with it that it made. */
    r = -EEXIST;
    for (int i = 0; i < KEY_ATTEMPTS && r == -EEXIST; i++, attempt.time_ms++)
        r = vb_db_transact(db, reserve_key, &attempt, err);
    if (r == 0 || r == -EALREADY)
        return VB_OUTCOME_DONE;
    return vb_outcome_rows(err, r);
}

enum vb_outcome vb_reserve_again(const struct vb_ingest *ingest, const char *media_id,
                                 const struct vb_made *made, struct vb_error *err)
{
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    const struct vb_media_new media = describe(made);
    int r = vb_db_acquire(ingest->db, &db, err);

    if (r == 0)
        r = vb_media_describe(db, media_id, &media, err);
    return r < 0 && r != -ENOENT ? vb_outcome_database(err, r) : VB_OUTCOME_DONE;
}
