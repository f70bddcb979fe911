/* A picture or a video in JSON: see picture.h. */
#include "api/picture.h"

#include "api/urls.h"

void vb_api_write_image_fields(struct vb_http_request *request, struct vb_json *json,
                               const struct vb_media_names *image)
{
    vb_json_key_string(json, "url", image->url);
    vb_json_key_string(json, "s3Key", image->s3_key);
    vb_json_key_string(json, "cdnUrl",
                       vb_api_cdn_url(request, image->s3_key, image->cdn_url ? image->cdn_url : image->url));
}

void vb_api_write_image(struct vb_http_request *request, struct vb_json *json,
                        const struct vb_media_names *image)
{
    if (!image->url && !image->s3_key) {
        vb_json_null(json);
        return;
    }
    vb_json_object_begin(json);
    vb_api_write_image_fields(request, json, image);
    vb_json_object_end(json);
}
