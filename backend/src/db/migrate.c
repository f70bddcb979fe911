/* Applying and listing migrations: see migrate.h. */
#include "db/migrate.h"

#include "base/cleanup.h"
#include "base/hash.h"
#include "base/memory.h"
#include "db/connect.h"
#include "db/query.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECKSUM_SIZE (2 * VB_SHA256_SIZE + 1)

/* "vibe" in ASCII, and the number of its first use. Session-level: it spans the transactions of the
 * migrations. */
#define LOCK_SQL   "SELECT pg_advisory_lock(1986617957, 1)"
#define UNLOCK_SQL "SELECT pg_advisory_unlock(1986617957, 1)"

/* Waiting for another copy may take as long as its migrations. Waiting for a table blocks all who want it
 * after us, so that wait is short. */
#define PATIENT_SQL   "SET lock_timeout = '60s'"
#define IMPATIENT_SQL "SET lock_timeout = '10s'"

#define TABLE_SQL                                                                                            \
    "CREATE TABLE IF NOT EXISTS vibe_schema_migrations (\n"                                                  \
    "    version    integer PRIMARY KEY,\n"                                                                  \
    "    name       text NOT NULL,\n"                                                                        \
    "    checksum   text NOT NULL,  -- SHA-256 of its text\n"                                                \
    "    applied_at timestamptz NOT NULL DEFAULT now()\n"                                                    \
    ")"

#define EXISTS_SQL "SELECT to_regclass('vibe_schema_migrations') IS NOT NULL"

#define APPLIED_SQL                                                                                          \
    "SELECT version, name, checksum, to_char(applied_at, 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')\n"                \
    "FROM vibe_schema_migrations ORDER BY version"

#define RECORD_SQL "INSERT INTO vibe_schema_migrations (version, name, checksum) VALUES ($1, $2, $3)"

enum column { COLUMN_VERSION, COLUMN_NAME, COLUMN_CHECKSUM, COLUMN_APPLIED_AT };

static void vb_finishp(PGconn **connection)
{
    PQfinish(*connection);
}

/* Describes a failed statement with PostgreSQL's own message and hint. */
static int describe(PGconn *connection, const PGresult *result, struct vb_error *err)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
    char words[VB_ERROR_MESSAGE_MAX - 64];
    int r;

    if (PQstatus(connection) != CONNECTION_OK || !state)
        return vb_error_set(err, ENOTCONN, "the connection to the database was lost");
    if (strcmp(state, "55P03") == 0) {
        vb_error_set(err, EBUSY, "waiting for a lock took too long");
        return vb_error_hint(
            err, "another copy of vibe is migrating, or a long transaction holds a table: look at "
                 "pg_stat_activity, then run vibe db migrate again");
    }
    vb_db_one_line(message ? message : "no message", words, sizeof(words));
    r = vb_error_set(err, EIO, "%s (SQLSTATE %s)", words, state);
    return hint ? vb_error_hint(err, "%s", hint) : r;
}

/* Runs one or more statements without parameters. ret_result may be NULL. */
static int run(PGconn *connection, const char *sql, PGresult **ret_result, struct vb_error *err)
{
    PGresult *result VB_CLEANUP(vb_pgresult_clearp) = PQexec(connection, sql);
    ExecStatusType status = PQresultStatus(result);

    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        return describe(connection, result, err);
    if (ret_result)
        *ret_result = VB_TAKE(result);
    return 0;
}

static void checksum_of(const struct vb_migration *migration, char checksum[CHECKSUM_SIZE])
{
    vb_sha256_hex(migration->sql, strlen(migration->sql), checksum);
}

/* *ret_applied: the rows of APPLIED_SQL, or NULL when nothing was ever applied. */
static int read_applied(PGconn *connection, PGresult **ret_applied, struct vb_error *err)
{
    PGresult *exists VB_CLEANUP(vb_pgresult_clearp) = NULL;
    int r = run(connection, EXISTS_SQL, &exists, err);

    if (r < 0)
        return r;
    if (strcmp(PQgetvalue(exists, 0, 0), "t") != 0) {
        *ret_applied = NULL;
        return 0;
    }
    return run(connection, APPLIED_SQL, ret_applied, err);
}

/* The row of that version, or -1. */
static int find_applied(const PGresult *applied, int version)
{
    for (int row = 0; applied && row < PQntuples(applied); row++)
        if (vb_db_int(applied, row, COLUMN_VERSION) == version)
            return row;
    return -1;
}

static bool is_changed(const PGresult *applied, int row, const struct vb_migration *migration)
{
    char checksum[CHECKSUM_SIZE];

    checksum_of(migration, checksum);
    return strcmp(PQgetvalue(applied, row, COLUMN_CHECKSUM), checksum) != 0;
}

/* Counts pending migrations. -ESTALE: an applied one has changed. */
static int compare(const PGresult *applied, const struct vb_migration *migrations, size_t count,
                   size_t *ret_pending, struct vb_error *err)
{
    size_t pending = 0;

    for (size_t i = 0; i < count; i++) {
        int row = find_applied(applied, migrations[i].version);

        if (row < 0) {
            pending++;
        } else if (is_changed(applied, row, &migrations[i])) {
            vb_error_set(
                err, ESTALE,
                "migration %04d_%s has changed: its text differs from the one that was applied to this "
                "database",
                migrations[i].version, migrations[i].name);
            return vb_error_hint(
                err, "an applied migration must never be edited: run the program it came from, or "
                     "undo the edit and put the change into a new migration");
        }
    }
    *ret_pending = pending;
    return 0;
}

