/* The routes of /api/activities: see routes.h. */
#include "api/activities/routes.h"

#include "api/routes.h"

const struct vb_route vb_activities_routes[] = {
    VB_ROUTE(GET, "/api/activities", vb_api_list_activities, DATABASE, NONE, WORKER),
    VB_ROUTE(POST, "/api/activities", vb_api_create_activity, DATABASE, JSON, WORKER),
    VB_ROUTE(GET, "/api/activities/{id}", vb_api_get_activity, DATABASE, NONE, WORKER),
    VB_ROUTE(PATCH, "/api/activities/{id}", vb_api_update_activity, DATABASE, JSON, WORKER),
    VB_ROUTE(DELETE, "/api/activities/{id}", vb_api_delete_activity, DATABASE, NONE, WORKER),
    VB_ROUTE(POST, "/api/activities/{id}/join", vb_api_join_activity, DATABASE, JSON, WORKER),
    VB_ROUTE(DELETE, "/api/activities/{id}/join", vb_api_leave_activity, DATABASE, NONE, WORKER),
    VB_ROUTE(GET, "/api/activities/{id}/participants", vb_api_list_participants, DATABASE, NONE, WORKER),
    VB_ROUTES_END,
};
