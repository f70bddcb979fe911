/*
 * The owner cancels an upload. Its row says so for as long as its URL can still be used, so
 * nothing that arrives later is published. Blocking.
 */
#ifndef VB_INGEST_CANCEL_H
#define VB_INGEST_CANCEL_H

#include "ingest/ingest.h"
#include "ingest/outcome.h"
#include "ingest/staged.h"

/* Marks the upload as cancelled and deletes what arrived of it, also what is half-way published. Safe to
 * repeat. DONE_BEFORE: it is published, and stays; NO_OWNER, UNKNOWN_PURPOSE, DATABASE,
 * STORAGE. */
enum vb_outcome vb_cancel(const struct vb_ingest *ingest, const struct vb_staged *staged,
                          struct vb_error *err);

#endif
