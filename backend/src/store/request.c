/* Bucket and key of a request: see request.h. */
#include "store/request.h"

#include "base/cleanup.h"
#include "base/encode.h"
#include "base/strbuf.h"
#include "store/engine/engine.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define BUCKET_NAME_MIN 3
#define BUCKET_NAME_MAX 63

static bool looks_like_ipv4(const char *name, size_t length)
{
    unsigned dots = 0;

    for (size_t i = 0; i < length; i++) {
        if (name[i] == '.')
            dots++;
        else if (!isdigit((unsigned char)name[i]))
            return false;
    }
    return dots == 3;
}

bool vb_store_bucket_name_valid(const char *name, size_t length)
{
    if (length < BUCKET_NAME_MIN || length > BUCKET_NAME_MAX)
        return false;
    for (size_t i = 0; i < length; i++) {
        bool plain = (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9');

        if (plain)
            continue;
        if ((name[i] != '.' && name[i] != '-') || i == 0 || i == length - 1)
            return false;
        if (name[i] == '.' && (name[i - 1] == '.' || name[i - 1] == '-'))
            return false;
        if (name[i] == '-' && name[i - 1] == '.')
            return false;
    }
    return !looks_like_ipv4(name, length);
}

/* The length of the bucket's name at the start of the Host header. 0: it names none (path style). */
static size_t bucket_length_in_host(const char *host)
{
    size_t length = strcspn(host, ":");
    const char *service = strstr(host, ".s3.");
    static const char suffix[] = ".localhost";
    const size_t suffix_length = sizeof(suffix) - 1;
    size_t bucket_length = 0;

    if (service && (size_t)(service - host) < length)
        bucket_length = (size_t)(service - host);
    else if (length > suffix_length && strncasecmp(host + length - suffix_length, suffix, suffix_length) == 0)
        bucket_length = length - suffix_length;
    return vb_store_bucket_name_valid(host, bucket_length) ? bucket_length : 0;
}

/* Decodes a part of the path. *ret_text is in the arena. */
static enum vb_store_error decode(struct vb_arena *arena, const char *text, size_t length, size_t max,
                                  enum vb_store_error too_long, const char **ret_text)
{
    struct vb_strbuf decoded VB_CLEANUP(vb_strbuf_release);
    char *copy;

    vb_strbuf_init(&decoded, 3 * length);
    if (vb_percent_decode(&decoded, text, length, false) < 0 || memchr(decoded.data, '\0', decoded.length) ||
        !vb_utf8_valid(decoded.data, decoded.length))
        return VB_STORE_INVALID_URI;
    if (vb_strbuf_failed(&decoded))
        return VB_STORE_SLOW_DOWN;
    if (decoded.length > max)
        return too_long;
    copy = vb_arena_strndup(arena, decoded.data, decoded.length);
    if (!copy)
        return VB_STORE_SLOW_DOWN;
    *ret_text = copy;
    return VB_STORE_OK;
}

static enum vb_store_error decode_key(struct vb_arena *arena, const char *text, size_t length,
                                      const char **ret_key)
{
    return decode(arena, text, length, VB_ENGINE_KEY_MAX, VB_STORE_KEY_TOO_LONG, ret_key);
}

static enum vb_store_error decode_bucket(struct vb_arena *arena, const char *text, size_t length,
                                         const char **ret_bucket)
{
    const char *bucket;
    enum vb_store_error error =
        decode(arena, text, length, BUCKET_NAME_MAX, VB_STORE_INVALID_BUCKET_NAME, &bucket);

    if (error)
        return error;
    if (!vb_store_bucket_name_valid(bucket, strlen(bucket)))
        return VB_STORE_INVALID_BUCKET_NAME;
    *ret_bucket = bucket;
    return VB_STORE_OK;
}

/* "bucket", "bucket/", "bucket/key" */
static enum vb_store_error parse_path_style(struct vb_arena *arena, const char *path, size_t length,
                                            struct vb_store_target *target)
{
    const char *slash = memchr(path, '/', length);
    size_t bucket_length = slash ? (size_t)(slash - path) : length;
    enum vb_store_error error = decode_bucket(arena, path, bucket_length, &target->bucket);

    if (error || !slash || bucket_length + 1 == length)
        return error;
    return decode_key(arena, slash + 1, length - bucket_length - 1, &target->key);
}

enum vb_store_error vb_store_target_parse(struct vb_arena *arena, const char *path, const char *host,
                                          struct vb_store_target *ret_target)
{
    struct vb_store_target target = {0};
    size_t bucket_length = bucket_length_in_host(host);
    enum vb_store_error error = VB_STORE_OK;

    if (path[0] != '/')
        return VB_STORE_INVALID_URI;
    path++;
    if (bucket_length) {
        target.bucket = vb_arena_strndup(arena, host, bucket_length);
        if (!target.bucket)
            return VB_STORE_SLOW_DOWN;
        target.in_host = true;
        if (*path)
            error = decode_key(arena, path, strlen(path), &target.key);
    } else if (*path) {
        error = parse_path_style(arena, path, strlen(path), &target);
    }
    if (!error)
        *ret_target = target;
    return error;
}

enum vb_store_error vb_store_copy_source_parse(struct vb_arena *arena, const char *source,
                                               struct vb_store_target *ret_target)
{
    struct vb_store_target target = {0};
    const char *query = strchr(source, '?');
    size_t length = query ? (size_t)(query - source) : strlen(source);
    enum vb_store_error error;

    if (query && strcmp(query, "?versionId=null") != 0)
        return strncmp(query, "?versionId=", 11) == 0 ? VB_STORE_NO_SUCH_VERSION : VB_STORE_INVALID_ARGUMENT;
    /* some clients encode even the slash between bucket and key */
    if (length > 0 && source[0] == '/') {
        source++;
        length--;
    }
    if (!memchr(source, '/', length)) {
        const char *encoded = strcasestr(source, "%2F");

        if (!encoded || encoded >= source + length)
            return VB_STORE_INVALID_ARGUMENT;
        error = decode_bucket(arena, source, (size_t)(encoded - source), &target.bucket);
        if (!error)
            error = decode_key(arena, encoded + 3, length - (size_t)(encoded - source) - 3, &target.key);
    } else {
        error = parse_path_style(arena, source, length, &target);
    }
    if (error)
        return error;
    if (!target.key || !*target.key)
        return VB_STORE_INVALID_ARGUMENT;
    *ret_target = target;
    return VB_STORE_OK;
}
