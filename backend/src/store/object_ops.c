/* PutObject and DeleteObject. */
#include "store/call.h"

#include "base/cleanup.h"

#include <errno.h>
#include <string.h>

bool vb_store_put_object_prepare(struct vb_store_call *call)
{
    return vb_store_call_check_write_headers(call) && vb_store_call_read_condition(call, &call->condition) &&
           vb_store_call_read_meta(call, &call->meta);
}

/* The commit checks the bucket anyway. A large body is worth a check before its bytes are written. */
bool vb_store_put_object_admit(struct vb_store_call *call)
{
    return call->body.expected_size <= VB_ENGINE_INLINE_MAX || vb_store_call_find_bucket(call);
}

/* Runs on the committer's thread: must not block. */
static void answer_put(void *context, int result, const struct vb_error *err)
{
    struct vb_store_call *call = context;

    if (result < 0) {
        vb_store_call_fail(call, result, err);
    } else {
        vb_http_add_headerf(call->http, "ETag", "\"%s\"", call->meta.etag);
        vb_store_call_add_checksum(call, &call->meta.checksum);
        vb_store_call_answer_empty(call, 200);
    }
    vb_http_unpark(call->http);
}

/* Parks the request, so that no worker waits for the commit: PUTs are the most concurrent operation. */
void vb_store_put_object(struct vb_store_call *call)
{
    call->meta.checksum = call->body.checksum;
    vb_http_park(call->http);
    vb_engine_put_then(VB_TAKE(call->body.writer), call->target.bucket, call->target.key, &call->meta,
                       &call->condition, answer_put, call);
}

void vb_store_delete_object(struct vb_store_call *call)
{
    const char *if_match = vb_http_header(call->http, "If-Match");
    struct vb_engine_condition condition = {0};
    bool any = if_match && strcmp(if_match, "*") == 0; /* any object, as long as there is one */
    struct vb_error err = {0};
    int r;

    if (!vb_store_call_check_version(call))
        return;
    if (any ? !vb_store_call_find_object(call, NULL) : !vb_store_call_read_condition(call, &condition))
        return;
    r = vb_engine_delete(call->engine, call->target.bucket, call->target.key, &condition, NULL, &err);
    if (r < 0)
        vb_store_call_fail(call, r, &err);
    else
        vb_store_call_answer_empty(call, 204);
}
