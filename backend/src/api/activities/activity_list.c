/* GET /api/activities: sorted as newest, soonest or nearest; filtered by owner, participation, words and
 * place. */
#include "api/activities/activity_page.h"
#include "api/activities/routes.h"
#include "api/auth/authenticate.h"
#include "api/cursor.h"
#include "api/activities/feed.h"

#include "base/encode.h"
#include "base/number.h"
#include "http/problem.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX         200 /* characters */
#define RADIUS_DEFAULT_KM 50
#define RADIUS_MAX_KM     500

static bool read_sort(struct vb_http_request *request, enum vb_activity_sort *ret_sort)
{
    static const char *const names[] = {"newest", "soonest", "nearest"};
    const char *text = vb_http_query(request, "sort");

    *ret_sort = VB_ACTIVITIES_NEWEST;
    for (int i = 0; text && i < 3; i++) {
        if (strcmp(text, names[i]) == 0) {
            *ret_sort = (enum vb_activity_sort)i;
            text = NULL;
        }
    }
    if (!text)
        return true;
    vb_api_invalid_field(request, "sort", "\"sort\" must be newest, soonest or nearest");
    return false;
}

/* Reads a decimal number from -most to most, up to a comma or the end: *ret_rest. */
static bool read_number(const char *text, double most, double *ret_value, const char **ret_rest)
{
    size_t length = strcspn(text, ",");

    *ret_rest = text + length;
    return vb_decimal_parse(text, length, ret_value) == 0 && fabs(*ret_value) <= most;
}

static bool read_near(struct vb_http_request *request, struct vb_activity_filter *filter)
{
    const char *near = vb_http_query(request, "near"), *radius = vb_http_query(request, "radiusKm"), *rest;
    double radius_km = RADIUS_DEFAULT_KM;

    filter->near = near != NULL;
    if (!near && (radius || filter->sort == VB_ACTIVITIES_NEAREST)) {
        vb_api_invalid_field(request, "near", "\"near\" is missing: send LATITUDE,LONGITUDE of a place");
        return false;
    }
    if (near && (!read_number(near, 90, &filter->latitude, &rest) || *rest != ',' ||
                 !read_number(rest + 1, 180, &filter->longitude, &rest) || *rest)) {
        vb_api_invalid_field(request, "near",
                             "\"near\" must be LATITUDE,LONGITUDE in degrees, such as 52.52,13.405");
        return false;
    }
    if (radius && (!read_number(radius, RADIUS_MAX_KM, &radius_km, &rest) || *rest || radius_km <= 0)) {
        vb_api_invalid_field(request, "radiusKm", "\"radiusKm\" must be a number above 0 and up to %d",
                             RADIUS_MAX_KM);
        return false;
    }
    filter->radius_m = radius_km * 1000;
    return true;
}

static bool read_words(struct vb_http_request *request, struct vb_activity_filter *filter)
{
    const char *words = vb_http_query(request, "q");

    if (words && (!vb_utf8_valid(words, strlen(words)) || strlen(words) > WORDS_MAX * (size_t)4)) {
        vb_api_invalid_field(request, "q", "\"q\" must be words in UTF-8, at most %d characters", WORDS_MAX);
        return false;
    }
    filter->words = words && words[strspn(words, " \t\r\n")] ? words : NULL;
    return true;
}

static bool read_people(struct vb_http_request *request, const char *user_id,
                        struct vb_activity_filter *filter)
{
    const char *joined = vb_http_query(request, "joined");

    if (!vb_api_user_query(request, "owner", user_id, &filter->owner))
        return false;
    if (joined && strcmp(joined, "true") != 0 && strcmp(joined, "false") != 0) {
        vb_api_invalid_field(request, "joined", "\"joined\" must be true or false");
        return false;
    }
    filter->joined_by = joined && strcmp(joined, "true") == 0 ? user_id : NULL;
    return true;
}

/* The list that a cursor belongs to: sort and filters, without limit and cursor. */
static void name_list(struct vb_http_request *request, const struct vb_activity_filter *filter,
                      char ret_list[VB_CURSOR_LIST_SIZE])
{
    static const char *const sorts[] = {"newest", "soonest", "nearest"};
    const char *near = vb_http_query(request, "near"), *radius = vb_http_query(request, "radiusKm");

    vb_cursor_list((const char *[]){"activities", sorts[filter->sort], filter->owner ? filter->owner : "",
                                    filter->joined_by ? filter->joined_by : "",
                                    filter->words ? filter->words : "", near ? near : "",
                                    radius ? radius : "", NULL},
                   ret_list);
}

/* Makes the page for this request alone: few others have the same filters at the same time. */
static int make_page(struct vb_http_request *request, const char *user_id, const char *list,
                     const struct vb_activity_filter *filter, struct vb_strbuf *out, struct vb_error *err)
{
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    struct vb_activity_page page VB_CLEANUP(vb_activity_page_release) = {0};
    bool joined[1][VB_ACTIVITY_PAGE_ROWS];
    int r = vb_db_acquire(vb_api_of(request)->db, &db, err);

    if (r == 0)
        r = vb_activity_page_read(request, db, list, filter, &page, err);
    if (r == -EDOM && !filter->after_value) /* an id that no owner can have: no activities */
        r = 0;
    if (r == 0)
        r = vb_activity_page_joined(db, &page, &user_id, 1, joined, err);
    if (r == 0)
        vb_activity_page_fill(&page, joined[0], out);
    return r;
}

void vb_api_list_activities(struct vb_http_request *request)
{
    const char *user_id = vb_api_authenticate(request);
    struct vb_activity_filter filter = {0};
    char list[VB_CURSOR_LIST_SIZE];
    struct vb_error err = {0};
    struct vb_strbuf body;
    int r;

    if (!user_id || !read_sort(request, &filter.sort) || !read_near(request, &filter) ||
        !read_words(request, &filter) || !read_people(request, user_id, &filter) ||
        !vb_cursor_read_limit(request, &filter.limit))
        return;
    name_list(request, &filter, list);
    if (!vb_cursor_read(request, list, &filter.after_value, &filter.after_id))
        return;
    if (!filter.owner && !filter.joined_by && !filter.words && !filter.near)
        r = vb_feed_page(vb_api_of(request)->feed, request, user_id, list, &filter, &body, &err);
    else
        r = make_page(request, user_id, list, &filter, &body, &err);
    if (!vb_api_failed(request, r, &err, -EDOM, vb_cursor_problem))
        vb_api_answer_json(request, 200, &body);
}
