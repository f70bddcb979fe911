/*
 * The routes of /api/users and their handlers.
 */
#ifndef VB_API_USERS_ROUTES_H
#define VB_API_USERS_ROUTES_H

#include "http/server.h"

extern const struct vb_route vb_users_routes[]; /* ended by one without a pattern */

/* users.c */
void vb_api_get_me(struct vb_http_request *request);
void vb_api_update_me(struct vb_http_request *request);
void vb_api_get_user(struct vb_http_request *request);
/* delete_me.c */
void vb_api_delete_me(struct vb_http_request *request);

#endif
