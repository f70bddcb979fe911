/* The target of an upload: see target.h. */
#include "ingest/target.h"

#include "base/encode.h"
#include "base/memory.h"
#include "base/number.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SEAL_BYTES   16
#define MESSAGE_SIZE 512

bool vb_target_is_id(const char *text)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-";
    size_t length = strspn(text, allowed);

    return length > 0 && length <= VB_TARGET_ID_MAX && !text[length] && strcmp(text, ".") != 0 &&
           strcmp(text, "..") != 0;
}

/* Writes what the seal covers; returns its length. Fields have no line feeds. The MAC of an upload id uses
 * the same key, but its message never begins like this one: the ninth byte of a UUID has its highest bit
 * set. */
static size_t put_together(const char *upload_id, const struct vb_target *target, char message[MESSAGE_SIZE])
{
    int length = snprintf(message, MESSAGE_SIZE, "vibe upload target 1\n%s\n%s\n%s\n%d\n%s\n", upload_id,
                          target->activity, target->slot, target->index, target->story);

    vb_assert(length > 0 && length < MESSAGE_SIZE);
    return (size_t)length;
}

void vb_target_write(const struct vb_keys *keys, const char *upload_id, const struct vb_target *target,
                     struct vb_target_headers *ret)
{
    unsigned char mac[VB_SHA256_SIZE];
    char message[MESSAGE_SIZE];
    size_t size = put_together(upload_id, target, message);

    ret->count = 0;
    if (*target->activity)
        ret->list[ret->count++] = (struct vb_sigv4_header){"x-amz-meta-vibe-activity", target->activity};
    if (*target->slot)
        ret->list[ret->count++] = (struct vb_sigv4_header){"x-amz-meta-vibe-slot", target->slot};
    if (strcmp(target->slot, "gallery") == 0) {
        vb_assert(target->index >= 0 && target->index <= VB_TARGET_INDEX_MAX);
        *vb_uint_write(ret->index, (uint64_t)target->index) = '\0';
        ret->list[ret->count++] = (struct vb_sigv4_header){"x-amz-meta-vibe-index", ret->index};
    }
    if (*target->story)
        ret->list[ret->count++] = (struct vb_sigv4_header){"x-amz-meta-vibe-story", target->story};
    vb_keys_sign(keys, VB_KEY_UPLOAD, message, size, mac);
    vb_base64url_encode(mac, SEAL_BYTES, ret->seal);
    vb_assert(ret->count < VB_TARGET_HEADERS_MAX);
    ret->list[ret->count++] = (struct vb_sigv4_header){"x-amz-meta-vibe-seal", ret->seal};
}

int vb_target_read(const struct vb_keys *keys, const char *upload_id, const struct vb_s3_object *object,
                   struct vb_target *ret_target)
{
    char seal[VB_TARGET_SEAL_SIZE] = "", index[2] = "", message[MESSAGE_SIZE];
    unsigned char mac[SEAL_BYTES];
    struct vb_target target = {0};
    size_t mac_size, size;
    uint64_t number;

    vb_s3_metadata(object, "vibe-activity", target.activity, sizeof(target.activity));
    vb_s3_metadata(object, "vibe-slot", target.slot, sizeof(target.slot));
    vb_s3_metadata(object, "vibe-story", target.story, sizeof(target.story));
    vb_s3_metadata(object, "vibe-seal", seal, sizeof(seal));
    if (vb_s3_metadata(object, "vibe-index", index, sizeof(index)) || strcmp(target.slot, "gallery") == 0) {
        if (vb_uint_parse(index, strlen(index), VB_TARGET_INDEX_MAX, &number) < 0)
            return -EINVAL;
        target.index = (int)number;
    }
    if (vb_base64url_decode(seal, strlen(seal), mac, sizeof(mac), &mac_size) < 0 || mac_size != sizeof(mac))
        return -EINVAL;
    size = put_together(upload_id, &target, message);
    if (!vb_keys_verify(keys, VB_KEY_UPLOAD, message, size, mac, sizeof(mac)))
        return -EINVAL;
    *ret_target = target;
    return 0;
}
