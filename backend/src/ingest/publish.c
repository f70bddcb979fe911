/* The objects under their public keys, and the rows that name them: see publish.h. */
#include "ingest/publish.h"

#include "base/cleanup.h"
#include "db/transaction.h"
#include "db/users.h"

#include <errno.h>

#define IMMUTABLE "public, max-age=31536000, immutable"

static int put(const struct vb_ingest *ingest, const struct vb_made *made, const char *from_key,
               const char *etag, const char *key, const char *poster_key, struct vb_error *err)
{
    const struct vb_s3_put picture = {.content_type = vb_media_mime(VB_MEDIA_JPEG),
                                      .cache_control = IMMUTABLE};
    const struct vb_s3_put options = {.content_type = vb_media_mime(made->type), .cache_control = IMMUTABLE};
    int r = 0;

    if (made->poster >= 0 && poster_key)
        r = vb_s3_put_file(ingest->s3, poster_key, made->poster, made->poster_bytes, &picture, NULL, err);
    if (r < 0)
        return r;
    if (made->output < 0)
        return vb_s3_copy(ingest->s3, from_key, key, etag, &options, err);
    return vb_s3_put_file(ingest->s3, key, made->output, made->bytes, &options, NULL, err);
}

enum vb_outcome vb_publish_objects(const struct vb_ingest *ingest, const struct vb_made *made,
                                   const char *from_key, const char *etag, const char *key,
                                   const char *poster_key, struct vb_error *err)
{
    int r = put(ingest, made, from_key, etag, key, poster_key, err);

    if (r == -ENOENT)
        return vb_outcome_not_arrived(err);
    return r < 0 ? vb_outcome_storage(err, r) : VB_OUTCOME_DONE;
}

struct publication {
    const struct vb_purpose *purpose;
    const struct vb_media *media;
    struct vb_media_urls urls;
};

/* The owning row names the media; older media of the place are retired. If a newer upload is there already,
 * this media is retired instead. */
static int show(struct vb_db *db, const struct publication *publication, struct vb_error *err)
{
    const struct vb_media *media = publication->media;
    bool outdated = false;
    int r = vb_media_is_outdated(db, media->id, &outdated, err);

    if (r < 0)
        return r;
    if (outdated)
        return vb_media_retire(db, media->id, err);
    r = publication->purpose->show(db, media, &publication->urls, err);
    return r == 0 ? vb_media_retire_older(db, media->id, err) : r;
}

/* -ENOENT: the media is not pending (any more); else as vb_outcome_rows(). */
static int publish_rows(struct vb_db *db, void *context, struct vb_error *err)
{
    const struct publication *publication = context;
    const struct vb_media *media = publication->media;
    struct vb_user user VB_CLEANUP(vb_user_release) = {0};
    int r;

    if (!media->user_id)
        return vb_error_set(err, ESRCH, "the user has been deleted");
    r = vb_users_lock(db, media->user_id, &user, err);
    if (r == -ENOENT)
        return -ESRCH;
    if (r == 0)
        r = publication->purpose->lock(db, media, err);
    if (r == 0)
        r = vb_media_mark_ready(db, media->id, err);
    return r == 0 ? show(db, publication, err) : r;
}

/* Where one object is found, in the storage and at the CDN. */
struct location {
    struct vb_strbuf url, cdn_url;
};

static int locate(const struct vb_ingest *ingest, const char *key, struct location *ret, struct vb_error *err)
{
    vb_strbuf_init(&ret->url, 4096);
    vb_strbuf_init(&ret->cdn_url, 4096);
    if (!key)
        return 0;
    vb_s3_object_url(ingest->s3, key, &ret->url);
    vb_ingest_add_cdn_url(&ret->cdn_url, ingest->cdn_base_url, key);
    if (vb_strbuf_failed(&ret->url) || vb_strbuf_failed(&ret->cdn_url))
        return vb_error_set(err, EIO, "the URL of the media is too long");
    return 0;
}

static void location_release(struct location *location)
{
    vb_strbuf_release(&location->url);
    vb_strbuf_release(&location->cdn_url);
}

enum vb_outcome vb_publish(const struct vb_ingest *ingest, const struct vb_purpose *purpose,
                           const struct vb_media *media, struct vb_error *err)
{
    struct publication publication = {.purpose = purpose, .media = media};
    struct location file VB_CLEANUP(location_release) = {0}, poster VB_CLEANUP(location_release) = {0};
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    int r = locate(ingest, media->key, &file, err);

    if (r == 0)
        r = locate(ingest, media->poster_key, &poster, err);
    if (r == 0)
        r = vb_db_acquire(ingest->db, &db, err);
    if (r == 0) {
        publication.urls = (struct vb_media_urls){.url = file.url.data,
                                                  .cdn_url = file.cdn_url.data,
                                                  .poster_url = poster.url.data,
                                                  .poster_cdn_url = poster.cdn_url.data};
        r = vb_db_transact(db, publish_rows, &publication, err);
    }
    return r < 0 ? vb_outcome_rows(err, r) : VB_OUTCOME_DONE;
}

int vb_publish_withdraw(const struct vb_ingest *ingest, const char *key, const char *poster_key,
                        struct vb_error *err)
{
    int r = poster_key ? vb_ingest_delete(ingest, poster_key, err) : 0;

    return r < 0 ? r : vb_ingest_delete(ingest, key, err);
}

enum vb_outcome vb_publish_give_up(const struct vb_ingest *ingest, const struct vb_media *media,
                                   struct vb_error *err)
{
    struct vb_db *db = NULL;
    int r = vb_db_acquire(ingest->db, &db, err);

    if (r == 0)
        r = vb_media_abandon(db, media->upload_id, 0, err);
    vb_db_release(db);
    if (r == 0)
        vb_ingest_delete_media(ingest, media->key, media->poster_key, NULL);
    return r < 0 && r != -ENOENT ? vb_outcome_database(err, r) : VB_OUTCOME_DONE;
}
