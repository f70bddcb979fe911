/*
 * Opening one PostgreSQL connection, the same way for the pool and for migrations. Blocking. Thread-safe. No other folder
 * includes this header.
 */
#ifndef VB_DB_CONNECT_H
#define VB_DB_CONNECT_H

#include "base/error.h"

#include <libpq-fe.h>

/* A password is part of the URL, so no message ever holds a piece of a URL that could not be read.
 * statement_timeout_ms 0: none. Returns 0; -EINVAL for a malformed URL, -ENOTCONN. The caller calls PQfinish.
 */
int vb_db_connect(const char *url, unsigned statement_timeout_ms, PGconn **ret_connection,
                  struct vb_error *err);

#endif
