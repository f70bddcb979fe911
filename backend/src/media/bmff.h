/*
 * Boxes of ISO base media files (ISO/IEC 14496-12), as far as the size of a picture in HEIF (ISO/IEC
 * 23008-12) or of a film in MP4 needs them. Results as for vb_media_dimensions().
 */
#ifndef VB_MEDIA_BMFF_H
#define VB_MEDIA_BMFF_H

#include "media/dimensions.h"

int vb_bmff_heif_dimensions(const unsigned char *data, size_t size, struct vb_dimensions *ret_dimensions,
                            uint64_t *ret_needed);
int vb_bmff_mp4_dimensions(const unsigned char *data, size_t size, struct vb_dimensions *ret_dimensions,
                           uint64_t *ret_needed);

#endif
