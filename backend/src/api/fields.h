/*
 * Fields of a JSON body that follow common rules: text with a length, numbers in a range, times.
 *
 * Each returns false after a 422 validation_failed that names the field and the rule. A field that is absent
 * leaves *ret_value as it was, and null makes it NULL. So a PATCH is read over the values that the row has.
 */
#ifndef VB_API_FIELDS_H
#define VB_API_FIELDS_H

#include "api/request.h"

struct vb_text_rule {
    const char *field;
    unsigned min, max; /* characters (code points) */
    bool multiline;    /* takes line breaks and tabs; no text takes other control characters */
};
/* The value lives as long as the JSON. */
bool vb_api_text(struct vb_http_request *request, const json_t *json, const struct vb_text_rule *rule,
                 const char **ret_value);
/* As text for the database, in the arena. */
bool vb_api_whole_number(struct vb_http_request *request, const json_t *json, const char *field, int64_t min,
                         int64_t max, const char **ret_value);
bool vb_api_degrees(struct vb_http_request *request, const json_t *json, const char *field, double most,
                    const char **ret_value);
/* ISO 8601 with a zone; comes out in UTC, in the arena. */
bool vb_api_time_field(struct vb_http_request *request, const json_t *json, const char *field,
                       const char **ret_value);

#endif
