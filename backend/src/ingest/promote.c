/* From staging to public: see promote.h, and complete.c for the picture. */
#include "ingest/promote.h"

#include "ingest/decode.h"
#include "ingest/parts.h"
#include "ingest/purpose.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "db/transaction.h"
#include "db/users.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define KEY_ATTEMPTS 64
#define KEY_SIZE     1025 /* S3's limit and a NUL */

/* What the staged bytes turned out to be. */
struct inspection {
    enum vb_media_type type;
    int64_t size;
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
        snprintf(promotion->problem, sizeof(promotion->problem),
                 "The file is none of JPEG, PNG, WebP, HEIC, AVIF, GIF, MP4 and QuickTime by its first "
                 "bytes, whatever its "
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
        vb_target_read(work->api->keys, promotion->upload_id, object, &ret->target) < 0) {
        snprintf(promotion->problem, sizeof(promotion->problem),
                 "The file did not arrive with the headers of its ticket");
        return VB_PROMOTION_WRONG_TARGET;
    }
    ret->size = object->size;
    memcpy(ret->etag, object->etag, sizeof(ret->etag));
    return VB_PROMOTION_DONE;
}

/* What has arrived, by its first bytes and its description. */
static enum vb_promotion_result inspect(const struct work *work, struct inspection *ret)
{
    enum vb_promotion_result result = VB_PROMOTION_NOT_ARRIVED;
    struct vb_s3_object object = {0};
    struct vb_strbuf head;
    int r;

    vb_strbuf_init(&head, VB_SNIFF_SIZE);
    r = vb_s3_get_data(work->s3, work->promotion->staging_key, 0, VB_SNIFF_SIZE, NULL, &head, &object,
                       work->err);
    if (r == 0 || r == -ENODATA)
        result = check_bytes(work, &object, &head, ret);
    vb_strbuf_release(&head);
    if (r == -ENOENT)
        return staged_is_missing(work);
    if (r < 0 && r != -ENODATA)
        return storage_failed(work, r);
    return result;
}

/* Has the file decoded and made anew, by a process that has nothing else to lose. */
static enum vb_promotion_result ingest(const struct work *work, const struct inspection *inspection,
                                       struct vb_ingested *ret)
{
    struct vb_promotion *promotion = work->promotion;
    const struct vb_original original = {.key = promotion->staging_key,
                                         .etag = inspection->etag,
                                         .owner = promotion->user_id,
                                         .type = inspection->type,
                                         .size = inspection->size};
    int r = vb_ingest(work->api->workers, work->s3, &original, ret, promotion->problem,
                      sizeof(promotion->problem), work->err);

    switch (r) {
    case 0:
        return VB_PROMOTION_DONE;
    case -EINVAL:
        return VB_PROMOTION_BAD_MEDIA;
    case -ENOENT:
        return staged_is_missing(work);
    case -EBUSY:
    case -EPROTO:
        *work->error = r;
        return VB_PROMOTION_BUSY;
    default:
        return storage_failed(work, r);
    }
}

/* What the row is to know of what was made. */
static struct vb_media_new describe(const struct vb_ingested *made)
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

struct reservation {
    const struct work *work;
    const struct inspection *inspection;
    const struct vb_ingested *made;
    int64_t time_ms; /* for the keys */
};

/* Takes the file's place and a key that no media has or had: the table knows them all. -EALREADY: the upload has a
 * row. */
static int reserve_key(struct vb_db *db, void *context, struct vb_error *err)
{
    const struct reservation *wanted = context;
    const struct work *work = wanted->work;
    const struct vb_ingested *made = wanted->made;
    const struct vb_promotion *promotion = work->promotion;
    struct vb_media_new media = describe(made);
    struct vb_place place = {0};
    char key[KEY_SIZE], poster_key[KEY_SIZE];
    int r = work->purpose->find_place(db, promotion->user_id, &wanted->inspection->target,
                                      wanted->inspection->type, &place, err);

    if (r < 0)
        return r;
    if (!work->purpose->write_key(&place, promotion->user_id, wanted->time_ms, vb_media_extension(made->type),
                                  key, sizeof(key)) ||
        (made->poster >= 0 &&
         !work->purpose->write_poster_key(&place, wanted->time_ms, poster_key, sizeof(poster_key))))
        return vb_error_set(err, EIO, "the id of this user is too long for a key");
    media.upload_id = promotion->ticket.uuid;
    media.user_id = promotion->user_id;
    media.purpose = vb_upload_purpose_name(promotion->ticket.purpose);
    media.key = key;
    media.activity_id = *place.activity_id ? place.activity_id : NULL;
    media.story_id = *place.story_id ? place.story_id : NULL;
    media.slot = *place.slot ? place.slot : NULL;
    media.slot_index = place.index;
    media.poster_key = made->poster >= 0 ? poster_key : NULL;
    return vb_media_reserve(db, &media, err);
}

