/*
 * The private cluster on disk: which PostgreSQL it needs, who owns it, and making it. Not thread-safe.
 *
 *   DIRECTORY/data        the cluster; belongs to the unprivileged user, mode 0700
 *   DIRECTORY/data.new    a cluster in the making: renamed when whole; the next start removes a partial one
 *   DIRECTORY/port        the port of the last start, which the next one tries first
 */
#ifndef VB_OPS_POSTGRES_CLUSTER_H
#define VB_OPS_POSTGRES_CLUSTER_H

#include "base/error.h"
#include "ops/postgres/process.h"

#include <limits.h>

#define VB_POSTGRES_VERSION_MIN 15

struct vb_postgres_cluster {
    char data[PATH_MAX];
    char bin[PATH_MAX]; /* the folder of postgres and initdb */
    struct vb_postgres_user user;
    int data_fd; /* of the folder `data`, close-on-exec; -1 before it is made */
};

/* Debian and Ubuntu put PostgreSQL there: <this>/15/bin/postgres. */
#define VB_POSTGRES_VERSIONS_DIR "/usr/lib/postgresql"

/* Finds the programs of a major version (0: the newest, at least 15) in versions_dir, or by asking
 * pg_config. Returns 0 or -ENOENT. */
int vb_postgres_find(const char *versions_dir, int version, char bin[PATH_MAX], struct vb_error *err);

/* Opens the cluster in directory, which exists; makes one if there is none. The programs write to log_fd.
 * The caller calls vb_postgres_cluster_close() in either case. */
int vb_postgres_cluster_open(struct vb_postgres_cluster *cluster, const char *directory, const char *password,
                             int log_fd, struct vb_error *err);
void vb_postgres_cluster_close(struct vb_postgres_cluster *cluster);

#endif
