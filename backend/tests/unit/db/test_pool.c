/* The connection pool against a real PostgreSQL: limits, errors, and a database that goes away and comes
 * back. */
#include "db/internal.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "postgres_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define STATEMENT_TIMEOUT_MS 300
#define ACQUIRE_TIMEOUT_MS   200

static struct vb_db_pool *make_pool(const char *url, unsigned connections_max)
{
    return vb_db_pool_create(&(struct vb_db_config){.url = url,
                                                    .connections_max = connections_max,
                                                    .statement_timeout_ms = STATEMENT_TIMEOUT_MS,
                                                    .acquire_timeout_ms = ACQUIRE_TIMEOUT_MS});
}

static struct vb_db_pool *pool_of(void **state, unsigned connections_max)
{
    struct vb_test_postgres *postgres = *state;

    return make_pool(vb_postgres_url(postgres->server), connections_max);
}

static struct vb_db *borrow(struct vb_db_pool *pool)
{
    struct vb_db *db = NULL;
    struct vb_error err = {0};

    if (vb_db_acquire(pool, &db, &err) < 0)
        fail_msg("%s", err.message);
    return db;
}

static int execute(struct vb_db *db, const char *sql)
{
    return vb_db_execute(db, sql, 0, NULL, NULL, NULL);
}

static void assert_answer(struct vb_db *db, const char *sql, const char *expected)
{
    PGresult *result VB_CLEANUP(vb_pgresult_clearp) = NULL;
    struct vb_error err = {0};

    if (vb_db_query(db, sql, 0, NULL, &result, &err) < 0)
        fail_msg("%s: %s", sql, err.message);
    assert_int_equal(PQntuples(result), 1);
    assert_string_equal(PQgetvalue(result, 0, 0), expected);
}

static void parameters_reach_the_statement_as_they_are(void **state)
{
    struct vb_db_pool *pool = pool_of(state, 1);
    struct vb_db *db = borrow(pool);
    PGresult *result = NULL;

    assert_int_equal(vb_db_query(db, "SELECT $1::text, $2::text, $3::integer + 1", 3,
                                 (const char *const[]){"'; DROP TABLE \xc3\xa9 --", NULL, "41"}, &result,
                                 NULL),
                     0);
    assert_string_equal(PQgetvalue(result, 0, 0), "'; DROP TABLE \xc3\xa9 --");
    assert_true(PQgetisnull(result, 0, 1));
    assert_string_equal(PQgetvalue(result, 0, 2), "42");
    PQclear(result);
    vb_db_release(db);
    vb_db_pool_destroy(pool);
}

static void a_session_is_utc_utf8_and_named(void **state)
{
    struct vb_db_pool *pool = pool_of(state, 1);
    struct vb_db *db = borrow(pool);

    assert_answer(db, "SHOW TimeZone", "UTC");
    assert_answer(db, "SHOW client_encoding", "UTF8");
    assert_answer(db, "SHOW application_name", "vibe");
    assert_answer(db, "SHOW statement_timeout", "300ms");
    vb_db_release(db);
    vb_db_pool_destroy(pool);
}

static void a_statement_is_prepared_once_per_connection(void **state)
{
    static const char sql[] = "SELECT 'prepared once'";
    struct vb_db_pool *pool = pool_of(state, 1);

    for (int i = 0; i < 3; i++) {
        struct vb_db *db = borrow(pool);

        assert_answer(db, sql, "prepared once");
        assert_answer(
            db,
            "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%prepared once%' AND "
            "statement NOT LIKE '%count%'",
            "1");
        vb_db_release(db);
    }
    vb_db_pool_destroy(pool);
}

