/*
 * Tickets: POST /api/upload/profile-picture gives the phone a presigned URL to PUT its picture to. Answered
 * on the event loop, without database and without I/O: this is the API's most frequent request.
 */
#include "api/request.h"
#include "api/ticket.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/json_flat.h"
#include "http/problem.h"

#include <inttypes.h>
#include <string.h>

#define TICKET_LIFETIME_S (15 * 60)
#define IMAGE_BYTES_MAX   ((int64_t)15 * 1024 * 1024)
#define HEADERS_MAX       5
#define LENGTH_TEXT_SIZE  20

/* The body's fields. Text is in the request's JSON or its arena. */
struct image_fields {
    const char *content_type;
    int64_t length;
    const char *checksum; /* base64 of a SHA-256, or NULL */
};

struct upload_request {
    const char *checksum; /* as above */
    const char *content_type;
    struct vb_ticket ticket;
};

/* Keeps a text that stands for itself in JSON; false for any other, or one of another kind or seen before. */
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

/* Reads the body that every client of ours sends: the three fields, each once, without escapes. False for any
 * other, which is jansson's to read or to refuse, and no loss: this is faster by a microsecond, and else it
 * is the same. */
static bool read_plain_fields(struct vb_http_request *request, struct image_fields *ret_fields)
{
    struct image_fields fields = {.length = -1};
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

static bool read_json_fields(struct vb_http_request *request, const json_t *json, struct image_fields *ret)
{
    return vb_api_string_field(request, json, "contentType", VB_API_REQUIRED, &ret->content_type) &&
           vb_api_integer_field(request, json, "contentLength", VB_API_REQUIRED, &ret->length) &&
           vb_api_string_field(request, json, "checksumSha256", VB_API_OPTIONAL, &ret->checksum);
}

/* An image of at most 15 MiB; content type and length will be part of the signature. */
static bool check_image(struct vb_http_request *request, const struct image_fields *fields,
                        struct upload_request *ret)
{
    unsigned char digest[VB_SHA256_SIZE];
    size_t size;

    ret->checksum = fields->checksum;
    ret->ticket.type = vb_media_from_mime(fields->content_type);
    ret->content_type = vb_media_mime(ret->ticket.type);
    ret->ticket.length = fields->length;
    if (!vb_media_is_image(ret->ticket.type)) {
        vb_api_invalid_field(
            request, "contentType",
            "This must be one of image/jpeg, image/png, image/webp, image/heic and image/heif");
        return false;
    }
    if (fields->length < 1 || fields->length > IMAGE_BYTES_MAX) {
        vb_api_invalid_field(request, "contentLength", "A picture has 1 to %" PRId64 " bytes (15 MiB)",
                             IMAGE_BYTES_MAX);
        return false;
    }
    if (ret->checksum &&
        (vb_base64_decode(ret->checksum, strlen(ret->checksum), digest, sizeof(digest), &size) < 0 ||
         size != sizeof(digest))) {
        vb_api_invalid_field(request, "checksumSha256",
                             "This must be the base64 form of a SHA-256: 44 characters");
        return false;
    }
    return true;
}

/* What the phone must send, exactly: S3 refuses everything else, as all of it is signed. */
static size_t list_headers(const struct upload_request *upload, const char *length_text,
                           struct vb_sigv4_header headers[HEADERS_MAX])
{
    size_t count = 0;

    headers[count++] = (struct vb_sigv4_header){"Content-Type", upload->content_type};
    headers[count++] = (struct vb_sigv4_header){"Content-Length", length_text};
    headers[count++] =
        (struct vb_sigv4_header){"If-None-Match", "*"}; /* what has arrived cannot be replaced */
    headers[count++] =
        (struct vb_sigv4_header){"x-amz-meta-vibe-purpose", vb_upload_purpose_name(upload->ticket.purpose)};
    if (upload->checksum)
        headers[count++] = (struct vb_sigv4_header){"x-amz-checksum-sha256", upload->checksum};
    return count;
}

/* Adds `before`, and text that needs no escapes. */
static void add_plain(struct vb_strbuf *body, const char *before, const char *text)
{
    vb_strbuf_adds(body, before);
    vb_strbuf_adds(body, text);
}

/* Written piece by piece, not with vb_json: of all these values only the key, which holds the user's id, can
 * hold a character that JSON escapes, and this is the API's most frequent answer. */
static void answer_ticket(struct vb_http_request *request, const char *upload_id, const char *key,
                          const char *url, const struct vb_sigv4_header *headers, size_t header_count,
                          int64_t now_ms)
{
    char expires[VB_CLOCK_ISO8601_SIZE];
    struct vb_strbuf body;
    struct vb_json json;

    vb_clock_format_iso8601(now_ms + (int64_t)TICKET_LIFETIME_S * 1000, expires);
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
    char *at = buffer + LENGTH_TEXT_SIZE - 1;

    *at = '\0';
    do
        *--at = (char)('0' + length % 10);
    while ((length /= 10) > 0);
    return at;
}

/* Signs the ticket and answers with it. */
static void issue(struct vb_http_request *request, const char *user_id, struct upload_request *upload)
{
    struct vb_api *api = vb_api_of(request);
    struct vb_sigv4_header headers[HEADERS_MAX];
    char upload_id[VB_TICKET_ID_SIZE], length_text[LENGTH_TEXT_SIZE];
    int64_t now_ms = vb_clock_realtime_ms();
    struct vb_strbuf key, url;
    struct vb_error err = {0};
    size_t header_count;
    int r;

    vb_ticket_issue(&api->ticket_key, user_id, &upload->ticket, upload_id);
    vb_strbuf_init(&key, 1024);
    vb_strbuf_reserve(&key, 160);
    vb_ticket_staging_key(&upload->ticket, user_id, upload_id, &key);
    header_count = list_headers(upload, format_length(upload->ticket.length, length_text), headers);
    vb_strbuf_init(&url, (size_t)32 * 1024);
    vb_strbuf_reserve(&url, 1000);
    r = vb_s3_presign(api->s3,
                      &(struct vb_s3_presign){
                          .method = "PUT",
                          .key = key.data,
                          .host = vb_api_follow_host(request, api->follow_host_s3_port),
                          .headers = headers,
                          .header_count = header_count,
                          .expires_s = TICKET_LIFETIME_S,
                      },
                      &url, &err);
    if (r < 0) {
        vb_api_storage_problem(request, r, &err);
    } else {
        answer_ticket(request, upload_id, key.data, url.data, headers, header_count, now_ms);
        vb_counter_add(api->uploads_ticket, 1);
    }
    vb_strbuf_release(&url);
    vb_strbuf_release(&key);
}

void vb_api_upload_profile_picture(struct vb_http_request *request)
{
    struct upload_request upload = {.ticket = {.purpose = VB_UPLOAD_PROFILE_PICTURE}};
    json_t *json VB_CLEANUP(vb_json_decrefp) = NULL;
    struct image_fields fields = {0};
    const char *user_id = vb_api_authenticate(request);

    if (!user_id || !vb_api_body_is_json(request))
        return;
    if (!read_plain_fields(request, &fields)) {
        json = vb_api_read_json(request);
        if (!json || !read_json_fields(request, json, &fields))
            return;
    }
    if (check_image(request, &fields, &upload))
        issue(request, user_id, &upload);
}
