/* Fuzzes byte ranges, conditions and If-Range: lines of the input are the header values. */
#include "base/memory.h"
#include "http/range.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS 6

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text, *fields[FIELDS] = {NULL}, *rest;
    int64_t total, offset = -1, length = -1;
    enum vb_range_result range;

    if (size < 8)
        return 0;
    memcpy(&total, data, 8);
    total &= INT64_MAX;
    text = vb_xstrndup((const char *)data + 8, size - 8);
    rest = text;
    for (size_t i = 0; i < FIELDS && rest; i++)
        fields[i] = strsep(&rest, "\n");

    range = vb_range_parse(fields[0], total, &offset, &length);
    if (range == VB_RANGE_PARTIAL)
        vb_assert(offset >= 0 && length > 0 && length <= total - offset);
    else
        vb_assert(offset == -1 && length == -1);

    const struct vb_conditions conditions = {.if_match = fields[1],
                                             .if_none_match = fields[2],
                                             .if_modified_since = fields[3],
                                             .if_unmodified_since = fields[4]};
    enum vb_condition_result read, write;

    read = vb_conditions_evaluate(&conditions, true, "\"a,b\"", total % 4102444800);
    write = vb_conditions_evaluate(&conditions, false, "\"a,b\"", total % 4102444800);
    vb_assert(write != VB_CONDITION_NOT_MODIFIED);
    vb_assert((read == VB_CONDITION_FAILED) <= (write == VB_CONDITION_FAILED));
    /* A weak tag never satisfies a strong comparison. */
    if (fields[1])
        vb_assert(vb_conditions_evaluate(&conditions, true, "W/\"a\"", 0) == VB_CONDITION_FAILED ||
                  strchr(fields[1], '*'));
    (void)vb_if_range_holds(fields[5], "\"a,b\"", total % 4102444800);
    free(text);
    return 0;
}
