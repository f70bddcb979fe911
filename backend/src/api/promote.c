/* From staging to public: see promote.h, and complete.c for the picture. */
#include "api/promote.h"

#include "api/parts.h"
#include "api/purpose.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "db/users.h"
#include "media/dimensions.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define INSPECT_FIRST_BYTES ((size_t)64 * 1024)   /* holds the header of nearly every picture */
#define INSPECT_MAX_BYTES   ((size_t)1024 * 1024) /* beyond, width and height stay unknown */
#define KEY_ATTEMPTS        64
#define PUBLISH_ATTEMPTS    3
#define KEY_SIZE            1025 /* S3's limit and a NUL */
#define IMMUTABLE           "public, max-age=31536000, immutable"

/* What the staged bytes turned out to be. */
struct inspection {
    enum vb_media_type type;
    struct vb_dimensions dimensions; /* 0 x 0: unknown */
    char etag[128];
    struct vb_target target;
};

struct work {
    struct vb_api *api;
    struct vb_s3_client *s3;
    const struct vb_purpose *purpose;
    struct vb_promotion *promotion; /* NULL: only the row is known */
    struct vb_media *media;         /* the row; row NULL: none yet */
    int *error;
    struct vb_error *err;
};

/* Failures of the database, and those that say who or what is missing. */
static enum vb_promotion_result database_failed(const struct work *work, int r)
{
    *work->error = r;
    switch (r) {
    case -ESRCH:
        return VB_PROMOTION_NO_OWNER;
    case -ENXIO:
        return VB_PROMOTION_NO_PLACE;
    case -EACCES:
        return VB_PROMOTION_FORBIDDEN;
    default:
        return VB_PROMOTION_DATABASE;
    }
}

static enum vb_promotion_result storage_failed(const struct work *work, int r)
{
    *work->error = r;
    return VB_PROMOTION_STORAGE;
}

/* What a row that is there says of the upload's end; NOT_ARRIVED: nothing yet. What has been published and was
 * replaced since is done all the same. */
static enum vb_promotion_result result_of_row(const struct vb_media *media)
{
    if (!media->row || strcmp(media->status, "pending") == 0)
        return VB_PROMOTION_NOT_ARRIVED;
    if (!media->user_id)
        return VB_PROMOTION_NO_OWNER;
    return media->published ? VB_PROMOTION_DONE_BEFORE : VB_PROMOTION_CANCELLED;
}

/* Looks the upload's row up (again). Returns 0 or a negative errno; no row is no error. */
static int find_row(const struct work *work, const char *uuid)
{
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    int r;

    vb_media_release(work->media);
    r = vb_db_acquire(work->api->db, &db, work->err);
    if (r == 0)
        r = vb_media_find_by_upload(db, uuid, work->media, work->err);
    return r == -ENOENT ? 0 : r;
}

/* The staged object is not there: either it never was, or somebody else has just finished with it. */
static enum vb_promotion_result staged_is_missing(const struct work *work)
{
    int r = find_row(work, work->promotion->ticket.uuid);

    return r < 0 ? database_failed(work, r) : result_of_row(work->media);
}

static enum vb_promotion_result check_bytes(const struct work *work, const struct vb_s3_object *object,
                                            const struct vb_strbuf *head, struct inspection *ret)
{
    struct vb_promotion *promotion = work->promotion;

    if (object->size != promotion->ticket.length) {
        snprintf(promotion->problem, sizeof(promotion->problem),
                 "The file that arrived has %" PRId64 " bytes, the ticket is for %" PRId64, object->size,
                 promotion->ticket.length);
        return VB_PROMOTION_WRONG_LENGTH;
    }
    ret->type = vb_sniff(head->data, head->length);
    if (ret->type == VB_MEDIA_UNKNOWN) {
        snprintf(
            promotion->problem, sizeof(promotion->problem),
            "The file is none of JPEG, PNG, WebP, HEIC, MP4 and QuickTime by its first bytes, whatever its "
            "name says");
        return VB_PROMOTION_UNKNOWN_TYPE;
    }
    if (!vb_media_same_family(ret->type, promotion->ticket.type)) {
        snprintf(promotion->problem, sizeof(promotion->problem),
                 "The file is %s by its first bytes, the ticket is for %s", vb_media_mime(ret->type),
                 vb_media_mime(promotion->ticket.type));
        return VB_PROMOTION_WRONG_TYPE;
    }
    if (work->purpose->has_target &&
        vb_target_read(&work->api->ticket_key, promotion->upload_id, object, &ret->target) < 0) {
        snprintf(promotion->problem, sizeof(promotion->problem),
                 "The file did not arrive with the headers of its ticket");
        return VB_PROMOTION_WRONG_TARGET;
    }
    memcpy(ret->etag, object->etag, sizeof(ret->etag));
    return VB_PROMOTION_DONE;
}

