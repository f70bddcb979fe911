/* How a step of the ingest ends: see outcome.h. */
#include "ingest/outcome.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

enum vb_outcome vb_outcome_of_file(struct vb_error *err, enum vb_outcome outcome, const char *format, ...)
{
    char sentence[sizeof(err->message)];
    va_list args;

    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    vb_error_set(err, EINVAL, "%s", sentence);
    return outcome;
}

enum vb_outcome vb_outcome_not_arrived(struct vb_error *err)
{
    return vb_outcome_of_file(
        err, VB_OUTCOME_NOT_ARRIVED,
        "The file has not arrived yet: PUT it to the ticket's URL, then complete the upload");
}

enum vb_outcome vb_outcome_unknown_purpose(struct vb_error *err)
{
    return vb_outcome_of_file(
        err, VB_OUTCOME_UNKNOWN_PURPOSE,
        "This server does not know the purpose of this upload yet: the upload is safe, try again later");
}

static enum vb_outcome failed(struct vb_error *err, int r, enum vb_outcome outcome)
{
    err->code = -r;
    return outcome;
}

enum vb_outcome vb_outcome_database(struct vb_error *err, int r)
{
    return failed(err, r, VB_OUTCOME_DATABASE);
}

enum vb_outcome vb_outcome_rows(struct vb_error *err, int r)
{
    switch (r) {
    case -ESRCH:
        return failed(err, r, VB_OUTCOME_NO_OWNER);
    case -ENXIO:
        return failed(err, r, VB_OUTCOME_NO_PLACE);
    case -EACCES:
        return failed(err, r, VB_OUTCOME_FORBIDDEN);
    case -ENOENT:
        return failed(err, r, VB_OUTCOME_NOT_PENDING);
    default:
        return failed(err, r, VB_OUTCOME_DATABASE);
    }
}

enum vb_outcome vb_outcome_storage(struct vb_error *err, int r)
{
    return failed(err, r, VB_OUTCOME_STORAGE);
}

enum vb_outcome vb_outcome_busy(struct vb_error *err, int r)
{
    return failed(err, r, VB_OUTCOME_BUSY);
}
