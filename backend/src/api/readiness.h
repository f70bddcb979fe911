/*
 * Whether database and bucket answer. The last answer is kept for a second, so that probes cost nothing.
 * Thread-safe; blocking.
 */
#ifndef VB_API_READINESS_H
#define VB_API_READINESS_H

#include "db/pool.h"
#include "s3/client.h"

struct vb_readiness;

struct vb_readiness_answer {
    bool database, bucket;
};

/* Both must outlive the result. */
struct vb_readiness *vb_readiness_create(struct vb_db_pool *db, struct vb_s3_client *s3);
void vb_readiness_destroy(struct vb_readiness *readiness); /* NULL is fine */

/* One caller at a time asks database and bucket. The others get the last answer, or wait for the first. */
struct vb_readiness_answer vb_readiness_check(struct vb_readiness *readiness);

#endif