/* Makes sure that the upload has a row: ours, or that of somebody who is at it, too. */
static enum vb_promotion_result reserve(const struct work *work, const struct inspection *inspection,
                                        const struct vb_ingested *made)
{
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    struct reservation wanted = {work, inspection, made, vb_clock_realtime_ms()};
    int r = vb_db_acquire(work->api->db, &db, work->err);

    if (r < 0)
        return database_failed(work, r);
    r = -EEXIST;
    /* Of what has failed, a place that was made goes with it. */
    for (int attempt = 0; attempt < KEY_ATTEMPTS && r == -EEXIST; attempt++, wanted.time_ms++)
        r = vb_db_transact(db, reserve_key, &wanted, work->err);
    if (r == 0 || r == -EALREADY)
        r = vb_media_find_by_upload(db, work->promotion->ticket.uuid, work->media, work->err);
    if (r == -ENOENT || r == -EDOM) /* inserted and gone again; or an id that cannot be one */
        return VB_PROMOTION_NO_OWNER;
    return r < 0 ? database_failed(work, r) : VB_PROMOTION_DONE;
}

/* The owning row names the media, and what it named before is to go. A file whose upload was begun before that
 * of the one which is there comes too late: it is as if it had been replaced at once. */
static int show(const struct work *work, struct vb_db *db, const struct vb_media_urls *urls)
{
    const struct vb_media *media = work->media;
    bool outdated = false;
    int r = vb_media_is_outdated(db, media->id, &outdated, work->err);

    if (r < 0)
        return r;
    if (outdated)
        return vb_media_retire(db, media->id, work->err);
    r = work->purpose->show(db, media, urls, work->err);
    return r == 0 ? vb_media_retire_older(db, media->id, work->err) : r;
}

struct publication {
    const struct work *work;
    struct vb_media_urls urls;
};

/* -ENOENT: the media is not pending (any more); -ESRCH, -ENXIO, -EACCES: see database_failed(). */
static int publish_once(struct vb_db *db, void *context, struct vb_error *err)
{
    const struct publication *publication = context;
    const struct work *work = publication->work;
    struct vb_user user VB_CLEANUP(vb_user_release) = {0};
    const struct vb_media *media = work->media;
    int r;

    if (!media->user_id)
        return vb_error_set(err, ESRCH, "the user has been deleted");
    r = vb_users_lock(db, media->user_id, &user, err);
    if (r == -ENOENT)
        return -ESRCH;
    if (r == 0)
        r = work->purpose->lock(db, media, err);
    if (r == 0)
        r = vb_media_mark_ready(db, media->id, err);
    return r == 0 ? show(work, db, &publication->urls) : r;
}

static int publish_at(const struct work *work, const struct vb_media_urls *urls)
{
    struct publication publication = {work, *urls};
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    int r = vb_db_acquire(work->api->db, &db, work->err);

    return r == 0 ? vb_db_transact(db, publish_once, &publication, work->err) : r;
}

static int publish(const struct work *work)
{
    const char *keys[] = {work->media->key, work->media->poster_key};
    struct vb_strbuf url[2], cdn_url[2];
    int r = 0;

    for (int i = 0; i < 2; i++) {
        vb_strbuf_init(&url[i], 4096);
        vb_strbuf_init(&cdn_url[i], 4096);
        if (!keys[i])
            continue;
        vb_s3_object_url(work->api->s3, keys[i], &url[i]);
        vb_api_add_cdn_url(work->api, NULL, keys[i], &cdn_url[i]);
        if (vb_strbuf_failed(&url[i]) || vb_strbuf_failed(&cdn_url[i]))
            r = vb_error_set(work->err, EIO, "the URL of the media is too long");
    }
    if (r == 0)
        r = publish_at(work, &(struct vb_media_urls){.url = url[0].data,
                                                     .cdn_url = cdn_url[0].data,
                                                     .poster_url = url[1].data,
                                                     .poster_cdn_url = cdn_url[1].data});
    for (int i = 0; i < 2; i++) {
        vb_strbuf_release(&url[i]);
        vb_strbuf_release(&cdn_url[i]);
    }
    return r;
}

/* The media's objects go; 0 when they have. */
static int delete_objects(const struct work *work, const char *key, const char *poster_key)
{
    int r = poster_key ? vb_api_delete_object(work->api, work->s3, poster_key, NULL) : 0;

    return r < 0 ? r : vb_api_delete_object(work->api, work->s3, key, NULL);
}

