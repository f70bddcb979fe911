/*
 * Room on the edge's disk: counts what its files take and, when that is too much, removes the least recently
 * read ones. Memory holds nothing but the sum: the files' own times say the rest. Thread-safe.
 */
#ifndef VB_EDGE_DISK_ROOM_H
#define VB_EDGE_DISK_ROOM_H

#include <stdint.h>

#define VB_DISK_UNFINISHED ".new-" /* names of files that are being written begin so */

struct vb_disk_room;

/* folder: stays the caller's. Starts a thread, which first counts what is there and removes unfinished
 * files. Returns 0, or a negative errno when the thread cannot be started. */
int vb_disk_room_create(int folder, int64_t bytes_max, struct vb_disk_room **ret_room);
void vb_disk_room_destroy(struct vb_disk_room *room); /* NULL does nothing */

/* A file of that size, bytes, has come or gone. */
void vb_disk_room_used_more(struct vb_disk_room *room, int64_t file_size);
void vb_disk_room_freed(struct vb_disk_room *room, int64_t file_size);
int64_t vb_disk_room_used(const struct vb_disk_room *room); /* bytes in whole blocks */

/* Removes a folder (two levels below, "3f/9a…") with its files. */
void vb_disk_room_clear_folder(struct vb_disk_room *room, const char *folder);

#endif
