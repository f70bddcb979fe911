/*
 * The disk of the edge: objects, pieces of large ones, and variants, in a folder that outlives the program.
 *
 *   DIR/3f/9a…c2/object                the object, or of a large one its description
 *   DIR/3f/9a…c2/piece-7               bytes of a large one
 *   DIR/3f/9a…c2/w=640&fm=webp&q=80    a variant
 *
 * The SHA-256 of the key names the folder, so that no key is ever a path, and an object goes with its
 * variants. Every file begins with a header that describes it and has a checksum over all of it: a file that
 * a crash has torn is removed when it is read. When there are too many bytes, the least recently read files
 * go first. It is a cache: a full or broken disk costs hits, and nothing else. Thread-safe; calls block.
 */
#ifndef VB_EDGE_DISK_H
#define VB_EDGE_DISK_H

#include "base/error.h"
#include "edge/cache.h"

struct vb_disk;

struct vb_disk_config {
    const char *directory; /* made if it is missing; one process at a time may use it */
    int64_t bytes_max;     /* of all files, in whole blocks of 4 KiB; 0: 2 GiB */
};

int vb_disk_open(const struct vb_disk_config *config, struct vb_disk **ret_disk, struct vb_error *err);
void vb_disk_close(struct vb_disk *disk); /* NULL does nothing */

#define VB_DISK_OBJECT "object" /* the part that is the object itself */

/* part: the file's name, of printable ASCII without '/'. Fills the description and, if the file has bytes,
 * the body (from malloc(); otherwise NULL) and its size. Returns 0, -ENOENT (not there, or damaged and
 * removed), or -EFBIG: more than body_max bytes. */
int vb_disk_load(struct vb_disk *disk, const char *key, const char *part, size_t body_max,
                 struct vb_cache_entry *ret_description, char **ret_body, size_t *ret_body_size);
/* Whether vb_disk_load() is likely to find it. */
bool vb_disk_has(struct vb_disk *disk, const char *key, const char *part);
/* Keeps the part, in place of an older one. body may be NULL with size 0. Failures are counted, and otherwise
 * ignored. */
void vb_disk_store(struct vb_disk *disk, const char *key, const char *part,
                   const struct vb_cache_entry *description, const char *body, size_t body_size);
/* Removes the object with its pieces and variants. */
void vb_disk_purge(struct vb_disk *disk, const char *key);

/* Bytes in whole blocks. After the start, files are counted in the background: until then it is less. */
int64_t vb_disk_bytes(struct vb_disk *disk);

#endif
