/*
 * People in JSON: a user as only the user sees it, and a person as everybody does.
 */
#ifndef VB_API_USERS_PERSON_H
#define VB_API_USERS_PERSON_H

#include "base/json.h"
#include "db/person.h"
#include "db/users.h"
#include "http/server.h"

/* Adds {id, email, name, profilePicture…, createdAt}: the account as only its user sees it. */
void vb_api_write_user(struct vb_http_request *request, struct vb_json *json, const struct vb_user *user);
/* Adds {id, name, profilePicture…}: the profile that everybody sees. */
void vb_api_write_profile(struct vb_http_request *request, struct vb_json *json, const struct vb_user *user);

/* Adds "id", "name" and "profilePictureCdnUrl" of a person in a list to an object … */
void vb_api_write_person_fields(struct vb_http_request *request, struct vb_json *json,
                                const struct vb_person *person);
/* … or the object; null for a person whose account is gone. */
void vb_api_write_person(struct vb_http_request *request, struct vb_json *json,
                         const struct vb_person *person);

#endif
