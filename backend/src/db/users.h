/*
 * The table users. Ids are text here, whatever type the column has. Errors are those of vb_db_query(), and
 * -ENOENT where there is no such user (or the text cannot be an id).
 */
#ifndef VB_DB_USERS_H
#define VB_DB_USERS_H

#include "db/pool.h"

/* A row. The strings belong to `row`; those that may be NULL in the database are NULL here. */
struct vb_user {
    PGresult *row;
    const char *id;
    const char *email, *name;
    const char *profile_picture, *profile_picture_s3_key, *profile_picture_cdn_url;
    const char *password_hash;
    const char *created_at; /* ISO 8601, UTC */
};
void vb_user_release(struct vb_user *user); /* a zeroed struct is fine */

/* -EEXIST: somebody with a password has this address, in any case. */
int vb_users_insert(struct vb_db *db, const char *email, const char *password_hash, const char *name,
                    struct vb_user *ret_user, struct vb_error *err);
int vb_users_find(struct vb_db *db, const char *id, struct vb_user *ret_user, struct vb_error *err);
/* Among those who can log in: rows without a password are not found. email: in any case. */
int vb_users_find_by_email(struct vb_db *db, const char *email, struct vb_user *ret_user,
                           struct vb_error *err);
int vb_users_rename(struct vb_db *db, const char *id, const char *name, struct vb_user *ret_user,
                    struct vb_error *err);
int vb_users_set_profile_picture(struct vb_db *db, const char *id, const char *url, const char *s3_key,
                                 const char *cdn_url, struct vb_error *err);
/* In a transaction, before the user's media are touched: whoever changes them does it one after another, and
 * in one order, so that none waits for the other for ever. -ENOENT: there is no such user. */
int vb_users_lock(struct vb_db *db, const char *id, struct vb_error *err);
/* Refresh tokens, activities and stories go with the user; media rows stay, without an owner. */
int vb_users_delete(struct vb_db *db, const char *id, struct vb_error *err);

#endif
