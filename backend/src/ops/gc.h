/*
 * Garbage collection of the bucket: finds the objects that nothing needs any more, and removes them.
 *
 * The service's sweeper starts from the database, each minute. This starts from the bucket, so it also finds
 * objects without a row. It never removes an object that a row names. It looks only under the prefixes of
 * published media; uploads in staging belong to the service, which completes or removes them.
 */
#ifndef VB_OPS_GC_H
#define VB_OPS_GC_H

#include "base/error.h"
#include "db/pool.h"
#include "s3/client.h"

#include <stdbool.h>
#include <stdint.h>

enum vb_gc_event {
    VB_GC_FOUND,   /* garbage that a dry run leaves where it is */
    VB_GC_REMOVED, /* garbage that is gone */
    VB_GC_FAILED,  /* garbage that S3 did not remove: see error */
    VB_GC_STAGED   /* a dry run's list of uploads that nobody has completed yet */
};

struct vb_gc_item {
    enum vb_gc_event event;
    const char *key;
    int64_t size_bytes;           /* -1: not known, as of an upload in parts */
    const char *reason;           /* why nothing needs it, such as "it was replaced"; NULL for VB_GC_STAGED */
    const struct vb_error *error; /* of VB_GC_FAILED; otherwise NULL */
};

struct vb_gc_options {
    bool dry_run;           /* change nothing */
    bool force;             /* remove even what vb_gc_check_plausible() objects to */
    unsigned min_age_hours; /* of an object without a row: a younger one may belong to an upload in flight */
};

struct vb_gc_config {
    struct vb_db *db;
    struct vb_s3_client *s3;
    const char *bucket; /* its name, for messages */
    struct vb_gc_options options;
    void (*report)(void *context, const struct vb_gc_item *item); /* is called for one item after the other */
    void *context;
};

struct vb_gc_counts {
    uint64_t looked_at;       /* published objects in the bucket */
    uint64_t without_row;     /* garbage that no row names */
    uint64_t garbage, failed; /* found or removed; not removed, because S3 refused */
    int64_t garbage_bytes;
    uint64_t staged; /* of a dry run */
};

/* Returns 0, also when S3 refused to remove some objects (ret_counts->failed); or the error of the
 * database or of S3 that ended the run, or -EXDEV of vb_gc_check_plausible(), before anything is removed. */
int vb_gc_run(const struct vb_gc_config *config, struct vb_gc_counts *ret_counts, struct vb_error *err);

/* -EXDEV when most of a bucket has no row: the database then probably belongs to another bucket. */
int vb_gc_check_plausible(const struct vb_gc_counts *counts, const char *bucket, struct vb_error *err);

#endif
