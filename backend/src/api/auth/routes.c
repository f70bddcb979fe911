/* The routes of /api/auth: see routes.h. */
#include "api/auth/routes.h"

#include "api/routes.h"

const struct vb_route vb_auth_routes[] = {
    VB_ROUTE(POST, "/api/auth/register", vb_api_register, PASSWORD, JSON, WORKER),
    VB_ROUTE(POST, "/api/auth/login", vb_api_login, PASSWORD, JSON, WORKER),
    VB_ROUTE(POST, "/api/auth/refresh", vb_api_refresh, DATABASE, JSON, WORKER),
    VB_ROUTE(POST, "/api/auth/logout", vb_api_logout, DATABASE, JSON, WORKER),
    VB_ROUTE(POST, "/api/auth/logout-all", vb_api_logout_all, DATABASE, JSON, WORKER),
    VB_ROUTE(POST, "/api/auth/password", vb_api_change_password, PASSWORD, JSON, WORKER),
    VB_ROUTE(POST, "/api/auth/password/forgot", vb_api_forgot_password, DATABASE, JSON, WORKER),
    VB_ROUTE(POST, "/api/auth/password/reset", vb_api_reset_password, PASSWORD, JSON, WORKER),
    VB_ROUTE(POST, "/api/auth/apple", vb_api_apple, REMOTE, JSON, WORKER),
    VB_ROUTES_END,
};
