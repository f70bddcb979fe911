/* Revoked access tokens: see revocations.h. */
#include "api/auth/revocations.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/wait.h"
#include "db/accounts.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define READ_EVERY_MS   1000
#define FORGET_EVERY_MS 60000
#define SLOTS_MIN       64

struct entry {
    char *user_id; /* NULL: a free slot */
    int64_t revoked_ms;
};

struct vb_revocations {
    struct vb_revocations_config config;
    atomic_bool any; /* whether the set has anything */
    pthread_rwlock_t lock;
    struct entry *slots; /* open addressing, at most half full */
    size_t slot_count, count;
    int64_t everybody_ms; /* the set overflowed: all tokens from before this are void */

    struct vb_periodic reader;
    int64_t forgot_ms; /* monotonic; the reader's own, as is failed */
    bool failed;
};

/* FNV-1a: the database makes the ids, so no attacker chooses them. */
static size_t first_slot(const struct vb_revocations *revocations, const char *user_id)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (; *user_id; user_id++)
        hash = (hash ^ (unsigned char)*user_id) * UINT64_C(1099511628211);
    return (size_t)(hash ^ hash >> 32) & (revocations->slot_count - 1);
}

/* The user's slot, or the free slot for it. */
static struct entry *find(const struct vb_revocations *revocations, const char *user_id)
{
    size_t at = first_slot(revocations, user_id);

    while (revocations->slots[at].user_id && strcmp(revocations->slots[at].user_id, user_id) != 0)
        at = (at + 1) & (revocations->slot_count - 1);
    return &revocations->slots[at];
}

/* Moves the entries that are newer than oldest_ms into a table of slot_count slots, and frees the others. */
static void rebuild(struct vb_revocations *revocations, size_t slot_count, int64_t oldest_ms)
{
    struct entry *old = revocations->slots;
    size_t old_count = revocations->slot_count;

    revocations->slots = vb_xcalloc(slot_count, sizeof(*revocations->slots));
    revocations->slot_count = slot_count;
    revocations->count = 0;
    for (size_t i = 0; i < old_count; i++) {
        if (!old[i].user_id)
            continue;
        if (old[i].revoked_ms < oldest_ms) {
            free(old[i].user_id);
            continue;
        }
        *find(revocations, old[i].user_id) = old[i];
        revocations->count++;
    }
    free(old);
}

static int64_t oldest_needed(const struct vb_revocations *revocations)
{
    return vb_clock_realtime_ms() - (int64_t)revocations->config.lifetime_s * 1000;
}

void vb_revocations_add(struct vb_revocations *revocations, const char *user_id, int64_t revoked_ms)
{
    struct entry *entry;

    pthread_rwlock_wrlock(&revocations->lock);
    entry = find(revocations, user_id);
    if (entry->user_id) {
        if (entry->revoked_ms < revoked_ms)
            entry->revoked_ms = revoked_ms;
    } else if (revocations->count == revocations->config.max) {
        if (revocations->everybody_ms < revoked_ms)
            revocations->everybody_ms = revoked_ms;
    } else {
        *entry = (struct entry){.user_id = vb_xstrdup(user_id), .revoked_ms = revoked_ms};
        if (2 * ++revocations->count > revocations->slot_count)
            rebuild(revocations, 2 * revocations->slot_count, INT64_MIN);
    }
    atomic_store(&revocations->any, true);
    pthread_rwlock_unlock(&revocations->lock);
}

/* The time before which the user's tokens are void. */
static int64_t void_before(struct vb_revocations *revocations, const char *user_id)
{
    const struct entry *entry;
    int64_t revoked_ms;

    if (!atomic_load_explicit(&revocations->any, memory_order_acquire))
        return 0;
    pthread_rwlock_rdlock(&revocations->lock);
    entry = find(revocations, user_id);
    revoked_ms = entry->user_id ? entry->revoked_ms : 0;
    if (revoked_ms < revocations->everybody_ms)
        revoked_ms = revocations->everybody_ms;
    pthread_rwlock_unlock(&revocations->lock);
    return revoked_ms;
}

