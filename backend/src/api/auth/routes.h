/*
 * The routes of /api/auth and their handlers.
 */
#ifndef VB_API_AUTH_ROUTES_H
#define VB_API_AUTH_ROUTES_H

#include "http/server.h"

extern const struct vb_route vb_auth_routes[]; /* ended by one without a pattern */

/* register.c, login.c, refresh.c */
void vb_api_register(struct vb_http_request *request);
void vb_api_login(struct vb_http_request *request);
void vb_api_refresh(struct vb_http_request *request);
void vb_api_logout(struct vb_http_request *request);
void vb_api_logout_all(struct vb_http_request *request);
/* new_password.c */
void vb_api_change_password(struct vb_http_request *request);
void vb_api_forgot_password(struct vb_http_request *request);
void vb_api_reset_password(struct vb_http_request *request);
/* apple.c */
void vb_api_apple(struct vb_http_request *request);

#endif
