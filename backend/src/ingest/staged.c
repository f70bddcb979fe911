/* A file in staging: see staged.h. */
#include "ingest/staged.h"

#include <errno.h>
#include <string.h>

int vb_staged_read(const struct vb_keys *keys, const char *user_id, const char *upload_id, const char *key,
                   struct vb_staged *ret)
{
    struct vb_staged staged = {.user_id = user_id, .upload_id = upload_id, .key = key};
    struct vb_strbuf expected;
    bool same;

    if (vb_ticket_read(keys, user_id, upload_id, &staged.ticket) < 0 ||
        !vb_media_extension(staged.ticket.type)) /* a type of another version of the program */
        return -EINVAL;
    vb_strbuf_init(&expected, 1024);
    vb_ticket_staging_key(&staged.ticket, user_id, upload_id, &expected);
    same = strcmp(expected.data, key) == 0;
    vb_strbuf_release(&expected);
    if (!same)
        return -EINVAL;
    *ret = staged;
    return 0;
}

int vb_staged_from_key(const struct vb_keys *keys, const char *key, struct vb_staged_names *names,
                       struct vb_staged *ret)
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
    return vb_staged_read(keys, names->user_id, names->upload_id, key, ret);
}
