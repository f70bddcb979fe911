/* People in JSON: see person.h. */
#include "api/users/person.h"

#include "api/urls.h"

static void write_picture(struct vb_http_request *request, struct vb_json *json, const struct vb_user *user)
{
    vb_json_key_string(json, "profilePicture", user->profile_picture);
    vb_json_key_string(json, "profilePictureCdnUrl",
                       vb_api_cdn_url(request, user->profile_picture_s3_key, user->profile_picture_cdn_url));
}

void vb_api_write_user(struct vb_http_request *request, struct vb_json *json, const struct vb_user *user)
{
    vb_json_object_begin(json);
    vb_json_key_string(json, "id", user->id);
    vb_json_key_string(json, "email", user->email);
    vb_json_key_string(json, "name", user->name);
    write_picture(request, json, user);
    vb_json_key_string(json, "profilePictureS3Key", user->profile_picture_s3_key);
    vb_json_key_string(json, "createdAt", user->created_at);
    vb_json_object_end(json);
}

void vb_api_write_profile(struct vb_http_request *request, struct vb_json *json, const struct vb_user *user)
{
    vb_json_object_begin(json);
    vb_json_key_string(json, "id", user->id);
    vb_json_key_string(json, "name", user->name);
    write_picture(request, json, user);
    vb_json_object_end(json);
}

void vb_api_write_person_fields(struct vb_http_request *request, struct vb_json *json,
                                const struct vb_person *person)
{
    vb_json_key_string(json, "id", person->id);
    vb_json_key_string(json, "name", person->name);
    vb_json_key_string(json, "profilePictureCdnUrl",
                       vb_api_cdn_url(request, person->picture_s3_key, person->picture_cdn_url));
}

void vb_api_write_person(struct vb_http_request *request, struct vb_json *json,
                         const struct vb_person *person)
{
    if (!person->id) {
        vb_json_null(json);
        return;
    }
    vb_json_object_begin(json);
    vb_api_write_person_fields(request, json, person);
    vb_json_object_end(json);
}
