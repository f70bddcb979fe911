/* Stories: create, show, mark as seen, delete. A story ends 24 hours after it was made. */
#include "api/auth/authenticate.h"
#include "api/fields.h"
#include "api/idempotency.h"
#include "api/page.h"
#include "api/picture.h"
#include "api/stories/routes.h"
#include "api/time_text.h"
#include "api/users/people.h"
#include "api/users/person.h"

#include "base/cleanup.h"
#include "db/stories.h"
#include "db/transaction.h"
#include "http/problem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_MAX ((size_t)4 * 1024 * 1024)

static void not_found(struct vb_http_request *request)
{
    vb_problem(request, 404, "story_not_found", "There is no story with this id, or it has ended");
}

static void write_story(struct vb_http_request *request, struct vb_json *json, const struct vb_story *story,
                        const char *viewer_id)
{
    vb_json_object_begin(json);
    vb_json_key_string(json, "id", story->id);
    vb_json_key(json, "user");
    vb_api_write_person(request, json, &story->user);
    vb_json_key_string(json, "caption", story->caption);
    vb_json_key(json, "image");
    vb_api_write_image(request, json, &story->image);
    vb_json_key(json, "video");
    vb_api_write_image(request, json, &story->video);
    vb_api_write_time(json, "createdAt", story->created_at);
    vb_api_write_time(json, "expiresAt", story->expires_at);
    vb_json_key_bool(json, "seen", story->seen);
    if (strcmp(story->user.id, viewer_id) == 0)
        vb_json_key_int(json, "seenCount", story->seen_count);
    vb_json_object_end(json);
}

/* Writes one story into body, which the caller releases. Returns 0, -ENOENT or another database error. */
static int write_one(struct vb_http_request *request, struct vb_db *db, const char *viewer_id, const char *id,
                     struct vb_strbuf *body, struct vb_error *err)
{
    struct vb_story story VB_CLEANUP(vb_story_release) = {0};
    struct vb_json json;
    int r = vb_stories_find(db, viewer_id, id, &story, err);

    if (r < 0)
        return r;
    vb_strbuf_init(body, PAGE_MAX);
    vb_json_init(&json, body);
    vb_json_object_begin(&json);
    vb_json_key(&json, "story");
    write_story(request, &json, &story, viewer_id);
    vb_json_object_end(&json);
    return 0;
}

static void show_story(struct vb_http_request *request, struct vb_db *db, const char *viewer_id,
                       const char *id)
{
    struct vb_error err = {0};
    struct vb_strbuf body;
    int r = write_one(request, db, viewer_id, id, &body, &err);

    if (!vb_api_failed(request, r, &err, -ENOENT, not_found))
        vb_api_answer_json(request, 200, &body);
}

void vb_api_get_story(struct vb_http_request *request)
{
    const char *viewer_id = vb_api_authenticate(request);
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = viewer_id ? vb_api_acquire_db(request) : NULL;

    if (db)
        show_story(request, db, viewer_id, vb_api_id(request));
}

struct new_story {
    struct vb_http_request *request;
    const char *user_id, *caption;
};

static int insert(struct vb_db *db, void *context, struct vb_strbuf *ret_body, struct vb_error *err)
{
    const struct new_story *wanted = context;
    char *id VB_CLEANUP(vb_freep) = NULL;
    int r = vb_stories_insert(db, wanted->user_id, wanted->caption, &id, err);

    return r < 0 ? r : write_one(wanted->request, db, wanted->user_id, id, ret_body, err);
}

void vb_api_create_story(struct vb_http_request *request)
{
    static const struct vb_text_rule rule = {"caption", 0, 500, true};
    const char *user_id = vb_api_authenticate(request);
    json_t *json VB_CLEANUP(vb_json_decrefp) = user_id ? vb_api_read_json(request) : NULL;
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    struct new_story wanted = {.request = request, .user_id = user_id};

    if (!json || !vb_api_text(request, json, &rule, &wanted.caption))
        return;
    db = vb_api_acquire_db(request);
    if (db)
        vb_api_create_once(request, db, &(struct vb_api_creation){user_id, insert, &wanted});
}

/* A list and the page of it that is wanted. */
struct story_list {
    const char *viewer_id, *user; /* user NULL: stories of all users */
    const char *after_value, *after_id;
    unsigned limit;
    char list[VB_CURSOR_LIST_SIZE];
};

static bool read_list(struct vb_http_request *request, struct story_list *list)
{
    if (!vb_api_user_query(request, "user", list->viewer_id, &list->user))
        return false;
    vb_cursor_list((const char *[]){"stories", list->user ? list->user : "", NULL}, list->list);
    return vb_cursor_read_limit(request, &list->limit) &&
           vb_cursor_read(request, list->list, &list->after_value, &list->after_id);
}

struct list_writer {
    struct vb_page page;
    const char *viewer_id;
};

static int write_row(void *context, const struct vb_story *story)
{
    struct list_writer *writer = context;

    if (vb_page_takes(&writer->page)) {
        write_story(writer->page.request, &writer->page.json, story, writer->viewer_id);
        vb_page_wrote(&writer->page, story->cursor_value, story->id);
    }
    return 0;
}

