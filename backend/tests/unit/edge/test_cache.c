/* The edge's memory: expiry, eviction, bounds, purges, and single flight. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "edge/cache.h"

static struct vb_cache *make_cache(size_t bytes_max, size_t body_max)
{
    return vb_cache_create(&(struct vb_cache_config){.bytes_max = bytes_max, .body_max = body_max});
}

static struct vb_cache_entry *make_entry(struct vb_cache *cache, size_t size, char fill)
{
    struct vb_cache_entry description = {.size = (int64_t)size};
    char *body = vb_xmalloc(size + 1);
    memset(body, fill, size);
    return vb_cache_entry_create(cache, &description, body);
}

static void never_woken(struct vb_cache_waiter *waiter, struct vb_cache_entry *entry,
                        enum vb_cache_source source, int error)
{
    (void)waiter, (void)entry, (void)source, (void)error;
    abort();
}

/* Fills key as a leader does, and lets go of the entry. */
static void publish(struct vb_cache *cache, const char *key, struct vb_cache_entry *entry,
                    enum vb_cache_source source, int64_t now_ms)
{
    struct vb_cache_waiter waiter = {.wake = never_woken};
    struct vb_cache_entry *found;
    enum vb_cache_source found_source;
    assert_int_equal(vb_cache_claim(cache, key, now_ms, &waiter, &found, &found_source), VB_CACHE_LEAD);
    vb_cache_publish(cache, key, &(struct vb_cache_outcome){.entry = entry, .source = source, .keep = true},
                     now_ms);
    vb_cache_entry_release(entry);
}

static void put(struct vb_cache *cache, const char *key, size_t size, char fill, int64_t now_ms)
{
    publish(cache, key, make_entry(cache, size, fill), VB_CACHE_SOURCE_MISS, now_ms);
}

static struct vb_cache_entry *look(struct vb_cache *cache, const char *key, int64_t now_ms)
{
    enum vb_cache_source source;
    return vb_cache_lookup(cache, key, now_ms, &source);
}

static bool has(struct vb_cache *cache, const char *key, int64_t now_ms)
{
    struct vb_cache_entry *entry = look(cache, key, now_ms);
    vb_cache_entry_release(entry);
    return entry != NULL;
}

static void a_published_object_is_a_hit_until_it_expires(void **state)
{
    struct vb_cache *cache = make_cache(0, 0);
    (void)state;
    assert_false(has(cache, "a", 0));
    put(cache, "a", 100, 'x', 0);
    struct vb_cache_entry *entry = look(cache, "a", VB_CACHE_TTL_MS - 1);
    assert_non_null(entry);
    assert_int_equal(entry->size, 100);
    assert_int_equal(entry->body[99], 'x');
    vb_cache_entry_release(entry);
    assert_false(has(cache, "a", VB_CACHE_TTL_MS));
    assert_false(has(cache, "b", 0));
    vb_cache_destroy(cache);
}

static void missing_and_unfit_entries_expire_after_five_seconds(void **state)
{
    struct vb_cache *cache = make_cache(0, 0);
    struct vb_cache_entry missing = {.missing = true}, unfit = {.unfit = true};
    (void)state;
    publish(cache, "a", vb_cache_entry_create(cache, &missing, NULL), VB_CACHE_SOURCE_MISS, 0);
    publish(cache, "b", vb_cache_entry_create(cache, &unfit, NULL), VB_CACHE_SOURCE_MISS, 0);
    assert_true(has(cache, "a", 4999) && has(cache, "b", 4999));
    assert_false(has(cache, "a", 5000) || has(cache, "b", 5000));
    assert_null(vb_cache_peek(cache, "a"));
    assert_null(vb_cache_peek(cache, "b"));
    vb_cache_destroy(cache);
}

