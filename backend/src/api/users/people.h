/*
 * Lists of people: who takes part in an activity, who has seen a story.
 */
#ifndef VB_API_USERS_PEOPLE_H
#define VB_API_USERS_PEOPLE_H

#include "api/page.h"
#include "db/person.h"

struct vb_people_list {
    const char *name; /* of the array */
    const char *when; /* the name of each person's time */
};

/* A page of such a list. */
struct vb_people_page {
    struct vb_page page;
    const struct vb_people_list *shape;
    struct vb_strbuf body;
};

/* Begins a page; shape and list stay the caller's. vb_people_page_answer() must follow. */
void vb_people_page_begin(struct vb_people_page *people, struct vb_http_request *request,
                          const struct vb_people_list *shape, const char *list, unsigned limit);
/* A vb_person_visit of a query that is asked for limit + 1 rows. The context is the page. */
int vb_people_page_add(void *context, const struct vb_listed_person *listed);
/* Answers with the page, or for the error that the query returned. */
void vb_people_page_answer(struct vb_people_page *people, int r, const struct vb_error *err);

#endif
