/*
 * POST /api/upload/{uploadId}/complete: checks what really arrived in user-uploads/, gives it its public key,
 * and enters it in the database. May be called again, or by two at once: there is one media, and every answer
 * is about it.
 *
 *   inspect ──▶ ingest: a jailed worker decodes it and writes it anew ──▶ reserve: media row, "pending", holds the final
 * key ──▶ put ──▶ publish: row "ready", the owning row (user, activity, story) names it ──▶ tidy up
 *
 * A file that came in parts is made one object before that (parts.h).
 *
 * Whoever comes second finds the row: when it is ready, that is the answer; when it is pending (the first is
 * still at it, or died), the same is made and put to the same key once more, which harms nothing, and one of
 * the two publishes.
 */
#include "ingest/purpose.h"
#include "api/auth/authenticate.h"
#include "api/request.h"
#include "ingest/staged.h"
#include "api/upload/context.h"
#include "api/upload/routes.h"

#include "base/log.h"
#include "http/problem.h"

#include <errno.h>
#include <string.h>

/* The same picture in every width the CDN makes of it, smallest first: a srcset. Of a video: its poster's. */
static void write_variants(struct vb_http_request *request, struct vb_json *json,
                           const struct vb_media *media)
{
    const char *key = media->poster_key ? media->poster_key : media->key;
    bool picture = media->poster_key || strcmp(media->content_type, "image/jpeg") == 0;
    const char *url = vb_api_cdn_url(request, key, NULL);

    vb_json_key(json, "variants");
    vb_json_array_begin(json);
    for (const uint16_t *width = vb_variant_widths; picture && url && *width; width++) {
        if (*width > media->width)
            break;
        vb_json_object_begin(json);
        vb_json_key_int(json, "width", *width);
        vb_json_key_int(json, "height", (*width * media->height + media->width / 2) / media->width);
        vb_json_key_string(json, "url", vb_arena_printf(&request->arena, "%s?w=%d", url, *width));
        vb_json_object_end(json);
    }
    vb_json_array_end(json);
}

/* What stands for a video as long as it does not play. */
static void write_poster(struct vb_http_request *request, struct vb_json *json, const struct vb_media *media)
{
    vb_json_key_int(json, "durationMs", media->duration_ms);
    vb_json_key(json, "poster");
    vb_json_object_begin(json);
    vb_json_key_string(json, "key", media->poster_key);
    vb_json_key_string(json, "cdnUrl", vb_api_cdn_url(request, media->poster_key, NULL));
    vb_json_object_end(json);
}

static void answer_media(struct vb_http_request *request, const struct vb_media *media)
{
    struct vb_strbuf body, url;
    struct vb_json json;

    vb_strbuf_init(&url, 4096);
    vb_s3_object_url(vb_api_of(request)->s3, media->key, &url);
    vb_strbuf_init(&body, (size_t)32 * 1024);
    vb_json_init(&json, &body);
    vb_json_object_begin(&json);
    vb_json_key(&json, "media");
    vb_json_object_begin(&json);
    vb_json_key_string(&json, "id", media->id);
    vb_json_key_string(&json, "key", media->key);
    vb_json_key_string(&json, "url", url.data);
    vb_json_key_string(&json, "cdnUrl", vb_api_cdn_url(request, media->key, NULL));
    vb_json_key(&json, "width");
    media->width ? vb_json_int(&json, media->width) : vb_json_null(&json);
    vb_json_key(&json, "height");
    media->height ? vb_json_int(&json, media->height) : vb_json_null(&json);
    vb_json_key_int(&json, "bytes", media->bytes);
    vb_json_key_string(&json, "contentType", media->content_type);
    vb_json_key_string(&json, "thumbhash", media->thumbhash);
    vb_json_key_string(&json, "dominantColor", media->dominant_color);
    write_variants(request, &json, media);
    if (media->poster_key)
        write_poster(request, &json, media);
    if (media->story_id)
        vb_json_key_string(&json, "storyId", media->story_id);
    vb_json_object_end(&json);
    vb_json_object_end(&json);
    vb_strbuf_release(&url);
    vb_api_answer_json(request, 200, &body);
}

/* The staged object is of no use: it goes, so that nobody pays for it. If that fails, the bucket's rule for
 * user-uploads/ ends it. */
