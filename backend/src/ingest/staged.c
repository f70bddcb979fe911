/* The staged object of an upload: see staged.h. */
#include "ingest/staged.h"

#include "api/request.h"
#include "http/problem.h"

#include <errno.h>
#include <string.h>

static void not_found(struct vb_http_request *request)
{
    vb_problem(request, 404, "upload_not_found",
               "There is no such upload of yours: \"uploadId\" and \"key\" must be those of the ticket");
}

/* Whether the ticket is the user's and the key is the ticket's. */
static bool fits_together(const struct vb_api *api, const char *user_id, const char *upload_id,
                          const char *key, struct vb_ticket *ret_ticket)
{
    struct vb_strbuf expected;
    bool same;

    if (vb_ticket_read(api->keys, user_id, upload_id, ret_ticket) < 0)
        return false;
    vb_strbuf_init(&expected, 1024);
    vb_ticket_staging_key(ret_ticket, user_id, upload_id, &expected);
    same = strcmp(expected.data, key) == 0;
    vb_strbuf_release(&expected);
    return same;
}

bool vb_staged_find(struct vb_http_request *request, const char *user_id, const char *key,
                    struct vb_promotion *promotion)
{
    const char *upload_id = vb_http_param(request, "uploadId");
    const char *own;

    if (!key) {
        not_found(request);
        return false;
    }
    own = vb_arena_printf(&request->arena, VB_STAGED_PREFIX "%s/", user_id);
    if (own && strncmp(key, own, strlen(own)) != 0) {
        vb_problem(request, 403, "upload_forbidden", "This key does not belong to an upload of yours");
        return false;
    }
    promotion->staging_key = vb_arena_strdup(&request->arena, key);
    if (!upload_id || !promotion->staging_key ||
        !fits_together(vb_api_of(request), user_id, upload_id, key, &promotion->ticket)) {
        not_found(request);
        return false;
    }
    promotion->user_id = user_id;
    promotion->upload_id = upload_id;
    return true;
}

bool vb_staged_read(struct vb_http_request *request, const char *user_id, struct vb_promotion *promotion)
{
    json_t *json VB_CLEANUP(vb_json_decrefp) = vb_api_read_json(request);
    const char *key = NULL;

    return json && vb_api_string_field(request, json, "key", VB_API_REQUIRED, &key) &&
           vb_staged_find(request, user_id, key, promotion);
}

int vb_staged_from_key(const struct vb_api *api, const char *key, struct vb_staged_names *names,
                       struct vb_promotion *promotion)
{
    const char *user = key + strlen(VB_STAGED_PREFIX), *slash = strrchr(key, '/');
    size_t user_length;

    if (strncmp(key, VB_STAGED_PREFIX, strlen(VB_STAGED_PREFIX)) != 0 || slash < user)
        return -EINVAL;
    user_length = (size_t)(slash - user);
    if (user_length >= sizeof(names->user_id) || strlen(slash + 1) < VB_TICKET_ID_SIZE)
        return -EINVAL;
    memcpy(names->user_id, user, user_length);
    names->user_id[user_length] = '\0';
    memcpy(names->upload_id, slash + 1, VB_TICKET_ID_SIZE - 1);
    names->upload_id[VB_TICKET_ID_SIZE - 1] = '\0';
    if (!fits_together(api, names->user_id, names->upload_id, key, &promotion->ticket))
        return -EINVAL;
    promotion->user_id = names->user_id;
    promotion->upload_id = names->upload_id;
    promotion->staging_key = key;
    return 0;
}
