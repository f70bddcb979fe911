/*
 * The parts of the engine, for its own files. Everybody else includes engine.h.
 */
#ifndef VB_STORE_ENGINE_INTERNAL_H
#define VB_STORE_ENGINE_INTERNAL_H

#include "store/engine/blob.h"
#include "store/engine/committer.h"
#include "store/engine/engine.h"
#include "store/engine/index.h"
#include "store/engine/rows.h"

struct vb_engine {
    int lock_fd;
    struct vb_engine_index_pool *readers;
    struct vb_engine_blobs *blobs;
    struct vb_engine_committer *committer;
};

/* What a finished writer holds: a blob that the index does not name yet. */
struct vb_engine_written {
    enum vb_engine_blob_kind kind;
    int64_t size;
    const void *data;
    const char *file;
    char etag[VB_ENGINE_ETAG_SIZE];
};
/* Ends the writing. If the data is in a file, the file is on disk afterwards. */
int vb_engine_writer_finish(struct vb_engine_writer *writer, struct vb_engine_written *ret_written,
                            struct vb_error *err);
/* Frees the writer. keep_file: a row names its file, or might after a crash; otherwise the file is
 * removed. */
void vb_engine_writer_free(struct vb_engine_writer *writer, bool keep_file);
struct vb_engine *vb_engine_writer_engine(const struct vb_engine_writer *writer);
/* Inserts the written data as a new blob. Returns its id. */
int64_t vb_engine_written_insert(struct vb_engine_transaction *transaction,
                                 const struct vb_engine_written *written);

#endif
