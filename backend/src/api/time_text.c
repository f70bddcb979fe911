/* Times in the API's form: see time_text.h. */
#include "api/time_text.h"

#include <string.h>

#define SECONDS_LENGTH 19 /* "2026-11-25 18:00:00" */

const char *vb_api_time(const char *text, char buffer[VB_CLOCK_ISO8601_SIZE])
{
    static const char form[] = "0000-00-00 00:00:00";
    char fraction[] = "000";
    const char *at = text;

    if (!text)
        return NULL;
    for (size_t i = 0; i < SECONDS_LENGTH; i++)
        if (form[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
            return NULL;
    memcpy(buffer, text, SECONDS_LENGTH);
    buffer[10] = 'T';
    at += SECONDS_LENGTH;
    if (*at == '.')
        for (size_t i = 0; *++at >= '0' && *at <= '9'; i++)
            if (i < 3)
                fraction[i] = *at;
    if (strcmp(at, "+00") != 0)
        return NULL;
    buffer[SECONDS_LENGTH] = '.';
    memcpy(buffer + SECONDS_LENGTH + 1, fraction, 3);
    memcpy(buffer + SECONDS_LENGTH + 4, "Z", 2);
    return buffer;
}

void vb_api_write_time(struct vb_json *json, const char *key, const char *text)
{
    char buffer[VB_CLOCK_ISO8601_SIZE];

    vb_json_key_string(json, key, vb_api_time(text, buffer));
}