static void the_least_recently_used_entry_is_evicted_first(void **state)
{
    struct vb_cache *cache = make_cache(16 * 64 * 1024, 16 * 1024); /* 64 KiB a shard */
    struct vb_cache_stats stats;
    char key[32];
    (void)state;
    put(cache, "hot", 10000, 'h', 0);
    for (int i = 0; i < 2000; i++) {
        snprintf(key, sizeof(key), "cold-%d", i);
        put(cache, key, 10000, 'c', 0);
        assert_true(has(cache, "hot", 0)); /* used all the time, so never the oldest */
    }
    vb_cache_stats(cache, &stats);
    assert_in_range(stats.bytes, 16 * 40 * 1024, 16 * 64 * 1024);
    assert_true(has(cache, "cold-1999", 0));
    assert_false(has(cache, "cold-0", 0));
    vb_cache_destroy(cache);
}

static void an_evicted_entry_lives_until_its_last_reference(void **state)
{
    struct vb_cache *cache = make_cache(16 * 32 * 1024, 16 * 1024);
    char key[32];
    (void)state;
    put(cache, "a", 10000, 'a', 0);
    struct vb_cache_entry *entry = look(cache, "a", 0);
    for (int i = 0; i < 500; i++) {
        snprintf(key, sizeof(key), "other-%d", i);
        put(cache, key, 10000, 'o', 0);
    }
    assert_false(has(cache, "a", 0));
    for (int i = 0; i < 10000; i++)
        assert_int_equal(entry->body[i], 'a');
    vb_cache_entry_release(entry);
    vb_cache_destroy(cache);
}

static void evicted_entries_in_use_take_up_room(void **state)
{
    struct vb_cache *cache = make_cache(100 * 1000, 16 * 1024);
    struct vb_cache_entry *held[20] = {0};
    size_t count = 0;
    (void)state;
    while (vb_cache_has_room(cache, 10000)) {
        assert_true(count < VB_ARRAY_SIZE(held));
        held[count++] = make_entry(cache, 10000, 'x');
    }
    assert_in_range(count, 15, 20); /* twice the bound, less what bookkeeping takes */
    while (count > 0)
        vb_cache_entry_release(held[--count]);
    assert_true(vb_cache_has_room(cache, 10000));
    vb_cache_destroy(cache);
}

static void stale_entries_are_marked_and_expire_after_five_seconds(void **state)
{
    struct vb_cache *cache = make_cache(0, 0);
    int64_t later_ms = VB_CACHE_TTL_MS + 1;
    enum vb_cache_source source = VB_CACHE_SOURCE_HIT;
    (void)state;
    put(cache, "a", 100, 'x', 0);
    struct vb_cache_entry *older = vb_cache_peek(cache, "a"); /* expired, and still in memory */
    assert_non_null(older);
    publish(cache, "a", older, VB_CACHE_SOURCE_STALE, later_ms);
    struct vb_cache_entry *entry = vb_cache_lookup(cache, "a", later_ms + 4999, &source);
    assert_non_null(entry);
    assert_int_equal(source, VB_CACHE_SOURCE_STALE);
    assert_int_equal(entry->body[0], 'x');
    vb_cache_entry_release(entry);
    assert_false(has(cache, "a", later_ms + 5000));
    vb_cache_destroy(cache);
}

static void a_failed_fill_leaves_no_entry(void **state)
{
    struct vb_cache *cache = make_cache(0, 0);
    struct vb_cache_entry *found;
    enum vb_cache_source source;
    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(vb_cache_claim(cache, "b", 0, NULL, &found, &source), VB_CACHE_LEAD);
        vb_cache_publish(cache, "b", &(struct vb_cache_outcome){.error = -ECONNREFUSED}, 0);
    }
    assert_false(has(cache, "b", 0));
    vb_cache_destroy(cache);
}

static void a_claim_without_a_waiter_is_told_that_another_leads(void **state)
{
    struct vb_cache *cache = make_cache(0, 0);
    struct vb_cache_entry *found;
    enum vb_cache_source source;
    (void)state;
    assert_int_equal(vb_cache_claim(cache, "a", 0, NULL, &found, &source), VB_CACHE_LEAD);
    assert_int_equal(vb_cache_claim(cache, "a", 0, NULL, &found, &source), VB_CACHE_WAIT);
    vb_cache_publish(cache, "a", &(struct vb_cache_outcome){.error = -EIO}, 0);
    vb_cache_destroy(cache);
}

