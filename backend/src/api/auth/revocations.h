/*
 * Access tokens that have ended early. A user's tokens from before a point in time are void: the password was
 * changed, all sessions were ended, the account is disabled or gone.
 *
 * The set is in memory, so that checking a token needs no database. The process that revokes adds to it at
 * once; a thread reads what others have revoked from the table access_revocations once a second. While the
 * database is away the set stays as it is. Thread-safe.
 */
#ifndef VB_API_AUTH_REVOCATIONS_H
#define VB_API_AUTH_REVOCATIONS_H

#include "db/pool.h"

#include <stdbool.h>
#include <stdint.h>

/* Users held; some 8 MiB. With more revoked within a token's lifetime, the set stops telling them apart:
 * tokens of everybody from before the overflow are void, and are replaced by the refresh that the app does
 * anyway. */
#define VB_REVOCATIONS_MAX 65536

struct vb_revocations;

struct vb_revocations_config {
    struct vb_db_pool *db; /* NULL: no thread; the set is what is added */
    unsigned lifetime_s;   /* of access tokens, leeway included: what is older is forgotten */
    unsigned max;          /* 0: VB_REVOCATIONS_MAX */
};

struct vb_revocations *vb_revocations_create(const struct vb_revocations_config *config);
void vb_revocations_destroy(struct vb_revocations *revocations);

/* The user's tokens that were issued before revoked_ms are void from now on, in this process. */
void vb_revocations_add(struct vb_revocations *revocations, const char *user_id, int64_t revoked_ms);
/* Whether a token is void. Costs an atomic load while nothing is revoked, else a hash and a shared lock. */
bool vb_revocations_cover(struct vb_revocations *revocations, const char *user_id, int64_t issued_ms);
/* When a token that is issued now is to say it was: now, but never before what voids the user's tokens, as
 * clocks of several machines differ. */
int64_t vb_revocations_issue_ms(struct vb_revocations *revocations, const char *user_id, int64_t now_ms);
/* The time to write down for a revocation that happens now: after every token issued up to now. */
int64_t vb_revocations_now_ms(void);

#endif
