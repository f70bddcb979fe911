/* A progress bar on stderr: see progress.h. */
#include "client/progress.h"

#include "base/clock.h"

#include <stdio.h>
#include <unistd.h>

#define BAR_WIDTH        30
#define REDRAW_PERIOD_MS 100

static void draw(struct vb_progress_bar *progress)
{
    int filled = progress->total > 0 ? (int)(progress->done * BAR_WIDTH / progress->total) : BAR_WIDTH;
    char bar[BAR_WIDTH + 1];

    for (int i = 0; i < BAR_WIDTH; i++)
        bar[i] = i < filled ? '=' : ' ';
    bar[BAR_WIDTH] = '\0';
    fprintf(stderr, "\r[%s] %3d %%  %.1f of %.1f MB", bar,
            progress->total > 0 ? (int)(progress->done * 100 / progress->total) : 100,
            (double)progress->done / 1e6, (double)progress->total / 1e6);
    fflush(stderr);
}

void vb_progress_bar_start(struct vb_progress_bar *progress, int64_t total)
{
    *progress = (struct vb_progress_bar){.total = total, .shown = isatty(STDERR_FILENO) == 1};
}

void vb_progress_bar_add(struct vb_progress_bar *progress, int64_t bytes)
{
    int64_t now_ms = vb_clock_monotonic_ms();

    progress->done += bytes;
    if (!progress->shown || (progress->drawn_ms && now_ms - progress->drawn_ms < REDRAW_PERIOD_MS))
        return;
    progress->drawn_ms = now_ms;
    draw(progress);
}

void vb_progress_bar_end(struct vb_progress_bar *progress)
{
    if (!progress->shown)
        return;
    draw(progress);
    fputc('\n', stderr);
}