static void a_connection_prepares_a_bounded_number_of_statements(void **state)
{
    enum { TEXTS = 700 };
    static char texts[TEXTS][32];
    struct vb_db_pool *pool = pool_of(state, 1);
    struct vb_db *db = borrow(pool);
    PGresult *result = NULL;

    for (int round = 0; round < 2; round++)
        for (int i = 0; i < TEXTS; i++) {
            char number[16];

            snprintf(number, sizeof(number), "%d", i);
            snprintf(texts[i], sizeof(texts[i]), "SELECT %d", i);
            assert_answer(db, texts[i], number);
        }
    assert_int_equal(vb_db_query(db, "SELECT count(*) FROM pg_prepared_statements", 0, NULL, &result, NULL),
                     0);
    assert_string_equal(PQgetvalue(result, 0, 0), "256");
    PQclear(result);
    vb_db_release(db);
    vb_db_pool_destroy(pool);
}

static void each_failure_has_its_errno_and_leaves_the_connection_usable(void **state)
{
    struct vb_db_pool *pool = pool_of(state, 1);
    struct vb_db *db = borrow(pool);

    assert_int_equal(execute(db, "CREATE TABLE parent (id uuid PRIMARY KEY, number integer)"), 0);
    assert_int_equal(execute(db, "CREATE TABLE child (parent_id uuid REFERENCES parent (id))"), 0);
    assert_int_equal(execute(db, "INSERT INTO parent VALUES ('00000000-0000-0000-0000-000000000001', 1)"), 0);

    assert_int_equal(execute(db, "INSERT INTO parent VALUES ('00000000-0000-0000-0000-000000000001', 2)"),
                     -EEXIST);
    assert_int_equal(execute(db, "INSERT INTO child VALUES ('00000000-0000-0000-0000-000000000002')"),
                     -ESRCH);
    assert_int_equal(execute(db, "SELECT pg_sleep(5)"), -ETIMEDOUT);
    assert_int_equal(execute(db, "SELECT nonsense"), -EIO);
    assert_int_equal(execute(db, "COPY parent TO STDOUT"),
                     -ENOTCONN); /* COPY is not supported: the connection is closed */
    vb_db_release(db);

    db = borrow(pool);
    assert_answer(db, "SELECT number FROM parent", "1");
    assert_int_equal(execute(db, "DROP TABLE child, parent"), 0);
    vb_db_release(db);
    vb_db_pool_destroy(pool);
}

static void text_that_is_no_id_is_edom_and_no_message_quotes_it(void **state)
{
    static const char by_uuid[] = "SELECT 1 FROM ids WHERE u = $1",
                      by_integer[] = "SELECT 1 FROM ids WHERE i = $1";
    struct vb_db_pool *pool = pool_of(state, 1);
    struct vb_db *db = borrow(pool);
    struct vb_error err = {0};
    PGresult *result = NULL;

    assert_int_equal(execute(db, "CREATE TABLE ids (u uuid, i integer)"), 0);
    assert_int_equal(vb_db_query(db, by_uuid, 1, (const char *const[]){"hunter2"}, &result, &err), -EDOM);
    assert_null(strstr(err.message, "hunter2"));
    assert_int_equal(vb_db_query(db, by_integer, 1, (const char *const[]){"hunter2"}, &result, &err), -EDOM);
    assert_int_equal(vb_db_query(db, by_integer, 1, (const char *const[]){"99999999999"}, &result, &err),
                     -EDOM);
    assert_null(strstr(err.message, "99999999999"));
    assert_null(result);
    assert_int_equal(execute(db, "DROP TABLE ids"), 0);
    vb_db_release(db);
    vb_db_pool_destroy(pool);
}

