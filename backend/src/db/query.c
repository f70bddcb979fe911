/* Statements and transactions on a borrowed connection, each with a deadline: see pool.h and query.h. */
#include "db/connect.h"
#include "db/internal.h"

#include "base/clock.h"
#include "base/cleanup.h"
#include "base/memory.h"
#include "base/number.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE 16

static int lost(struct vb_db *db, struct vb_error *err)
{
    db->broken = true;
    return vb_error_set(err, ENOTCONN, "the connection to the database was lost");
}

static int silent(struct vb_db *db, struct vb_error *err)
{
    db->broken = true;
    db->silent = true;
    return vb_error_set(err, ENOTCONN, "the database did not answer within %d ms", db->answer_timeout_ms);
}

/* Sends what is buffered and waits until PQgetResult would not block. */
static int wait_for_result(struct vb_db *db, int64_t deadline_ms, struct vb_error *err)
{
    for (;;) {
        struct pollfd socket = {.fd = PQsocket(db->connection), .events = POLLIN};
        int64_t left_ms = deadline_ms - vb_clock_monotonic_ms();
        int unsent = PQflush(db->connection);
        int ready;

        /* After a failed send, the server's last message may still be there to read. */
        if (unsent <= 0 && !PQisBusy(db->connection))
            return 0;
        if (unsent > 0)
            socket.events |= POLLOUT;
        if (left_ms <= 0)
            return silent(db, err);
        ready = poll(&socket, 1, (int)left_ms);
        if (ready < 0 && errno != EINTR)
            return lost(db, err);
        if (ready > 0 && (socket.revents & ~POLLOUT) && !PQconsumeInput(db->connection))
            return PQisBusy(db->connection) ? lost(db, err) : 0;
    }
}

/* Reads all results of a statement. Keeps the last one, or the first error. */
static int collect(struct vb_db *db, PGresult **ret_result, struct vb_error *err)
{
    int64_t deadline_ms = vb_clock_monotonic_ms() + db->answer_timeout_ms;
    PGresult *kept = NULL;

    for (;;) {
        PGresult *result;
        ExecStatusType status;
        int r = wait_for_result(db, deadline_ms, err);

        if (r < 0) {
            PQclear(kept);
            return r;
        }
        result = PQgetResult(db->connection);
        if (!result)
            break;
        status = PQresultStatus(result);
        if (kept && PQresultStatus(kept) == PGRES_FATAL_ERROR) {
            PQclear(result);
        } else {
            PQclear(kept);
            kept = result;
        }
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH)
            break; /* COPY is not supported: check_result() fails */
    }
    if (!kept)
        return lost(db, err);
    *ret_result = kept;
    return 0;
}

static int map_sqlstate(const char *state)
{
    static const struct {
        const char *prefix;
        int code;
    } map[] = {
        {"23505", EEXIST},    /* unique_violation */
        {"23503", ESRCH},     /* foreign_key_violation */
        {"22", EDOM},         /* data exception */
        {"57014", ETIMEDOUT}, /* query_canceled */
        {"40001", EAGAIN},    /* serialization_failure */
        {"40P01", EAGAIN},    /* deadlock_detected */
        {"57P", ENOTCONN},    /* the server is going down or not up yet */
        {"08", ENOTCONN},     /* connection exception */
        {"25P03", ENOTCONN},  /* idle_in_transaction_session_timeout */
    };

    for (size_t i = 0; i < VB_ARRAY_SIZE(map); i++)
        if (strncmp(state, map[i].prefix, strlen(map[i].prefix)) == 0)
            return map[i].code;
    return EIO;
}

/* Whether the prepared statement can never run again: a migration changed its columns ("cached plan must
 * not change result type", known by its origin), or a proxy between us and the server dropped it. */
static bool plan_is_outdated(const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);

    if (!state)
        return false;
    return strcmp(state, "26000") == 0 ||
           (strcmp(state, "0A000") == 0 && function && strcmp(function, "RevalidateCachedQuery") == 0);
}

