/*
 * The ingest before a scripted S3, with a real PostgreSQL where a group asks for one. A test says what S3
 * answers, one answer after another, and then begins.
 */
#ifndef VB_TESTS_INGEST_FIXTURE_H
#define VB_TESTS_INGEST_FIXTURE_H

#include "../s3/client_fixture.h"
#include "keys_fixture.h"

#include "ingest/ingest.h"
#include "ingest/outcome.h"
#include "ingest/staged.h"
#include "ingest/target.h"

#define STEPS_MAX 16
/* One white pixel. */
#define GIF      "GIF89a\1\0\1\0\x80\0\0\xff\xff\xff\0\0\0!\xf9\4\0\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"
#define GIF_SIZE ((int64_t)sizeof(GIF) - 1)
#define NOBODY   "0199c0de-0000-7000-8000-000000000001" /* the id of no user */

#define S3_DELETED ((struct script_step){.answer = "HTTP/1.1 204 No Content\r\n\r\n"})
#define S3_PUT     ((struct script_step){.answer = PUT_OK})
#define S3_MISSING ((struct script_step)ERROR("404 Not Found", "NoSuchKey", "no such key"))
#define S3_REFUSED ((struct script_step)ERROR("403 Forbidden", "AccessDenied", "denied"))
#define S3_AWAY    ((struct script_step)ERROR("503 Slow Down", "SlowDown", "slow down"))
/* To HEAD, which has no body. */
#define S3_HEAD_FOUND                                                                                        \
    ((struct script_step){.answer = "HTTP/1.1 200 OK\r\nETag: " ETAG "\r\nContent-Length: 43\r\n\r\n"})
#define S3_HEAD_MISSING                                                                                      \
    ((struct script_step){.answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"})

struct ingest_fixture {
    struct vb_ingest ingest;
    struct vb_error err;
    struct vb_keys *keys;
    struct fixture client;
    struct scripted_server *server;
    struct script_step steps[STEPS_MAX];
    size_t step_count;
    char answers[STEPS_MAX][1024];
    char deleted[4][256]; /* keys that on_deleted was told */
    size_t deleted_count;
    struct vb_staged staged;
    char upload_id[VB_TICKET_ID_SIZE], user_id[64], key[256];
};

/* db and workers may be NULL. */
void ingest_init(struct ingest_fixture *f, struct vb_db_pool *db, struct vb_workers *workers);
/* What S3 answers next. */
void ingest_answer(struct ingest_fixture *f, struct script_step step);
/* … the object, or as much of its beginning as is asked for first; headers: more of them, "Name: value\r\n"
 * each. */
void ingest_answer_object(struct ingest_fixture *f, const void *data, size_t size, const char *headers);
/* S3 is there from here on. */
void ingest_begin(struct ingest_fixture *f);
void ingest_release(struct ingest_fixture *f);
/* The method and the path of S3's request n, "PUT /bucket/key"; query and all. */
const char *ingest_request(struct ingest_fixture *f, unsigned n);

/* Fills f->staged with a file that such a ticket was issued for. */
void ingest_stage(struct ingest_fixture *f, const char *user_id, enum vb_upload_purpose purpose,
                  enum vb_media_type type, int64_t length);
/* The headers with which S3 returns the sealed target, of any key set. */
const char *ingest_target_headers(const struct vb_keys *keys, const char *upload_id,
                                  const struct vb_target *target);

/* Starts one process of the media workers whose program the variable names. Aborts the test on failure. */
struct vb_workers *ingest_start_workers(const char *variable, unsigned timeout_ms);

/* Of a group with a database. Each aborts the test on failure. */
int ingest_database_setup(void **state); /* *state becomes a struct vb_test_postgres * */
int ingest_database_teardown(void **state);
extern struct vb_db_pool *ingest_db;      /* with the tables */
extern struct vb_db_pool *ingest_db_away; /* a database that nobody serves */
/* Runs a statement and returns the first value of its first row, "" for none. Valid until the next call but
 * three. */
const char *ingest_sql(const char *statement, const char *parameter);
/* Makes a user and returns its id, with the same validity. */
const char *ingest_make_user(void);
/* The status of an upload's row; "" if there is none. */
const char *ingest_status(const char *upload_uuid);

#endif
