/*
 * What fetch.c (whole objects and descriptions) and pieces.c (bytes of large ones) share.
 */
#ifndef VB_EDGE_FETCH_INTERNAL_H
#define VB_EDGE_FETCH_INTERNAL_H

#include "edge/fetch.h"

/* Single flight for a thread that may block. true: the caller is the leader; it must fetch the entry of this
 * name and publish the result or the error. false: *ret_outcome is the entry in memory, or the outcome of
 * another leader. */
bool vb_fetch_lead(struct vb_fetch *fetch, const char *name, struct vb_cache_outcome *ret_outcome);

/* What the disk has of that part, with the caller's reference, or NULL. */
struct vb_cache_entry *vb_fetch_load(struct vb_fetch *fetch, const char *key, const char *part);
/* Keeps the entry on the disk, if it is something to keep. */
void vb_fetch_store(struct vb_fetch *fetch, const char *key, const char *part,
                    const struct vb_cache_entry *entry);

/* Counts and logs that the bucket failed. */
void vb_fetch_note_failure(struct vb_fetch *fetch, const char *key, const struct vb_error *err);

/* Whether both are the same object by their ETags. Without an ETag nothing is the same. */
bool vb_fetch_is_same(const struct vb_cache_entry *one, const struct vb_cache_entry *other);

#endif
