/* Idempotency-Key: see idempotency.h. */
#include "api/idempotency.h"

#include "base/hash.h"
#include "db/idempotency.h"
#include "http/problem.h"

#include <errno.h>
#include <string.h>

#define TAKE_ATTEMPTS    3
#define ANSWER_BYTES_MAX ((size_t)1024 * 1024)

static bool is_key(const char *text)
{
    size_t length = strnlen(text, VB_IDEMPOTENCY_KEY_MAX + 1);

    for (size_t i = 0; i < length; i++)
        if (text[i] < '!' || text[i] > '~')
            return false;
    return length >= 1 && length <= VB_IDEMPOTENCY_KEY_MAX;
}

static void replay(struct vb_http_request *request, const struct vb_idempotency *before)
{
    struct vb_strbuf body;

    vb_strbuf_init(&body, ANSWER_BYTES_MAX);
    vb_strbuf_adds(&body, before->body);
    vb_http_add_header(request, "Idempotency-Replayed", "true");
    vb_api_answer_json(request, before->status, &body);
}

/* Begins and takes; what ended in between, or was chosen as the victim of a deadlock, is tried again. */
static int begin_and_take(struct vb_db *db, const struct vb_api_idempotency *once, const char *operation,
                          const char *hash, struct vb_idempotency *ret_before, struct vb_error *err)
{
    int r = -EAGAIN;

    for (int attempt = 0; attempt < TAKE_ATTEMPTS && r == -EAGAIN; attempt++) {
        vb_db_rollback(db);
        r = vb_db_begin(db, err);
        if (r == 0 && once->key)
            r = vb_idempotency_take(db, once->user_id, once->key, operation, hash, ret_before, err);
    }
    return r;
}

bool vb_api_idempotency_begin(struct vb_http_request *request, struct vb_db *db, const char *user_id,
                              struct vb_api_idempotency *ret_once)
{
    struct vb_idempotency before VB_CLEANUP(vb_idempotency_release) = {0};
    const struct vb_api_idempotency once = {user_id, vb_http_header(request, "Idempotency-Key")};
    char *operation = vb_arena_printf(&request->arena, "%s %s", request->method_name, request->path);
    char hash[2 * VB_SHA256_SIZE + 1];
    struct vb_error err = {0};
    int r;

    if (once.key && !is_key(once.key)) {
        vb_problem(request, 400, "idempotency_key_invalid",
                   "\"Idempotency-Key\" must be 1 to %d visible ASCII characters, such as a UUID",
                   VB_IDEMPOTENCY_KEY_MAX);
        return false;
    }
    if (!operation) {
        vb_problem(request, 503, "overloaded", "The server is out of memory; try again in a second");
        return false;
    }
    vb_sha256_hex(request->body.data, request->body.length, hash);
    r = begin_and_take(db, &once, operation, hash, &before, &err);
    if (r == 0) {
        *ret_once = once;
        return true;
    }
    vb_db_rollback(db);
    if (r != -EALREADY || !before.row)
        vb_api_database_problem(request, r, &err);
    else if (strcmp(before.operation, operation) != 0 || strcmp(before.request_hash, hash) != 0)
        vb_problem(request, 422, "idempotency_key_reused",
                   "This \"Idempotency-Key\" was sent with another request: take a new one");
    else
        replay(request, &before);
    return false;
}

int vb_api_idempotency_commit(const struct vb_api_idempotency *once, struct vb_db *db, int status,
                              const struct vb_strbuf *body, struct vb_error *err)
{
    int r = 0;

    if (vb_strbuf_failed(body) || body->length > ANSWER_BYTES_MAX)
        return vb_error_set(err, EFBIG, "the answer is too long to be kept");
    if (once->key)
        r = vb_idempotency_save(db, once->user_id, once->key, status, body->data, err);
    return r == 0 ? vb_db_commit(db, err) : r;
}
