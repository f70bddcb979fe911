/*
 * Which objects of the bucket are of no more use, for `vibe media gc`. Errors are those of vb_db_execute().
 */
#ifndef VB_DB_GARBAGE_H
#define VB_DB_GARBAGE_H

#include "db/pool.h"

/* An object of no use. Valid during the visit. */
struct vb_unneeded {
    const char *key;
    const char *why;  /* a sentence's end: "it was replaced" */
    bool without_row; /* the table media does not know it */
};
typedef int vb_garbage_visit_unneeded(void *context, const struct vb_unneeded *object);
/* keys: a text array (text_array.h), of objects that the pipeline publishes. Visits those of them that nothing needs, as
 * far as the table media tells. Keys without a row there are among them, so vb_garbage_named() must be asked about all of
 * them. replaced_after_s: for how long a file may be shown that was replaced or deleted. */
int vb_garbage_find(struct vb_db *db, const char *keys, unsigned replaced_after_s,
                    vb_garbage_visit_unneeded *visit, void *context, struct vb_error *err);

typedef int vb_garbage_visit_key(void *context, const char *key);
/* Visits those of the keys that a row of a user, an activity or a story that has not ended names. Reads these tables
 * whole: so for many keys at once. */
int vb_garbage_named(struct vb_db *db, const char *keys, vb_garbage_visit_key *visit, void *context,
                     struct vb_error *err);

#endif