static void a_missing_entry_replaces_an_older_object(void **state)
{
    struct vb_cache *cache = make_cache(0, 0);
    struct vb_cache_entry *found, missing = {.missing = true};
    int64_t later_ms = VB_CACHE_TTL_MS + 1;
    (void)state;
    put(cache, "a", 100, 'x', 0);
    publish(cache, "a", vb_cache_entry_create(cache, &missing, NULL), VB_CACHE_SOURCE_MISS, later_ms);
    found = look(cache, "a", later_ms);
    assert_true(found->missing);
    vb_cache_entry_release(found);
    vb_cache_destroy(cache);
}

static void a_purge_drops_the_object_with_its_parts_and_nothing_else(void **state)
{
    struct vb_cache *cache = make_cache(0, 0);
    struct vb_cache_stats stats;
    (void)state;
    put(cache, "a", 100, 'x', 0);
    put(cache, "a\nw=64", 100, 'x', 0);
    put(cache, "a\npiece-1", 100, 'x', 0);
    put(cache, "ab", 100, 'x', 0);
    put(cache, "a?w=64", 100, 'x', 0); /* another object: a key may hold that */
    vb_cache_purge(cache, "a");
    vb_cache_purge(cache, "a");
    assert_false(has(cache, "a", 0) || has(cache, "a\nw=64", 0) || has(cache, "a\npiece-1", 0));
    assert_true(has(cache, "ab", 0) && has(cache, "a?w=64", 0));
    vb_cache_purge(cache, "ab");
    vb_cache_purge(cache, "a?w=64");
    vb_cache_stats(cache, &stats);
    assert_int_equal(stats.entries, 0);
    assert_int_equal(stats.bytes, 0);
    assert_int_equal(stats.live_bytes, 0);
    vb_cache_destroy(cache);
}

static bool claim(struct vb_cache *cache, const char *key)
{
    enum vb_cache_source source;
    struct vb_cache_entry *entry;

    return vb_cache_claim(cache, key, 0, NULL, &entry, &source) == VB_CACHE_LEAD;
}

/* Ends a fill: of a missing object, or of one with a body. */
static bool fill(struct vb_cache *cache, const char *key, bool missing)
{
    const struct vb_cache_entry description = {.missing = missing, .size = missing ? 0 : 100};
    struct vb_cache_outcome outcome = {
        .entry = vb_cache_entry_create(cache, &description, missing ? NULL : vb_xmalloc(100)), .keep = true};
    bool kept = vb_cache_publish(cache, key, &outcome, 0);

    vb_cache_entry_release(outcome.entry);
    return kept;
}

static void a_fill_that_is_purged_in_flight_is_not_kept(void **state)
{
    struct vb_cache *cache = make_cache(0, 0);

    (void)state;
    assert_true(claim(cache, "a") && claim(cache, "a\nw=64") && claim(cache, "ab") && claim(cache, "b"));
    vb_cache_purge(cache, "a");
    assert_false(fill(cache, "a\nw=64", false));
    assert_true(fill(cache, "ab", false));
    assert_false(has(cache, "a\nw=64", 0));
    assert_true(has(cache, "ab", 0));
    assert_true(fill(cache, "a", true)); /* a missing entry is right all the more */
    assert_true(has(cache, "a", 0));
    vb_cache_purge(cache, "b");
    assert_false(fill(cache, "b", false));
    assert_true(claim(cache, "b")); /* the purge does not outlast its flight */
    assert_true(fill(cache, "b", false));
    assert_true(has(cache, "b", 0));
    vb_cache_destroy(cache);
}

/* Many threads ask for the same keys at once. */
enum { THREADS = 16, ROUNDS = 300, KEYS = 5 };

struct crowd {
    struct vb_cache *cache;
    pthread_barrier_t start;
    atomic_int leaders[ROUNDS], served, wrong;
};

struct sleeper {
    struct vb_cache_waiter waiter;
    struct vb_cache_entry *_Atomic entry;
};

