/* Fields of a JSON body: see fields.h. */
#include "api/fields.h"

#include "base/clock.h"
#include "http/problem.h"

#include <inttypes.h>
#include <math.h>

/* Whether the field is there. *ret_value: NULL for null. */
static bool find(const json_t *json, const char *field, const json_t **ret_value)
{
    const json_t *value = json_object_get(json, field);

    *ret_value = json_is_null(value) ? NULL : value;
    return value != NULL;
}

/* Counts the code points of well-formed UTF-8. False if it has a control character that the field does not
 * take. */
static bool count_characters(const char *text, bool multiline, unsigned *ret_count)
{
    unsigned count = 0;

    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        bool blank = *c == '\n' || *c == '\r' || *c == '\t';
        bool control = *c < 0x20 || *c == 0x7f || (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0);

        if (control && !(multiline && blank))
            return false;
        count += (*c & 0xc0) != 0x80;
    }
    *ret_count = count;
    return true;
}

bool vb_api_text(struct vb_http_request *request, const json_t *json, const struct vb_text_rule *rule,
                 const char **ret_value)
{
    const json_t *value;
    unsigned count = 0;

    if (!find(json, rule->field, &value))
        return true;
    if (!value) {
        *ret_value = NULL;
        return true;
    }
    if (!json_is_string(value)) {
        vb_api_invalid_field(request, rule->field, "\"%s\" must be a string", rule->field);
        return false;
    }
    if (!count_characters(json_string_value(value), rule->multiline, &count)) {
        vb_api_invalid_field(request, rule->field, "\"%s\" must not contain control characters%s",
                             rule->field,
                             rule->multiline ? " other than line breaks and tabs" : ", such as line breaks");
        return false;
    }
    if (count < rule->min || count > rule->max) {
        vb_api_invalid_field(request, rule->field, "\"%s\" must have %u to %u characters, not %u",
                             rule->field, rule->min, rule->max, count);
        return false;
    }
    *ret_value = json_string_value(value);
    return true;
}

static bool keep(struct vb_http_request *request, const char *text, const char **ret_value)
{
    if (!text) {
        vb_api_out_of_memory(request);
        return false;
    }
    *ret_value = text;
    return true;
}

bool vb_api_whole_number(struct vb_http_request *request, const json_t *json, const char *field, int64_t min,
                         int64_t max, const char **ret_value)
{
    const json_t *value;

    if (!find(json, field, &value))
        return true;
    if (!value) {
        *ret_value = NULL;
        return true;
    }
    if (!json_is_integer(value) || json_integer_value(value) < min || json_integer_value(value) > max) {
        vb_api_invalid_field(request, field, "\"%s\" must be a whole number from %" PRId64 " to %" PRId64,
                             field, min, max);
        return false;
    }
    return keep(request, vb_arena_printf(&request->arena, "%" PRId64, (int64_t)json_integer_value(value)),
                ret_value);
}

bool vb_api_degrees(struct vb_http_request *request, const json_t *json, const char *field, double most,
                    const char **ret_value)
{
    const json_t *value;

    if (!find(json, field, &value))
        return true;
    if (!value) {
        *ret_value = NULL;
        return true;
    }
    if (!json_is_number(value) || !(fabs(json_number_value(value)) <= most)) {
        vb_api_invalid_field(request, field, "\"%s\" must be a number of degrees from -%g to %g", field, most,
                             most);
        return false;
    }
    return keep(request, vb_arena_printf(&request->arena, "%.15g", json_number_value(value)), ret_value);
}

bool vb_api_time_field(struct vb_http_request *request, const json_t *json, const char *field,
                       const char **ret_value)
{
    char text[VB_CLOCK_ISO8601_SIZE];
    const json_t *value;
    int64_t time_ms;

    if (!find(json, field, &value))
        return true;
    if (!value) {
        *ret_value = NULL;
        return true;
    }
    if (!json_is_string(value) || vb_clock_parse_iso8601(json_string_value(value), &time_ms) < 0) {
        vb_api_invalid_field(request, field,
                             "\"%s\" must be a time with its zone, such as 2026-12-24T18:30:00Z or "
                             "2026-12-24T19:30:00+01:00",
                             field);
        return false;
    }
    vb_clock_format_iso8601(time_ms, text);
    return keep(request, vb_arena_strdup(&request->arena, text), ret_value);
}
