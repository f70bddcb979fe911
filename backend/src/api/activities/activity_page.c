/* Activities in JSON: see activity_page.h. */
#include "api/activities/activity_page.h"

#include "api/cursor.h"
#include "api/time_text.h"
#include "api/users/users.h"
#include "db/participants.h"
#include "db/text_array.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_MAX    ((size_t)8 * 1024 * 1024)
#define ELEMENT_MAX ((size_t)8192)

void vb_activity_page_release(struct vb_activity_page *page)
{
    PQclear(page->rows);
    if (page->text.max)
        vb_strbuf_release(&page->text);
    *page = (struct vb_activity_page){0};
}

static void write_time(struct vb_json *json, const char *key, const char *text)
{
    char buffer[VB_CLOCK_ISO8601_SIZE];

    vb_json_key_string(json, key, vb_api_time(text, buffer));
}

/* A number as PostgreSQL writes it; not finite ones are null. */
static void write_number(struct vb_json *json, const char *key, const char *text)
{
    vb_json_key(json, key);
    vb_json_raw(json, text && text[strspn(text, "0123456789.eE+-")] == '\0' ? text : "null");
}

static void write_place(struct vb_json *json, const struct vb_activity *activity)
{
    vb_json_key(json, "place");
    if (!activity->place_name && !activity->latitude) {
        vb_json_null(json);
        return;
    }
    vb_json_object_begin(json);
    vb_json_key_string(json, "name", activity->place_name);
    write_number(json, "latitude", activity->latitude);
    write_number(json, "longitude", activity->longitude);
    vb_json_object_end(json);
}

/* Goes through the three arrays side by side and leaves out the gaps. */
static void write_gallery(struct vb_http_request *request, struct vb_json *json,
                          const struct vb_activity *activity)
{
    struct vb_strbuf url VB_CLEANUP(vb_strbuf_release), key VB_CLEANUP(vb_strbuf_release),
        cdn_url VB_CLEANUP(vb_strbuf_release);
    struct vb_text_array urls, keys, cdn_urls;
    bool no_url, no_key, no_cdn_url, more_urls, more_keys, more_cdn_urls;

    vb_strbuf_init(&url, ELEMENT_MAX);
    vb_strbuf_init(&key, ELEMENT_MAX);
    vb_strbuf_init(&cdn_url, ELEMENT_MAX);
    vb_text_array_init(&urls, activity->image_urls);
    vb_text_array_init(&keys, activity->image_s3_keys);
    vb_text_array_init(&cdn_urls, activity->image_cdn_urls);
    vb_json_key(json, "gallery");
    vb_json_array_begin(json);
    for (int64_t index = 0;; index++) {
        /* not one expression: each of them goes on */
        more_urls = vb_text_array_next(&urls, &url, &no_url);
        more_keys = vb_text_array_next(&keys, &key, &no_key);
        more_cdn_urls = vb_text_array_next(&cdn_urls, &cdn_url, &no_cdn_url);
        const char *url_text = url.length > 0 && !no_url ? url.data : NULL;
        const char *key_text = key.length > 0 && !no_key ? key.data : NULL;

        if (url_text || key_text) {
            vb_json_object_begin(json);
            vb_json_key_int(json, "index", index);
            vb_api_write_image_fields(request, json, url_text, key_text,
                                      cdn_url.length > 0 && !no_cdn_url ? cdn_url.data : NULL);
            vb_json_object_end(json);
        }
        if (!more_urls && !more_keys && !more_cdn_urls)
            break;
    }
    vb_json_array_end(json);
}

/* Writes one with a gap where "joined" is to stand. */
static void write_activity(struct vb_http_request *request, struct vb_json *json,
                           const struct vb_activity *activity, size_t *ret_gap)
{
    vb_json_object_begin(json);
    vb_json_key_string(json, "id", activity->id);
    vb_json_key(json, "owner");
    vb_api_write_person(request, json, activity->owner_id, activity->owner_name,
                        activity->owner_picture_s3_key, activity->owner_picture_cdn_url);
    vb_json_key_string(json, "title", activity->title);
    vb_json_key_string(json, "description", activity->description);
    write_place(json, activity);
    write_time(json, "startsAt", activity->starts_at);
    write_time(json, "endsAt", activity->ends_at);
    write_number(json, "capacity", activity->capacity);
    write_number(json, "participantCount", activity->participant_count);
    vb_json_key(json, "joined");
    vb_json_raw(json, "");
    *ret_gap = json->out->length;
    vb_json_key(json, "heroImage");
    vb_api_write_image(request, json, activity->hero_url, activity->hero_s3_key, activity->hero_cdn_url);
    write_gallery(request, json, activity);
    if (activity->distance_m)
        write_number(json, "distanceMeters", activity->distance_m);
    write_time(json, "createdAt", activity->created_at);
    write_time(json, "updatedAt", activity->updated_at);
    vb_json_object_end(json);
}

