/*
 * What a media worker is asked to do, and what it answers: the messages between the service, which holds the
 * secrets, and the jailed processes, which touch strangers' bytes. One message goes each way over a
 * SOCK_SEQPACKET socket, with files as descriptors beside it. An answer comes from a process that an attacker
 * may control, so vb_media_result_read() checks all of it. Pure and thread-safe.
 */
#ifndef VB_MEDIA_JOB_H
#define VB_MEDIA_JOB_H

#include "media/sniff.h"
#include "media/variant.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VB_THUMBHASH_MAX      25 /* bytes */
#define VB_MEDIA_PROBLEM_SIZE 200
#define VB_MEDIA_SIDE_MAX     2560 /* longest side of a canonical picture, pixels */
#define VB_MEDIA_PIXELS_MAX   (64u * 1000 * 1000)
/* Of an upload. */
#define VB_MEDIA_IMAGE_BYTES_MAX ((int64_t)15 * 1024 * 1024)
#define VB_MEDIA_VIDEO_BYTES_MAX ((int64_t)100 * 1000 * 1000)
#define VB_MEDIA_VIDEO_MAX_MS    60000
#define VB_MEDIA_VIDEO_SLACK_MS  500 /* cameras stop a few frames late */

enum vb_media_work {
    VB_WORK_PICTURE = 1, /* input: an upload; output: the canonical JPEG */
    VB_WORK_VIDEO = 2,   /* input: an upload; output: the canonical MP4; poster: a JPEG */
    VB_WORK_VARIANT = 3, /* input: a canonical JPEG; output: the variant */
    VB_WORK_INSPECT = 4  /* input: an upload; no output */
};

struct vb_media_job {
    uint32_t work;             /* enum vb_media_work */
    uint32_t type;             /* enum vb_media_type by its bytes; for uploads */
    struct vb_variant variant; /* VB_WORK_VARIANT */
};

enum vb_media_status {
    VB_MEDIA_OK = 0,
    VB_MEDIA_BAD = 1,     /* the file is damaged, hostile, or past a limit: problem says which */
    VB_MEDIA_TROUBLE = 2, /* the worker failed: no memory, or no room for the output */
};

struct vb_media_result {
    uint32_t status;   /* enum vb_media_status */
    bool has_position; /* the original carried GPS coordinates */
    bool unchanged;    /* the original is canonical already: nothing was written, use the original */
    bool has_thumbhash;
    uint32_t width, height;               /* pixels of the output, upright */
    uint32_t source_width, source_height; /* of the original, upright */
    uint32_t orientation;                 /* EXIF 1 to 8 that the original asked for */
    uint32_t duration_ms;                 /* of a video */
    uint32_t poster_width, poster_height; /* of a video's poster */
    uint8_t dominant[3];                  /* sRGB */
    uint8_t thumbhash_size;
    uint8_t thumbhash[VB_THUMBHASH_MAX];
    char problem[VB_MEDIA_PROBLEM_SIZE]; /* a sentence for the owner of the file, without a full stop */
};

/* Checks a message of size bytes and copies it to ret: its size, its ranges and its texts must hold. Returns
 * 0 or -EPROTO. */
int vb_media_result_read(const void *message, size_t size, struct vb_media_result *ret);

/* The canonical name of the dominant colour, "#rrggbb". */
void vb_media_color_text(const uint8_t rgb[3], char text[8]);

#endif
