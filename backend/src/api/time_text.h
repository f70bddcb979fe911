/*
 * Times as PostgreSQL writes them, "2026-11-25 18:00:00.25+00", in the API's form,
 * "2026-11-25T18:00:00.250Z".
 */
#ifndef VB_API_TIME_TEXT_H
#define VB_API_TIME_TEXT_H

#include "base/clock.h"

/* text: of a timestamptz in UTC, or NULL. Returns buffer, or NULL for what the API cannot say (infinity,
 * years of other than four digits). */
const char *vb_api_time(const char *text, char buffer[VB_CLOCK_ISO8601_SIZE]);

#endif
