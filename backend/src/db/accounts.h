/*
 * Changes to an account as a whole: ended sessions, passwords and their resets, Sign in with Apple,
 * disabling. Errors are those of vb_db_execute() and the ones named.
 *
 * A transaction that ends sessions first takes vb_users_lock() of the user and then reads the clock. So no
 * session that began before survives it.
 */
#ifndef VB_DB_ACCOUNTS_H
#define VB_DB_ACCOUNTS_H

#include "base/hash.h"
#include "db/users.h"

/* Ends all sessions of a user whose row vb_users_lock() has locked: revokes the refresh tokens, and voids the
 * access tokens issued before *ret_revoked_ms, which is now. Other processes void them when they read the
 * row; the caller's own needs vb_session_revoke() after the commit. */
int vb_accounts_end_sessions(struct vb_db *db, const char *user_id, int64_t *ret_revoked_ms,
                             struct vb_error *err);

/* That the user's access tokens issued before revoked_ms are void. */
typedef int vb_revocation_visit(void *context, const char *user_id, int64_t revoked_ms);
/* Visits those that are at most max_age_s old, newest first. */
int vb_accounts_list_revocations(struct vb_db *db, unsigned max_age_s, unsigned limit,
                                 vb_revocation_visit *visit, void *context, struct vb_error *err);
int vb_accounts_forget_revocations(struct vb_db *db, unsigned max_age_s, struct vb_error *err);

/* mailed: the token for it was mailed to the user's address, which proves that the address is the user's.
 * -ENOENT. */
int vb_accounts_set_password(struct vb_db *db, const char *user_id, const char *password_hash, bool mailed,
                             struct vb_error *err);
/* -ENOENT. */
int vb_accounts_set_disabled(struct vb_db *db, const char *user_id, bool disabled, struct vb_error *err);

#define VB_RESET_LIFETIME_S   3600
#define VB_RESET_PER_HOUR_MAX 3 /* mails for each account */

/* Replaces the user's reset token. mailed: -EDQUOT after VB_RESET_PER_HOUR_MAX mails in the last hour. */
int vb_accounts_insert_reset(struct vb_db *db, const char *user_id,
                             const unsigned char token_hash[VB_SHA256_SIZE], bool mailed,
                             struct vb_error *err);
struct vb_reset {
    struct vb_user user; /* released by the caller */
    bool mailed;
};
/* Finds the user of a token and locks the user's row as vb_users_lock() does. -ENOENT: the token is unknown,
 * used, replaced or expired, or its user is disabled. */
int vb_accounts_find_reset(struct vb_db *db, const unsigned char token_hash[VB_SHA256_SIZE],
                           struct vb_reset *ret_reset, struct vb_error *err);
/* Voids all reset tokens of the user. */
int vb_accounts_end_resets(struct vb_db *db, const char *user_id, struct vb_error *err);

/* apple_sub: Apple's id of a user. -ENOENT. */
int vb_accounts_find_by_apple(struct vb_db *db, const char *apple_sub, struct vb_user *ret_user,
                              struct vb_error *err);
/* Inserts a user without a password. email: verified by Apple, or NULL. name: may be NULL. -EEXIST: an
 * account that can log in has this address or this apple_sub. */
int vb_accounts_insert_apple(struct vb_db *db, const char *apple_sub, const char *email, const char *name,
                             struct vb_user *ret_user, struct vb_error *err);
/* Links the account that has this address, if the address is verified and the account has no apple_sub yet.
 * -ENOENT: there is none. */
int vb_accounts_link_apple(struct vb_db *db, const char *apple_sub, const char *email,
                           struct vb_user *ret_user, struct vb_error *err);

#endif
