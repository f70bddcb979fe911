/*
 * The table users. Ids are text here, whatever type the column has. Errors are those of vb_db_execute(), and
 * -ENOENT where there is no such user (or the text cannot be an id).
 */
#ifndef VB_DB_USERS_H
#define VB_DB_USERS_H

#include "db/pool.h"

/* A row. */
struct vb_user {
    struct pg_result *row; /* holds the strings */
    const char *id;
    const char *email, *name;
    const char *profile_picture, *profile_picture_s3_key, *profile_picture_cdn_url;
    const char *password_hash;
    const char *created_at; /* ISO 8601, UTC */
    bool disabled;          /* by an operator: may not log in */
};
void vb_user_release(struct vb_user *user); /* a zeroed struct is fine */

/* -EEXIST: a user who can log in has this address, in any case. */
int vb_users_insert(struct vb_db *db, const char *email, const char *password_hash, const char *name,
                    struct vb_user *ret_user, struct vb_error *err);
int vb_users_find(struct vb_db *db, const char *id, struct vb_user *ret_user, struct vb_error *err);
/* The same, and locks the row until the transaction ends. Needed to end sessions, and to change the user's
 * media: as all such transactions take this lock first, they cannot deadlock. */
int vb_users_lock(struct vb_db *db, const char *id, struct vb_user *ret_user, struct vb_error *err);
/* The same with a shared lock, needed to begin sessions: several transactions hold it at once, but none
 * while another holds vb_users_lock(). */
int vb_users_lock_shared(struct vb_db *db, const char *id, struct vb_user *ret_user, struct vb_error *err);
/* email: in any case. Ignores users without a password. */
int vb_users_find_by_email(struct vb_db *db, const char *email, struct vb_user *ret_user,
                           struct vb_error *err);
int vb_users_rename(struct vb_db *db, const char *id, const char *name, struct vb_user *ret_user,
                    struct vb_error *err);
int vb_users_set_profile_picture(struct vb_db *db, const char *id, const char *url, const char *s3_key,
                                 const char *cdn_url, struct vb_error *err);
/* Deletes refresh tokens, activities and stories, too. Media rows stay, without an owner. */
int vb_users_delete(struct vb_db *db, const char *id, struct vb_error *err);

#endif
