/*
 * How a row becomes a struct vb_activity. No other folder includes this header.
 */
#ifndef VB_DB_ACTIVITY_ROW_H
#define VB_DB_ACTIVITY_ROW_H

#include "db/activities.h"
#include "db/query.h"

/* What each statement selects, in this order. Those without a place end before the distance. */
enum vb_activity_column {
    VB_ACTIVITY_ID,
    VB_ACTIVITY_OWNER_ID,
    VB_ACTIVITY_OWNER_NAME,
    VB_ACTIVITY_OWNER_PICTURE_S3_KEY,
    VB_ACTIVITY_OWNER_PICTURE_CDN_URL,
    VB_ACTIVITY_TITLE,
    VB_ACTIVITY_DESCRIPTION,
    VB_ACTIVITY_PLACE_NAME,
    VB_ACTIVITY_LATITUDE,
    VB_ACTIVITY_LONGITUDE,
    VB_ACTIVITY_STARTS_AT,
    VB_ACTIVITY_ENDS_AT,
    VB_ACTIVITY_CREATED_AT,
    VB_ACTIVITY_UPDATED_AT,
    VB_ACTIVITY_CAPACITY,
    VB_ACTIVITY_PARTICIPANT_COUNT,
    VB_ACTIVITY_HERO_URL,
    VB_ACTIVITY_HERO_S3_KEY,
    VB_ACTIVITY_HERO_CDN_URL,
    VB_ACTIVITY_IMAGE_URLS,
    VB_ACTIVITY_IMAGE_S3_KEYS,
    VB_ACTIVITY_IMAGE_CDN_URLS,
    VB_ACTIVITY_DISTANCE_M
};

/* The strings belong to rows. */
void vb_activity_read(const PGresult *rows, int row, struct vb_activity *ret_activity);

#endif
