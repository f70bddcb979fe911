/*
 * The parts that make up a store.
 */
#ifndef VB_STORE_ENGINE_ENGINE_H
#define VB_STORE_ENGINE_ENGINE_H

#include "store/engine/blob.h"
#include "store/engine/committer.h"
#include "store/engine/index.h"
#include "store/engine/objects.h"
#include "store/engine/rows.h"

struct vb_store {
    int lock_fd;
    struct vb_index_pool *readers;
    struct vb_blobs *blobs;
    struct vb_committer *committer;
};

/* What a finished writer holds, to be put into the index. */
struct vb_written {
    enum vb_blob_kind kind;
    int64_t size;
    const void *data;
    const char *file;
    char etag[VB_STORE_ETAG_SIZE];
};
/* Ends the writing; a file is on disk when it returns. */
int vb_writer_finish(struct vb_store_writer *writer, struct vb_written *ret_written, struct vb_error *err);
/* Frees the writer; what it wrote belongs to the index now, or may (keep_file), or is to go. */
void vb_writer_free(struct vb_store_writer *writer, bool keep_file);
struct vb_store *vb_writer_store(const struct vb_store_writer *writer);
/* In a transaction: the written bytes as a new blob. */
int64_t vb_written_insert(struct vb_transaction *transaction, const struct vb_written *written);

#endif
