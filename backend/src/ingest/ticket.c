/* Upload tickets: see ticket.h. */
#include "ingest/ticket.h"

#include "base/encode.h"
#include "base/memory.h"
#include "media/keys.h"

#include <errno.h>
#include <string.h>

#define UUID_BYTES   16
#define LENGTH_BYTES 5
#define SIGNED_BYTES (UUID_BYTES + 2 + LENGTH_BYTES)
#define MAC_BYTES    16
#define ID_BYTES     (SIGNED_BYTES + MAC_BYTES)
#define USER_MAX     512

_Static_assert(ID_BYTES % 3 == 0 && ID_BYTES / 3 * 4 + 1 == VB_TICKET_ID_SIZE,
               "upload ids are base64url of this");

const char *vb_upload_purpose_name(enum vb_upload_purpose purpose)
{
    switch (purpose) {
    case VB_UPLOAD_PROFILE_PICTURE:
        return "profile-picture";
    case VB_UPLOAD_ACTIVITY_IMAGE:
        return "activity-image";
    case VB_UPLOAD_STORY_MEDIA:
        return "story-media";
    }
    return NULL;
}

/* What the MAC covers: the id's own bytes, and the user's id. */
struct message {
    unsigned char bytes[SIGNED_BYTES + USER_MAX];
    size_t size;
};

static void put_together(const unsigned char *bytes, const char *user_id, struct message *ret_message)
{
    size_t user_length = strlen(user_id);

    vb_assert(user_length <= USER_MAX); /* it comes from an access token, which is shorter */
    memcpy(ret_message->bytes, bytes, SIGNED_BYTES);
    memcpy(ret_message->bytes + SIGNED_BYTES, user_id, user_length);
    ret_message->size = SIGNED_BYTES + user_length;
}

static void uuid_to_bytes(const char *uuid, unsigned char bytes[UUID_BYTES])
{
    char digits[2 * UUID_BYTES];
    size_t count = 0;

    for (; *uuid; uuid++)
        if (*uuid != '-')
            digits[count++] = *uuid;
    vb_assert(count == sizeof(digits) && vb_hex_decode(digits, count, bytes, UUID_BYTES) == 0);
}

static void uuid_from_bytes(const unsigned char bytes[UUID_BYTES], char uuid[VB_UUID_SIZE])
{
    static const struct {
        int at, size, to;
    } groups[] = {{0, 4, 0}, {4, 2, 9}, {6, 2, 14}, {8, 2, 19}, {10, 6, 24}};

    for (size_t i = 0; i < VB_ARRAY_SIZE(groups); i++) {
        vb_hex_encode(bytes + groups[i].at, (size_t)groups[i].size, uuid + groups[i].to);
        if (i + 1 < VB_ARRAY_SIZE(groups))
            uuid[groups[i + 1].to - 1] = '-';
    }
}

static int64_t big_endian(const unsigned char *bytes, int count)
{
    int64_t value = 0;

    for (int i = 0; i < count; i++)
        value = value << 8 | bytes[i];
    return value;
}

void vb_ticket_issue(const struct vb_keys *keys, const char *user_id, struct vb_ticket *ticket,
                     char ret_upload_id[VB_TICKET_ID_SIZE])
{
    unsigned char bytes[SIGNED_BYTES + VB_SHA256_SIZE];
    struct message message;

    vb_assert(ticket->length >= 0 && ticket->length <= VB_TICKET_LENGTH_MAX);
    vb_random_uuid(ticket->uuid);
    uuid_to_bytes(ticket->uuid, bytes);
    ticket->time_ms = big_endian(bytes, 6);
    bytes[UUID_BYTES] = (unsigned char)ticket->purpose;
    bytes[UUID_BYTES + 1] = (unsigned char)ticket->type;
    for (int i = 0; i < LENGTH_BYTES; i++)
        bytes[UUID_BYTES + 2 + i] = (unsigned char)(ticket->length >> (8 * (LENGTH_BYTES - 1 - i)));
    put_together(bytes, user_id, &message);
    vb_keys_sign(keys, VB_KEY_UPLOAD, message.bytes, message.size, bytes + SIGNED_BYTES);
    vb_base64url_encode(bytes, ID_BYTES, ret_upload_id);
}

int vb_ticket_read(const struct vb_keys *keys, const char *user_id, const char *upload_id,
                   struct vb_ticket *ret_ticket)
{
    unsigned char bytes[ID_BYTES];
    struct message message;
    size_t length = strnlen(upload_id, VB_TICKET_ID_SIZE), size;

    if (length != VB_TICKET_ID_SIZE - 1 ||
        vb_base64url_decode(upload_id, length, bytes, sizeof(bytes), &size) < 0)
        return -EINVAL;
    put_together(bytes, user_id, &message);
    if (!vb_keys_verify(keys, VB_KEY_UPLOAD, message.bytes, message.size, bytes + SIGNED_BYTES, MAC_BYTES))
        return -EINVAL;
    uuid_from_bytes(bytes, ret_ticket->uuid);
    ret_ticket->time_ms = big_endian(bytes, 6);
    ret_ticket->purpose = bytes[UUID_BYTES];
    ret_ticket->type = bytes[UUID_BYTES + 1];
    ret_ticket->length = big_endian(bytes + UUID_BYTES + 2, LENGTH_BYTES);
    return 0;
}

void vb_ticket_staging_key(const struct vb_ticket *ticket, const char *user_id, const char *upload_id,
                           struct vb_strbuf *out)
{
    vb_strbuf_adds(out, VB_STAGED_PREFIX);
    vb_strbuf_adds(out, user_id);
    vb_strbuf_addc(out, '/');
    vb_strbuf_adds(out, upload_id);
    vb_strbuf_addc(out, '-');
    vb_strbuf_addi(out, ticket->time_ms);
    vb_strbuf_addc(out, '.');
    vb_strbuf_adds(out, vb_media_extension(ticket->type));
}
