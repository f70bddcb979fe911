/* The PostgreSQL of tests: see postgres_fixture.h. */
#include "postgres_fixture.h"

#include "base/cleanup.h"
#include "base/memory.h"
#include "db/query.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *ftw)
{
    (void)info;
    (void)type;
    (void)ftw;
    return remove(path);
}

void vb_test_remove_tree(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

int vb_test_postgres_start(struct vb_test_postgres *postgres)
{
    char directory[96];
    struct vb_error err = {0};

    snprintf(directory, sizeof(directory), "%s/postgres", postgres->directory);
    if (vb_postgres_start(&(struct vb_postgres_config){.directory = directory,
                                                       .password = "for tests: a/b@c#d%",
                                                       .log_path = postgres->log_path},
                          &postgres->server, &err) == 0)
        return 0;
    fprintf(stderr, "%s (%s)\n", err.message, err.hint);
    return -1;
}

void vb_test_postgres_stop(struct vb_test_postgres *postgres)
{
    vb_postgres_stop(postgres->server);
    postgres->server = NULL;
}

int vb_test_postgres_setup(void **state)
{
    struct vb_test_postgres *postgres = vb_xcalloc(1, sizeof(*postgres));

    snprintf(postgres->directory, sizeof(postgres->directory), "/tmp/vibe-test-XXXXXX");
    *state = postgres;
    if (!mkdtemp(postgres->directory)) {
        perror(postgres->directory);
        return -1;
    }
    snprintf(postgres->log_path, sizeof(postgres->log_path), "%s/postgres.log", postgres->directory);
    return vb_test_postgres_start(postgres);
}

int vb_test_postgres_teardown(void **state)
{
    struct vb_test_postgres *postgres = *state;

    vb_test_postgres_stop(postgres);
    vb_test_remove_tree(postgres->directory);
    free(postgres);
    return 0;
}

char *vb_test_postgres_database(struct vb_test_postgres *postgres, const char *name)
{
    const char *url = vb_postgres_url(postgres->server);
    char sql[128];

    snprintf(sql, sizeof(sql), "CREATE DATABASE \"%s\"", name);
    if (vb_test_postgres_run(url, sql) < 0)
        return NULL;
    return vb_xasprintf("%.*s%s", (int)(strrchr(url, '/') + 1 - url), url, name);
}

int vb_test_postgres_run(const char *url, const char *sql)
{
    PGconn *connection = PQconnectdb(url);
    PGresult *result = PQexec(connection, sql);
    ExecStatusType status = PQresultStatus(result);
    bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;

    if (!good)
        fprintf(stderr, "%s: %s\n", sql, PQerrorMessage(connection));
    PQclear(result);
    PQfinish(connection);
    return good ? 0 : -1;
}

char *vb_test_postgres_ask(struct vb_db *db, const char *sql, const char *param)
{
    PGresult *row VB_CLEANUP(vb_pgresult_clearp) = NULL;
    struct vb_error err = {0};

    if (vb_db_query_row(db, sql, param ? 1 : 0, &param, "row", &row, &err) == 0)
        return vb_xstrdup(PQgetvalue(row, 0, 0));
    fprintf(stderr, "%s: %s\n", sql, err.message);
    return NULL;
}
