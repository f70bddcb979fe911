/*
 * Lists of people: who takes part, who has seen a story.
 */
#ifndef VB_API_USERS_PEOPLE_H
#define VB_API_USERS_PEOPLE_H

#include "api/request.h"
#include "db/person.h"

struct vb_people_list {
    const char *name; /* of the array */
    const char *when; /* of the time that each has beside id, name and picture */
};

/* A page of such a list. */
struct vb_people_page {
    struct vb_http_request *request;
    const struct vb_people_list *shape;
    const char *list; /* of the cursor */
    unsigned limit, count;
    struct vb_strbuf body;
    struct vb_json json;
    struct vb_listed_person last; /* the last one written */
    const char *next_cursor;
};

/* Begins a page of up to limit people; shape and list stay the caller's. vb_people_page_answer() must follow. */
void vb_people_page_begin(struct vb_people_page *page, struct vb_http_request *request,
                          const struct vb_people_list *shape, const char *list, unsigned limit);
/* A vb_person_visit of a query that is asked for limit + 1. The context is the page. */
int vb_people_page_add(void *context, const struct vb_listed_person *listed);
/* Answers with the page, or for what the query returned instead of 0. */
void vb_people_page_answer(struct vb_people_page *page, int r, const struct vb_error *err);

#endif
