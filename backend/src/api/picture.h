/*
 * A picture or a video in JSON.
 */
#ifndef VB_API_PICTURE_H
#define VB_API_PICTURE_H

#include "base/json.h"
#include "db/media_names.h"
#include "http/server.h"

/* Adds "url", "s3Key" and "cdnUrl" to an object … */
void vb_api_write_image_fields(struct vb_http_request *request, struct vb_json *json,
                               const struct vb_media_names *image);
/* … or the object; null where there is neither a URL nor a key. */
void vb_api_write_image(struct vb_http_request *request, struct vb_json *json,
                        const struct vb_media_names *image);

#endif