/* 0 for success; else describes the failure and marks a connection that is of no use as broken. */
static int check_result(struct vb_db *db, const PGresult *result, struct vb_error *err)
{
    ExecStatusType status = PQresultStatus(result);
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    char words[VB_ERROR_MESSAGE_MAX - 64];
    int code;

    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY) {
        db->answered_ms = vb_clock_monotonic_ms();
        return 0;
    }
    if (PQstatus(db->connection) != CONNECTION_OK || !state) {
        db->broken = true;
        return vb_error_set(err, ENOTCONN, "the connection to the database was lost");
    }
    code = plan_is_outdated(result) ? EAGAIN : map_sqlstate(state);
    if (code == ENOTCONN)
        db->broken = true;
    else
        db->answered_ms = vb_clock_monotonic_ms();
    /* Messages of class 22 quote the value, which is a peer's: not repeated. */
    if (code == EDOM)
        return vb_error_set(err, EDOM, "a value is not of the type or size its column needs (SQLSTATE %s)",
                            state);
    vb_db_one_line(message ? message : "no message", words, sizeof(words));
    return vb_error_set(err, code, "the database refused a statement: %s (SQLSTATE %s)", words, state);
}

/* For statements without parameters. */
static int run(struct vb_db *db, const char *sql, PGresult **ret_result, struct vb_error *err)
{
    PGresult *result VB_CLEANUP(vb_pgresult_clearp) = NULL;
    int r;

    if (db->broken || !PQsendQuery(db->connection, sql))
        return lost(db, err);
    r = collect(db, &result, err);
    if (r == 0)
        r = check_result(db, result, err);
    if (r == 0 && ret_result)
        *ret_result = VB_TAKE(result);
    return r;
}

/* The statement's slot; NULL: too many statements. */
static struct vb_db_statement *find_statement(struct vb_db *db, const char *sql)
{
    size_t slot = ((uintptr_t)sql * UINT64_C(0x9E3779B97F4A7C15)) >> (64 - 9);

    static_assert(VB_DB_STATEMENT_SLOTS == 1 << 9, "the shift above takes the topmost bits");
    static_assert(VB_DB_STATEMENTS_MAX < VB_DB_STATEMENT_SLOTS, "a free slot ends every search");
    while (db->statements[slot].sql && db->statements[slot].sql != sql)
        slot = (slot + 1) % VB_DB_STATEMENT_SLOTS;
    if (!db->statements[slot].sql) {
        if (db->statement_count == VB_DB_STATEMENTS_MAX)
            return NULL;
        db->statement_count++;
        db->statements[slot].sql = sql;
    }
    return &db->statements[slot];
}

static int prepare(struct vb_db *db, struct vb_db_statement *statement, struct vb_error *err)
{
    PGresult *result VB_CLEANUP(vb_pgresult_clearp) = NULL;
    unsigned number = db->last_number + 1;
    char name[NAME_SIZE];
    int r;

    snprintf(name, sizeof(name), "s%u", number);
    if (!PQsendPrepare(db->connection, name, statement->sql, 0, NULL))
        return lost(db, err);
    r = collect(db, &result, err);
    if (r == 0)
        r = check_result(db, result, err);
    if (r == 0)
        statement->number = db->last_number = number;
    return r;
}

