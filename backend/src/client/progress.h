/*
 * A progress bar on stderr, when that is a terminal; nothing otherwise.
 */
#ifndef VB_CLIENT_PROGRESS_H
#define VB_CLIENT_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct vb_progress_bar {
    int64_t total, done; /* bytes */
    int64_t drawn_ms;    /* the time of the last drawing; 0: none yet */
    bool shown;
};

/* Begins at zero, also once more. */
void vb_progress_bar_start(struct vb_progress_bar *progress, int64_t total);
void vb_progress_bar_add(struct vb_progress_bar *progress, int64_t bytes);
/* Leaves the bar as it is and begins a new line. */
void vb_progress_bar_end(struct vb_progress_bar *progress);

#endif
