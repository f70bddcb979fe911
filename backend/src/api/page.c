/* A page of a list in JSON: see page.h. */
#include "api/page.h"

void vb_page_begin(struct vb_page *page, struct vb_http_request *request, const char *name, const char *list,
                   unsigned limit, struct vb_strbuf *out)
{
    *page = (struct vb_page){.request = request, .list = list, .limit = limit};
    vb_json_init(&page->json, out);
    vb_json_object_begin(&page->json);
    vb_json_key(&page->json, name);
    vb_json_array_begin(&page->json);
}

bool vb_page_takes(struct vb_page *page)
{
    if (page->count < page->limit)
        return true;
    page->next_cursor = vb_cursor_make(page->request, page->list, page->last_value, page->last_id);
    return false;
}

void vb_page_wrote(struct vb_page *page, const char *value, const char *id)
{
    page->count++;
    page->last_value = value;
    page->last_id = id;
}

void vb_page_end(struct vb_page *page)
{
    vb_json_array_end(&page->json);
    vb_json_key_string(&page->json, "nextCursor", page->next_cursor);
    vb_json_object_end(&page->json);
}