static int record(PGconn *connection, const struct vb_migration *migration, struct vb_error *err)
{
    char version[16], checksum[CHECKSUM_SIZE];
    const char *const params[] = {version, migration->name, checksum};
    PGresult *result VB_CLEANUP(vb_pgresult_clearp) = NULL;

    snprintf(version, sizeof(version), "%d", migration->version);
    checksum_of(migration, checksum);
    result = PQexecParams(connection, RECORD_SQL, 3, NULL, params, NULL, NULL, 0);
    return PQresultStatus(result) == PGRES_COMMAND_OK ? 0 : describe(connection, result, err);
}

static int apply(PGconn *connection, const struct vb_migration *migration, struct vb_error *err)
{
    int r = run(connection, "BEGIN", NULL, err);

    if (r == 0)
        r = run(connection, migration->sql, NULL, err);
    if (r == 0 && PQtransactionStatus(connection) != PQTRANS_INTRANS)
        r = vb_error_set(err, EIO,
                         "it contains BEGIN, COMMIT or ROLLBACK; a migration runs in one transaction");
    if (r == 0)
        r = record(connection, migration, err);
    if (r == 0)
        r = run(connection, "COMMIT", NULL, err);
    if (r == 0)
        return 0;
    vb_error_prefix(err, "migration %04d_%s failed", migration->version, migration->name);
    run(connection, "ROLLBACK", NULL, NULL);
    return r;
}

/* Under the advisory lock: another copy may have applied some meanwhile, so the table is read again. */
static int apply_pending(PGconn *connection, const struct vb_migration *migrations, size_t count,
                         vb_migration_visit *visit, void *context, struct vb_error *err)
{
    PGresult *applied VB_CLEANUP(vb_pgresult_clearp) = NULL;
    size_t pending = 0;
    int r = run(connection, TABLE_SQL, NULL, err);

    if (r == 0)
        r = read_applied(connection, &applied, err);
    if (r == 0)
        r = compare(applied, migrations, count, &pending, err);
    for (size_t i = 0; r == 0 && i < count; i++) {
        PGresult *now VB_CLEANUP(vb_pgresult_clearp) = NULL;
        int row;

        if (find_applied(applied, migrations[i].version) >= 0)
            continue;
        r = apply(connection, &migrations[i], err);
        if (r == 0 && visit)
            r = read_applied(connection, &now, err);
        row = find_applied(now, migrations[i].version);
        if (r == 0 && visit && row >= 0)
            visit(context,
                  &(struct vb_migration_state){.version = migrations[i].version,
                                               .name = migrations[i].name,
                                               .applied_at = PQgetvalue(now, row, COLUMN_APPLIED_AT)});
    }
    return r;
}

int vb_db_migrate_list(const char *url, const struct vb_migration *migrations, size_t count,
                       vb_migration_visit *visit, void *context, struct vb_error *err)
{
    PGconn *connection VB_CLEANUP(vb_finishp) = NULL;
    PGresult *applied VB_CLEANUP(vb_pgresult_clearp) = NULL;
    size_t pending = 0;
    int r;

    for (size_t i = 1; i < count; i++)
        vb_assert(migrations[i - 1].version < migrations[i].version);
    r = vb_db_connect(url, 0, &connection, err);
    if (r == 0)
        r = read_applied(connection, &applied, err);
    if (r == 0)
        r = compare(applied, migrations, count, &pending, err);
    if (r < 0 || pending == 0)
        return r; /* the usual start: nothing to do, so no lock */

    r = run(connection, PATIENT_SQL, NULL, err);
    if (r == 0)
        r = run(connection, LOCK_SQL, NULL, err);
    if (r == 0)
        r = run(connection, IMPATIENT_SQL, NULL, err);
    if (r < 0)
        return r;
    r = apply_pending(connection, migrations, count, visit, context, err);
    run(connection, UNLOCK_SQL, NULL, NULL); /* if that fails, the end of the session unlocks */
    return r;
}

int vb_db_migrate(const char *url, vb_migration_visit *visit, void *context, struct vb_error *err)
{
    return vb_db_migrate_list(url, vb_migrations, vb_migration_count, visit, context, err);
}

int vb_db_migration_status(const char *url, vb_migration_visit *visit, void *context, struct vb_error *err)
{
    PGconn *connection VB_CLEANUP(vb_finishp) = NULL;
    PGresult *applied VB_CLEANUP(vb_pgresult_clearp) = NULL;
    int r = vb_db_connect(url, 0, &connection, err);

    if (r == 0)
        r = read_applied(connection, &applied, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < vb_migration_count; i++) {
        int row = find_applied(applied, vb_migrations[i].version);

        visit(context, &(struct vb_migration_state){
                           .version = vb_migrations[i].version,
                           .name = vb_migrations[i].name,
                           .applied_at = row < 0 ? NULL : PQgetvalue(applied, row, COLUMN_APPLIED_AT),
                           .changed = row >= 0 && is_changed(applied, row, &vb_migrations[i])});
    }
    for (int row = 0; applied && row < PQntuples(applied); row++) {
        int version = (int)vb_db_int(applied, row, COLUMN_VERSION);

        if (version > vb_migrations[vb_migration_count - 1].version)
            visit(context,
                  &(struct vb_migration_state){.version = version,
                                               .name = PQgetvalue(applied, row, COLUMN_NAME),
                                               .applied_at = PQgetvalue(applied, row, COLUMN_APPLIED_AT),
                                               .unknown = true});
    }
    return 0;
}
