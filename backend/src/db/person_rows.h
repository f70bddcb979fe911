/*
 * How rows become lists of people. No other folder includes this header.
 */
#ifndef VB_DB_PERSON_ROWS_H
#define VB_DB_PERSON_ROWS_H

#include "db/person.h"
#include "db/query.h"

/* Visits rows of (id, name, profile picture's key, its CDN URL, time). Returns what the visitor returned. */
int vb_people_visit(const PGresult *rows, vb_person_visit *visit, void *context);

#endif