static void a_serialization_failure_is_eagain(void **state)
{
    struct vb_db_pool *pool = pool_of(state, 2);
    struct vb_db *a = borrow(pool), *b = borrow(pool);

    assert_int_equal(execute(a, "CREATE TABLE counter AS SELECT 0 AS n"), 0);
    assert_int_equal(vb_db_begin(a, NULL), 0);
    assert_int_equal(execute(a, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"), 0);
    assert_answer(a, "SELECT n FROM counter", "0");
    assert_int_equal(execute(b, "UPDATE counter SET n = 1"), 0);
    assert_int_equal(execute(a, "UPDATE counter SET n = 2"), -EAGAIN);
    vb_db_rollback(a);
    assert_answer(a, "SELECT n FROM counter", "1");
    assert_int_equal(execute(a, "DROP TABLE counter"), 0);
    vb_db_release(a);
    vb_db_release(b);
    vb_db_pool_destroy(pool);
}

static void a_plan_outdated_by_a_migration_is_eagain_and_the_retry_works(void **state)
{
    static const char sql[] = "SELECT * FROM widened";
    struct vb_db_pool *pool = pool_of(state, 1);
    struct vb_db *db = borrow(pool);

    assert_int_equal(execute(db, "CREATE TABLE widened AS SELECT 'a' AS first"), 0);
    assert_answer(db, sql, "a");
    assert_int_equal(execute(db, "ALTER TABLE widened ADD COLUMN second text"), 0);
    assert_int_equal(execute(db, sql), -EAGAIN);
    assert_answer(db, sql, "a");
    assert_int_equal(execute(db, "DROP TABLE widened"), 0);
    vb_db_release(db);
    vb_db_pool_destroy(pool);
}

static void a_transaction_left_open_is_rolled_back(void **state)
{
    struct vb_db_pool *pool = pool_of(state, 1);
    struct vb_db *db = borrow(pool);

    assert_int_equal(execute(db, "CREATE TABLE rows_kept (n integer)"), 0);
    assert_int_equal(vb_db_begin(db, NULL), 0);
    assert_int_equal(execute(db, "INSERT INTO rows_kept VALUES (1)"), 0);
    vb_db_release(db);

    db = borrow(pool);
    assert_int_equal(PQtransactionStatus(db->connection), PQTRANS_IDLE);
    assert_answer(db, "SELECT count(*) FROM rows_kept", "0");
    assert_int_equal(vb_db_begin(db, NULL), 0);
    assert_int_equal(execute(db, "INSERT INTO rows_kept VALUES (2)"), 0);
    assert_int_equal(vb_db_commit(db, NULL), 0);
    assert_answer(db, "SELECT count(*) FROM rows_kept", "1");
    assert_int_equal(execute(db, "DROP TABLE rows_kept"), 0);
    vb_db_release(db);
    vb_db_pool_destroy(pool);
}

static void committing_a_failed_transaction_is_an_error(void **state)
{
    struct vb_db_pool *pool = pool_of(state, 1);
    struct vb_db *db = borrow(pool);

    assert_int_equal(vb_db_begin(db, NULL), 0);
    assert_int_equal(execute(db, "SELECT nonsense"), -EIO);
    assert_int_equal(vb_db_commit(db, NULL), -EIO);
    assert_answer(db, "SELECT 1", "1");
    vb_db_release(db);
    vb_db_pool_destroy(pool);
}

static void a_borrower_beyond_the_limit_gets_ebusy_at_the_timeout(void **state)
{
    struct vb_db_pool *pool = pool_of(state, 2);
    struct vb_db *a = borrow(pool), *b = borrow(pool), *c = NULL;
    int64_t start_ms = vb_clock_monotonic_ms();
    struct vb_db_stats stats;

    assert_int_equal(vb_db_acquire(pool, &c, NULL), -EBUSY);
    assert_in_range(vb_clock_monotonic_ms() - start_ms, ACQUIRE_TIMEOUT_MS - 1, ACQUIRE_TIMEOUT_MS + 2000);
    vb_db_pool_stats(pool, &stats);
    assert_int_equal(stats.in_use, 2);
    assert_int_equal(stats.open, 2);
    vb_db_release(a);
    vb_db_release(b);
    vb_db_release(NULL);
    vb_db_pool_destroy(pool);
}

struct crowd {
    struct vb_db_pool *pool;
    atomic_int answers, most_at_once, at_once;
};

static void *ask_often(void *argument)
{
    struct crowd *crowd = argument;

    for (int i = 0; i < 40; i++) {
        struct vb_db *db = NULL;
        PGresult *result = NULL;
        int now, most;

        if (vb_db_acquire(crowd->pool, &db, NULL) < 0)
            continue;
        now = atomic_fetch_add(&crowd->at_once, 1) + 1;
        most = atomic_load(&crowd->most_at_once);
        while (now > most && !atomic_compare_exchange_weak(&crowd->most_at_once, &most, now))
            ;
        if (vb_db_query(db, "SELECT $1::integer * 2", 1, (const char *const[]){"21"}, &result, NULL) == 0 &&
            strcmp(PQgetvalue(result, 0, 0), "42") == 0)
            atomic_fetch_add(&crowd->answers, 1);
        PQclear(result);
        atomic_fetch_sub(&crowd->at_once, 1);
        vb_db_release(db);
    }
    return NULL;
}

static void threads_share_few_connections(void **state)
{
    enum { THREADS = 8 };
    struct vb_test_postgres *postgres = *state;
    struct crowd crowd = {
        .pool = vb_db_pool_create(&(struct vb_db_config){
            .url = vb_postgres_url(postgres->server), .connections_max = 3, .acquire_timeout_ms = 20000})};
    struct vb_db_stats stats;
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_often, &crowd), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&crowd.answers), THREADS * 40);
    assert_true(atomic_load(&crowd.most_at_once) <= 3);
    vb_db_pool_stats(crowd.pool, &stats);
    assert_true(stats.open <= 3);
    assert_int_equal(stats.in_use, 0);
    vb_db_pool_destroy(crowd.pool);
}

