/*
 * Lists of people: who takes part, who has seen a story.
 */
#ifndef VB_API_USERS_PEOPLE_H
#define VB_API_USERS_PEOPLE_H

#include "api/request.h"

struct vb_people_list {
    const char *name; /* of the array */
    const char *when; /* of the time that each has beside id, name and picture */
};

/* Answers for rows (id, name, picture's key, its address, time) that were asked for with limit + 1, or for
 * what the query said instead. */
void vb_api_answer_people(struct vb_http_request *request, int r, const struct vb_error *err,
                          const PGresult *rows, unsigned limit, const char *list,
                          const struct vb_people_list *shape);

#endif
