/* Fuzzes the answers of a media worker that was taken over: an answer that is accepted keeps its bounds and
 * can be shown. */
#include "media/job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct vb_media_result result, padded;
    unsigned char message[sizeof(result)] = {0};
    char color[8];
    int r = vb_media_result_read(data, size, &result);

    if (r == 0 && size != sizeof(result))
        abort();
    /* most inputs have another length: they are tried padded or cut, too */
    memcpy(message, data, size < sizeof(message) ? size : sizeof(message));
    r = vb_media_result_read(message, sizeof(message), &padded);
    if (r != 0 && r != -EPROTO)
        abort();
    if (r == 0 &&
        (padded.status > VB_MEDIA_TROUBLE || padded.thumbhash_size > VB_THUMBHASH_MAX ||
         strlen(padded.problem) >= VB_MEDIA_PROBLEM_SIZE || padded.poster_width > VB_MEDIA_SIDE_MAX))
        abort();
    vb_media_color_text(padded.dominant, color);
    if (strlen(color) != 7)
        abort();
    return 0;
}
