/*
 * The table refresh_tokens, which holds the SHA-256 of each token. Errors are those of vb_db_execute() and
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

/* family_id: a UUID for each login. Deletes expired tokens of the user. -ESRCH: the user is gone. */
int vb_tokens_insert(struct vb_db *db, const char *user_id, const char *family_id,
                     const unsigned char token_hash[VB_SHA256_SIZE], unsigned lifetime_s,
                     struct vb_error *err);

/* Locks the row of the token's owner (as vb_users_lock_shared() does), before vb_tokens_use() in the same
 * transaction: so nobody ends the owner's sessions meanwhile. -ENOENT: an unknown token. */
int vb_tokens_lock_owner(struct vb_db *db, const unsigned char token_hash[VB_SHA256_SIZE], bool *ret_disabled,
                         struct vb_error *err);

struct vb_token_owner {
    char user_id[VB_TOKEN_USER_SIZE];
    char family_id[VB_TOKEN_FAMILY_SIZE];
};

/* Marks the token as used; of concurrent calls one succeeds. -ENOENT: unknown or revoked; -EKEYEXPIRED;
 * -EKEYREVOKED: it was used before, and ret_owner says which family to revoke. */
int vb_tokens_use(struct vb_db *db, const unsigned char token_hash[VB_SHA256_SIZE],
                  struct vb_token_owner *ret_owner, struct vb_error *err);
/* Whether a used token was used within the last grace_s seconds, and its successor `next` is neither used nor
 * revoked. Then its owner did not receive the answer and repeats the request. */
int vb_tokens_is_repeated(struct vb_db *db, const unsigned char token_hash[VB_SHA256_SIZE],
                          const unsigned char next_hash[VB_SHA256_SIZE], unsigned grace_s, bool *ret_repeated,
                          struct vb_error *err);
int vb_tokens_revoke_family(struct vb_db *db, const char *family_id, struct vb_error *err);
/* Revokes the token's family. Returns 0 also for an unknown token. */
int vb_tokens_revoke_by_token(struct vb_db *db, const unsigned char token_hash[VB_SHA256_SIZE],
                              struct vb_error *err);

#endif
