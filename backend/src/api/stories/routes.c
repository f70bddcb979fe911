/* The routes of /api/stories: see routes.h. */
#include "api/stories/routes.h"

#include "api/routes.h"

const struct vb_route vb_stories_routes[] = {
    VB_ROUTE(GET, "/api/stories", vb_api_list_stories, DATABASE, NONE, WORKER),
    VB_ROUTE(POST, "/api/stories", vb_api_create_story, DATABASE, JSON, WORKER),
    VB_ROUTE(GET, "/api/stories/{id}", vb_api_get_story, DATABASE, NONE, WORKER),
    VB_ROUTE(DELETE, "/api/stories/{id}", vb_api_delete_story, DATABASE, NONE, WORKER),
    VB_ROUTE(POST, "/api/stories/{id}/seen", vb_api_see_story, DATABASE, JSON, WORKER),
    VB_ROUTE(GET, "/api/stories/{id}/seen", vb_api_list_story_views, DATABASE, NONE, WORKER),
    VB_ROUTES_END,
};
