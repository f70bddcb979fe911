/*
 * GET /api/upload/{uploadId}?key=…: how far an upload has come. A phone that lost its connection learns which
 * parts of its file have arrived, and gets fresh URLs for the others.
 */
#include "api/auth/authenticate.h"
#include "api/upload/parts.h"
#include "api/upload/routes.h"
#include "api/upload/staged.h"
#include "ingest/progress.h"

#include "base/clock.h"
#include "http/problem.h"

static const char *name_status(enum vb_progress_status status)
{
    static const char *const names[] = {[VB_PROGRESS_WAITING] = "waiting",
                                        [VB_PROGRESS_ARRIVED] = "arrived",
                                        [VB_PROGRESS_COMPLETED] = "completed",
                                        [VB_PROGRESS_CANCELLED] = "cancelled",
                                        [VB_PROGRESS_EXPIRED] = "expired"};

    return names[status];
}

static void write_arrived(struct vb_json *json, const struct vb_parts *parts)
{
    vb_json_array_begin(json);
    for (unsigned i = 0; i < parts->count; i++)
        if (parts->list[i].number) {
            vb_json_object_begin(json);
            vb_json_key_int(json, "partNumber", i + 1);
            vb_json_key_int(json, "bytes", parts->list[i].size);
            vb_json_object_end(json);
        }
    vb_json_array_end(json);
}

static int write_parts(struct vb_http_request *request, const struct vb_staged *staged,
                       const struct vb_upload_progress *progress, struct vb_json *json, struct vb_error *err)
{
    int r;

    vb_json_object_begin(json);
    vb_json_key_int(json, "partSize", VB_PART_SIZE);
    vb_json_key(json, "arrived");
    write_arrived(json, &progress->parts);
    vb_json_key(json, "missing");
    r = vb_upload_write_missing_parts(request, staged->key, staged->ticket.length, &progress->parts, json,
                                      err);
    vb_json_object_end(json);
    return r;
}

static void answer(struct vb_http_request *request, const struct vb_staged *staged,
                   const struct vb_upload_progress *progress)
{
    int64_t expires_ms = vb_clock_realtime_ms() + (int64_t)VB_TICKET_LIFETIME_S * 1000;
    bool in_parts = progress->in_parts,
         has_urls = in_parts && progress->parts.arrived < progress->parts.count;
    char expires[VB_CLOCK_ISO8601_SIZE];
    struct vb_error err = {0};
    struct vb_strbuf body;
    struct vb_json json;
    int r = 0;

    vb_clock_format_iso8601(expires_ms, expires);
    vb_strbuf_init(&body, (size_t)256 * 1024);
    vb_json_init(&json, &body);
    vb_json_object_begin(&json);
    vb_json_key_string(&json, "uploadId", staged->upload_id);
    vb_json_key_string(&json, "key", staged->key);
    vb_json_key_string(&json, "status", name_status(progress->status));
    vb_json_key(&json, "multipart");
    if (in_parts)
        r = write_parts(request, staged, progress, &json, &err);
    else
        vb_json_null(&json);
    vb_json_key_string(&json, "expiresAt", has_urls ? expires : NULL);
    vb_json_object_end(&json);
    if (r == 0)
        vb_api_answer_json(request, 200, &body);
    else
        vb_api_storage_problem(request, r, &err);
    vb_strbuf_release(&body);
}

void vb_api_upload_status(struct vb_http_request *request)
{
    const char *user_id = vb_api_authenticate(request);
    struct vb_staged staged;
    struct vb_upload_progress progress;
    struct vb_error err = {0};

    if (!user_id || !vb_upload_find(request, user_id, vb_http_query(request, "key"), &staged))
        return;
    switch (vb_progress_read(vb_api_of(request)->ingest, &staged, &progress, &err)) {
    case VB_OUTCOME_DONE:
        answer(request, &staged, &progress);
        break;
    case VB_OUTCOME_DATABASE:
        vb_api_database_problem(request, -err.code, &err);
        break;
    default:
        vb_api_storage_problem(request, -err.code, &err);
    }
}
