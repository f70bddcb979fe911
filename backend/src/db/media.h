/*
 * The table media: every file that is published at a public key, or will be.
 *
 *              reserve             mark_ready           retire, retire_older             forget
 *   (no row) ───────────▶ pending ────────────▶ ready ──────────────────────▶ deleting ──────────▶ (no row)
 *       │                    │                                               ▲    ▲
 *       │                    └───────────────────── abandon ─────────────────┘    │
 *       └────────────────────────────────────────── cancel ───────────────────────┘
 *
 *   pending    the key is taken; its object may be there or not. Completing the upload again resumes here
 *   ready      the object is at its key, and its owner's row names it
 *   deleting   it was replaced or cancelled, or its owner is gone. The row names the object to delete
 *
 * The functions are vb_media_…(). Deleting a user, an activity or a story makes all its rows deleting.
 *
 * Errors are those of vb_db_execute() and the ones named.
 */
#ifndef VB_DB_MEDIA_H
#define VB_DB_MEDIA_H

#include "db/pool.h"

/* A row. */
struct vb_media {
    struct pg_result *row; /* holds the strings */
    const char *id, *upload_id, *key, *content_type, *status;
    const char *purpose;
    const char *user_id;                /* NULL: deleted */
    const char *activity_id, *story_id; /* NULL: none, or deleted */
    const char *slot;                   /* hero, gallery, image, video, or NULL */
    const char *thumbhash;              /* base64; NULL: unknown */
    const char *dominant_color;         /* "#rrggbb"; NULL: unknown */
    const char *poster_key;             /* of a video; NULL: none */
    int64_t bytes;
    int64_t width, height; /* 0: unknown */
    int64_t duration_ms;   /* of a video; 0: unknown, or none */
    int slot_index;        /* of the gallery */
    bool published;        /* it is ready, or was */
};
void vb_media_release(struct vb_media *media); /* a zeroed struct is fine */

/* The objects that a row stands for. */
struct vb_media_object {
    const char *key;
    const char *poster_key; /* NULL: none */
};

/* -ENOENT: this upload was never reserved. */
int vb_media_find_by_upload(struct vb_db *db, const char *upload_id, struct vb_media *ret_media,
                            struct vb_error *err);

struct vb_media_new {
    const char *upload_id, *user_id, *purpose, *key, *content_type;
    const char *activity_id, *story_id, *slot; /* NULL: none */
    int slot_index;                            /* with slot "gallery" */
    const char *poster_key;                    /* NULL: none */
    int64_t bytes;
    int64_t width, height;                           /* 0: unknown */
    int64_t duration_ms;                             /* 0: unknown, or none */
    const char *sha256, *thumbhash, *dominant_color; /* hex, base64, "#rrggbb"; NULL: unknown */
};
/* Takes the key for the upload: a pending row. -EALREADY: the upload has a row; -EEXIST: the key is taken;
 * -ESRCH: the user is gone. */
int vb_media_reserve(struct vb_db *db, const struct vb_media_new *media, struct vb_error *err);
/* Describes the object of a pending row anew: bytes, sizes and the members that follow. -ENOENT: it is not
 * pending (any more). */
int vb_media_describe(struct vb_db *db, const char *id, const struct vb_media_new *media,
                      struct vb_error *err);
/* pending to ready. -ENOENT: it is not pending (any more). */
int vb_media_mark_ready(struct vb_db *db, const char *id, struct vb_error *err);
/* Whether a ready row has the same place (user and purpose, activity and slot, or story and slot) and
 * belongs to an upload that began later. */
int vb_media_is_outdated(struct vb_db *db, const char *id, bool *ret_outdated, struct vb_error *err);
/* Ready rows of the same place whose uploads began earlier become deleting. */
int vb_media_retire_older(struct vb_db *db, const char *id, struct vb_error *err);
/* ready to deleting. */
int vb_media_retire(struct vb_db *db, const char *id, struct vb_error *err);
/* pending to deleting. The row stays for keep_s seconds, so that the upload cannot be completed again.
 * -ENOENT: it is not pending (any more). */
int vb_media_abandon(struct vb_db *db, const char *upload_id, unsigned keep_s, struct vb_error *err);
/* Gives an upload without a row one that is deleting, with the key of the staged object. It stays for keep_s
 * seconds. -EALREADY: the upload has a row. -ESRCH: the user is gone. */
int vb_media_cancel(struct vb_db *db, const struct vb_media_new *media, unsigned keep_s,
                    struct vb_error *err);
/* All of a user's rows to deleting. */
int vb_media_mark_user_deleting(struct vb_db *db, const char *user_id, struct vb_error *err);
/* The objects of a user's rows that are deleting. */
struct vb_media_objects {
    struct pg_result *rows; /* hold the strings */
    struct vb_media_object *objects;
    size_t count;
};
void vb_media_objects_release(struct vb_media_objects *objects); /* a zeroed struct is fine */
int vb_media_objects_of_user(struct vb_db *db, const char *user_id, struct vb_media_objects *ret_objects,
                             struct vb_error *err);
/* Deletes the row of an object that is gone, if it is deleting. */
int vb_media_forget(struct vb_db *db, const char *key, struct vb_error *err);

#endif