/* It cannot be published: the row is to go, and the copy must not outlive whom it belonged to. Should the
 * deletion fail, the sweeper finds it by the row. */
static int give_up(const struct work *work)
{
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    int r = vb_db_acquire(work->api->db, &db, work->err);

    if (r == 0)
        r = vb_media_abandon(db, work->media->upload_id, 0, work->err);
    if (r == 0 && delete_objects(work, work->media->key, work->media->poster_key) == 0)
        vb_media_forget(db, work->media->key, NULL);
    return r == -ENOENT ? 0 : r;
}

/* The object is at its key: publishes it. DONE, or DONE_BEFORE by somebody else, or why not. */
static enum vb_promotion_result conclude(const struct work *work)
{
    enum vb_promotion_result result = VB_PROMOTION_DONE;
    char key[KEY_SIZE], poster_key[KEY_SIZE], uuid[VB_UUID_SIZE];
    int r = publish(work), given_up;

    if (r == 0)
        return VB_PROMOTION_DONE;
    if (r != -ENOENT) {
        result = database_failed(work, r);
        given_up = result == VB_PROMOTION_DATABASE ? 0 : give_up(work);
        return given_up < 0 ? database_failed(work, given_up) : result;
    }
    snprintf(key, sizeof(key), "%s", work->media->key);
    snprintf(poster_key, sizeof(poster_key), "%s", work->media->poster_key ? work->media->poster_key : "");
    snprintf(uuid, sizeof(uuid), "%s", work->media->upload_id);
    r = find_row(work, uuid);
    if (r < 0)
        return database_failed(work, r);
    result = work->media->row ? result_of_row(work->media) : VB_PROMOTION_NO_OWNER;
    if (result != VB_PROMOTION_DONE_BEFORE)
        delete_objects(work, key, *poster_key ? poster_key : NULL); /* our copy must not outlive the row */
    return result;
}

/* Of a row that somebody left pending: it is to say what we have made, which may not be what they had. */
static enum vb_promotion_result describe_again(const struct work *work, const struct vb_ingested *made)
{
    const struct vb_media_new media = describe(made);
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    char uuid[VB_UUID_SIZE];
    int r = vb_db_acquire(work->api->db, &db, work->err);

    if (r == 0)
        r = vb_media_describe(db, work->media->id, &media, work->err);
    if (r < 0 && r != -ENOENT)
        return database_failed(work, r);
    snprintf(uuid, sizeof(uuid), "%s", work->media->upload_id);
    r = find_row(work, uuid);
    if (r < 0)
        return database_failed(work, r);
    return work->media->row ? result_of_row(work->media) : VB_PROMOTION_NO_OWNER;
}

/* Writes the public objects, publishes, tidies up. The row is there and pending. The original stays until what was
 * made of it is safe. */
static enum vb_promotion_result finish(const struct work *work, const struct vb_ingested *made,
                                       const char *etag)
{
    const char *staging_key = work->promotion->staging_key;
    int r = vb_ingested_publish(made, work->s3, staging_key, etag, work->media->key, work->media->poster_key,
                                work->err);
    enum vb_promotion_result result;

    if (r == -ENOENT)
        return staged_is_missing(work);
    if (r < 0)
        return storage_failed(work, r);
    result = conclude(work);
    if (result == VB_PROMOTION_DONE)
        vb_s3_delete(work->s3, staging_key, NULL); /* else the sweeper does it */
    return result;
}

/* All of it, for an upload that has no row, or one that is pending. */
static enum vb_promotion_result carry_out(const struct work *work, struct vb_ingested *made)
{
    struct inspection inspection = {0};
    bool reserved = work->media->row != NULL;
    enum vb_promotion_result result = inspect(work, &inspection);

    if (result == VB_PROMOTION_DONE)
        result = ingest(work, &inspection, made);
    if (result == VB_PROMOTION_DONE && !reserved) {
        result = reserve(work, &inspection, made);
        if (result == VB_PROMOTION_DONE)
            result = result_of_row(work->media);
    } else if (result == VB_PROMOTION_DONE) {
        result = describe_again(work, made);
    }
    return result == VB_PROMOTION_NOT_ARRIVED && made->bytes > 0 ? finish(work, made, inspection.etag)
                                                                 : result;
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
    struct vb_ingested made = {.output = -1, .poster = -1};
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
        if (result != VB_PROMOTION_DONE)
            return result;
    }
    result = carry_out(&work, &made);
    vb_ingested_release(&made);
    return result;
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
