/*
 * Revoked access tokens. All tokens that a user got before a point in time are void: the password was
 * changed, all sessions were ended, the account is disabled or gone.
 *
 * The set is in memory, so that checking a token needs no database. The process that revokes adds to its set
 * at once. A thread reads the table access_revocations once a second, for those that other processes revoked.
 * While the database is unreachable, the set stays as it is. Thread-safe.
 */
#ifndef VB_API_AUTH_REVOCATIONS_H
#define VB_API_AUTH_REVOCATIONS_H

#include "db/pool.h"

#include <stdbool.h>
#include <stdint.h>

/* The most users in the set; some 8 MiB. When more are revoked within a token's lifetime, the set overflows:
 * then the tokens of all users from before the overflow are void, and the app's usual refresh replaces
 * them. */
#define VB_REVOCATIONS_MAX 65536

struct vb_revocations;

struct vb_revocations_config {
    struct vb_db_pool *db; /* NULL: no thread; the set has only what is added */
    unsigned lifetime_s;   /* of access tokens, leeway included: older revocations are dropped */
    unsigned max;          /* 0: VB_REVOCATIONS_MAX */
};

struct vb_revocations *vb_revocations_create(const struct vb_revocations_config *config);
void vb_revocations_destroy(struct vb_revocations *revocations);

/* Voids the user's tokens that were issued before revoked_ms, in this process, from now on. */
void vb_revocations_add(struct vb_revocations *revocations, const char *user_id, int64_t revoked_ms);
/* Whether a token is void. Costs an atomic load while nothing is revoked, else a hash and a shared lock. */
bool vb_revocations_cover(struct vb_revocations *revocations, const char *user_id, int64_t issued_ms);
/* The time of issue to write into a new token: now, but not before the user's last revocation, which a
 * machine whose clock is ahead may have made. */
int64_t vb_revocations_issue_ms(struct vb_revocations *revocations, const char *user_id, int64_t now_ms);

#endif