static void a_restarted_server_is_noticed_before_the_next_statement(void **state)
{
    struct vb_test_postgres *postgres = *state;
    struct vb_db_pool *pool = pool_of(state, 2);
    struct vb_db *a = borrow(pool), *b = borrow(pool);

    assert_answer(a, "SELECT 1", "1");
    assert_answer(b, "SELECT 1", "1");
    vb_db_release(a);
    vb_db_release(b);
    vb_test_postgres_stop(postgres);
    assert_int_equal(vb_test_postgres_start(postgres), 0);

    a = borrow(pool);
    assert_answer(a, "SELECT 1", "1");
    vb_db_release(a);
    vb_db_pool_destroy(pool);
}

/* How long it takes until a statement succeeds again. */
static int64_t recovery_ms(struct vb_db_pool *pool)
{
    int64_t start_ms = vb_clock_monotonic_ms();

    for (;;) {
        struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;

        if (vb_db_acquire(pool, &db, NULL) == 0 && execute(db, "SELECT 1") == 0)
            return vb_clock_monotonic_ms() - start_ms;
        assert_true(vb_clock_monotonic_ms() - start_ms < 20000);
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
}

static void a_database_that_is_away_fails_at_once_and_recovers_within_a_second(void **state)
{
    struct vb_test_postgres *postgres = *state;
    struct vb_db_pool *pool = pool_of(state, 2);
    struct vb_db *db = borrow(pool), *none = NULL;
    struct vb_db_stats stats;
    int64_t start_ms;

    vb_test_postgres_stop(postgres);
    assert_int_equal(execute(db, "SELECT 1"), -ENOTCONN);
    assert_int_equal(execute(db, "SELECT 1"), -ENOTCONN); /* again, at once */
    vb_db_rollback(db);
    vb_db_release(db);
    assert_int_equal(vb_db_acquire(pool, &none, NULL), -ENOTCONN);
    vb_db_pool_stats(pool, &stats);
    assert_true(stats.away);
    assert_int_equal(stats.open, 0);
    start_ms = vb_clock_monotonic_ms();
    for (int i = 0; i < 1000; i++)
        assert_int_equal(vb_db_acquire(pool, &none, NULL), -ENOTCONN);
    assert_true(vb_clock_monotonic_ms() - start_ms < 2000); /* a wait of 200 ms each would make 200 s */

    assert_int_equal(vb_test_postgres_start(postgres), 0);
    assert_true(recovery_ms(pool) <= 1000);
    vb_db_pool_stats(pool, &stats);
    assert_false(stats.away);
    vb_db_pool_destroy(pool);
}

struct door {
    int fd;
    atomic_int attempts;
    atomic_bool closing;
};

/* A server that closes every connection at once. */
static void *slam(void *argument)
{
    struct door *door = argument;

    while (!atomic_load(&door->closing)) {
        struct pollfd socket = {.fd = door->fd, .events = POLLIN};
        int fd = poll(&socket, 1, 10) > 0 ? accept(door->fd, NULL, NULL) : -1;

        if (fd >= 0) {
            atomic_fetch_add(&door->attempts, 1);
            close(fd);
        }
    }
    return NULL;
}

struct knocker {
    struct vb_db_pool *pool;
    int64_t until_ms;
};

static void *knock(void *argument)
{
    struct knocker *knocker = argument;
    struct vb_db *db = NULL;

    while (vb_clock_monotonic_ms() < knocker->until_ms) {
        if (vb_db_acquire(knocker->pool, &db, NULL) == 0)
            abort();
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return NULL;
}

static void a_database_that_is_away_gets_few_connection_attempts(void **state)
{
    enum { THREADS = 4 };
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    struct door door = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    struct knocker knocker;
    pthread_t slammer, threads[THREADS];
    char url[128];

    (void)state;
    assert_int_equal(bind(door.fd, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(door.fd, 64), 0);
    assert_int_equal(getsockname(door.fd, (struct sockaddr *)&address, &length), 0);
    snprintf(url, sizeof(url), "postgresql://u:p@127.0.0.1:%u/d?sslmode=disable&gssencmode=disable",
             ntohs(address.sin_port));
    knocker = (struct knocker){.pool = make_pool(url, 16), .until_ms = vb_clock_monotonic_ms() + 1500};
    pthread_create(&slammer, NULL, slam, &door);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, knock, &knocker);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&door.closing, true);
    pthread_join(slammer, NULL);
    close(door.fd);
    vb_db_pool_destroy(knocker.pool);

    /* The first of each thread at once, then one after 50, 100, 200, 400, 500 … ms. */
    assert_in_range(atomic_load(&door.attempts), 3, THREADS + 6);
}

static void a_server_that_hangs_is_abandoned_at_the_deadline(void **state)
{
    struct vb_test_postgres *postgres = *state;
    struct vb_db_pool *pool = pool_of(state, 3);
    struct vb_db *db = borrow(pool), *idle = borrow(pool), *none = NULL;
    pid_t server = vb_postgres_pid(postgres->server), backend = PQbackendPID(db->connection);
    struct vb_error err = {0};
    struct vb_db_stats stats;
    int64_t start_ms;

    vb_db_release(idle);
    assert_int_equal(kill(server, SIGSTOP), 0);
    assert_int_equal(kill(backend, SIGSTOP), 0);
    start_ms = vb_clock_monotonic_ms();
    assert_int_equal(vb_db_execute(db, "SELECT 1", 0, NULL, NULL, &err), -ENOTCONN);
    assert_in_range(vb_clock_monotonic_ms() - start_ms, STATEMENT_TIMEOUT_MS, STATEMENT_TIMEOUT_MS + 3000);
    assert_non_null(strstr(err.message, "did not answer"));
    vb_db_release(db);
    vb_db_pool_stats(pool, &stats);
    assert_true(stats.away);
    assert_int_equal(stats.open, 0); /* the idle connection to the same server is not offered either */

    start_ms = vb_clock_monotonic_ms();
    assert_int_equal(vb_db_acquire(pool, &none, NULL), -ENOTCONN);
    assert_true(vb_clock_monotonic_ms() - start_ms < 5000);
    kill(backend, SIGCONT);
    kill(server, SIGCONT);
    assert_true(recovery_ms(pool) <= 1000);
    vb_db_pool_destroy(pool);
}

static void no_message_holds_the_password(void **state)
{
    static const char *const urls[] = {
        "postgresql://vibe:hunter2@127.0.0.1:1/vibe", /* nobody listens */
        "vibe:hunter2@127.0.0.1/vibe",                /* no scheme: libpq would quote all of it */
        "postgresql://vibe:hunter2/x@127.0.0.1/vibe", /* not escaped: libpq would take it for the port */
        "postgresql://vibe:x@hunter2@127.0.0.1/vibe", /* … or for the host */
        "postgresql://vibe:x/@hunter2:1/vibe?port=hunter2",
        "postgresql://127.0.0.1/vibe?passwort=hunter2",
    };

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(urls); i++) {
        struct vb_db_pool *pool = make_pool(urls[i], 1);
        struct vb_error err = {0};
        struct vb_db *db = NULL;

        assert_int_equal(vb_db_acquire(pool, &db, &err), -ENOTCONN);
        assert_int_equal(err.code, ENOTCONN);
        assert_true(err.message[0]);
        assert_null(strstr(err.message, "hunter2"));
        assert_null(strstr(err.hint, "hunter2"));
        vb_db_pool_destroy(pool);
    }
}

