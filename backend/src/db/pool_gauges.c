/* The gauges of a connection pool: see pool_gauges.h. */
#include "db/pool_gauges.h"

#include "base/memory.h"
#include "base/metrics.h"

static struct vb_db_stats stats_of(void *pool)
{
    struct vb_db_stats stats;

    vb_db_pool_stats(pool, &stats);
    return stats;
}

static double read_open(void *pool)
{
    return stats_of(pool).open;
}

static double read_in_use(void *pool)
{
    return stats_of(pool).in_use;
}

static double read_waiting(void *pool)
{
    return stats_of(pool).waiting;
}

static double read_up(void *pool)
{
    return stats_of(pool).away ? 0 : 1;
}

static const struct {
    const char *name, *help;
    double (*read)(void *pool);
} gauges[] = {
    {"vibe_db_connections_open", "Connections to the database that are open.", read_open},
    {"vibe_db_connections_in_use", "Connections to the database that are borrowed.", read_in_use},
    {"vibe_db_waiting", "Requests that wait for a connection to the database.", read_waiting},
    {"vibe_db_up", "Whether the database answered when it was last asked.", read_up},
};

void vb_db_pool_gauges_add(struct vb_db_pool *pool)
{
    for (size_t i = 0; i < VB_ARRAY_SIZE(gauges); i++)
        vb_metrics_gauge(gauges[i].name, gauges[i].help, "", gauges[i].read, pool);
}

void vb_db_pool_gauges_remove(void)
{
    for (size_t i = 0; i < VB_ARRAY_SIZE(gauges); i++)
        vb_metrics_gauge(gauges[i].name, gauges[i].help, "", NULL, NULL);
}
