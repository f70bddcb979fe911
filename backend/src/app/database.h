/*
 * The database of `vibe up`: a PostgreSQL that is given, or a private one in the data folder. For the main
 * thread alone: the private server gets a signal when the thread that started it ends.
 */
#ifndef VB_APP_DATABASE_H
#define VB_APP_DATABASE_H

#include "app/data_dir.h"

#include <stdbool.h>

struct vb_database;

/* Applies the migrations to the PostgreSQL of url; NULL: starts the private one first. dir must outlive the
 * database. */
int vb_database_start(const struct vb_data_dir *dir, const char *url, struct vb_database **ret_database,
                      struct vb_error *err);
/* It stays the same until vb_database_stop(). */
const char *vb_database_url(const struct vb_database *database);
bool vb_database_is_private(const struct vb_database *database);
/* The log of the private PostgreSQL. */
const char *vb_database_log_path(const struct vb_database *database);

/* Whether the private PostgreSQL has ended by itself. A SIGCHLD is the time to ask. */
bool vb_database_has_ended(const struct vb_database *database);
/* Starts it again, on the same port, where the connection pools look for it. -EADDRINUSE: another program
 * has the port. */
int vb_database_restart(struct vb_database *database, struct vb_error *err);
/* NULL is fine. */
void vb_database_stop(struct vb_database *database);

#endif