static bool metrics_show(const char *line)
{
    struct vb_strbuf text VB_CLEANUP(vb_strbuf_release);

    vb_strbuf_init(&text, 1 << 20);
    vb_metrics_render(&text);
    assert_false(vb_strbuf_failed(&text));
    return strstr(text.data, line) != NULL;
}

static void metrics_show_a_pool_from_its_creation_to_its_end(void **state)
{
    struct vb_db_pool *pool = pool_of(state, 2);
    struct vb_db *first = borrow(pool), *second = borrow(pool);

    vb_db_release(second);
    assert_true(metrics_show("\nvibe_db_connections_open 2\n"));
    assert_true(metrics_show("\nvibe_db_connections_in_use 1\n"));
    assert_true(metrics_show("\nvibe_db_waiting 0\n"));
    assert_true(metrics_show("\nvibe_db_up 1\n"));
    vb_db_release(first);
    vb_db_pool_destroy(pool);
    assert_false(metrics_show("vibe_db_"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_reach_the_statement_as_they_are),
        cmocka_unit_test(a_session_is_utc_utf8_and_named),
        cmocka_unit_test(a_statement_is_prepared_once_per_connection),
        cmocka_unit_test(a_connection_prepares_a_bounded_number_of_statements),
        cmocka_unit_test(each_failure_has_its_errno_and_leaves_the_connection_usable),
        cmocka_unit_test(text_that_is_no_id_is_edom_and_no_message_quotes_it),
        cmocka_unit_test(a_serialization_failure_is_eagain),
        cmocka_unit_test(a_plan_outdated_by_a_migration_is_eagain_and_the_retry_works),
        cmocka_unit_test(a_transaction_left_open_is_rolled_back),
        cmocka_unit_test(committing_a_failed_transaction_is_an_error),
        cmocka_unit_test(a_borrower_beyond_the_limit_gets_ebusy_at_the_timeout),
        cmocka_unit_test(threads_share_few_connections),
        cmocka_unit_test(a_restarted_server_is_noticed_before_the_next_statement),
        cmocka_unit_test(a_database_that_is_away_fails_at_once_and_recovers_within_a_second),
        cmocka_unit_test(a_database_that_is_away_gets_few_connection_attempts),
        cmocka_unit_test(a_server_that_hangs_is_abandoned_at_the_deadline),
        cmocka_unit_test(no_message_holds_the_password),
        cmocka_unit_test(metrics_show_a_pool_from_its_creation_to_its_end),
    };

    return cmocka_run_group_tests(tests, vb_test_postgres_setup, vb_test_postgres_teardown);
}
