/*
 * Which objects of the bucket are of no more use, for `vibe media gc`. Errors are those of vb_db_query().
 */
#ifndef VB_DB_GARBAGE_H
#define VB_DB_GARBAGE_H

#include "db/pool.h"

/* keys: a text array (text_array.h), of objects that the pipeline publishes. Returns those of them that nothing needs, as
 * far as the table media tells: two columns, key and why, to be freed with PQclear. A key without a row there is among them
 * ("no row names it"): vb_garbage_named() must be asked about all of them. replaced_after_s: for how long a file may be
 * shown that has been replaced or deleted. */
int vb_garbage_find(struct vb_db *db, const char *keys, unsigned replaced_after_s, PGresult **ret_found,
                    struct vb_error *err);
/* Those of the keys that a row of a user, an activity or a story that has not ended names: one column. Reads these tables
 * whole: so for many keys at once. */
int vb_garbage_named(struct vb_db *db, const char *keys, PGresult **ret_keys, struct vb_error *err);

#endif
