/* What the handlers of uploads share: see context.h. */
#include "api/upload/context.h"

#include "base/memory.h"

#include <stdlib.h>

#define COMPLETIONS_PER_USER 16 /* a third of the workers that wait for other services */

static struct vb_counter *counter(const char *labels)
{
    return vb_metrics_counter("vibe_uploads_total", "Uploads by outcome.", labels);
}

struct vb_uploads *vb_uploads_create(void)
{
    struct vb_uploads *uploads = vb_xcalloc(1, sizeof(*uploads));

    uploads->completions = vb_turns_create(COMPLETIONS_PER_USER);
    uploads->tickets = counter("outcome=\"ticket\"");
    uploads->completed = counter("outcome=\"completed\"");
    uploads->rejected = counter("outcome=\"rejected\"");
    uploads->incomplete = counter("outcome=\"incomplete\"");
    uploads->cancelled = counter("outcome=\"cancelled\"");
    return uploads;
}

void vb_uploads_destroy(struct vb_uploads *uploads)
{
    if (!uploads)
        return;
    vb_turns_destroy(uploads->completions);
    free(uploads);
}
