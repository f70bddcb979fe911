/*
 * How the app's tables name a picture or a video: three columns, each of which may be NULL.
 */
#ifndef VB_DB_MEDIA_NAMES_H
#define VB_DB_MEDIA_NAMES_H

struct vb_media_names {
    const char *url, *s3_key, *cdn_url;
};

#endif
