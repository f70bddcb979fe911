/* The cache of cross-origin rules: see cors.h. A new entry replaces the oldest one when the cache is full. */
#include "store/cors.h"

#include "base/memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX 64

struct entry {
    char *bucket; /* NULL: free */
    char *xml;
};

struct vb_store_cors_cache {
    pthread_mutex_t lock;
    struct entry entries[ENTRIES_MAX];
    unsigned next; /* the entry to replace next */
};

struct vb_store_cors_cache *vb_store_cors_cache_create(void)
{
    struct vb_store_cors_cache *cache = vb_xcalloc(1, sizeof(*cache));

    pthread_mutex_init(&cache->lock, NULL);
    return cache;
}

static void clear(struct entry *entry)
{
    free(entry->bucket);
    free(entry->xml);
    *entry = (struct entry){0};
}

void vb_store_cors_cache_destroy(struct vb_store_cors_cache *cache)
{
    if (!cache)
        return;
    for (size_t i = 0; i < ENTRIES_MAX; i++)
        clear(&cache->entries[i]);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

static struct entry *find(struct vb_store_cors_cache *cache, const char *bucket)
{
    for (size_t i = 0; i < ENTRIES_MAX; i++)
        if (cache->entries[i].bucket && strcmp(cache->entries[i].bucket, bucket) == 0)
            return &cache->entries[i];
    return NULL;
}

void vb_store_cors_cache_set(struct vb_store_cors_cache *cache, const char *bucket, const char *xml)
{
    struct entry *entry;

    pthread_mutex_lock(&cache->lock);
    entry = find(cache, bucket);
    if (!xml && entry) {
        clear(entry);
    } else if (xml && (!entry || strcmp(entry->xml, xml) != 0)) {
        if (!entry)
            entry = &cache->entries[cache->next++ % ENTRIES_MAX];
        clear(entry);
        entry->bucket = vb_xstrdup(bucket);
        entry->xml = vb_xstrdup(xml);
    }
    pthread_mutex_unlock(&cache->lock);
}

const char *vb_store_cors_cache_get(struct vb_store_cors_cache *cache, const char *bucket,
                                    struct vb_arena *arena)
{
    const struct entry *entry;
    const char *xml = NULL;

    pthread_mutex_lock(&cache->lock);
    entry = find(cache, bucket);
    if (entry)
        xml = vb_arena_strdup(arena, entry->xml);
    pthread_mutex_unlock(&cache->lock);
    return xml;
}
