/*
 * The private PostgreSQL of `vibe up`: a cluster of the system's newest PostgreSQL (>= 15) inside the data
 * folder, ended with its parent whatever happens to the parent. Linux only.
 */
#ifndef VB_OPS_POSTGRES_POSTGRES_H
#define VB_OPS_POSTGRES_POSTGRES_H

#include "base/error.h"

#include <sys/types.h>

struct vb_postgres;

struct vb_postgres_config {
    const char *directory; /* "DIR/postgres": made on first start */
    const char *password;  /* of the role "vibe", which owns the database "vibe" */
    const char *log_path;  /* the log of the server and of initdb */
};

/* Makes the cluster on the first start, starts the server and waits until it answers. For the main thread
 * alone: the server gets a signal when the thread that started it ends. The caller holds a lock on the
 * directory. When a server has ended by itself, the next may start before vb_postgres_stop() of the old
 * one. Errors say what to do: -ENOENT (PostgreSQL is not installed, or not in the version of the data),
 * -EPERM (the data belongs to another user), -EBUSY (another server has used the data for 10 s), -ENOTCONN
 * (wrong password), -EIO (the last words of the log). */
int vb_postgres_start(const struct vb_postgres_config *config, struct vb_postgres **ret_postgres,
                      struct vb_error *err);
/* postgresql://vibe:…@127.0.0.1:port/vibe */
const char *vb_postgres_url(const struct vb_postgres *postgres);
pid_t vb_postgres_pid(const struct vb_postgres *postgres);
/* Shuts the server down (PostgreSQL's fast mode), waits for its end, and frees. NULL is fine. */
void vb_postgres_stop(struct vb_postgres *postgres);

#endif
