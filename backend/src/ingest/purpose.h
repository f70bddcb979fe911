/*
 * The purposes of uploads. One table row for each purpose, with what differs: the place of the file and its
 * owner, the public key, and the row that names the file.
 */
#ifndef VB_INGEST_PURPOSE_H
#define VB_INGEST_PURPOSE_H

#include "ingest/target.h"
#include "db/media.h"
#include "db/story_media.h"

/* Where a file goes: ids as the database writes them. */
struct vb_place {
    char activity_id[VB_OWNED_ID_SIZE], story_id[VB_OWNED_ID_SIZE]; /* "": none */
    char slot[8];                                                   /* "": none */
    int index;
};

/* The addresses of a media; poster_…: of a video's poster, NULL for none. */
struct vb_media_urls {
    const char *url, *cdn_url, *poster_url, *poster_cdn_url;
};

struct vb_purpose {
    enum vb_upload_purpose number;
    bool has_target; /* staged objects carry a sealed target */

    /* Finds the place of a file of that type, or makes it; in a transaction. -ENXIO: it does not exist;
     * -EACCES: it is somebody else's. */
    int (*find_place)(struct vb_db *db, const char *user_id, const struct vb_target *target,
                      enum vb_media_type type, struct vb_place *ret_place, struct vb_error *err);
    /* Writes the public key; false if it does not fit. */
    bool (*write_key)(const struct vb_place *place, const char *user_id, int64_t time_ms,
                      const char *extension, char *key, size_t size);
    /* The same for the poster of a video. time_ms: that of the video's key. NULL: the purpose takes no
     * videos. */
    bool (*write_poster_key)(const struct vb_place *place, int64_t time_ms, char *key, size_t size);
    /* In the transaction that publishes, after the user's row is locked: locks the row that will name the
     * media. Errors of find_place. */
    int (*lock)(struct vb_db *db, const struct vb_media *media, struct vb_error *err);
    /* Makes that row name the media. */
    int (*show)(struct vb_db *db, const struct vb_media *media, const struct vb_media_urls *urls,
                struct vb_error *err);
};

/* NULL if no purpose has that number, or name. */
const struct vb_purpose *vb_purpose_of(enum vb_upload_purpose number);
const struct vb_purpose *vb_purpose_named(const char *name);

#endif
