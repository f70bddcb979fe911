/*
 * POST /api/upload/{uploadId}/complete: publishes the file that arrived in user-uploads/ (ingest/promote.h).
 * It may be called again, and by two at once: there is one media, and every answer is about it.
 */
#include "api/auth/authenticate.h"
#include "api/upload/context.h"
#include "api/upload/routes.h"
#include "api/upload/staged.h"
#include "api/urls.h"
#include "ingest/promote.h"

#include "base/log.h"
#include "base/memory.h"
#include "http/problem.h"
#include "media/variant.h"

#include <string.h>

/* The widths that the CDN has of the picture, or of a video's poster, smallest first: a srcset. */
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

/* The picture that is shown until the video plays. */
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

/* How each outcome of a promotion is answered. */
struct answer {
    int status;
    const char *code;
    const char *detail; /* NULL: the ingest's own sentence */
    bool rejects;       /* the staged object is useless: it is deleted, so that nobody pays for it */
};
static const struct answer answers[VB_OUTCOMES] = {
    [VB_OUTCOME_NOT_ARRIVED] = {409, "upload_incomplete", NULL, false},
    [VB_OUTCOME_INCOMPLETE] = {409, "upload_incomplete", NULL, false},
    [VB_OUTCOME_WRONG_LENGTH] = {422, "length_mismatch", NULL, true},
    [VB_OUTCOME_WRONG_TYPE] = {422, "type_mismatch", NULL, true},
    [VB_OUTCOME_UNKNOWN_TYPE] = {422, "unsupported_media", NULL, true},
    [VB_OUTCOME_WRONG_TARGET] = {422, "target_mismatch", NULL, true},
    [VB_OUTCOME_BAD_MEDIA] = {422, "media_rejected", NULL, true},
    [VB_OUTCOME_DAMAGED] = {422, "checksum_mismatch", NULL, true},
    [VB_OUTCOME_CANCELLED] = {409, "upload_cancelled", "This upload has been cancelled: ask for a new ticket",
                              false},
    [VB_OUTCOME_FORBIDDEN] = {403, "upload_forbidden",
                              "The activity or the story of this upload belongs to somebody else", true},
};

/* The same for NO_PLACE, by the purpose of the upload. */
static const struct answer missing[] = {
    [VB_UPLOAD_PROFILE_PICTURE] = {404, "upload_not_found", "There is no such account", true},
    [VB_UPLOAD_ACTIVITY_IMAGE] = {404, "activity_not_found", "There is no such activity", true},
    [VB_UPLOAD_STORY_MEDIA] = {404, "story_not_found", "There is no such story, or it has ended", true},
};

static void answer_with(struct vb_http_request *request, const struct vb_staged *staged,
                        const struct answer *answer, const struct vb_error *err)
{
    struct vb_api *api = vb_api_of(request);

    if (answer->rejects) { /* if the deletion fails, the bucket's lifecycle rule deletes it */
        vb_s3_delete(api->s3, staged->key, NULL);
        vb_counter_add(api->uploads->rejected, 1);
    }
    vb_problem(request, answer->status, answer->code, "%s", answer->detail ? answer->detail : err->message);
}

static void answer_busy(struct vb_http_request *request, const char *what)
{
    vb_http_add_header(request, "Retry-After", "2");
    vb_problem(request, 503, "media_busy", "%s: the upload is safe, complete it again in two seconds", what);
}

static void answer(struct vb_http_request *request, const struct vb_staged *staged, enum vb_outcome outcome,
                   const struct vb_media *media, const struct vb_error *err)
{
    struct vb_uploads *uploads = vb_api_of(request)->uploads;

    switch (outcome) {
    case VB_OUTCOME_DONE:
        vb_counter_add(uploads->completed, 1);
        answer_media(request, media);
        break;
    case VB_OUTCOME_DONE_BEFORE:
        answer_media(request, media);
        break;
    case VB_OUTCOME_NO_PLACE:
        answer_with(request, staged, &missing[staged->ticket.purpose], err);
        break;
    case VB_OUTCOME_NO_OWNER:
        vb_api_unauthorized(request, "token_invalid", "The account of this access token no longer exists");
        break;
    case VB_OUTCOME_UNKNOWN_PURPOSE:
        vb_upload_purpose_unknown(request, err);
        break;
    case VB_OUTCOME_BUSY:
        vb_log(VB_LOG_WARN, "an upload cannot be decoded now", VB_LOG_STR("requestId", request->id),
               VB_LOG_STR("error", err->message));
        answer_busy(request, "Too many files are being decoded");
        break;
    case VB_OUTCOME_DATABASE:
        vb_api_database_problem(request, -err->code, err);
        break;
    case VB_OUTCOME_STORAGE:
        vb_api_storage_problem(request, -err->code, err);
        break;
    case VB_OUTCOME_NOT_ARRIVED:
    case VB_OUTCOME_INCOMPLETE:
        vb_counter_add(uploads->incomplete, 1);
        __attribute__((fallthrough));
    default:
        vb_assert(answers[outcome].status);
        answer_with(request, staged, &answers[outcome], err);
    }
}

void vb_api_complete_upload(struct vb_http_request *request)
{
    struct vb_api *api = vb_api_of(request);
    struct vb_media media VB_CLEANUP(vb_media_release) = {0};
    const char *user_id = vb_api_authenticate(request);
    struct vb_error err = {0};
    struct vb_staged staged;
    enum vb_outcome outcome;
    struct vb_turn turn;

    if (!user_id || !vb_upload_read(request, user_id, &staged))
        return;
    if (!vb_turns_take(api->uploads->completions, user_id, &turn)) {
        answer_busy(request, "Too many of your files are being decoded");
        return;
    }
    outcome = vb_promote(api->ingest, &staged, &media, &err);
    vb_turns_give_back(api->uploads->completions, &turn);
    answer(request, &staged, outcome, &media, &err);
}
