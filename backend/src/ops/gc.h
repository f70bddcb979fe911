/*
 * vibe media gc: finds the objects of the bucket that nothing needs any more, and removes them unless it is only to list them.
 *
 * What the service's sweeper does each minute from the side of the database, this does from the side of the bucket; so it
 * also finds what no row tells of. Objects that a row names are never removed. Objects that are not media (under other
 * prefixes) are not looked at, and those in staging are left to the service.
 */
#ifndef VB_OPS_GC_H
#define VB_OPS_GC_H

#include "base/error.h"

#include <stdbool.h>

struct vb_gc_options {
    bool dry_run;
    bool force;             /* even if most of the bucket would go */
    unsigned min_age_hours; /* of an object that no row tells of: a younger one may be on its way */
};

int vb_media_gc(const struct vb_gc_options *options, struct vb_error *err);

#endif
