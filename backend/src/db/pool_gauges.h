/*
 * The gauges of a connection pool: vibe_db_connections_open, vibe_db_connections_in_use, vibe_db_waiting,
 * vibe_db_up. The pool adds them when it is created and removes them when it is destroyed.
 */
#ifndef VB_DB_POOL_GAUGES_H
#define VB_DB_POOL_GAUGES_H

#include "db/pool.h"

/* The process has these gauges once: of the pool that was added last. */
void vb_db_pool_gauges_add(struct vb_db_pool *pool);
/* Before the pool is destroyed. */
void vb_db_pool_gauges_remove(void);

#endif
