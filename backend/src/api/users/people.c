/* Lists of people: see people.h. */
#include "api/users/people.h"

#include "api/cursor.h"
#include "api/time_text.h"
#include "api/users/users.h"

#include <errno.h>

#define PAGE_MAX ((size_t)1024 * 1024)

void vb_people_page_begin(struct vb_people_page *page, struct vb_http_request *request,
                          const struct vb_people_list *shape, const char *list, unsigned limit)
{
    *page = (struct vb_people_page){.request = request, .shape = shape, .list = list, .limit = limit};
    vb_strbuf_init(&page->body, PAGE_MAX);
    vb_json_init(&page->json, &page->body);
    vb_json_object_begin(&page->json);
    vb_json_key(&page->json, shape->name);
    vb_json_array_begin(&page->json);
}

int vb_people_page_add(void *context, const struct vb_listed_person *listed)
{
    struct vb_people_page *page = context;
    char time[VB_CLOCK_ISO8601_SIZE];

    if (page->count == page->limit) { /* one more than fits: there is a next page */
        page->next_cursor = vb_cursor_make(page->request, page->list, page->last.at, page->last.person.id);
        return 0;
    }
    vb_json_object_begin(&page->json);
    vb_api_write_person_fields(page->request, &page->json, &listed->person);
    vb_json_key_string(&page->json, page->shape->when, vb_api_time(listed->at, time));
    vb_json_object_end(&page->json);
    page->count++;
    page->last = *listed;
    return 0;
}

void vb_people_page_answer(struct vb_people_page *page, int r, const struct vb_error *err)
{
    if (vb_api_failed(page->request, r, err, -EDOM, vb_cursor_problem)) {
        vb_strbuf_release(&page->body);
        return;
    }
    vb_json_array_end(&page->json);
    vb_json_key_string(&page->json, "nextCursor", page->next_cursor);
    vb_json_object_end(&page->json);
    vb_api_answer_json(page->request, 200, &page->body);
}
