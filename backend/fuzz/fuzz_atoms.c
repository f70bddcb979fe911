/* Fuzzes MP4 and QuickTime files: a scan stays within the file, ends soon, and calls no file canonical that
 * has private data. */
#include "media/atoms.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static size_t file_size;

static int read_data(void *context, int64_t offset, void *buffer, size_t size)
{
    if (offset < 0 || (uint64_t)offset > file_size || size > file_size - (size_t)offset)
        abort();
    memcpy(buffer, (const char *)context + offset, size);
    return 0;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct vb_atoms_file file = {.size = (int64_t)size, .read = read_data, .context = (void *)data};
    struct vb_atoms atoms = {0};
    int r;

    file_size = size;
    r = vb_atoms_scan(&file, &atoms);
    if (r != 0 && r != -EINVAL)
        abort();
    if (r == 0 && (atoms.data_bytes < 0 || (uint64_t)atoms.data_bytes > size || atoms.user_data.at < 0 ||
                   atoms.user_data.at > atoms.user_data.end || (uint64_t)atoms.user_data.end > size))
        abort();
    if (r == 0 && vb_atoms_are_canonical(&atoms) && (atoms.has_private || atoms.user_data.end > 0))
        abort();
    return 0;
}
