/*
 * Opens one PostgreSQL connection, the same way for the pool and for migrations. Blocking. Thread-safe. No
 * other folder includes this header.
 */
#ifndef VB_DB_CONNECT_H
#define VB_DB_CONNECT_H

#include "base/error.h"

#include <libpq-fe.h>

/* statement_timeout_ms 0: none. Returns 0, -EINVAL (malformed URL) or -ENOTCONN. The caller calls PQfinish.
 * The URL holds a password, so no message quotes any part of a malformed one. */
int vb_db_connect(const char *url, unsigned statement_timeout_ms, PGconn **ret_connection,
                  struct vb_error *err);

#endif