static const char *sort_value(const struct vb_activity *activity, enum vb_activity_sort sort)
{
    return sort == VB_ACTIVITIES_NEWEST    ? activity->created_at
           : sort == VB_ACTIVITIES_SOONEST ? activity->starts_at
                                           : activity->distance_m;
}

void vb_activity_page_write(struct vb_http_request *request, PGresult *rows, unsigned limit, const char *list,
                            enum vb_activity_sort sort, struct vb_activity_page *ret)
{
    struct vb_activity activity = {0};
    struct vb_json json;

    *ret = (struct vb_activity_page){.rows = rows, .count = (unsigned)PQntuples(rows)};
    if (ret->count > limit)
        ret->count = limit;
    vb_strbuf_init(&ret->text, TEXT_MAX);
    vb_json_init(&json, &ret->text);
    vb_json_object_begin(&json);
    vb_json_key(&json, "activities");
    vb_json_array_begin(&json);
    for (unsigned i = 0; i < ret->count; i++) {
        vb_activity_read(rows, (int)i, &activity);
        write_activity(request, &json, &activity, &ret->gaps[i]);
    }
    vb_json_array_end(&json);
    vb_json_key_string(&json, "nextCursor",
                       (unsigned)PQntuples(rows) > limit
                           ? vb_cursor_make(request, list, sort_value(&activity, sort), activity.id)
                           : NULL);
    vb_json_object_end(&json);
}

void vb_activity_page_write_one(struct vb_http_request *request, PGresult *row, struct vb_activity_page *ret)
{
    struct vb_activity activity;
    struct vb_json json;

    *ret = (struct vb_activity_page){.rows = row, .count = 1};
    vb_strbuf_init(&ret->text, TEXT_MAX);
    vb_json_init(&json, &ret->text);
    vb_activity_read(row, 0, &activity);
    vb_json_object_begin(&json);
    vb_json_key(&json, "activity");
    write_activity(request, &json, &activity, &ret->gaps[0]);
    vb_json_object_end(&json);
}

static void note_joined(const struct vb_activity_page *page, const char *const *user_ids, unsigned user_count,
                        const char *user_id, const char *activity_id, bool (*joined)[VB_ACTIVITY_PAGE_ROWS])
{
    for (unsigned row = 0; row < page->count; row++) {
        if (strcmp(PQgetvalue(page->rows, (int)row, 0), activity_id) != 0)
            continue;
        for (unsigned user = 0; user < user_count; user++)
            if (strcmp(user_ids[user], user_id) == 0)
                joined[user][row] = true;
    }
}

int vb_activity_page_joined(struct vb_db *db, const struct vb_activity_page *page,
                            const char *const *user_ids, unsigned user_count,
                            bool (*joined)[VB_ACTIVITY_PAGE_ROWS], struct vb_error *err)
{
    struct vb_strbuf users VB_CLEANUP(vb_strbuf_release), activities VB_CLEANUP(vb_strbuf_release);
    PGresult *rows VB_CLEANUP(vb_pgresult_clearp) = NULL;
    int r;

    vb_strbuf_init(&users, TEXT_MAX);
    vb_strbuf_init(&activities, TEXT_MAX);
    memset(joined, 0, user_count * sizeof(*joined));
    if (page->count == 0)
        return 0;
    vb_text_array_begin(&users);
    for (unsigned i = 0; i < user_count; i++)
        vb_text_array_add(&users, user_ids[i]);
    vb_text_array_end(&users);
    vb_text_array_begin(&activities);
    for (unsigned i = 0; i < page->count; i++)
        vb_text_array_add(&activities, PQgetvalue(page->rows, (int)i, 0));
    vb_text_array_end(&activities);
    r = vb_participants_among(db, users.data, activities.data, &rows, err);
    for (int i = 0; r == 0 && i < PQntuples(rows); i++)
        note_joined(page, user_ids, user_count, PQgetvalue(rows, i, 0), PQgetvalue(rows, i, 1), joined);
    return r;
}

void vb_activity_page_fill(const struct vb_activity_page *page, const bool joined[VB_ACTIVITY_PAGE_ROWS],
                           struct vb_strbuf *out)
{
    size_t from = 0;

    vb_strbuf_init(out, TEXT_MAX + (size_t)1024);
    vb_strbuf_reserve(out, page->text.length + (size_t)page->count * 5 + 2);
    for (unsigned i = 0; i < page->count; i++) {
        vb_strbuf_add(out, page->text.data + from, page->gaps[i] - from);
        vb_strbuf_adds(out, joined[i] ? "true" : "false");
        from = page->gaps[i];
    }
    vb_strbuf_add(out, page->text.data + from, page->text.length - from);
    if (vb_strbuf_failed(&page->text))
        out->failed = true;
}
