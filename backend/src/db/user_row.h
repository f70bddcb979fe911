/*
 * How a row becomes a struct vb_user. No other folder includes this header.
 */
#ifndef VB_DB_USER_ROW_H
#define VB_DB_USER_ROW_H

#include "db/query.h"
#include "db/users.h"

/* What each statement selects or returns, in this order. */
enum vb_user_column {
    VB_USER_ID,
    VB_USER_EMAIL,
    VB_USER_NAME,
    VB_USER_PROFILE_PICTURE,
    VB_USER_PROFILE_PICTURE_S3_KEY,
    VB_USER_PROFILE_PICTURE_CDN_URL,
    VB_USER_PASSWORD_HASH,
    VB_USER_CREATED_AT,
    VB_USER_DISABLED
};

/* Runs a statement that returns such rows; reads the first. -ENOENT: it returns none. */
int vb_users_query(struct vb_db *db, const char *sql, size_t param_count, const char *const *params,
                   struct vb_user *ret_user, struct vb_error *err);

#endif
