/*
 * What the handlers of auth share. Other floors use it only through authenticate.h and session.h.
 */
#ifndef VB_API_AUTH_CONTEXT_H
#define VB_API_AUTH_CONTEXT_H

#include "api/api.h"

struct vb_auth {
    struct vb_password_gate *passwords;
    struct vb_throttle *throttle;
    struct vb_revocations *revocations;
    struct vb_reset_mail *reset_mail;
    struct vb_apple *apple; /* NULL: not configured */
};

struct vb_auth *vb_auth_create(const struct vb_api_config *config);
void vb_auth_destroy(struct vb_auth *auth); /* NULL is fine */

#endif
