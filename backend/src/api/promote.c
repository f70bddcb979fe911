/* From staging to public: see promote.h, and complete.c for the picture. */
#include "api/promote.h"

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
};

struct work {
    struct vb_api *api;
    struct vb_promotion *promotion;
    struct vb_media *media; /* the row; row NULL: none yet */
    int *error;
    struct vb_error *err;
};

static enum vb_promotion_result database_failed(const struct work *work, int r)
{
    *work->error = r;
    return r == -ESRCH ? VB_PROMOTION_NO_OWNER : VB_PROMOTION_DATABASE;
}

static enum vb_promotion_result storage_failed(const struct work *work, int r)
{
    *work->error = r;
    return VB_PROMOTION_STORAGE;
}

static bool is_ready(const struct vb_media *media)
{
    return media->row && strcmp(media->status, "ready") == 0;
}

/* Looks the upload's row up (again). Returns 0 or a negative errno; no row is no error. */
static int find_row(const struct work *work)
{
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    int r;

    vb_media_release(work->media);
    r = vb_db_acquire(work->api->db, &db, work->err);
    if (r == 0)
        r = vb_media_find_by_upload(db, work->promotion->ticket.uuid, work->media, work->err);
    return r == -ENOENT ? 0 : r;
}

/* The staged object is not there: either it never was, or somebody else has just finished with it. */
static enum vb_promotion_result staged_is_missing(const struct work *work)
{
    int r = find_row(work);

    if (r < 0)
        return database_failed(work, r);
    return is_ready(work->media) ? VB_PROMOTION_DONE_BEFORE : VB_PROMOTION_NOT_ARRIVED;
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
            "The file is none of JPEG, PNG, WebP, HEIC and MP4 by its first bytes, whatever its name says");
        return VB_PROMOTION_UNKNOWN_TYPE;
    }
    if (!vb_media_same_family(ret->type, promotion->ticket.type)) {
        snprintf(promotion->problem, sizeof(promotion->problem),
                 "The file is %s by its first bytes, the ticket is for %s", vb_media_mime(ret->type),
                 vb_media_mime(promotion->ticket.type));
        return VB_PROMOTION_WRONG_TYPE;
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
        r = vb_s3_get_data(work->api->s3, work->promotion->staging_key, (int64_t)have, (int64_t)(want - have),
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
    r = vb_s3_get_data(work->api->s3, work->promotion->staging_key, 0, (int64_t)INSPECT_FIRST_BYTES, NULL,
                       &head, &object, work->err);
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

/* The contract's key, with the file's true extension: nothing lies about its type. */
static bool final_key(const struct vb_promotion *promotion, enum vb_media_type type, int64_t time_ms,
                      char key[KEY_SIZE])
{
    int length = snprintf(key, KEY_SIZE, "profile-pictures/%s/avatar-%" PRId64 ".%s", promotion->user_id,
                          time_ms, vb_media_extension(type));

    return length > 0 && length < KEY_SIZE;
}

/* Takes a key that no media has or had: the table knows them all. */
static int reserve_key(const struct work *work, struct vb_db *db, const struct inspection *inspection)
{
    const struct vb_promotion *promotion = work->promotion;
    int64_t time_ms = vb_clock_realtime_ms();
    char key[KEY_SIZE];
    int r = -EEXIST;

    for (int attempt = 0; attempt < KEY_ATTEMPTS && r == -EEXIST; attempt++, time_ms++) {
        if (!final_key(promotion, inspection->type, time_ms, key))
            return vb_error_set(work->err, EIO, "the id of this user is too long for a key");
        r = vb_media_reserve(db,
                             &(struct vb_media_new){
                                 .upload_id = promotion->ticket.uuid,
                                 .user_id = promotion->user_id,
                                 .purpose = vb_upload_purpose_name(promotion->ticket.purpose),
                                 .key = key,
                                 .content_type = vb_media_mime(inspection->type),
                                 .bytes = promotion->ticket.length,
                                 .width = inspection->dimensions.width,
                                 .height = inspection->dimensions.height,
                             },
                             work->err);
    }
    return r == -EALREADY ? 0 : r;
}

/* Makes sure that the upload has a row: ours, or that of somebody who is at it, too. */
static enum vb_promotion_result reserve(const struct work *work, const struct inspection *inspection)
{
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    int r = vb_db_acquire(work->api->db, &db, work->err);

    if (r == 0)
        r = reserve_key(work, db, inspection);
    if (r == 0)
        r = vb_media_find_by_upload(db, work->promotion->ticket.uuid, work->media, work->err);
    if (r == -ENOENT || r == -EDOM) /* inserted and gone again; or an id that cannot be one */
        return VB_PROMOTION_NO_OWNER;
    return r < 0 ? database_failed(work, r) : VB_PROMOTION_DONE;
}

/* One transaction: the media is ready, and the user's row names it. -ENOENT: it is not pending, or the user
 * is gone. */
static int publish_once(const struct work *work, const char *url, const char *cdn_url)
{
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    int r = vb_db_acquire(work->api->db, &db, work->err);

    if (r == 0)
        r = vb_db_begin(db, work->err);
    if (r == 0)
        r = vb_media_mark_ready(db, work->media->id, work->err);
    if (r == 0)
        r = vb_users_set_profile_picture(db, work->promotion->user_id, url, work->media->key, cdn_url,
                                         work->err);
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

/* Copies, publishes, tidies up. The row is there and pending. */
static enum vb_promotion_result finish(const struct work *work, const char *etag)
{
    const struct vb_s3_put options = {.content_type = work->media->content_type, .cache_control = IMMUTABLE};
    struct vb_s3_client *s3 = work->api->s3;
    char key[KEY_SIZE];
    int r = vb_s3_copy(s3, work->promotion->staging_key, work->media->key, etag, &options, work->err);

    if (r == -ENOENT)
        return staged_is_missing(work);
    if (r < 0)
        return storage_failed(work, r);
    r = publish(work);
    if (r < 0 && r != -ENOENT)
        return database_failed(work, r);
    if (r == 0) {
        vb_s3_delete(s3, work->promotion->staging_key,
                     NULL); /* else the bucket's rule for user-uploads/ does it */
        return VB_PROMOTION_DONE;
    }
    snprintf(key, sizeof(key), "%s", work->media->key);
    r = find_row(work);
    if (r < 0)
        return database_failed(work, r);
    if (is_ready(work->media))
        return VB_PROMOTION_DONE_BEFORE;
    vb_s3_delete(s3, key, NULL); /* the account was deleted meanwhile: our copy must not outlive it */
    return VB_PROMOTION_NO_OWNER;
}

enum vb_promotion_result vb_promote(struct vb_api *api, struct vb_promotion *promotion,
                                    struct vb_media *ret_media, int *ret_error, struct vb_error *err)
{
    const struct work work = {api, promotion, ret_media, ret_error, err};
    struct inspection inspection = {0};
    enum vb_promotion_result result;
    int r = find_row(&work);

    if (r < 0)
        return database_failed(&work, r);
    if (is_ready(ret_media))
        return VB_PROMOTION_DONE_BEFORE;
    if (ret_media->row && strcmp(ret_media->status, "deleting") == 0)
        return VB_PROMOTION_NO_OWNER;
    if (!ret_media->row) {
        result = inspect(&work, &inspection);
        if (result != VB_PROMOTION_DONE)
            return result;
        result = reserve(&work, &inspection);
        if (result != VB_PROMOTION_DONE)
            return result;
        if (is_ready(ret_media))
            return VB_PROMOTION_DONE_BEFORE;
    }
    return finish(&work, *inspection.etag ? inspection.etag : NULL);
}
