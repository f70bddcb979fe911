/*
 * Cross-origin (CORS) rules of a bucket: their XML, and finding the rule that allows a request. Sources:
 * "Using cross-origin resource sharing" (Amazon S3 User Guide), the Fetch standard. No I/O. Thread-safe.
 */
#ifndef VB_STORE_CORS_H
#define VB_STORE_CORS_H

#include "base/arena.h"
#include "base/error.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>

#define VB_STORE_CORS_SIZE_MAX  ((size_t)64 * 1024) /* bytes of XML, as in S3 */
#define VB_STORE_CORS_RULES_MAX 100

/* A list of words, in the order of the document. */
struct vb_store_cors_word {
    struct vb_store_cors_word *next;
    const char *text;
};

struct vb_store_cors_rule {
    struct vb_store_cors_rule *next;
    const char *id; /* NULL: none */
    struct vb_store_cors_word *origins, *methods, *headers, *expose;
    int max_age_s; /* negative: not given */
};

struct vb_store_cors {
    struct vb_store_cors_rule *rules;
    unsigned count;
};

/* The result is in the arena. Returns 0, -EINVAL (S3's MalformedXML) or -EDOM (a value that S3 refuses as
 * InvalidRequest), both described in err, or -ENOMEM. */
int vb_store_cors_parse(struct vb_arena *arena, const char *xml, size_t size, struct vb_store_cors *ret_cors,
                        struct vb_error *err);
/* Appends the document that vb_store_cors_parse reads. */
void vb_store_cors_write(const struct vb_store_cors *cors, struct vb_strbuf *out);

/* The first rule that allows it, or NULL. request_headers: Access-Control-Request-Headers, or NULL. */
const struct vb_store_cors_rule *vb_store_cors_match(const struct vb_store_cors *cors, const char *origin,
                                                     const char *method, const char *request_headers);
/* The value of Access-Control-Allow-Origin: "*" if the rule allows any origin, else the origin itself. */
const char *vb_store_cors_allowed_origin(const struct vb_store_cors_rule *rule, const char *origin);
/* "GET, PUT"; NULL for an empty list. In the arena. */
const char *vb_store_cors_join(struct vb_arena *arena, const struct vb_store_cors_word *words);

/*
 * A cache of the rules of the buckets used last, for answers that must not wait for the disk.
 */
struct vb_store_cors_cache;
struct vb_store_cors_cache *vb_store_cors_cache_create(void);
void vb_store_cors_cache_destroy(struct vb_store_cors_cache *cache);
/* xml NULL: the bucket has no rules. */
void vb_store_cors_cache_set(struct vb_store_cors_cache *cache, const char *bucket, const char *xml);
/* Copies the XML into the arena; NULL if none is known. */
const char *vb_store_cors_cache_get(struct vb_store_cors_cache *cache, const char *bucket,
                                    struct vb_arena *arena);

#endif