int vb_db_query(struct vb_db *db, const char *sql, size_t param_count, const char *const *params,
                PGresult **ret_result, struct vb_error *err)
{
    PGresult *result VB_CLEANUP(vb_pgresult_clearp) = NULL;
    struct vb_db_statement *statement;
    char name[NAME_SIZE];
    int sent, r;

    if (db->broken)
        return lost(db, err);
    statement = find_statement(db, sql);
    if (statement && statement->number == 0) {
        r = prepare(db, statement, err);
        if (r < 0)
            return r;
    }
    if (statement) {
        snprintf(name, sizeof(name), "s%u", statement->number);
        sent = PQsendQueryPrepared(db->connection, name, (int)param_count, params, NULL, NULL, 0);
    } else {
        sent = PQsendQueryParams(db->connection, sql, (int)param_count, NULL, params, NULL, NULL, 0);
    }
    if (!sent)
        return lost(db, err);
    r = collect(db, &result, err);
    if (r == 0)
        r = check_result(db, result, err);
    if (r == -EAGAIN && statement && plan_is_outdated(result))
        statement->number = 0; /* the retry prepares it anew, under another name */
    if (r == 0)
        *ret_result = VB_TAKE(result);
    return r;
}

int vb_db_query_planned(struct vb_db *db, const char *sql, size_t param_count, const char *const *params,
                        PGresult **ret_result, struct vb_error *err)
{
    PGresult *result VB_CLEANUP(vb_pgresult_clearp) = NULL;
    int r;

    if (db->broken || !PQsendQueryParams(db->connection, sql, (int)param_count, NULL, params, NULL, NULL, 0))
        return lost(db, err);
    r = collect(db, &result, err);
    if (r == 0)
        r = check_result(db, result, err);
    if (r == 0)
        *ret_result = VB_TAKE(result);
    return r;
}

int vb_db_query_row(struct vb_db *db, const char *sql, size_t param_count, const char *const *params,
                    const char *thing, PGresult **ret_row, struct vb_error *err)
{
    PGresult *row VB_CLEANUP(vb_pgresult_clearp) = NULL;
    int r = vb_db_query(db, sql, param_count, params, &row, err);

    if (r == -EDOM || (r == 0 && PQntuples(row) == 0))
        return vb_error_set(err, ENOENT, "there is no such %s", thing);
    if (r == 0)
        *ret_row = VB_TAKE(row);
    return r;
}

int vb_db_execute(struct vb_db *db, const char *sql, size_t param_count, const char *const *params,
                  int64_t *ret_affected, struct vb_error *err)
{
    PGresult *result VB_CLEANUP(vb_pgresult_clearp) = NULL;
    int r = vb_db_query(db, sql, param_count, params, &result, err);

    if (r == 0 && ret_affected) {
        const char *affected = PQcmdTuples(result);

        *ret_affected = 0; /* for a statement that counts no rows */
        (void)vb_int_parse(affected, strlen(affected), 0, INT64_MAX, ret_affected);
    }
    return r;
}

int vb_db_change_row(struct vb_db *db, const char *sql, size_t param_count, const char *const *params,
                     const char *thing, struct vb_error *err)
{
    int64_t affected = 0;
    int r = vb_db_execute(db, sql, param_count, params, &affected, err);

    if (r == -EDOM || (r == 0 && affected == 0))
        return vb_error_set(err, ENOENT, "there is no such %s", thing);
    return r;
}

int vb_db_begin(struct vb_db *db, struct vb_error *err)
{
    return run(db, "BEGIN", NULL, err);
}

int vb_db_commit(struct vb_db *db, struct vb_error *err)
{
    PGresult *result VB_CLEANUP(vb_pgresult_clearp) = NULL;
    int r = run(db, "COMMIT", &result, err);

    /* COMMIT of a failed transaction rolls back and reports success. */
    if (r == 0 && strcmp(PQcmdStatus(result), "COMMIT") != 0)
        return vb_error_set(err, EIO,
                            "the transaction was rolled back: an earlier statement in it had failed");
    return r;
}

void vb_db_rollback(struct vb_db *db)
{
    PGTransactionStatusType status = PQtransactionStatus(db->connection);

    if (db->broken || status == PQTRANS_IDLE)
        return;
    if ((status != PQTRANS_INTRANS && status != PQTRANS_INERROR) || run(db, "ROLLBACK", NULL, NULL) < 0)
        db->broken = true;
}