static void wake_sleeper(struct vb_cache_waiter *waiter, struct vb_cache_entry *entry,
                         enum vb_cache_source source, int error)
{
    (void)source, (void)error;
    atomic_store(&((struct sleeper *)waiter)->entry, entry);
}

static void check_served(struct crowd *crowd, struct vb_cache_entry *entry, char fill)
{
    atomic_fetch_add(
        entry && entry->body[0] == fill && entry->body[999] == fill ? &crowd->served : &crowd->wrong, 1);
    vb_cache_entry_release(entry);
}

static void ask(struct crowd *crowd, int round)
{
    struct sleeper sleeper = {.waiter.wake = wake_sleeper};
    struct vb_cache_entry *entry = NULL;
    char key[32], fill = (char)('a' + round % 26);
    enum vb_cache_source source;

    snprintf(key, sizeof(key), "key-%d", round);
    switch (vb_cache_claim(crowd->cache, key, 0, &sleeper.waiter, &entry, &source)) {
    case VB_CACHE_HIT:
        break;
    case VB_CACHE_LEAD:
        atomic_fetch_add(&crowd->leaders[round], 1);
        entry = make_entry(crowd->cache, 1000, fill);
        sched_yield();
        vb_cache_publish(crowd->cache, key, &(struct vb_cache_outcome){.entry = entry, .keep = true}, 0);
        break;
    case VB_CACHE_WAIT:
        while (!(entry = atomic_load(&sleeper.entry)))
            sched_yield();
        break;
    }
    check_served(crowd, entry, fill);
}

static void *run_crowd(void *context)
{
    struct crowd *crowd = context;
    for (int round = 0; round < ROUNDS; round++) {
        if (round % KEYS == 0)
            pthread_barrier_wait(&crowd->start);
        ask(crowd, round);
    }
    return NULL;
}

static void a_crowd_that_misses_one_key_has_one_leader_and_all_are_served(void **state)
{
    struct crowd crowd = {.cache = make_cache(0, 0)};
    pthread_t threads[THREADS];
    (void)state;
    pthread_barrier_init(&crowd.start, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_crowd, &crowd), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int round = 0; round < ROUNDS; round++)
        assert_int_equal(crowd.leaders[round], 1);
    assert_int_equal(crowd.served, THREADS * ROUNDS);
    assert_int_equal(crowd.wrong, 0);
    pthread_barrier_destroy(&crowd.start);
    vb_cache_destroy(crowd.cache);
}

/* The same with a cache so small that entries are evicted while others read them. */
static void eviction_under_readers_is_safe(void **state)
{
    struct crowd crowd = {.cache = make_cache(16 * 3000, 1000)};
    pthread_t threads[THREADS];
    struct vb_cache_stats stats;
    (void)state;
    pthread_barrier_init(&crowd.start, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_crowd, &crowd), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(crowd.served, THREADS * ROUNDS);
    assert_int_equal(crowd.wrong, 0);
    vb_cache_stats(crowd.cache, &stats);
    assert_in_range(stats.bytes, 1, 16 * 3000);
    pthread_barrier_destroy(&crowd.start);
    vb_cache_destroy(crowd.cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_published_object_is_a_hit_until_it_expires),
        cmocka_unit_test(missing_and_unfit_entries_expire_after_five_seconds),
        cmocka_unit_test(the_least_recently_used_entry_is_evicted_first),
        cmocka_unit_test(an_evicted_entry_lives_until_its_last_reference),
        cmocka_unit_test(evicted_entries_in_use_take_up_room),
        cmocka_unit_test(stale_entries_are_marked_and_expire_after_five_seconds),
        cmocka_unit_test(a_failed_fill_leaves_no_entry),
        cmocka_unit_test(a_claim_without_a_waiter_is_told_that_another_leads),
        cmocka_unit_test(a_missing_entry_replaces_an_older_object),
        cmocka_unit_test(a_purge_drops_the_object_with_its_parts_and_nothing_else),
        cmocka_unit_test(a_fill_that_is_purged_in_flight_is_not_kept),
        cmocka_unit_test(a_crowd_that_misses_one_key_has_one_leader_and_all_are_served),
        cmocka_unit_test(eviction_under_readers_is_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
