/* The parts of a file, as answers list them: see parts.h. */
#include "api/upload/parts.h"

#include "api/urls.h"
#include "base/cleanup.h"
#include "base/encode.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The signature covers the length: S3 takes neither a longer nor a shorter part. */
static int presign_part(struct vb_http_request *request, const char *key, const char *id, unsigned number,
                        int64_t length, struct vb_strbuf *url, struct vb_error *err)
{
    struct vb_api *api = vb_api_of(request);
    struct vb_strbuf query VB_CLEANUP(vb_strbuf_release) = {0};
    char length_text[24];
    const struct vb_sigv4_header header = {"Content-Length", length_text};

    snprintf(length_text, sizeof(length_text), "%" PRId64, length);
    vb_strbuf_init(&query, 4 * VB_S3_UPLOAD_ID_SIZE);
    vb_strbuf_addf(&query, "partNumber=%u&uploadId=", number);
    vb_percent_encode(&query, id, strlen(id), false);
    return vb_s3_presign(api->s3,
                         &(struct vb_s3_presign){
                             .method = "PUT",
                             .key = key,
                             .query = query.data,
                             .host = vb_api_follow_host(request, api->follow_host_s3_port),
                             .headers = &header,
                             .header_count = 1,
                             .expires_s = VB_TICKET_LIFETIME_S,
                         },
                         url, err);
}

int vb_upload_write_missing_parts(struct vb_http_request *request, const char *staging_key, int64_t length,
                                  const struct vb_parts *parts, struct vb_json *json, struct vb_error *err)
{
    struct vb_strbuf url VB_CLEANUP(vb_strbuf_release) = {0};
    int r = 0;

    vb_strbuf_init(&url, (size_t)32 * 1024);
    vb_json_array_begin(json);
    for (unsigned number = 1; number <= parts->count && r == 0; number++) {
        int64_t part = vb_parts_length(length, number);

        if (parts->list[number - 1].number)
            continue;
        vb_strbuf_clear(&url);
        r = presign_part(request, staging_key, parts->id, number, part, &url, err);
        vb_json_object_begin(json);
        vb_json_key_int(json, "partNumber", number);
        vb_json_key_int(json, "offset", (int64_t)(number - 1) * VB_PART_SIZE);
        vb_json_key_int(json, "length", part);
        vb_json_key_string(json, "url", url.data);
        vb_json_object_end(json);
    }
    vb_json_array_end(json);
    return r;
}
