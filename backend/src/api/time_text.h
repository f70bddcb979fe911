/*
 * Times as PostgreSQL writes them, "2026-11-25 18:00:00.25+00", in the API's form,
 * "2026-11-25T18:00:00.250Z".
 */
#ifndef VB_API_TIME_TEXT_H
#define VB_API_TIME_TEXT_H

#include "base/clock.h"
#include "base/json.h"

/* text: of a timestamptz in UTC, or NULL. Returns buffer, or NULL for a time outside the API's form
 * (infinity, years that do not have four digits). */
const char *vb_api_time(const char *text, char buffer[VB_CLOCK_ISO8601_SIZE]);
/* Adds a member with the time, or null. */
void vb_api_write_time(struct vb_json *json, const char *key, const char *text);

#endif