/* Reads on, as far as the header goes. A header that cannot be read leaves the size unknown: what is wrong
 * with a picture is for its decoder to say. */
static int read_dimensions(const struct work *work, struct vb_strbuf *head, struct inspection *inspection)
{
    uint64_t needed = 0;

    while (vb_media_dimensions(inspection->type, head->data, head->length, &inspection->dimensions,
                               &needed) == -EAGAIN) {
        int r;
        uint64_t have = head->length, want = needed > 2 * have ? needed : 2 * have;

        if (needed > INSPECT_MAX_BYTES || (int64_t)have >= work->promotion->ticket.length)
            return 0;
        if (want > INSPECT_MAX_BYTES)
            want = INSPECT_MAX_BYTES;
        r = vb_s3_get_data(work->s3, work->promotion->staging_key, (int64_t)have, (int64_t)(want - have),
                           inspection->etag, head, NULL, work->err);
        if (r < 0)
            return r;
        if (head->length <= have)
            return 0;
    }
    return 0;
}

static enum vb_promotion_result inspect(const struct work *work, struct inspection *ret)
{
    enum vb_promotion_result result = VB_PROMOTION_NOT_ARRIVED;
    struct vb_s3_object object = {0};
    struct vb_strbuf head;
    int r;

    vb_strbuf_init(&head, INSPECT_MAX_BYTES);
    r = vb_s3_get_data(work->s3, work->promotion->staging_key, 0, (int64_t)INSPECT_FIRST_BYTES, NULL, &head,
                       &object, work->err);
    if (r == 0 || r == -ENODATA) {
        result = check_bytes(work, &object, &head, ret);
        if (result == VB_PROMOTION_DONE)
            r = read_dimensions(work, &head, ret);
    }
    vb_strbuf_release(&head);
    if (r == -ENOENT)
        return staged_is_missing(work);
    if (r < 0 && r != -ENODATA)
        return storage_failed(work, r);
    return result;
}

/* Takes the file's place and a key that no media has or had: the table knows them all. The key has the file's
 * true extension: nothing lies about its type. -EALREADY: the upload has a row. */
static int reserve_key(const struct work *work, struct vb_db *db, const struct inspection *inspection,
                       int64_t time_ms)
{
    const struct vb_promotion *promotion = work->promotion;
    struct vb_place place = {0};
    char key[KEY_SIZE];
    int r = vb_db_begin(db, work->err);

    if (r == 0)
        r = work->purpose->find_place(db, promotion->user_id, &inspection->target, inspection->type, &place,
                                      work->err);
    if (r < 0)
        return r;
    if (!work->purpose->write_key(&place, promotion->user_id, time_ms, vb_media_extension(inspection->type),
                                  key, sizeof(key)))
        return vb_error_set(work->err, EIO, "the id of this user is too long for a key");
    r = vb_media_reserve(db,
                         &(struct vb_media_new){
                             .upload_id = promotion->ticket.uuid,
                             .user_id = promotion->user_id,
                             .purpose = vb_upload_purpose_name(promotion->ticket.purpose),
                             .key = key,
                             .content_type = vb_media_mime(inspection->type),
                             .activity_id = *place.activity_id ? place.activity_id : NULL,
                             .story_id = *place.story_id ? place.story_id : NULL,
                             .slot = *place.slot ? place.slot : NULL,
                             .slot_index = place.index,
                             .bytes = promotion->ticket.length,
                             .width = inspection->dimensions.width,
                             .height = inspection->dimensions.height,
                         },
                         work->err);
    return r == 0 ? vb_db_commit(db, work->err) : r;
}

