/* Byte ranges and conditional requests: see range.h. */
#include "http/range.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/number.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static const char *skip_blanks(const char *text)
{
    while (*text == ' ' || *text == '\t')
        text++;
    return text;
}

/* Reads digits, if there are any. INT64_MAX stands for everything above: no representation is that large. */
static const char *read_number(const char *text, int64_t *ret_value, bool *ret_found)
{
    size_t length = vb_digits_length(text, SIZE_MAX);
    uint64_t value = 0;

    *ret_found = length > 0;
    if (vb_uint_parse(text, length, INT64_MAX, &value) == -ERANGE)
        value = INT64_MAX;
    *ret_value = (int64_t)value;
    return text + length;
}

enum vb_range_result vb_range_parse(const char *header, int64_t total, int64_t *ret_offset, int64_t *ret_size)
{
    int64_t first, last;
    bool has_first, has_last;

    vb_assert(total >= 0);
    if (!header)
        return VB_RANGE_NONE;
    header = skip_blanks(header);
    if (strncasecmp(header, "bytes=", 6) != 0)
        return VB_RANGE_NONE;
    header = read_number(skip_blanks(header + 6), &first, &has_first);
    if (*header++ != '-')
        return VB_RANGE_NONE;
    header = skip_blanks(read_number(header, &last, &has_last));
    if (*header != '\0' || (!has_first && !has_last) || (has_first && has_last && last < first))
        return VB_RANGE_NONE;

    if (!has_first) { /* the last so many bytes */
        if (last == 0 || total == 0)
            return VB_RANGE_UNSATISFIABLE;
        *ret_size = last < total ? last : total;
        *ret_offset = total - *ret_size;
        return VB_RANGE_PARTIAL;
    }
    if (first >= total)
        return VB_RANGE_UNSATISFIABLE;
    if (!has_last || last >= total)
        last = total - 1;
    *ret_offset = first;
    *ret_size = last - first + 1;
    return VB_RANGE_PARTIAL;
}

/* An entity tag (RFC 9110 8.8.3) somewhere in a header: opaque is what stands between the quotes. */
struct etag {
    const char *opaque;
    size_t length;
    bool weak;
};

/* Reads one entity tag and returns what follows it, or NULL for text that is none. A tag without quotes, as
 * users of S3's tools write it, is taken for a strong one up to the next comma. */
static const char *read_etag(const char *text, struct etag *ret_etag)
{
    const char *end;

    ret_etag->weak = strncmp(text, "W/\"", 3) == 0;
    if (ret_etag->weak)
        text += 2;
    if (*text == '"') {
        end = strchr(text + 1, '"');
        if (!end)
            return NULL;
        ret_etag->opaque = text + 1;
        ret_etag->length = (size_t)(end - text - 1);
        return end + 1;
    }
    ret_etag->length = strcspn(text, ", \t\"");
    if (ret_etag->length == 0)
        return NULL;
    ret_etag->opaque = text;
    return text + ret_etag->length;
}

static bool same_etag(const struct etag *a, const struct etag *b, bool strong)
{
    if (strong && (a->weak || b->weak))
        return false;
    return a->length == b->length && memcmp(a->opaque, b->opaque, a->length) == 0;
}

/* Whether the list in a header names the current tag; "*" names any that exists. Reading stops at the first
 * item that is not a tag. */
static bool list_matches(const char *list, const char *current, bool strong)
{
    struct etag mine, listed;

    if (!current || !read_etag(current, &mine))
        return false;
    list = skip_blanks(list);
    if (*list == '*' && *skip_blanks(list + 1) == '\0')
        return true;
    for (;;) {
        while (*list == ',' || *list == ' ' || *list == '\t')
            list++;
        if (*list == '\0')
            return false;
        list = read_etag(list, &listed);
        if (!list)
            return false;
        if (same_etag(&listed, &mine, strong))
            return true;
        list = skip_blanks(list);
        if (*list != ',')
            return false;
    }
}

enum vb_condition_result vb_conditions_evaluate(const struct vb_conditions *conditions, bool is_read,
                                                const char *etag, int64_t last_modified_s)
{
    int64_t date_s;

    if (conditions->if_match) {
        if (!list_matches(conditions->if_match, etag, true))
            return VB_CONDITION_FAILED;
    } else if (conditions->if_unmodified_since && etag &&
               vb_clock_parse_http_date(conditions->if_unmodified_since, &date_s) == 0 &&
               last_modified_s > date_s) {
        return VB_CONDITION_FAILED;
    }

    if (conditions->if_none_match) {
        if (list_matches(conditions->if_none_match, etag, false))
            return is_read ? VB_CONDITION_NOT_MODIFIED : VB_CONDITION_FAILED;
    } else if (is_read && conditions->if_modified_since && etag &&
               vb_clock_parse_http_date(conditions->if_modified_since, &date_s) == 0 &&
               last_modified_s <= date_s) {
        return VB_CONDITION_NOT_MODIFIED;
    }
    return VB_CONDITION_PROCEED;
}

bool vb_if_range_holds(const char *if_range, const char *etag, int64_t last_modified_s)
{
    struct etag mine, given;
    const char *end;
    int64_t date_s;

    if (!if_range)
        return true;
    if (!etag || !read_etag(etag, &mine))
        return false;
    if_range = skip_blanks(if_range);
    if (vb_clock_parse_http_date(if_range, &date_s) == 0)
        return date_s == last_modified_s;
    end = read_etag(if_range, &given);
    return end && *skip_blanks(end) == '\0' && same_etag(&given, &mine, true);
}
