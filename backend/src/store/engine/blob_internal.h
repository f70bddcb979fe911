/*
 * What blob.c (creating and opening files) and reaper.c (removing them) share.
 */
#ifndef VB_STORE_ENGINE_BLOB_INTERNAL_H
#define VB_STORE_ENGINE_BLOB_INTERNAL_H

#include "store/engine/blob.h"

#include <pthread.h>

#define VB_ENGINE_BLOB_SESSION_DIGITS 8

struct vb_engine_pin {
    struct vb_engine_pin *next;
    int64_t owner;
    unsigned count;
};

struct vb_engine_blobs {
    int fd; /* the folder */
    char session[VB_ENGINE_BLOB_SESSION_DIGITS + 1];
    struct vb_engine_index_pool *pool;

    pthread_t reaper;
    bool started;
    pthread_mutex_t mutex; /* over what follows */
    pthread_cond_t wake;   /* work for the reaper, or stopping */
    pthread_cond_t done;   /* room in the queue */
    bool stopping, busy;
    struct vb_engine_garbage *queue; /* to remove */
    unsigned queued;
    struct vb_engine_garbage *held; /* to remove when their owners are unpinned */
    struct vb_engine_pin *pins;
};

void vb_engine_reaper_init(struct vb_engine_blobs *blobs);
void vb_engine_reaper_stop(struct vb_engine_blobs *blobs);

#endif
