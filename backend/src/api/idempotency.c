/* Idempotency-Key: see idempotency.h. */
#include "api/idempotency.h"

#include "api/auth/authenticate.h"
#include "base/hash.h"
#include "db/idempotency.h"
#include "db/transaction.h"
#include "http/problem.h"

#include <errno.h>
#include <string.h>

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

/* A request that creates something, and the outcome. */
struct once {
    const struct vb_api_creation *creation;
    const char *key, *operation; /* key NULL: none */
    char hash[2 * VB_SHA256_SIZE + 1];
    struct vb_idempotency before; /* with the row, if the key was used before */
    struct vb_strbuf body;
};

static int take_and_work(struct vb_db *db, void *context, struct vb_error *err)
{
    struct once *once = context;
    const char *user_id = once->creation->user_id;
    int r = 0;

    /* of a run before this retry */
    vb_idempotency_release(&once->before);
    vb_strbuf_release(&once->body);
    if (once->key)
        r = vb_idempotency_take(db, user_id, once->key, once->operation, once->hash, &once->before, err);
    if (r == 0)
        r = once->creation->work(db, once->creation->context, &once->body, err);
    if (r == 0 && (vb_strbuf_failed(&once->body) || once->body.length > ANSWER_BYTES_MAX))
        return vb_error_set(err, EFBIG, "the answer is too long to keep");
    if (r == 0 && once->key)
        r = vb_idempotency_save(db, user_id, once->key, 201, once->body.data, err);
    return r;
}

static void answer_again(struct vb_http_request *request, const struct once *once)
{
    const struct vb_idempotency *before = &once->before;

    if (strcmp(before->operation, once->operation) != 0 || strcmp(before->request_hash, once->hash) != 0)
        vb_problem(request, 422, "idempotency_key_reused",
                   "This \"Idempotency-Key\" was used for another request: send a new key");
    else
        replay(request, before);
}

static void create(struct vb_http_request *request, struct vb_db *db, struct once *once)
{
    struct vb_error err = {0};
    int r = vb_db_transact(db, take_and_work, once, &err);

    if (r == 0)
        vb_api_answer_json(request, 201, &once->body);
    else if (r == -EALREADY && once->before.row)
        answer_again(request, once);
    else if (r == -EDOM) /* the user's id is not of the column's type */
        vb_api_account_gone(request);
    else
        vb_api_database_problem(request, r, &err);
    vb_idempotency_release(&once->before);
    vb_strbuf_release(&once->body);
}

void vb_api_create_once(struct vb_http_request *request, struct vb_db *db,
                        const struct vb_api_creation *creation)
{
    struct once once = {.creation = creation,
                        .key = vb_http_header(request, "Idempotency-Key"),
                        .operation =
                            vb_arena_printf(&request->arena, "%s %s", request->method_name, request->path)};

    vb_strbuf_init(&once.body, 0);
    if (once.key && !is_key(once.key)) {
        vb_problem(request, 400, "idempotency_key_invalid",
                   "\"Idempotency-Key\" must be 1 to %d visible ASCII characters, such as a UUID",
                   VB_IDEMPOTENCY_KEY_MAX);
        return;
    }
    if (!once.operation) {
        vb_api_out_of_memory(request);
        return;
    }
    vb_sha256_hex(request->body.data, request->body.length, once.hash);
    create(request, db, &once);
}
