/*
 * Tickets: POST /api/upload/profile-picture (activity-image, story-media) gives the phone a presigned URL to
 * PUT its file to. This is the API's most frequent request: the event loop answers it, without database or
 * I/O. A file of more than 16 MiB goes in parts, so a worker begins its multipart upload at S3 first.
 */
#include "api/auth/authenticate.h"
#include "api/upload/parts.h"
#include "api/upload/context.h"
#include "api/upload/routes.h"
#include "api/urls.h"
#include "ingest/target.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/json_flat.h"
#include "base/number.h"
#include "http/problem.h"
#include "media/job.h"

#include <inttypes.h>
#include <string.h>

#define HEADERS_MAX      (5 + VB_TARGET_HEADERS_MAX)
#define LENGTH_TEXT_SIZE 20

/* The body's fields. Text is in the request's JSON or its arena. */
struct file_fields {
    const char *content_type;
    int64_t length;
    const char *checksum; /* base64 of a SHA-256, or NULL */
};

struct upload_request {
    const char *user_id;
    const char *checksum; /* as above */
    const char *content_type;
    const struct vb_target *target; /* NULL: the purpose has none */
    struct vb_ticket ticket;
};

/* Keeps a string without escapes. False for any other value, and for a field that comes twice. */
static bool keep_text(struct vb_http_request *request, const struct vb_json_flat_member *member,
                      const char **ret_text)
{
    if (*ret_text || member->kind != VB_JSON_FLAT_TEXT)
        return false;
    for (size_t i = 0; i < member->text_length; i++)
        if (member->text[i] == '\\' || (unsigned char)member->text[i] >= 0x80)
            return false;
    *ret_text = vb_arena_strndup(&request->arena, member->text, member->text_length);
    return *ret_text != NULL;
}

/* The fast path, faster by a microsecond: reads a body of these three fields, each once, without escapes.
 * False for any other body, which jansson then reads or refuses. */
static bool read_plain_fields(struct vb_http_request *request, struct file_fields *ret_fields)
{
    struct file_fields fields = {.length = -1};
    struct vb_json_flat reader;
    struct vb_json_flat_member member;
    int r;

    vb_json_flat_init(&reader, request->body.data, request->body.length);
    while ((r = vb_json_flat_next(&reader, &member)) > 0) {
        bool taken = false;

        if (vb_json_flat_named(&member, "contentType")) {
            taken = keep_text(request, &member, &fields.content_type);
        } else if (vb_json_flat_named(&member, "checksumSha256")) {
            taken = keep_text(request, &member, &fields.checksum);
        } else if (vb_json_flat_named(&member, "contentLength")) {
            taken = fields.length == -1 && member.kind == VB_JSON_FLAT_INTEGER && member.integer >= 0;
            if (taken)
                fields.length = member.integer;
        }
        if (!taken)
            return false;
    }
    if (r < 0 || !fields.content_type || fields.length < 0)
        return false;
    *ret_fields = fields;
    return true;
}

static bool read_json_fields(struct vb_http_request *request, const json_t *json, struct file_fields *ret)
{
    return vb_api_string_field(request, json, "contentType", VB_API_REQUIRED, &ret->content_type) &&
           vb_api_integer_field(request, json, "contentLength", VB_API_REQUIRED, &ret->length) &&
           vb_api_string_field(request, json, "checksumSha256", VB_API_OPTIONAL, &ret->checksum);
}

static bool check_length(struct vb_http_request *request, const struct upload_request *upload)
{
    bool video = vb_media_is_video(upload->ticket.type);

    if (upload->ticket.length >= 1 &&
        upload->ticket.length <= (video ? VB_MEDIA_VIDEO_BYTES_MAX : VB_MEDIA_IMAGE_BYTES_MAX))
        return true;
    if (video)
        vb_api_invalid_field(request, "contentLength", "A video may have 1 to %" PRId64 " bytes (100 MB)",
                             VB_MEDIA_VIDEO_BYTES_MAX);
    else
        vb_api_invalid_field(request, "contentLength", "A picture may have 1 to %" PRId64 " bytes (15 MiB)",
                             VB_MEDIA_IMAGE_BYTES_MAX);
    return false;
}

/* Checks that it is an image of at most 15 MiB or, where videos are taken, a video of at most 100 MB. The
 * signature will cover type and length. */
static bool check_file(struct vb_http_request *request, const struct file_fields *fields, bool takes_videos,
                       struct upload_request *ret)
{
    unsigned char digest[VB_SHA256_SIZE];
    size_t size;