bool vb_revocations_cover(struct vb_revocations *revocations, const char *user_id, int64_t issued_ms)
{
    return issued_ms < void_before(revocations, user_id);
}

int64_t vb_revocations_issue_ms(struct vb_revocations *revocations, const char *user_id, int64_t now_ms)
{
    int64_t earliest_ms = void_before(revocations, user_id);

    return now_ms < earliest_ms ? earliest_ms : now_ms;
}

/* Drops revocations that are older than any live token, here and in the database. */
static int forget(struct vb_revocations *revocations, struct vb_db *db, struct vb_error *err)
{
    int64_t oldest_ms = oldest_needed(revocations);

    pthread_rwlock_wrlock(&revocations->lock);
    rebuild(revocations, revocations->slot_count, oldest_ms);
    if (revocations->everybody_ms < oldest_ms)
        revocations->everybody_ms = 0;
    atomic_store(&revocations->any, revocations->count > 0 || revocations->everybody_ms > 0);
    pthread_rwlock_unlock(&revocations->lock);
    return vb_accounts_forget_revocations(db, revocations->config.lifetime_s, err);
}

static int note(void *context, const char *user_id, int64_t revoked_ms)
{
    vb_revocations_add(context, user_id, revoked_ms);
    return 0;
}

/* Adds the revocations of the database. Reads one row beyond the capacity to detect an overflow. */
static int read_rows(struct vb_revocations *revocations, struct vb_db *db, struct vb_error *err)
{
    return vb_accounts_list_revocations(db, revocations->config.lifetime_s, revocations->config.max + 1, note,
                                        revocations, err);
}

static int read_database(struct vb_revocations *revocations, struct vb_error *err)
{
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    int64_t now_ms = vb_clock_monotonic_ms();
    int r = vb_db_acquire(revocations->config.db, &db, err);

    if (r == 0)
        r = read_rows(revocations, db, err);
    if (r == 0 && now_ms - revocations->forgot_ms >= FORGET_EVERY_MS) {
        r = forget(revocations, db, err);
        revocations->forgot_ms = now_ms;
    }
    return r;
}

/* One run of the thread. Says once that it fails, and once that it works again. */
static int64_t follow_database(void *context)
{
    struct vb_revocations *revocations = context;
    struct vb_error err = {0};
    int r = read_database(revocations, &err);

    if (r < 0 && !revocations->failed)
        vb_log(VB_LOG_WARN, "cannot read revoked access tokens; the known ones stay revoked",
               VB_LOG_STR("error", err.message));
    else if (r == 0 && revocations->failed)
        vb_log(VB_LOG_INFO, "revoked access tokens are read again", VB_LOG_INT("everyMs", READ_EVERY_MS));
    revocations->failed = r < 0;
    return READ_EVERY_MS;
}

struct vb_revocations *vb_revocations_create(const struct vb_revocations_config *config)
{
    struct vb_revocations *revocations = vb_xcalloc(1, sizeof(*revocations));

    revocations->config = *config;
    if (!revocations->config.max)
        revocations->config.max = VB_REVOCATIONS_MAX;
    pthread_rwlock_init(&revocations->lock, NULL);
    rebuild(revocations, SLOTS_MIN, INT64_MIN);
    revocations->forgot_ms = vb_clock_monotonic_ms();
    /* Runs only while the program starts, before it listens: a start without this thread must not go on. */
    if (config->db)
        vb_assert(vb_periodic_start(&revocations->reader,
                                    &(struct vb_periodic_config){.name = "revocations",
                                                                 .run = follow_database,
                                                                 .context = revocations}) == 0);
    return revocations;
}

void vb_revocations_destroy(struct vb_revocations *revocations)
{
    if (!revocations)
        return;
    vb_periodic_stop(&revocations->reader);
    rebuild(revocations, SLOTS_MIN, INT64_MAX);
    free(revocations->slots);
    pthread_rwlock_destroy(&revocations->lock);
    free(revocations);
}
