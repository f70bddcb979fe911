/* Activities in JSON: see activity_page.h. */
#include "api/activities/activity_page.h"

#include "api/page.h"
#include "api/picture.h"
#include "api/time_text.h"
#include "api/users/person.h"
#include "base/memory.h"
#include "db/participants.h"
#include "db/text_array.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_MAX    ((size_t)8 * 1024 * 1024)
#define ELEMENT_MAX ((size_t)8192)

void vb_activity_page_release(struct vb_activity_page *page)
{
    for (unsigned i = 0; i < page->count; i++)
        free(page->ids[i]);
    if (page->text.max)
        vb_strbuf_release(&page->text);
    *page = (struct vb_activity_page){0};
}

/* A number as PostgreSQL writes it. NaN and infinity are null. */
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

/* Writes the three arrays side by side, without their empty places. */
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
        /* three statements: every array must advance */
        more_urls = vb_text_array_next(&urls, &url, &no_url);
        more_keys = vb_text_array_next(&keys, &key, &no_key);
        more_cdn_urls = vb_text_array_next(&cdn_urls, &cdn_url, &no_cdn_url);
        const char *url_text = url.length > 0 && !no_url ? url.data : NULL;
        const char *key_text = key.length > 0 && !no_key ? key.data : NULL;

        if (url_text || key_text) {
            vb_json_object_begin(json);
            vb_json_key_int(json, "index", index);
            vb_api_write_image_fields(
                request, json,
                &(struct vb_media_names){.url = url_text,
                                         .s3_key = key_text,
                                         .cdn_url = cdn_url.length > 0 && !no_cdn_url ? cdn_url.data : NULL});
            vb_json_object_end(json);
        }
        if (!more_urls && !more_keys && !more_cdn_urls)
            break;
    }
    vb_json_array_end(json);
}

/* Writes an activity with a gap for the value of "joined". */
static void write_activity(struct vb_http_request *request, struct vb_json *json,
                           const struct vb_activity *activity, size_t *ret_gap)
{
    vb_json_object_begin(json);
    vb_json_key_string(json, "id", activity->id);
    vb_json_key(json, "owner");
    vb_api_write_person(request, json, &activity->owner);
    vb_json_key_string(json, "title", activity->title);
    vb_json_key_string(json, "description", activity->description);
    write_place(json, activity);
    vb_api_write_time(json, "startsAt", activity->starts_at);
    vb_api_write_time(json, "endsAt", activity->ends_at);
    write_number(json, "capacity", activity->capacity);
    write_number(json, "participantCount", activity->participant_count);
    vb_json_key(json, "joined");
    vb_json_raw(json, "");
    *ret_gap = json->out->length;
    vb_json_key(json, "heroImage");
    vb_api_write_image(request, json, &activity->hero);
    write_gallery(request, json, activity);
    if (activity->distance_m)
        write_number(json, "distanceMeters", activity->distance_m);
    vb_api_write_time(json, "createdAt", activity->created_at);
    vb_api_write_time(json, "updatedAt", activity->updated_at);
    vb_json_object_end(json);
}

static const char *sort_value(const struct vb_activity *activity, enum vb_activity_sort sort)
{
    return sort == VB_ACTIVITIES_NEWEST    ? activity->created_at
           : sort == VB_ACTIVITIES_SOONEST ? activity->starts_at
                                           : activity->distance_m;
}

/* Adds an activity to the page. */
static void add_activity(struct vb_http_request *request, struct vb_json *json,
                         const struct vb_activity *activity, struct vb_activity_page *page)
{
    vb_assert(page->count < VB_ACTIVITY_PAGE_ROWS);
    write_activity(request, json, activity, &page->gaps[page->count]);
    page->ids[page->count++] = vb_xstrdup(activity->id);
}

struct list_writer {
    struct vb_page page;
    enum vb_activity_sort sort;
    struct vb_activity_page *result;
};

static int write_row(void *context, const struct vb_activity *activity)
{
    struct list_writer *writer = context;
    struct vb_activity_page *result = writer->result;

    if (vb_page_takes(&writer->page)) {
        add_activity(writer->page.request, &writer->page.json, activity, result);
        vb_page_wrote(&writer->page, sort_value(activity, writer->sort), result->ids[result->count - 1]);
    }
    return 0;
}

int vb_activity_page_read(struct vb_http_request *request, struct vb_db *db, const char *list,
                          const struct vb_activity_filter *filter, struct vb_activity_page *ret_page,
                          struct vb_error *err)
{
    struct list_writer writer = {.sort = filter->sort, .result = ret_page};
    struct vb_activity_filter one_more = *filter;
    int r;

    one_more.limit++;
    *ret_page = (struct vb_activity_page){0};
    vb_strbuf_init(&ret_page->text, TEXT_MAX);
    vb_page_begin(&writer.page, request, "activities", list, filter->limit, &ret_page->text);
    r = vb_activities_list(db, &one_more, write_row, &writer, err);
    vb_page_end(&writer.page);
    return r;
}

int vb_activity_page_read_one(struct vb_http_request *request, struct vb_db *db, const char *id,
                              struct vb_activity_page *ret_page, struct vb_error *err)
{
    struct vb_activity activity VB_CLEANUP(vb_activity_release) = {0};
    struct vb_json json;
    int r = vb_activities_find(db, id, &activity, err);

    *ret_page = (struct vb_activity_page){0};
    if (r < 0)
        return r;
    vb_strbuf_init(&ret_page->text, TEXT_MAX);
    vb_json_init(&json, &ret_page->text);
    vb_json_object_begin(&json);
    vb_json_key(&json, "activity");
    add_activity(request, &json, &activity, ret_page);
    vb_json_object_end(&json);
    return 0;
}

/* Which of these users take part in which activity of the page. */
struct question {
    const struct vb_activity_page *page;
    const char *const *user_ids;
    unsigned user_count;
    bool (*joined)[VB_ACTIVITY_PAGE_ROWS];
};

static int note_joined(void *context, const char *user_id, const char *activity_id)
{
    const struct question *question = context;

    for (unsigned row = 0; row < question->page->count; row++) {
        if (strcmp(question->page->ids[row], activity_id) != 0)
            continue;
        for (unsigned user = 0; user < question->user_count; user++)
            if (strcmp(question->user_ids[user], user_id) == 0)
                question->joined[user][row] = true;
    }
    return 0;
}

static void add_array(const char *const *elements, unsigned count, struct vb_strbuf *out)
{
    vb_strbuf_init(out, TEXT_MAX);
    vb_text_array_begin(out);
    for (unsigned i = 0; i < count; i++)
        vb_text_array_add(out, elements[i]);
    vb_text_array_end(out);
}

int vb_activity_page_joined(struct vb_db *db, const struct vb_activity_page *page,
                            const char *const *user_ids, unsigned user_count,
                            bool (*joined)[VB_ACTIVITY_PAGE_ROWS], struct vb_error *err)
{
    struct vb_strbuf users VB_CLEANUP(vb_strbuf_release), activities VB_CLEANUP(vb_strbuf_release);
    struct question question = {page, user_ids, user_count, joined};

    memset(joined, 0, user_count * sizeof(*joined));
    add_array(user_ids, user_count, &users);
    add_array((const char *const *)page->ids, page->count, &activities);
    if (page->count == 0)
        return 0;
    return vb_participants_among(db, users.data, activities.data, note_joined, &question, err);
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
