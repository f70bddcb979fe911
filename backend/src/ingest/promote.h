/*
 * From staging to public: the pipeline as a state machine. Safe to repeat and to run twice at once. Blocking.
 *
 *           no row
 *   look up ──────▶ assemble ──▶ inspect ──▶ fetch ──▶ decode ──▶ reserve ────────▶ look up
 *      │                           ▲                      └─────▶ reserve again ──▶ look up
 *      └───────────────────────────┘                              (there is a row)
 *       pending
 *
 *   look up ──────▶ put ──▶ publish ──▶ tidy ──▶ DONE
 *           pending            │
 *                              ├─ the row is not pending ──▶ look up ──▶ withdraw
 *                              └─ no owner, no place ──────▶ give up
 *
 *   assemble, inspect, fetch, put: no object ──▶ look up
 *
 * The sweeper knows of some uploads the row alone:
 *
 *   look up ──────▶ check ── the public object is there ──▶ publish ──▶ DONE
 *           pending   │                                      └─ no owner, no place ──▶ give up
 *                     ├─ it is not ──────────────▶ give up ──▶ NOT_ARRIVED
 *                     └─ the purpose is unknown ─▶ UNKNOWN_PURPOSE, the row stays
 *
 * `give up` ends with the outcome that led to it, or with DATABASE.
 *
 * The row is looked up for one of five reasons. The reason, and what the row says, decide what follows:
 *
 *   reason            no row        pending       over          published
 *   FIRST             assemble      inspect       its outcome   DONE_BEFORE
 *   GONE (no object)  NOT_ARRIVED   NOT_ARRIVED   its outcome   DONE_BEFORE
 *   HELD (reserved)   NO_OWNER      put           its outcome   DONE_BEFORE
 *   LOST (withdraw)   NO_OWNER      NOT_ARRIVED   its outcome   DONE_BEFORE, nothing is withdrawn
 *   RESUMED           NOT_PENDING   check         NOT_PENDING   NOT_PENDING
 *
 * Any step may end the whole with the outcome of what failed. Invariants:
 *
 *   1  A promotion leaves the original in staging until what was made of it is published: only `tidy` deletes
 *      it.
 *   2  No object is put under a public key that no pending row of this upload holds.
 *   3  `withdraw` and `give up` delete objects whose row is not published. What they cannot delete, the
 *      sweeper finds by its row.
 *   4  Of any number of promotions of one upload one publishes, and all end with the same media.
 *   5  One table holds the steps that may follow each step, and the outcomes in which it may end. Any other
 *      aborts the process.
 */
#ifndef VB_INGEST_PROMOTE_H
#define VB_INGEST_PROMOTE_H

#include "ingest/ingest.h"
#include "ingest/outcome.h"
#include "ingest/staged.h"
#include "db/media.h"

/* Publishes a staged file. DONE and DONE_BEFORE set *ret_media; the caller releases it in any case. Any
 * outcome but NOT_PENDING. */
enum vb_outcome vb_promote(const struct vb_ingest *ingest, const struct vb_staged *staged,
                           struct vb_media *ret_media, struct vb_error *err);

/* For an upload, by its UUID, whose row is pending and whose staged object is gone: publishes it if its
 * object is at the public key, and else gives it up.
 *
 *   DONE                                      it is published
 *   NOT_ARRIVED, NO_OWNER, NO_PLACE,
 *   FORBIDDEN                                 it was given up
 *   NOT_PENDING                               it was not pending (any more)
 *   DONE_BEFORE, CANCELLED                    the same, found at `publish`
 *   UNKNOWN_PURPOSE, DATABASE, STORAGE        it stays pending
 */
enum vb_outcome vb_promote_pending(const struct vb_ingest *ingest, const char *upload_uuid,
                                   struct vb_error *err);

#endif
