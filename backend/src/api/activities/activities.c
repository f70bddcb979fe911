/* Activities: create, show, change and delete one. */
#include "api/activities/activity_page.h"
#include "api/activities/routes.h"
#include "api/auth/authenticate.h"
#include "api/fields.h"
#include "api/idempotency.h"

#include "api/time_text.h"
#include "db/transaction.h"
#include "db/users.h"
#include "http/problem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_MAX 100000

void vb_api_activity_not_found(struct vb_http_request *request)
{
    vb_problem(request, 404, "activity_not_found", "There is no activity with this id");
}

/* Writes one activity as this user sees it into body, which the caller releases. Returns 0, -ENOENT or
 * another error of the database. */
static int write_activity(struct vb_http_request *request, struct vb_db *db, const char *user_id,
                          const char *id, struct vb_strbuf *body, struct vb_error *err)
{
    struct vb_activity_page page VB_CLEANUP(vb_activity_page_release) = {0};
    bool joined[1][VB_ACTIVITY_PAGE_ROWS];
    int r = vb_activity_page_read_one(request, db, id, &page, err);

    if (r == 0)
        r = vb_activity_page_joined(db, &page, &user_id, 1, joined, err);
    if (r == 0)
        vb_activity_page_fill(&page, joined[0], body);
    return r;
}

void vb_api_show_activity(struct vb_http_request *request, struct vb_db *db, const char *user_id,
                          const char *id)
{
    struct vb_error err = {0};
    struct vb_strbuf body;
    int r = write_activity(request, db, user_id, id, &body, &err);

    if (!vb_api_failed(request, r, &err, -ENOENT, vb_api_activity_not_found))
        vb_api_answer_json(request, 200, &body);
}

void vb_api_get_activity(struct vb_http_request *request)
{
    const char *user_id = vb_api_authenticate(request), *id = vb_api_id(request);
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = user_id ? vb_api_acquire_db(request) : NULL;

    if (db)
        vb_api_show_activity(request, db, user_id, id);
}

static bool read_place(struct vb_http_request *request, const json_t *json, struct vb_activity_fields *fields)
{
    static const struct vb_text_rule name = {"name", 1, 200, false};
    const json_t *place = json_object_get(json, "place");

    if (!place)
        return true;
    fields->place_name = fields->latitude = fields->longitude = NULL;
    if (json_is_null(place))
        return true;
    if (!json_is_object(place)) {
        vb_api_invalid_field(request, "place",
                             "\"place\" must be an object with name, latitude and longitude");
        return false;
    }
    if (!vb_api_text(request, place, &name, &fields->place_name) ||
        !vb_api_degrees(request, place, "latitude", 90, &fields->latitude) ||
        !vb_api_degrees(request, place, "longitude", 180, &fields->longitude))
        return false;
    if (!fields->latitude != !fields->longitude || (!fields->place_name && !fields->latitude)) {
        vb_api_invalid_field(request, "place",
                             "\"place\" needs a name, or latitude and longitude, or all three");
        return false;
    }
    return true;
}

/* Milliseconds since 1970; 0 for an unknown time. */
static int64_t time_of(const char *text)
{
    int64_t time_ms = 0;

    return text && vb_clock_parse_iso8601(text, &time_ms) == 0 ? time_ms : 0;
}

/* Reads the body over the values that the activity has, and checks the result. */
static bool read_fields(struct vb_http_request *request, const json_t *json,
                        struct vb_activity_fields *fields)
{
    static const struct vb_text_rule title = {"title", 1, 120, false},
                                     description = {"description", 0, 5000, true};

    if (!vb_api_text(request, json, &title, &fields->title) ||
        !vb_api_text(request, json, &description, &fields->description) ||
        !read_place(request, json, fields) ||
        !vb_api_time_field(request, json, "startsAt", &fields->starts_at) ||
        !vb_api_time_field(request, json, "endsAt", &fields->ends_at) ||
        !vb_api_whole_number(request, json, "capacity", 1, CAPACITY_MAX, &fields->capacity))
        return false;
    if (!fields->title || fields->title[strspn(fields->title, " ")] == '\0')
        vb_api_invalid_field(request, "title", "An activity needs a \"title\" of 1 to 120 characters");
    else if (!fields->starts_at)
        vb_api_invalid_field(request, "startsAt",
                             "An activity needs \"startsAt\", such as 2026-12-24T18:30:00Z");
    else if (fields->ends_at && time_of(fields->ends_at) <= time_of(fields->starts_at))
        vb_api_invalid_field(request, "endsAt", "\"endsAt\" must be after \"startsAt\"");
    else
        return true;
    return false;
}

struct new_activity {
    struct vb_http_request *request;
    const char *user_id;
    struct vb_activity_fields fields;
};

