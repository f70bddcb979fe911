/* The ingest before a scripted S3: see ingest_fixture.h. */
#include "ingest_fixture.h"

#include "db/migrate.h"
#include "postgres_fixture.h"

#include <libpq-fe.h>

struct vb_db_pool *ingest_db, *ingest_db_away;
static char *database_url;

static void on_deleted(void *context, const char *key)
{
    struct ingest_fixture *f = context;

    assert_true(f->deleted_count < sizeof(f->deleted) / sizeof(f->deleted[0]));
    snprintf(f->deleted[f->deleted_count++], sizeof(f->deleted[0]), "%s", key);
}

void ingest_init(struct ingest_fixture *f, struct vb_db_pool *db, struct vb_workers *workers)
{
    *f = (struct ingest_fixture){.keys = keys_of(KEYS_SECRET, NULL)};
    f->ingest = (struct vb_ingest){.db = db,
                                   .workers = workers,
                                   .keys = f->keys,
                                   .cdn_base_url = "https://cdn.example.com",
                                   .on_deleted = on_deleted,
                                   .on_deleted_context = f};
}

void ingest_answer(struct ingest_fixture *f, struct script_step step)
{
    assert_true(f->step_count < STEPS_MAX);
    f->steps[f->step_count++] = step;
}

void ingest_answer_object(struct ingest_fixture *f, const void *data, size_t size, const char *headers)
{
    char *answer = f->answers[f->step_count];
    size_t head = (size_t)snprintf(answer, sizeof(f->answers[0]),
                                   "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-%zu/%zu\r\n"
                                   "Content-Length: %zu\r\nETag: " ETAG "\r\n%s\r\n",
                                   size - 1, size, size, headers ? headers : "");

    assert_true(head + size < sizeof(f->answers[0]));
    memcpy(answer + head, data, size);
    ingest_answer(f, (struct script_step){.answer = answer, .size = head + size});
}

void ingest_begin(struct ingest_fixture *f)
{
    f->server = script_start(f->steps, f->step_count);
    fixture_init(&f->client, f->server, 1, 5000);
    f->ingest.s3 = f->client.s3;
}

void ingest_release(struct ingest_fixture *f)
{
    fixture_release(&f->client);
    script_stop(f->server);
    vb_keys_destroy(f->keys);
}

const char *ingest_request(struct ingest_fixture *f, unsigned n)
{
    static char line[sizeof(((struct script_request *)0)->target) + 32];
    const struct script_request *request = script_request(f->server, n);

    snprintf(line, sizeof(line), "%s %s", request->method, request->target);
    return line;
}

void ingest_stage(struct ingest_fixture *f, const char *user_id, enum vb_upload_purpose purpose,
                  enum vb_media_type type, int64_t length)
{
    struct vb_ticket ticket = {.purpose = purpose, .type = type, .length = length};
    struct vb_strbuf key;

    snprintf(f->user_id, sizeof(f->user_id), "%s", user_id);
    vb_ticket_issue(f->keys, f->user_id, &ticket, f->upload_id);
    vb_strbuf_init(&key, sizeof(f->key) - 1);
    vb_ticket_staging_key(&ticket, f->user_id, f->upload_id, &key);
    snprintf(f->key, sizeof(f->key), "%s", key.data);
    vb_strbuf_release(&key);
    assert_int_equal(vb_staged_read(f->keys, f->user_id, f->upload_id, f->key, &f->staged), 0);
}

const char *ingest_target_headers(const struct vb_keys *keys, const char *upload_id,
                                  const struct vb_target *target)
{
    static char text[512];
    struct vb_target_headers headers;
    size_t length = 0;

    vb_target_write(keys, upload_id, target, &headers);
    for (size_t i = 0; i < headers.count; i++)
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%s: %s\r\n", headers.list[i].name,
                                   headers.list[i].value);
    return text;
}

struct vb_workers *ingest_start_workers(const char *variable, unsigned timeout_ms)
{
    const struct vb_workers_config config = {
        .program = getenv(variable), .processes = 1, .queue_max = 1, .timeout_ms = timeout_ms};
    struct vb_workers *workers = NULL;
    struct vb_error err = {0};

    /* ThreadSanitizer sees half of what libvips does, which is not instrumented. It still watches this
     * process. */
    setenv("TSAN_OPTIONS", "report_bugs=0", 1);
    if (vb_workers_start(&config, &workers, &err) < 0 || vb_workers_wait(workers, &err) < 0)
        fail_msg("%s", err.message);
    return workers;
}

int ingest_database_setup(void **state)
{
    struct vb_error err = {0};

    if (vb_test_postgres_setup(state) < 0)
        return -1;
    database_url = vb_test_postgres_database(*state, "ingest");
    if (!database_url || vb_db_migrate(database_url, NULL, NULL, &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        return -1;
    }
    ingest_db = vb_db_pool_create(&(struct vb_db_config){.url = database_url});
    ingest_db_away =
        vb_db_pool_create(&(struct vb_db_config){.url = "postgresql://nobody@127.0.0.1:1/nothing"});
    return 0;
}

int ingest_database_teardown(void **state)
{
    vb_db_pool_destroy(ingest_db);
    vb_db_pool_destroy(ingest_db_away);
    free(database_url);
    return vb_test_postgres_teardown(state);
}

const char *ingest_sql(const char *statement, const char *parameter)
{
    static char values[4][512];
    static unsigned next;
    char *value = values[next++ % 4];
    PGconn *connection = PQconnectdb(database_url);
    PGresult *result = PQexecParams(connection, statement, parameter ? 1 : 0, NULL,
                                    (const char *[]){parameter}, NULL, NULL, 0);

    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", statement, PQresultErrorMessage(result));
    snprintf(value, sizeof(values[0]), "%s", PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    PQfinish(connection);
    return value;
}

const char *ingest_make_user(void)
{
    return ingest_sql("INSERT INTO users (email, name) VALUES (gen_random_uuid() || '@example.com', 'Zoë')\n"
                      "RETURNING id",
                      NULL);
}

const char *ingest_status(const char *upload_uuid)
{
    return ingest_sql("SELECT status FROM media WHERE upload_id = $1::uuid", upload_uuid);
}