    ret->checksum = fields->checksum;
    ret->ticket.type = vb_media_from_mime(fields->content_type);
    ret->content_type = vb_media_mime(ret->ticket.type);
    ret->ticket.length = fields->length;
    if (!vb_media_is_image(ret->ticket.type) && !(takes_videos && vb_media_is_video(ret->ticket.type))) {
        vb_api_invalid_field(
            request, "contentType",
            "This must be one of image/jpeg, image/png, image/webp, image/heic, image/heif, image/avif%s",
            takes_videos ? ", image/gif, video/mp4 and video/quicktime" : " and image/gif");
        return false;
    }
    if (!check_length(request, ret))
        return false;
    if (ret->checksum &&
        (vb_base64_decode(ret->checksum, strlen(ret->checksum), digest, sizeof(digest), &size) < 0 ||
         size != sizeof(digest))) {
        vb_api_invalid_field(request, "checksumSha256",
                             "This must be the base64 form of a SHA-256: 44 characters");
        return false;
    }
    return true;
}

/* The headers that the phone must send. The URL's signature covers them, so S3 refuses any other. */
static size_t list_headers(const struct upload_request *upload, const char *length_text,
                           const struct vb_target_headers *target,
                           struct vb_sigv4_header headers[HEADERS_MAX])
{
    size_t count = 0;

    headers[count++] = (struct vb_sigv4_header){"Content-Type", upload->content_type};
    headers[count++] = (struct vb_sigv4_header){"Content-Length", length_text};
    headers[count++] = (struct vb_sigv4_header){"If-None-Match", "*"}; /* a second PUT replaces nothing */
    headers[count++] =
        (struct vb_sigv4_header){"x-amz-meta-vibe-purpose", vb_upload_purpose_name(upload->ticket.purpose)};
    if (upload->checksum)
        headers[count++] = (struct vb_sigv4_header){"x-amz-checksum-sha256", upload->checksum};
    for (size_t i = 0; upload->target && i < target->count; i++)
        headers[count++] = target->list[i];
    return count;
}

/* Adds `before`, and text that needs no escapes. */
static void add_plain(struct vb_strbuf *body, const char *before, const char *text)
{
    vb_strbuf_adds(body, before);
    vb_strbuf_adds(body, text);
}

/* Writes the JSON by hand, as this is the API's most frequent answer. Only the key can have a character that
 * JSON escapes, since it holds the user's id. */
static void answer_ticket(struct vb_http_request *request, const char *upload_id, const char *key,
                          const char *url, const struct vb_sigv4_header *headers, size_t header_count,
                          int64_t now_ms)
{
    char expires[VB_CLOCK_ISO8601_SIZE];
    struct vb_strbuf body;
    struct vb_json json;

    vb_clock_format_iso8601(now_ms + (int64_t)VB_TICKET_LIFETIME_S * 1000, expires);
    vb_strbuf_init(&body, (size_t)64 * 1024);
    vb_strbuf_reserve(&body, strlen(url) + 600); /* one allocation instead of six */
    add_plain(&body, "{\"uploadId\":\"", upload_id);
    vb_strbuf_adds(&body, "\",\"key\":");
    vb_json_init(&json, &body);
    vb_json_string(&json, key);
    add_plain(&body, ",\"method\":\"PUT\",\"url\":\"", url);
    vb_strbuf_adds(&body, "\",\"headers\":{");
    for (size_t i = 0; i < header_count; i++) {
        add_plain(&body, i ? "\",\"" : "\"", headers[i].name);
        add_plain(&body, "\":\"", headers[i].value);
    }
    add_plain(&body, "\"},\"expiresAt\":\"", expires);
    vb_strbuf_adds(&body, "\"}");
    vb_api_answer_json(request, 201, &body);
}

/* In decimal; printf would be a tenth of a microsecond. */
static const char *format_length(int64_t length, char buffer[LENGTH_TEXT_SIZE])
{
    *vb_uint_write(buffer, (uint64_t)length) = '\0';
    return buffer;
}

/* The object's metadata, in the form of the S3 client: the x-amz-meta- headers, and the checksum. */
static void list_metadata(const struct vb_sigv4_header *headers, size_t header_count, const char *checksum,
                          const char *metadata[2 * HEADERS_MAX + 1])
{
    static const char prefix[] = "x-amz-meta-";
    size_t count = 0;

    for (size_t i = 0; i < header_count; i++)
        if (strncmp(headers[i].name, prefix, sizeof(prefix) - 1) == 0) {
            metadata[count++] = headers[i].name + sizeof(prefix) - 1;
            metadata[count++] = headers[i].value;
        }
    if (checksum) {
        metadata[count++] = VB_PARTS_CHECKSUM;
        metadata[count++] = checksum;
    }
    metadata[count] = NULL;
}

