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
    const char *log_path;  /* where the server's own log goes */
};

/* Starts it (initialises the cluster the first time) and waits until it answers. To be called from the main
 * thread: the server gets a signal when the thread that started it ends. The caller sees to it that no other
 * process starts the same directory meanwhile. One whose server has ended by itself may be started anew
 * before vb_postgres_stop of the old. Errors name what to do: -ENOENT (PostgreSQL is not installed, or not
 * the version of the data), -EPERM (the data is somebody else's), -EBUSY (another server uses it, for longer
 * than 10 s), -ENOTCONN (wrong password), -EIO (its log's last words). */
int vb_postgres_start(const struct vb_postgres_config *config, struct vb_postgres **ret_postgres,
                      struct vb_error *err);
/* postgresql://vibe:…@127.0.0.1:port/vibe */
const char *vb_postgres_url(const struct vb_postgres *postgres);
pid_t vb_postgres_pid(const struct vb_postgres *postgres);
/* Fast shutdown: waits until it has ended, then frees. NULL is fine. */
void vb_postgres_stop(struct vb_postgres *postgres);

#endif
