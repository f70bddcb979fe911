/*
 * Which objects of the bucket nothing needs any more, for `vibe media gc`. Errors are those of
 * vb_db_execute().
 */
#ifndef VB_DB_GARBAGE_H
#define VB_DB_GARBAGE_H

#include "db/pool.h"

/* An object that nothing needs. */
struct vb_unneeded {
    const char *key;
    const char *why;  /* a sentence's end: "it was replaced" */
    bool without_row; /* the table media does not know it */
};
typedef int vb_garbage_visit_unneeded(void *context, const struct vb_unneeded *object);
/* Visits those of the keys that nothing needs, as far as the table media tells. Keys without a row there
 * are among them: ask vb_garbage_named() about all of them. keys: a text array (text_array.h) of published
 * objects. replaced_after_s: how long clients may still show a file that was replaced or deleted. */
int vb_garbage_find(struct vb_db *db, const char *keys, unsigned replaced_after_s,
                    vb_garbage_visit_unneeded *visit, void *context, struct vb_error *err);

typedef int vb_garbage_visit_key(void *context, const char *key);
/* Visits those of the keys that a user, an activity or a live story names. Reads these tables whole, so ask
 * about many keys at once. */
int vb_garbage_named(struct vb_db *db, const char *keys, vb_garbage_visit_key *visit, void *context,
                     struct vb_error *err);

#endif