/* Answers with a URL for each part instead of one for the file. */
static void answer_in_parts(struct vb_http_request *request, const char *upload_id, const char *key,
                            int64_t length, const struct vb_parts *parts)
{
    char expires[VB_CLOCK_ISO8601_SIZE];
    struct vb_error err = {0};
    struct vb_strbuf body;
    struct vb_json json;
    int r;

    vb_clock_format_iso8601(vb_clock_realtime_ms() + (int64_t)VB_TICKET_LIFETIME_S * 1000, expires);
    vb_strbuf_init(&body, (size_t)256 * 1024);
    vb_json_init(&json, &body);
    vb_json_object_begin(&json);
    vb_json_key_string(&json, "uploadId", upload_id);
    vb_json_key_string(&json, "key", key);
    vb_json_key_string(&json, "method", NULL);
    vb_json_key_string(&json, "url", NULL);
    vb_json_key_string(&json, "headers", NULL);
    vb_json_key(&json, "multipart");
    vb_json_object_begin(&json);
    vb_json_key_int(&json, "partSize", VB_PART_SIZE);
    vb_json_key(&json, "parts");
    r = vb_upload_write_missing_parts(request, key, length, parts, &json, &err);
    vb_json_object_end(&json);
    vb_json_key_string(&json, "expiresAt", expires);
    vb_json_object_end(&json);
    if (r == 0)
        vb_api_answer_json(request, 201, &body);
    else
        vb_api_storage_problem(request, r, &err);
    vb_strbuf_release(&body);
}

/* On a worker. */
static void issue_in_parts(struct vb_http_request *request)
{
    struct vb_api *api = vb_api_of(request);
    struct upload_request *upload = request->context;
    struct vb_parts parts = {.count = vb_parts_count(upload->ticket.length)};
    const char *metadata[2 * HEADERS_MAX + 1];
    struct vb_sigv4_header headers[HEADERS_MAX];
    char upload_id[VB_TICKET_ID_SIZE];
    struct vb_target_headers target;
    struct vb_error err = {0};
    struct vb_strbuf key;
    int r;

    vb_ticket_issue(api->keys, upload->user_id, &upload->ticket, upload_id);
    vb_strbuf_init(&key, 1024);
    vb_ticket_staging_key(&upload->ticket, upload->user_id, upload_id, &key);
    if (upload->target)
        vb_target_write(api->keys, upload_id, upload->target, &target);
    list_metadata(headers, list_headers(upload, "", &target, headers), upload->checksum, metadata);
    r = vb_s3_multipart_create(
        api->s3, key.data, &(struct vb_s3_put){.content_type = upload->content_type, .metadata = metadata},
        parts.id, &err);
    if (r < 0) {
        vb_api_storage_problem(request, r, &err);
    } else {
        answer_in_parts(request, upload_id, key.data, upload->ticket.length, &parts);
        vb_counter_add(api->uploads->tickets, 1);
    }
    vb_strbuf_release(&key);
}

/* Continues on a worker, with a copy that lives as long as the request. */
static void defer(struct vb_http_request *request, const struct upload_request *upload)
{
    struct upload_request *kept = vb_arena_alloc(&request->arena, sizeof(*kept));
    struct vb_target *target = upload->target ? vb_arena_alloc(&request->arena, sizeof(*target)) : NULL;
    const char *checksum = upload->checksum ? vb_arena_strdup(&request->arena, upload->checksum) : NULL;

    if (!kept || (upload->target && !target) || (upload->checksum && !checksum)) {
        vb_problem(request, 500, "internal", "There is not enough memory for this request");
        return;
    }
    if (target)
        *target = *upload->target;
    *kept = *upload;
    kept->target = target;
    kept->checksum = checksum;
    request->context = kept;
    vb_http_defer(request, issue_in_parts);
}

/* Signs the ticket and answers with it. */
static void issue_at_once(struct vb_http_request *request, const char *user_id, struct upload_request *upload)
{
    struct vb_api *api = vb_api_of(request);
    struct vb_sigv4_header headers[HEADERS_MAX];
    struct vb_target_headers target;
    char upload_id[VB_TICKET_ID_SIZE], length_text[LENGTH_TEXT_SIZE];
    int64_t now_ms = vb_clock_realtime_ms();
    struct vb_strbuf key, url;
    struct vb_error err = {0};
    size_t header_count;
    int r;

    vb_ticket_issue(api->keys, user_id, &upload->ticket, upload_id);
    vb_strbuf_init(&key, 1024);
    vb_strbuf_reserve(&key, 160);
    vb_ticket_staging_key(&upload->ticket, user_id, upload_id, &key);
    if (upload->target)
        vb_target_write(api->keys, upload_id, upload->target, &target);
    header_count = list_headers(upload, format_length(upload->ticket.length, length_text), &target, headers);
    vb_strbuf_init(&url, (size_t)32 * 1024);
    vb_strbuf_reserve(&url, 1000);
    r = vb_s3_presign(api->s3,
                      &(struct vb_s3_presign){
                          .method = "PUT",
                          .key = key.data,
                          .host = vb_api_follow_host(request, api->follow_host_s3_port),
                          .headers = headers,
                          .header_count = header_count,
                          .expires_s = VB_TICKET_LIFETIME_S,
                      },
                      &url, &err);
    if (r < 0) {
        vb_api_storage_problem(request, r, &err);
    } else {
        answer_ticket(request, upload_id, key.data, url.data, headers, header_count, now_ms);
        vb_counter_add(api->uploads->tickets, 1);
    }
    vb_strbuf_release(&url);
    vb_strbuf_release(&key);
}

