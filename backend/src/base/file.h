/*
 * Files that are on disk when the call returns, and small helpers around them.
 */
#ifndef VB_BASE_FILE_H
#define VB_BASE_FILE_H

#include "base/error.h"
#include "base/strbuf.h"

#include <stddef.h>
#include <sys/types.h>

/* Writes all of data, however many write() calls it takes. Returns 0 or -errno. */
int vb_write_all(int fd, const void *data, size_t size);
/* The same at an offset. */
int vb_pwrite_all(int fd, const void *data, size_t size, off_t offset);
/* Reads exactly size bytes at the offset. Returns 0, -ENODATA when the file is shorter, or -errno. */
int vb_pread_all(int fd, void *data, size_t size, off_t offset);

/* Appends a whole file to out, up to out->max. Returns 0, -EFBIG or -errno (out is useless then). */
int vb_file_read(const char *path, struct vb_strbuf *out, struct vb_error *err);

/* Replaces path by a file with this content and mode: a temporary neighbour, fsync, rename, fsync of the
 * folder. After a crash at any instant, path holds the old or the new content, whole, and a file .tmp-XXXXXX
 * may be left beside it. Any number of writers may write the same path at once: one of them wins. Returns 0
 * or -errno. */
int vb_file_write_durable(const char *path, const void *data, size_t size, mode_t mode, struct vb_error *err);

/* A file without a name in TMPDIR or /tmp, open for reading and writing; it ends with its descriptor. Returns
 * that or -errno. */
int vb_file_scratch(void);

/* Flushes the entries of the folder itself. Returns 0 or -errno. */
int vb_dir_sync(const char *path);

/* Makes the folder, and its missing parents with mode 0755. An existing folder is no error and keeps its
 * mode. Returns 0 or -errno. */
int vb_mkdir_parents(const char *path, mode_t mode, struct vb_error *err);

/* Opens path (created with mode 0600) and takes an exclusive lock on it, which ends with the descriptor or
 * the process. A child made by fork() shares it until it closes its copy or calls exec. Returns the
 * descriptor, -EWOULDBLOCK when another holds it, or -errno. */
int vb_file_lock(const char *path, struct vb_error *err);

#endif
