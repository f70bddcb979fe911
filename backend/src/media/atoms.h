/*
 * The boxes ("atoms") of an MP4 or QuickTime file: where the index and the data are, and which boxes tell
 * something about a person or a device. Reads the structure alone and decodes nothing. Pure, but for the
 * caller's read().
 *
 * Sources: ISO/IEC 14496-12 (ISO base media file format), ISO/IEC 14496-14 (MP4), QuickTime File Format
 * (Apple), 3GPP TS 26.244 (loci).
 */
#ifndef VB_MEDIA_ATOMS_H
#define VB_MEDIA_ATOMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vb_atoms_file {
    int64_t size; /* bytes */
    /* Reads exactly size bytes at offset, which are in the file. Returns 0 or a negative errno. */
    int (*read)(void *context, int64_t offset, void *buffer, size_t size);
    void *context;
};

/* Of a box's content: 0 to 0 for none. */
struct vb_atoms_place {
    int64_t at, end;
};

struct vb_atoms {
    bool moov_first;   /* before the media data: players may begin before all of that has come */
    bool fragmented;   /* moof */
    bool has_position; /* ©xyz, loci, or a metadata key that speaks of a location */
    bool has_private;  /* udta, meta, uuid, ©…, or times of creation: what canonical files do without */
    bool has_strays;   /* boxes or bytes at the top level that a canonical file does not have */
    bool has_others; /* tracks that are neither video nor sound, or of a codec or tag that is not canonical */
    unsigned tracks;
    int64_t data_bytes;              /* of media data: the content of all mdat */
    struct vb_atoms_place user_data; /* udta of the whole film */
};

#define VB_ATOMS_DEPTH_MAX 12
#define VB_ATOMS_MAX       20000 /* boxes looked at */

/* Returns 0, -EINVAL (the boxes do not fit into each other, or are too many or too deep; there is no moov),
 * or what read() returned. */
int vb_atoms_scan(const struct vb_atoms_file *file, struct vb_atoms *ret_atoms);

/* Whether a file of these atoms is in the form that the media pipeline writes. */
bool vb_atoms_are_canonical(const struct vb_atoms *atoms);

#endif
