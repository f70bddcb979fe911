/* Fuzzes the type and the dimensions of uploads: any bytes get an answer soon, and no byte past them is
 * read. */
#include "media/dimensions.h"

#include <errno.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    enum vb_media_type type = vb_sniff(data, size);
    struct vb_dimensions found = {0};
    uint64_t needed = 0;
    int r;

    if (type == VB_MEDIA_UNKNOWN)
        return 0;
    r = vb_media_dimensions(type, data, size, &found, &needed);
    if (r == 0 && (found.width == 0 || found.height == 0))
        abort();
    if (r == -EAGAIN && needed <= size) /* a caller that reads so many would ask for ever */
        abort();
    if (r != 0 && r != -EAGAIN && r != -EINVAL)
        abort();
    return 0;
}