static void reject(struct vb_http_request *request, const struct vb_promotion *promotion, int status,
                   const char *code, const char *detail)
{
    struct vb_api *api = vb_api_of(request);

    vb_s3_delete(api->s3, promotion->staging_key, NULL);
    vb_counter_add(api->uploads->rejected, 1);
    vb_problem(request, status, code, "%s", detail);
}

static void reject_place(struct vb_http_request *request, const struct vb_promotion *promotion)
{
    const struct vb_purpose *purpose = vb_purpose_of(promotion->ticket.purpose);

    reject(request, promotion, 404, purpose->missing_code, purpose->missing_detail);
}

static void answer_busy(struct vb_http_request *request, const char *what)
{
    vb_http_add_header(request, "Retry-After", "2");
    vb_problem(request, 503, "media_busy", "%s: the upload is safe, complete it again in two seconds", what);
}

/* Answers for whatever a step of the promotion returned but success. */
static void answer_failure(struct vb_http_request *request, const struct vb_promotion *promotion,
                           enum vb_promotion_result result, int r, const struct vb_error *err)
{
    struct vb_api *api = vb_api_of(request);

    switch (result) {
    case VB_PROMOTION_NOT_ARRIVED:
        vb_counter_add(api->uploads->incomplete, 1);
        vb_problem(request, 409, "upload_incomplete", "%s",
                   *promotion->problem ? promotion->problem
                                       : "The file has not arrived yet: PUT it to the ticket's URL, then "
                                         "complete the upload");
        break;
    case VB_PROMOTION_WRONG_LENGTH:
        reject(request, promotion, 422, "length_mismatch", promotion->problem);
        break;
    case VB_PROMOTION_WRONG_TYPE:
        reject(request, promotion, 422, "type_mismatch", promotion->problem);
        break;
    case VB_PROMOTION_UNKNOWN_TYPE:
        reject(request, promotion, 422, "unsupported_media", promotion->problem);
        break;
    case VB_PROMOTION_BAD_MEDIA:
        reject(request, promotion, 422, "media_rejected", promotion->problem);
        break;
    case VB_PROMOTION_BUSY:
        vb_log(VB_LOG_WARN, "an upload waits for a media worker", VB_LOG_STR("requestId", request->id),
               VB_LOG_STR("error", err->message));
        answer_busy(request, "Too many files are being worked on");
        break;
    case VB_PROMOTION_WRONG_TARGET:
        reject(request, promotion, 422, "target_mismatch", promotion->problem);
        break;
    case VB_PROMOTION_DAMAGED:
        reject(request, promotion, 422, "checksum_mismatch", promotion->problem);
        break;
    case VB_PROMOTION_CANCELLED:
        vb_problem(request, 409, "upload_cancelled", "This upload has been cancelled: ask for a new ticket");
        break;
    case VB_PROMOTION_NO_PLACE:
        reject_place(request, promotion);
        break;
    case VB_PROMOTION_FORBIDDEN:
        reject(request, promotion, 403, "upload_forbidden",
               "What this upload is for belongs to somebody else");
        break;
    case VB_PROMOTION_NO_OWNER:
        vb_api_unauthorized(request, "token_invalid", "The account of this access token no longer exists");
        break;
    case VB_PROMOTION_DATABASE:
        vb_api_database_problem(request, r, err);
        break;
    case VB_PROMOTION_STORAGE:
        vb_api_storage_problem(request, r, err);
        break;
    case VB_PROMOTION_DONE:
    case VB_PROMOTION_DONE_BEFORE:
        break;
    }
}

void vb_api_complete_upload(struct vb_http_request *request)
{
    struct vb_api *api = vb_api_of(request);
    struct vb_promotion promotion = {0};
    struct vb_turn turn;
    struct vb_media media VB_CLEANUP(vb_media_release) = {0};
    const char *user_id = vb_api_authenticate(request);
    enum vb_promotion_result result;
    struct vb_error err = {0};
    int r = 0;

    if (!user_id || !vb_staged_read(request, user_id, &promotion))
        return;
    if (!vb_turns_take(api->uploads->completions, user_id, &turn)) {
        answer_busy(request, "Many of your files are being worked on");
        return;
    }
    result = vb_promote(api, &promotion, &media, &r, &err);
    vb_turns_give_back(api->uploads->completions, &turn);
    if (result == VB_PROMOTION_DONE)
        vb_counter_add(api->uploads->completed, 1);
    if (result == VB_PROMOTION_DONE || result == VB_PROMOTION_DONE_BEFORE)
        answer_media(request, &media);
    else
        answer_failure(request, &promotion, result, r, &err);
}
