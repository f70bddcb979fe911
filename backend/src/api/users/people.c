/* Lists of people: see people.h. */
#include "api/users/people.h"

#include "api/cursor.h"
#include "api/time_text.h"

#include <errno.h>

static const char *text_or_null(const PGresult *rows, int row, int column)
{
    return PQgetisnull(rows, row, column) ? NULL : PQgetvalue(rows, row, column);
}

static void write_people(struct vb_http_request *request, struct vb_json *json, const PGresult *rows,
                         int count, const char *when)
{
    char time[VB_CLOCK_ISO8601_SIZE];

    vb_json_array_begin(json);
    for (int i = 0; i < count; i++) {
        vb_json_object_begin(json);
        vb_json_key_string(json, "id", text_or_null(rows, i, 0));
        vb_json_key_string(json, "name", text_or_null(rows, i, 1));
        vb_json_key_string(json, "profilePictureCdnUrl",
                           vb_api_cdn_url(request, text_or_null(rows, i, 2), text_or_null(rows, i, 3)));
        vb_json_key_string(json, when, vb_api_time(text_or_null(rows, i, 4), time));
        vb_json_object_end(json);
    }
    vb_json_array_end(json);
}

void vb_api_answer_people(struct vb_http_request *request, int r, const struct vb_error *err,
                          const PGresult *rows, unsigned limit, const char *list,
                          const struct vb_people_list *shape)
{
    int count = r == 0 ? PQntuples(rows) : 0, shown = count > (int)limit ? (int)limit : count;
    struct vb_strbuf body;
    struct vb_json json;

    if (vb_api_failed(request, r, err, -EDOM, vb_cursor_problem))
        return;
    vb_strbuf_init(&body, (size_t)1024 * 1024);
    vb_json_init(&json, &body);
    vb_json_object_begin(&json);
    vb_json_key(&json, shape->name);
    write_people(request, &json, rows, shown, shape->when);
    vb_json_key_string(&json, "nextCursor",
                       count > shown ? vb_cursor_make(request, list, PQgetvalue(rows, shown - 1, 4),
                                                      PQgetvalue(rows, shown - 1, 0))
                                     : NULL);
    vb_json_object_end(&json);
    vb_api_answer_json(request, 200, &body);
}
