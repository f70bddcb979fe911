/* Who takes part in an activity: join, leave, list. */
#include "api/activities/activity_page.h"
#include "api/activities/routes.h"
#include "api/auth/authenticate.h"
#include "api/cursor.h"
#include "api/users/people.h"

#include "db/participants.h"
#include "http/problem.h"

#include <errno.h>
#include <stdlib.h>

void vb_api_join_activity(struct vb_http_request *request)
{
    const char *user_id = vb_api_authenticate(request), *id = vb_api_id(request);
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = user_id ? vb_api_acquire_db(request) : NULL;
    struct vb_error err = {0};
    int r;

    if (!db)
        return;
    r = vb_participants_join(db, id, user_id, &err);
    if (r == 0)
        vb_api_show_activity(request, db, user_id, id);
    else if (r == -ENOENT)
        vb_api_activity_not_found(request);
    else if (r == -ENOSPC)
        vb_problem(request, 409, "activity_full", "All places of this activity are taken");
    else if (r == -ETIME)
        vb_problem(request, 409, "activity_over", "This activity is over: nobody can join it any more");
    else
        vb_api_database_problem(request, r, &err);
}

void vb_api_leave_activity(struct vb_http_request *request)
{
    const char *user_id = vb_api_authenticate(request), *id = vb_api_id(request);
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = user_id ? vb_api_acquire_db(request) : NULL;
    struct vb_error err = {0};
    int r;

    if (!db)
        return;
    r = vb_participants_leave(db, id, user_id, &err);
    if (r < 0)
        vb_api_database_problem(request, r, &err);
    else
        vb_api_show_activity(request, db, user_id, id);
}

static bool activity_exists(struct vb_http_request *request, struct vb_db *db, const char *id)
{
    struct vb_activity activity VB_CLEANUP(vb_activity_release) = {0};
    struct vb_error err = {0};
    int r = vb_activities_find(db, id, &activity, &err);

    return !vb_api_failed(request, r, &err, -ENOENT, vb_api_activity_not_found);
}

void vb_api_list_participants(struct vb_http_request *request)
{
    static const struct vb_people_list shape = {"participants", "joinedAt"};
    const char *user_id = vb_api_authenticate(request), *id = vb_api_id(request), *after_joined_at, *after_id;
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    struct vb_people_page page;
    char list[VB_CURSOR_LIST_SIZE];
    struct vb_error err = {0};
    unsigned limit;
    int r;

    vb_cursor_list((const char *[]){"participants", id, NULL}, list);
    if (!user_id || !vb_cursor_read_limit(request, &limit) ||
        !vb_cursor_read(request, list, &after_joined_at, &after_id))
        return;
    db = vb_api_acquire_db(request);
    if (!db || !activity_exists(request, db, id))
        return;
    vb_people_page_begin(&page, request, &shape, list, limit);
    r = vb_participants_list(db, id, limit + 1, after_joined_at, after_id, vb_people_page_add, &page, &err);
    vb_people_page_answer(&page, r, &err);
}
