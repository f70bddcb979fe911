/* Lists of people: see people.h. */
#include "api/users/people.h"

#include "api/time_text.h"
#include "api/users/person.h"

#include <errno.h>

#define PAGE_MAX ((size_t)1024 * 1024)

void vb_people_page_begin(struct vb_people_page *people, struct vb_http_request *request,
                          const struct vb_people_list *shape, const char *list, unsigned limit)
{
    people->shape = shape;
    vb_strbuf_init(&people->body, PAGE_MAX);
    vb_page_begin(&people->page, request, shape->name, list, limit, &people->body);
}

int vb_people_page_add(void *context, const struct vb_listed_person *listed)
{
    struct vb_people_page *people = context;
    struct vb_json *json = &people->page.json;

    if (vb_page_takes(&people->page)) {
        vb_json_object_begin(json);
        vb_api_write_person_fields(people->page.request, json, &listed->person);
        vb_api_write_time(json, people->shape->when, listed->at);
        vb_json_object_end(json);
        vb_page_wrote(&people->page, listed->at, listed->person.id);
    }
    return 0;
}

void vb_people_page_answer(struct vb_people_page *people, int r, const struct vb_error *err)
{
    struct vb_http_request *request = people->page.request;

    if (vb_api_failed(request, r, err, -EDOM, vb_cursor_problem)) {
        vb_strbuf_release(&people->body);
        return;
    }
    vb_page_end(&people->page);
    vb_api_answer_json(request, 200, &people->body);
}
