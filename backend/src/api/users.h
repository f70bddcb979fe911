/*
 * How a user looks in JSON.
 */
#ifndef VB_API_USERS_H
#define VB_API_USERS_H

#include "api/request.h"
#include "db/users.h"

/* Adds {id, email, name, profilePicture…, createdAt}: what only the user may see. */
void vb_api_write_user(struct vb_http_request *request, struct vb_json *json, const struct vb_user *user);

#endif