/* Makes sure that the upload has a row: ours, or that of somebody who is at it, too. */
static enum vb_promotion_result reserve(const struct work *work, const struct inspection *inspection)
{
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    int64_t time_ms = vb_clock_realtime_ms();
    int r = vb_db_acquire(work->api->db, &db, work->err);

    if (r < 0)
        return database_failed(work, r);
    r = -EEXIST;
    for (int attempt = 0; attempt < KEY_ATTEMPTS && r == -EEXIST; attempt++, time_ms++) {
        r = reserve_key(work, db, inspection, time_ms);
        vb_db_rollback(db); /* of what has failed: a place that was made goes with it */
    }
    if (r == 0 || r == -EALREADY)
        r = vb_media_find_by_upload(db, work->promotion->ticket.uuid, work->media, work->err);
    if (r == -ENOENT || r == -EDOM) /* inserted and gone again; or an id that cannot be one */
        return VB_PROMOTION_NO_OWNER;
    return r < 0 ? database_failed(work, r) : VB_PROMOTION_DONE;
}

/* The owning row names the media, and what it named before is to go. A file whose upload was begun before that
 * of the one which is there comes too late: it is as if it had been replaced at once. */
static int show(const struct work *work, struct vb_db *db, const char *url, const char *cdn_url)
{
    const struct vb_media *media = work->media;
    bool outdated = false;
    int r = vb_media_is_outdated(db, media->id, &outdated, work->err);

    if (r < 0)
        return r;
    if (outdated)
        return vb_media_retire(db, media->id, work->err);
    r = work->purpose->show(db, media, url, cdn_url, work->err);
    return r == 0 ? vb_media_retire_older(db, media->id, work->err) : r;
}

/* One transaction. -ENOENT: the media is not pending (any more); -ESRCH, -ENXIO, -EACCES: see
 * database_failed(). */
static int publish_once(const struct work *work, const char *url, const char *cdn_url)
{
    struct vb_user user VB_CLEANUP(vb_user_release) = {0};
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    const struct vb_media *media = work->media;
    int r;

    if (!media->user_id)
        return vb_error_set(work->err, ESRCH, "the user has been deleted");
    r = vb_db_acquire(work->api->db, &db, work->err);
    if (r == 0)
        r = vb_db_begin(db, work->err);
    if (r == 0) {
        r = vb_users_lock(db, media->user_id, &user, work->err);
        r = r == -ENOENT ? -ESRCH : r;
    }
    if (r == 0)
        r = work->purpose->lock(db, media, work->err);
    if (r == 0)
        r = vb_media_mark_ready(db, media->id, work->err);
    if (r == 0)
        r = show(work, db, url, cdn_url);
    if (r == 0)
        r = vb_db_commit(db, work->err);
    return r;
}

static int publish(const struct work *work)
{
    struct vb_strbuf url, cdn_url;
    int r = -EAGAIN;

    vb_strbuf_init(&url, 4096);
    vb_strbuf_init(&cdn_url, 4096);
    vb_s3_object_url(work->api->s3, work->media->key, &url);
    vb_api_add_cdn_url(work->api, NULL, work->media->key, &cdn_url);
    if (vb_strbuf_failed(&url) || vb_strbuf_failed(&cdn_url))
        r = vb_error_set(work->err, EIO, "the URL of the media is too long");
    for (int attempt = 0; attempt < PUBLISH_ATTEMPTS && r == -EAGAIN; attempt++)
        r = publish_once(work, url.data, cdn_url.data);
    vb_strbuf_release(&url);
    vb_strbuf_release(&cdn_url);
    return r;
}

/* It cannot be published: the row is to go, and the copy must not outlive whom it belonged to. Should the
 * deletion fail, the sweeper finds it by the row. */
static int give_up(const struct work *work)
{
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    int r = vb_db_acquire(work->api->db, &db, work->err);

    if (r == 0)
        r = vb_media_abandon(db, work->media->upload_id, 0, work->err);
    if (r == 0 && vb_s3_delete(work->s3, work->media->key, NULL) == 0)
        vb_media_forget(db, work->media->key, NULL);
    return r == -ENOENT ? 0 : r;
}

/* The object is at its key: publishes it. DONE, or DONE_BEFORE by somebody else, or why not. */
static enum vb_promotion_result conclude(const struct work *work)
{
    enum vb_promotion_result result = VB_PROMOTION_DONE;
    char key[KEY_SIZE], uuid[VB_UUID_SIZE];
    int r = publish(work), given_up;

