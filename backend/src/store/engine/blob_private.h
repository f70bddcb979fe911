/*
 * What blob.c (making and opening files) and reaper.c (removing them) share.
 */
#ifndef VB_STORE_ENGINE_BLOB_PRIVATE_H
#define VB_STORE_ENGINE_BLOB_PRIVATE_H

#include "store/engine/blob.h"

#include <pthread.h>

#define VB_BLOB_SESSION_DIGITS 8

struct vb_pin {
    struct vb_pin *next;
    int64_t owner;
    unsigned count;
};

struct vb_blobs {
    int fd; /* the folder */
    char session[VB_BLOB_SESSION_DIGITS + 1];
    struct vb_index_pool *pool;

    pthread_t reaper;
    bool started;
    pthread_mutex_t mutex; /* over what follows */
    pthread_cond_t wake;   /* work for the reaper, or stopping */
    pthread_cond_t done;   /* room in the queue */
    bool stopping, busy;
    struct vb_garbage *queue; /* to remove */
    unsigned queued;
    struct vb_garbage *held; /* to remove when their owners are unpinned */
    struct vb_pin *pins;
};

void vb_reaper_init(struct vb_blobs *blobs);
void vb_reaper_stop(struct vb_blobs *blobs);

#endif
