/*
 * How a user, and what belongs to one, looks in JSON.
 */
#ifndef VB_API_USERS_USERS_H
#define VB_API_USERS_USERS_H

#include "api/request.h"
#include "db/media_names.h"
#include "db/person.h"
#include "db/users.h"

/* Adds {id, email, name, profilePicture…, createdAt}: what only the user may see. */
void vb_api_write_user(struct vb_http_request *request, struct vb_json *json, const struct vb_user *user);

/* Adds "id", "name" and "profilePictureCdnUrl", which everybody may see, to an object … */
void vb_api_write_person_fields(struct vb_http_request *request, struct vb_json *json,
                                const struct vb_person *person);
/* … or the object; null for somebody who is deleted. */
void vb_api_write_person(struct vb_http_request *request, struct vb_json *json,
                         const struct vb_person *person);

/* Adds "url", "s3Key" and "cdnUrl" of a picture or video to an object … */
void vb_api_write_image_fields(struct vb_http_request *request, struct vb_json *json,
                               const struct vb_media_names *image);
/* … or the object; null where there is neither a URL nor a key. */
void vb_api_write_image(struct vb_http_request *request, struct vb_json *json,
                        const struct vb_media_names *image);

#endif
