/*
 * The table refresh_tokens. Tokens are known by their SHA-256 alone. Errors are those of vb_db_execute() and
 * the ones named.
 */
#ifndef VB_DB_TOKENS_H
#define VB_DB_TOKENS_H

#include "base/hash.h"
#include "db/pool.h"

#define VB_TOKEN_FAMILY_SIZE 37 /* a UUID's text */
#define VB_TOKEN_USER_SIZE   513
#define VB_TOKEN_BYTEA_SIZE  (2 + 2 * VB_SHA256_SIZE + 1)

/* A hash in PostgreSQL's hex form of bytea; returns buffer. */
const char *vb_token_bytea(const unsigned char hash[VB_SHA256_SIZE], char buffer[VB_TOKEN_BYTEA_SIZE]);

/* family_id: one login; a new UUID for a new one. Forgets tokens of the user that have expired. -ESRCH: the
 * user is gone. */
int vb_tokens_insert(struct vb_db *db, const char *user_id, const char *family_id,
                     const unsigned char token_hash[VB_SHA256_SIZE], unsigned lifetime_s,
                     struct vb_error *err);

/* Before vb_tokens_use(), in its transaction: waits for whoever is ending the sessions of the token's owner
 * (vb_users_lock()), and keeps others from it. -ENOENT: an unknown token. */
int vb_tokens_lock_owner(struct vb_db *db, const unsigned char token_hash[VB_SHA256_SIZE], bool *ret_disabled,
                         struct vb_error *err);

struct vb_token_owner {
    char user_id[VB_TOKEN_USER_SIZE];
    char family_id[VB_TOKEN_FAMILY_SIZE];
};

/* Marks the token as used; of several at once only one succeeds. -ENOENT: unknown or revoked; -EKEYEXPIRED;
 * -EKEYREVOKED: it had been used before, and ret_owner says whose family is to be revoked. */
int vb_tokens_use(struct vb_db *db, const unsigned char token_hash[VB_SHA256_SIZE],
                  struct vb_token_owner *ret_owner, struct vb_error *err);
/* Whether a token that had been used before was so within the last grace_s seconds, and next, which came out of that, has
 * neither been used nor revoked: then its owner has not seen the answer, and asks again. */
int vb_tokens_is_repeated(struct vb_db *db, const unsigned char token_hash[VB_SHA256_SIZE],
                          const unsigned char next_hash[VB_SHA256_SIZE], unsigned grace_s, bool *ret_repeated,
                          struct vb_error *err);
int vb_tokens_revoke_family(struct vb_db *db, const char *family_id, struct vb_error *err);
/* Revokes the family of the token. An unknown token is no error. */
int vb_tokens_revoke_by_token(struct vb_db *db, const unsigned char token_hash[VB_SHA256_SIZE],
                              struct vb_error *err);

#endif