/* Writes a page, which the caller releases. Returns 0 or the error of the database. */
static int write_list(struct vb_http_request *request, struct vb_db *db, const struct story_list *list,
                      struct vb_strbuf *body, struct vb_error *err)
{
    struct list_writer writer = {.viewer_id = list->viewer_id};
    int r;

    vb_strbuf_init(body, PAGE_MAX);
    vb_page_begin(&writer.page, request, "stories", list->list, list->limit, body);
    if (list->user)
        r = vb_stories_list_of_user(db, list->viewer_id, list->user, list->limit + 1, list->after_value,
                                    list->after_id, write_row, &writer, err);
    else
        r = vb_stories_list(db, list->viewer_id, list->limit + 1, list->after_value, list->after_id,
                            write_row, &writer, err);
    vb_page_end(&writer.page);
    return r == -EDOM && !list->after_value ? 0 : r; /* an id that no user can have: no stories */
}

void vb_api_list_stories(struct vb_http_request *request)
{
    struct story_list list = {.viewer_id = vb_api_authenticate(request)};
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    struct vb_error err = {0};
    struct vb_strbuf body;
    int r;

    if (!list.viewer_id || !read_list(request, &list))
        return;
    db = vb_api_acquire_db(request);
    if (!db)
        return;
    r = write_list(request, db, &list, &body, &err);
    if (!vb_api_failed(request, r, &err, -EDOM, vb_cursor_problem))
        vb_api_answer_json(request, 200, &body);
    else
        vb_strbuf_release(&body);
}

/* Whether the story exists and is this user's; false after a 404 or a 403 with that detail. */
static bool is_own(struct vb_http_request *request, struct vb_db *db, const char *user_id, const char *id,
                   const char *detail)
{
    struct vb_story story VB_CLEANUP(vb_story_release) = {0};
    struct vb_error err = {0};
    int r = vb_stories_find(db, user_id, id, &story, &err);

    if (vb_api_failed(request, r, &err, -ENOENT, not_found))
        return false;
    if (strcmp(story.user.id, user_id) == 0)
        return true;
    vb_problem(request, 403, "forbidden", "%s", detail);
    return false;
}

struct deletion {
    const char *user_id, *id;
};

static int delete_story(struct vb_db *db, void *context, struct vb_error *err)
{
    const struct deletion *deletion = context;
    struct vb_user user VB_CLEANUP(vb_user_release) = {0};
    int r = vb_users_lock(db, deletion->user_id, &user, err); /* the user first, as its header says */

    return r == 0 ? vb_stories_delete(db, deletion->id, err) : r;
}

void vb_api_delete_story(struct vb_http_request *request)
{
    const char *user_id = vb_api_authenticate(request);
    struct deletion deletion = {.user_id = user_id, .id = vb_api_id(request)};
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = user_id ? vb_api_acquire_db(request) : NULL;
    struct vb_error err = {0};
    int r;

    if (!db || !is_own(request, db, user_id, deletion.id, "Only its owner may delete a story"))
        return;
    r = vb_db_transact(db, delete_story, &deletion, &err);
    if (!vb_api_failed(request, r, &err, -ENOENT, not_found))
        vb_api_answer_done(request);
}

void vb_api_see_story(struct vb_http_request *request)
{
    const char *user_id = vb_api_authenticate(request), *id = vb_api_id(request);
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = user_id ? vb_api_acquire_db(request) : NULL;
    struct vb_story story VB_CLEANUP(vb_story_release) = {0};
    struct vb_error err = {0};
    int r;

    if (!db)
        return;
    r = vb_stories_find(db, user_id, id, &story, &err);
    if (r == 0)
        r = vb_stories_mark_seen(db, id, user_id, &err);
    if (!vb_api_failed(request, r, &err, -ENOENT, not_found))
        vb_api_answer_done(request);
}

void vb_api_list_story_views(struct vb_http_request *request)
{
    static const struct vb_people_list shape = {"seenBy", "seenAt"};
    const char *user_id = vb_api_authenticate(request), *id = vb_api_id(request);
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    struct vb_people_page page;
    const char *after_seen_at, *after_id;
    char list[VB_CURSOR_LIST_SIZE];
    struct vb_error err = {0};
    unsigned limit;
    int r;

    vb_cursor_list((const char *[]){"story views", id, NULL}, list);
    if (!user_id || !vb_cursor_read_limit(request, &limit) ||
        !vb_cursor_read(request, list, &after_seen_at, &after_id))
        return;
    db = vb_api_acquire_db(request);
    if (!db || !is_own(request, db, user_id, id, "Only its owner may see who has seen a story"))
        return;
    vb_people_page_begin(&page, request, &shape, list, limit);
    r = vb_stories_seen_by(db, id, limit + 1, after_seen_at, after_id, vb_people_page_add, &page, &err);
    vb_people_page_answer(&page, r, &err);
}