static int insert(struct vb_db *db, void *context, struct vb_strbuf *ret_body, struct vb_error *err)
{
    const struct new_activity *wanted = context;
    char *id VB_CLEANUP(vb_freep) = NULL;
    int r = vb_activities_insert(db, wanted->user_id, &wanted->fields, &id, err);

    return r < 0 ? r : write_activity(wanted->request, db, wanted->user_id, id, ret_body, err);
}

void vb_api_create_activity(struct vb_http_request *request)
{
    const char *user_id = vb_api_authenticate(request);
    json_t *json VB_CLEANUP(vb_json_decrefp) = user_id ? vb_api_read_json(request) : NULL;
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    struct new_activity wanted = {.request = request, .user_id = user_id};

    if (!json || !read_fields(request, json, &wanted.fields))
        return;
    db = vb_api_acquire_db(request);
    if (db)
        vb_api_create_once(request, db, &(struct vb_api_creation){user_id, insert, &wanted});
}

/* A change of an activity, which only its owner may make. */
struct change {
    struct vb_http_request *request;
    const char *user_id, *id;
    const json_t *json; /* the fields to change; NULL: delete it */
    bool forbidden, refused;
};

/* The activity's values in the database, as parameters. */
static bool keep_fields(struct vb_http_request *request, const struct vb_activity *activity,
                        struct vb_activity_fields *ret)
{
    char starts[VB_CLOCK_ISO8601_SIZE], ends[VB_CLOCK_ISO8601_SIZE];
    const char *starts_at = vb_api_time(activity->starts_at, starts),
               *ends_at = vb_api_time(activity->ends_at, ends);

    *ret = (struct vb_activity_fields){
        .title = activity->title,
        .description = activity->description,
        .place_name = activity->place_name,
        .latitude = activity->latitude,
        .longitude = activity->longitude,
        .starts_at = starts_at ? vb_arena_strdup(&request->arena, starts_at) : NULL,
        .ends_at = ends_at ? vb_arena_strdup(&request->arena, ends_at) : NULL,
        .capacity = activity->capacity,
    };
    return (!starts_at || ret->starts_at) && (!ends_at || ret->ends_at);
}

static int apply(struct vb_db *db, void *context, struct vb_error *err)
{
    struct change *change = context;
    struct vb_activity activity VB_CLEANUP(vb_activity_release) = {0};
    struct vb_activity_fields fields;
    struct vb_user user VB_CLEANUP(vb_user_release) = {0};
    int r = vb_users_lock(db, change->user_id, &user, err); /* the user first, as its header says */

    if (r == 0)
        r = vb_activities_lock(db, change->id, &activity, err);
    if (r < 0)
        return r;
    change->forbidden = !activity.owner.id || strcmp(activity.owner.id, change->user_id) != 0;
    if (change->forbidden)
        return vb_error_set(err, EPERM, "the activity belongs to another user");
    if (!change->json)
        return vb_activities_delete(db, change->id, err);
    change->refused = !keep_fields(change->request, &activity, &fields) ||
                      !read_fields(change->request, change->json, &fields);
    if (change->refused)
        return vb_error_set(err, EINVAL, "the request was refused");
    return vb_activities_update(db, change->id, &fields, err);
}

/* Makes the change. False after an answer that says why not. */
static bool change_activity(struct vb_http_request *request, struct vb_db *db, struct change *change)
{
    struct vb_error err = {0};
    int r = vb_db_transact(db, apply, change, &err);

    if (r == 0)
        return true;
    if (change->forbidden)
        vb_problem(request, 403, "forbidden", "Only its owner may change or delete an activity");
    else if (r == -ENOENT)
        vb_api_activity_not_found(request);
    else if (!change->refused)
        vb_api_database_problem(request, r, &err);
    else if (!vb_http_answered(request))
        vb_api_out_of_memory(request);
    return false;
}

void vb_api_update_activity(struct vb_http_request *request)
{
    const char *user_id = vb_api_authenticate(request), *id = vb_api_id(request);
    json_t *json VB_CLEANUP(vb_json_decrefp) = user_id ? vb_api_read_json(request) : NULL;
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = json ? vb_api_acquire_db(request) : NULL;
    struct change change = {.request = request, .user_id = user_id, .id = id, .json = json};

    if (db && change_activity(request, db, &change))
        vb_api_show_activity(request, db, user_id, change.id);
}

void vb_api_delete_activity(struct vb_http_request *request)
{
    const char *user_id = vb_api_authenticate(request), *id = vb_api_id(request);
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = user_id ? vb_api_acquire_db(request) : NULL;
    struct change change = {.request = request, .user_id = user_id, .id = id};

    if (db && change_activity(request, db, &change))
        vb_api_answer_done(request);
}
