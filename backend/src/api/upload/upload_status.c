/*
 * GET /api/upload/{uploadId}?key=…: how far an upload has come. A phone that lost its connection learns which
 * parts of its file have arrived, and gets fresh URLs for the others.
 */
#include "ingest/parts.h"
#include "api/auth/authenticate.h"
#include "api/request.h"
#include "api/upload/routes.h"
#include "ingest/staged.h"

#include "base/clock.h"
#include "http/problem.h"

#include <errno.h>
#include <string.h>

struct progress {
    const char *status;
    bool in_parts; /* parts is set */
    struct vb_parts parts;
};

/* What the row says, if there is one: then nothing more is to be sent. */
static const char *status_of_row(const struct vb_media *media)
{
    if (media->published)
        return "completed";
    return strcmp(media->status, "pending") == 0 ? "arrived" : "cancelled";
}

static int find_row(struct vb_http_request *request, const char *uuid, const char **ret_status,
                    struct vb_error *err)
{
    struct vb_media media VB_CLEANUP(vb_media_release) = {0};
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    int r = vb_db_acquire(vb_api_of(request)->db, &db, err);

    if (r == 0)
        r = vb_media_find_by_upload(db, uuid, &media, err);
    if (r == 0 && media.row)
        *ret_status = status_of_row(&media);
    return r == -ENOENT ? 0 : r;
}

static bool is_past(const struct vb_ticket *ticket)
{
    return vb_clock_realtime_ms() > ticket->time_ms + (int64_t)VB_TICKET_LIFETIME_S * 1000;
}

/* What S3 has of the file. */
static int look(struct vb_s3_client *s3, const struct vb_promotion *promotion, struct progress *progress,
                struct vb_error *err)
{
    const struct vb_ticket *ticket = &promotion->ticket;
    bool wanted = vb_parts_wanted(ticket->length);
    struct vb_s3_object object;
    int r =
        wanted ? vb_parts_read(s3, promotion->staging_key, ticket->length, &progress->parts, err) : -ENOENT;

    progress->in_parts = r == 0;
    progress->status = progress->parts.arrived == progress->parts.count ? "arrived" : "waiting";
    if (r != -ENOENT)
        return r;
    r = vb_s3_head(s3, promotion->staging_key, &object, err);
    if (r == -ENOENT)
        progress->status = wanted || is_past(ticket) ? "expired" : "waiting";
    return r == -ENOENT ? 0 : r;
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

static int write_parts(struct vb_http_request *request, const struct vb_promotion *promotion,
                       const struct progress *progress, struct vb_json *json, struct vb_error *err)
{
    int r;

    vb_json_object_begin(json);
    vb_json_key_int(json, "partSize", VB_PART_SIZE);
    vb_json_key(json, "arrived");
    write_arrived(json, &progress->parts);
    vb_json_key(json, "missing");
    r = vb_parts_write_missing(request, promotion->staging_key, promotion->ticket.length, &progress->parts,
                               json, err);
    vb_json_object_end(json);
    return r;
}

static void answer(struct vb_http_request *request, const struct vb_promotion *promotion,
                   const struct progress *progress)
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
    vb_json_key_string(&json, "uploadId", promotion->upload_id);
    vb_json_key_string(&json, "key", promotion->staging_key);
    vb_json_key_string(&json, "status", progress->status);
    vb_json_key(&json, "multipart");
    if (in_parts)
        r = write_parts(request, promotion, progress, &json, &err);
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
    struct vb_promotion promotion = {0};
    struct progress progress = {0};
    const char *user_id = vb_api_authenticate(request);
    struct vb_error err = {0};
    int r;

    if (!user_id || !vb_staged_find(request, user_id, vb_http_query(request, "key"), &promotion))
        return;
    r = find_row(request, promotion.ticket.uuid, &progress.status, &err);
    if (r < 0) {
        vb_api_database_problem(request, r, &err);
        return;
    }
    if (!progress.status)
        r = look(vb_api_of(request)->s3, &promotion, &progress, &err);
    if (r < 0)
        vb_api_storage_problem(request, r, &err);
    else
        answer(request, &promotion, &progress);
}