    if (r == 0)
        return VB_PROMOTION_DONE;
    if (r != -ENOENT) {
        result = database_failed(work, r);
        given_up = result == VB_PROMOTION_DATABASE ? 0 : give_up(work);
        return given_up < 0 ? database_failed(work, given_up) : result;
    }
    snprintf(key, sizeof(key), "%s", work->media->key);
    snprintf(uuid, sizeof(uuid), "%s", work->media->upload_id);
    r = find_row(work, uuid);
    if (r < 0)
        return database_failed(work, r);
    result = work->media->row ? result_of_row(work->media) : VB_PROMOTION_NO_OWNER;
    if (result != VB_PROMOTION_DONE_BEFORE)
        vb_s3_delete(work->s3, key, NULL); /* the row has gone, or is to: our copy must not outlive it */
    return result;
}

/* Copies, publishes, tidies up. The row is there and pending. */
static enum vb_promotion_result finish(const struct work *work, const char *etag)
{
    const struct vb_s3_put options = {.content_type = work->media->content_type, .cache_control = IMMUTABLE};
    int r = vb_s3_copy(work->s3, work->promotion->staging_key, work->media->key, etag, &options, work->err);
    enum vb_promotion_result result;

    if (r == -ENOENT)
        return staged_is_missing(work);
    if (r < 0)
        return storage_failed(work, r);
    result = conclude(work);
    if (result == VB_PROMOTION_DONE)
        vb_s3_delete(work->s3, work->promotion->staging_key, NULL); /* else the sweeper does it */
    return result;
}

enum vb_promotion_result vb_promote(struct vb_api *api, struct vb_promotion *promotion,
                                    struct vb_media *ret_media, int *ret_error, struct vb_error *err)
{
    const struct work work = {.api = api,
                              .s3 = promotion->s3 ? promotion->s3 : api->s3,
                              .purpose = vb_purpose_of(promotion->ticket.purpose),
                              .promotion = promotion,
                              .media = ret_media,
                              .error = ret_error,
                              .err = err};
    struct inspection inspection = {0};
    enum vb_promotion_result result;
    int r;

    if (!work.purpose) { /* signed by a later version of the program */
        snprintf(promotion->problem, sizeof(promotion->problem), "The purpose of this upload is unknown");
        return VB_PROMOTION_WRONG_TARGET;
    }
    r = find_row(&work, promotion->ticket.uuid);
    if (r < 0)
        return database_failed(&work, r);
    result = result_of_row(ret_media);
    if (result != VB_PROMOTION_NOT_ARRIVED)
        return result;
    if (!ret_media->row) {
        result = vb_parts_assemble(work.s3, promotion, ret_error, err);
        if (result == VB_PROMOTION_DONE)
            result = inspect(&work, &inspection);
        if (result != VB_PROMOTION_DONE)
            return result;
        result = reserve(&work, &inspection);
        if (result != VB_PROMOTION_DONE)
            return result;
        result = result_of_row(ret_media);
        if (result != VB_PROMOTION_NOT_ARRIVED)
            return result;
    }
    return finish(&work, *inspection.etag ? inspection.etag : NULL);
}

enum vb_promotion_result vb_promote_pending(struct vb_api *api, struct vb_s3_client *s3, const char *uuid,
                                            int *ret_error, struct vb_error *err)
{
    struct vb_media media VB_CLEANUP(vb_media_release) = {0};
    struct work work = {.api = api, .s3 = s3, .media = &media, .error = ret_error, .err = err};
    struct vb_s3_object object;
    int r = find_row(&work, uuid);

    if (r < 0)
        return database_failed(&work, r);
    if (!media.row || strcmp(media.status, "pending") != 0)
        return VB_PROMOTION_DONE_BEFORE;
    work.purpose = vb_purpose_named(media.purpose);
    r = work.purpose ? vb_s3_head(s3, media.key, &object, err) : -ENOENT;
    if (r == 0)
        return conclude(&work);
    if (r != -ENOENT)
        return storage_failed(&work, r);
    r = give_up(&work);
    return r < 0 ? database_failed(&work, r) : VB_PROMOTION_NOT_ARRIVED;
}
