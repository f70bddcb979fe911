/* The staged file that a request names: see staged.h. */
#include "api/upload/staged.h"

#include "http/problem.h"

#include <string.h>

static bool not_found(struct vb_http_request *request)
{
    vb_problem(request, 404, "upload_not_found",
               "There is no such upload of yours: \"uploadId\" and \"key\" must be those of the ticket");
    return false;
}

bool vb_upload_find(struct vb_http_request *request, const char *user_id, const char *key,
                    struct vb_staged *ret)
{
    const char *upload_id = vb_http_param(request, "uploadId");
    const char *own, *copy;

    if (!key)
        return not_found(request);
    own = vb_arena_printf(&request->arena, VB_STAGED_PREFIX "%s/", user_id);
    if (own && strncmp(key, own, strlen(own)) != 0) {
        vb_problem(request, 403, "upload_forbidden", "This key does not belong to an upload of yours");
        return false;
    }
    copy = vb_arena_strdup(&request->arena, key);
    if (!upload_id || !copy || vb_staged_read(vb_api_of(request)->keys, user_id, upload_id, copy, ret) < 0)
        return not_found(request);
    return true;
}

void vb_upload_purpose_unknown(struct vb_http_request *request, const struct vb_error *err)
{
    vb_http_add_header(request, "Retry-After", "5");
    vb_problem(request, 503, "purpose_unknown", "%s", err->message);
}

bool vb_upload_read(struct vb_http_request *request, const char *user_id, struct vb_staged *ret)
{
    json_t *json VB_CLEANUP(vb_json_decrefp) = vb_api_read_json(request);
    const char *key = NULL;

    return json && vb_api_string_field(request, json, "key", VB_API_REQUIRED, &key) &&
           vb_upload_find(request, user_id, key, ret);
}
