/* The routes of /api/users: see routes.h. */
#include "api/users/routes.h"

#include "api/routes.h"

const struct vb_route vb_users_routes[] = {
    VB_ROUTE(GET, "/api/users/me", vb_api_get_me, DATABASE, NONE, WORKER),
    VB_ROUTE(PATCH, "/api/users/me", vb_api_update_me, DATABASE, JSON, WORKER),
    VB_ROUTE(DELETE, "/api/users/me", vb_api_delete_me, REMOTE, NONE, WORKER),
    VB_ROUTE(GET, "/api/users/{id}", vb_api_get_user, DATABASE, NONE, WORKER),
    VB_ROUTES_END,
};
