/*
 * A real PostgreSQL for tests: private, in a temporary folder, ended and removed with the test program.
 */
#ifndef VB_TESTS_POSTGRES_FIXTURE_H
#define VB_TESTS_POSTGRES_FIXTURE_H

#include "db/pool.h"
#include "ops/postgres/postgres.h"

#include <stddef.h>

struct vb_test_postgres {
    char directory[64]; /* made by mkdtemp; the server's folder is directory/postgres */
    char log_path[96];
    struct vb_postgres *server; /* NULL: stopped */
};

/* For cmocka_run_group_tests: *state becomes a struct vb_test_postgres *. */
int vb_test_postgres_setup(void **state);
int vb_test_postgres_teardown(void **state);

/* Each returns 0, or -1 after saying why on stderr. A start after a stop keeps the data and, mostly, the
 * port. */
int vb_test_postgres_start(struct vb_test_postgres *postgres);
void vb_test_postgres_stop(struct vb_test_postgres *postgres);

/* Makes an empty database and returns its URL, to be freed with free(); NULL after saying why on stderr. */
char *vb_test_postgres_database(struct vb_test_postgres *postgres, const char *name);

/* Runs statements on a connection of its own. Returns 0, or -1 after saying why on stderr. */
int vb_test_postgres_run(const char *url, const char *sql);
/* The first value of a statement's only row, on a borrowed connection; param (NULL: none) is its $1. The
 * caller frees it; NULL after saying why on stderr. */
char *vb_test_postgres_ask(struct vb_db *db, const char *sql, const char *param);

/* Removes a folder and what is in it. */
void vb_test_remove_tree(const char *path);

#endif