static void issue(struct vb_http_request *request, const char *user_id, struct upload_request *upload)
{
    upload->user_id = user_id;
    if (vb_parts_wanted(upload->ticket.length))
        defer(request, upload);
    else
        issue_at_once(request, user_id, upload);
}

void vb_api_upload_profile_picture(struct vb_http_request *request)
{
    struct upload_request upload = {.ticket = {.purpose = VB_UPLOAD_PROFILE_PICTURE}};
    json_t *json VB_CLEANUP(vb_json_decrefp) = NULL;
    struct file_fields fields = {0};
    const char *user_id = vb_api_authenticate(request);

    if (!user_id || !vb_api_body_is_json(request))
        return;
    if (!read_plain_fields(request, &fields)) {
        json = vb_api_read_json(request);
        if (!json || !read_json_fields(request, json, &fields))
            return;
    }
    if (check_file(request, &fields, false, &upload))
        issue(request, user_id, &upload);
}

/* Copies a field that holds the id of an activity or a story. */
static bool read_id(struct vb_http_request *request, const json_t *json, const char *field,
                    enum vb_api_field need, char id[VB_TARGET_ID_MAX + 1])
{
    const char *text = NULL;

    if (!vb_api_string_field(request, json, field, need, &text))
        return false;
    if (!text)
        return true;
    if (!vb_target_is_id(text)) {
        vb_api_invalid_field(request, field,
                             "\"%s\" must be an id: 1 to %d letters, digits, '_', '.', ':' and '-'", field,
                             VB_TARGET_ID_MAX);
        return false;
    }
    strcpy(id, text);
    return true;
}

static bool read_slot(struct vb_http_request *request, const json_t *json, struct vb_target *target)
{
    const char *slot = NULL;
    int64_t index = -1;
    bool gallery;

    if (!vb_api_string_field(request, json, "slot", VB_API_REQUIRED, &slot))
        return false;
    gallery = strcmp(slot, "gallery") == 0;
    if (!gallery && strcmp(slot, "hero") != 0) {
        vb_api_invalid_field(request, "slot", "\"slot\" must be \"hero\" or \"gallery\"");
        return false;
    }
    strcpy(target->slot, slot);
    if (!vb_api_integer_field(request, json, "index", gallery ? VB_API_REQUIRED : VB_API_OPTIONAL, &index))
        return false;
    if (!gallery && json_is_integer(json_object_get(json, "index"))) {
        vb_api_invalid_field(request, "index", "\"index\" is for the slot \"gallery\" only");
        return false;
    }
    if (gallery && (index < 0 || index > VB_TARGET_INDEX_MAX)) {
        vb_api_invalid_field(request, "index", "\"index\" must be from 0 to %d", VB_TARGET_INDEX_MAX);
        return false;
    }
    target->index = gallery ? (int)index : 0;
    return true;
}

void vb_api_upload_activity_image(struct vb_http_request *request)
{
    struct vb_target target = {0};
    struct upload_request upload = {.ticket = {.purpose = VB_UPLOAD_ACTIVITY_IMAGE}, .target = &target};
    const char *user_id = vb_api_authenticate(request);
    json_t *json VB_CLEANUP(vb_json_decrefp) = user_id ? vb_api_read_json(request) : NULL;
    struct file_fields fields = {0};

    if (json && read_json_fields(request, json, &fields) &&
        read_id(request, json, "activityId", VB_API_REQUIRED, target.activity) &&
        read_slot(request, json, &target) && check_file(request, &fields, false, &upload))
        issue(request, user_id, &upload);
}

void vb_api_upload_story_media(struct vb_http_request *request)
{
    struct vb_target target = {0};
    struct upload_request upload = {.ticket = {.purpose = VB_UPLOAD_STORY_MEDIA}, .target = &target};
    const char *user_id = vb_api_authenticate(request);
    json_t *json VB_CLEANUP(vb_json_decrefp) = user_id ? vb_api_read_json(request) : NULL;
    struct file_fields fields = {0};

    if (json && read_json_fields(request, json, &fields) &&
        read_id(request, json, "storyId", VB_API_OPTIONAL, target.story) &&
        check_file(request, &fields, true, &upload))
        issue(request, user_id, &upload);
}
