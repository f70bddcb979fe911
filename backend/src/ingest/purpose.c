/* The purposes of uploads: see purpose.h. */
#include "ingest/purpose.h"

#include "base/memory.h"
#include "db/users.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool fits(int length, size_t size)
{
    return length > 0 && (size_t)length < size;
}

/* ---- profile pictures ---- */

static int find_profile(struct vb_db *db, const char *user_id, const struct vb_target *target,
                        enum vb_media_type type, struct vb_place *ret_place, struct vb_error *err)
{
    (void)db, (void)user_id, (void)target, (void)type, (void)ret_place, (void)err;
    return 0; /* the user is the place, and the media's row refers to it */
}

static bool write_profile_key(const struct vb_place *place, const char *user_id, int64_t time_ms,
                              const char *extension, char *key, size_t size)
{
    (void)place;
    return fits(snprintf(key, size, "profile-pictures/%s/avatar-%" PRId64 ".%s", user_id, time_ms, extension),
                size);
}

static int lock_profile(struct vb_db *db, const struct vb_media *media, struct vb_error *err)
{
    (void)db, (void)media, (void)err;
    return 0; /* the user's row is locked already */
}

static int show_profile(struct vb_db *db, const struct vb_media *media, const struct vb_media_urls *urls,
                        struct vb_error *err)
{
    return vb_users_set_profile_picture(db, media->user_id, urls->url, media->key, urls->cdn_url, err);
}

/* ---- pictures of activities ---- */

static int find_activity(struct vb_db *db, const char *user_id, const struct vb_target *target,
                         enum vb_media_type type, struct vb_place *ret_place, struct vb_error *err)
{
    (void)type;
    snprintf(ret_place->slot, sizeof(ret_place->slot), "%s", target->slot);
    ret_place->index = target->index;
    return vb_activity_images_owned(db, target->activity, user_id, false, ret_place->activity_id, err);
}

static bool write_activity_key(const struct vb_place *place, const char *user_id, int64_t time_ms,
                               const char *extension, char *key, size_t size)
{
    (void)user_id;
    if (strcmp(place->slot, "gallery") != 0)
        return fits(snprintf(key, size, "activity-images/%s/hero-%" PRId64 ".%s", place->activity_id, time_ms,
                             extension),
                    size);
    return fits(snprintf(key, size, "activity-images/%s/gallery-%d-%" PRId64 ".%s", place->activity_id,
                         place->index, time_ms, extension),
                size);
}

static int lock_activity(struct vb_db *db, const struct vb_media *media, struct vb_error *err)
{
    char id[VB_OWNED_ID_SIZE];

    if (!media->activity_id)
        return vb_error_set(err, ENXIO, "the activity has been deleted");
    return vb_activity_images_owned(db, media->activity_id, media->user_id, true, id, err);
}

static int show_activity(struct vb_db *db, const struct vb_media *media, const struct vb_media_urls *urls,
                         struct vb_error *err)
{
    if (media->slot && strcmp(media->slot, "gallery") == 0)
        return vb_activity_images_set_gallery(db, media->activity_id, media->slot_index, urls->url,
                                              media->key, urls->cdn_url, err);
    return vb_activity_images_set_hero(db, media->activity_id, urls->url, media->key, urls->cdn_url, err);
}

/* ---- photos and videos of stories ---- */

static int find_story(struct vb_db *db, const char *user_id, const struct vb_target *target,
                      enum vb_media_type type, struct vb_place *ret_place, struct vb_error *err)
{
    strcpy(ret_place->slot, vb_media_is_video(type) ? "video" : "image");
    if (!*target->story)
        return vb_story_media_make(db, user_id, ret_place->story_id, err);
    return vb_story_media_owned(db, target->story, user_id, false, ret_place->story_id, err);
}

static bool write_story_key(const struct vb_place *place, const char *user_id, int64_t time_ms,
                            const char *extension, char *key, size_t size)
{
    (void)user_id;
    return fits(snprintf(key, size, "vibe-stories/%ss/%s-%" PRId64 ".%s", place->slot, place->story_id,
                         time_ms & ~INT64_C(1), extension),
                size);
}

/* Photos and videos have even times, posters odd ones: so no poster can have the key of a photo. */
static bool write_story_poster_key(const struct vb_place *place, int64_t time_ms, char *key, size_t size)
{
    return fits(snprintf(key, size, "vibe-stories/images/%s-%" PRId64 ".jpg", place->story_id, time_ms | 1),
                size);
}

static int lock_story(struct vb_db *db, const struct vb_media *media, struct vb_error *err)
{
    char id[VB_OWNED_ID_SIZE];

    if (!media->story_id)
        return vb_error_set(err, ENXIO, "the story has been deleted, or has ended");
    return vb_story_media_owned(db, media->story_id, media->user_id, true, id, err);
}

static int show_story(struct vb_db *db, const struct vb_media *media, const struct vb_media_urls *urls,
                      struct vb_error *err)
{
    bool video = media->slot && strcmp(media->slot, "video") == 0;
    int r = vb_story_media_set(db, media->story_id, video, urls->url, media->key, urls->cdn_url, err);

    if (r == 0 && media->poster_key)
        r = vb_story_media_set(db, media->story_id, false, urls->poster_url, media->poster_key,
                               urls->poster_cdn_url, err);
    return r;
}

static const struct vb_purpose purposes[] = {
    {.number = VB_UPLOAD_PROFILE_PICTURE,
     .find_place = find_profile,
     .write_key = write_profile_key,
     .lock = lock_profile,
     .show = show_profile},
    {.number = VB_UPLOAD_ACTIVITY_IMAGE,
     .has_target = true,
     .find_place = find_activity,
     .write_key = write_activity_key,
     .lock = lock_activity,
     .show = show_activity},
    {.number = VB_UPLOAD_STORY_MEDIA,
     .has_target = true,
     .find_place = find_story,
     .write_key = write_story_key,
     .write_poster_key = write_story_poster_key,
     .lock = lock_story,
     .show = show_story},
};

const struct vb_purpose *vb_purpose_of(enum vb_upload_purpose number)
{
    for (size_t i = 0; i < VB_ARRAY_SIZE(purposes); i++)
        if (purposes[i].number == number)
            return &purposes[i];
    return NULL;
}

const struct vb_purpose *vb_purpose_named(const char *name)
{
    for (size_t i = 0; i < VB_ARRAY_SIZE(purposes); i++)
        if (strcmp(vb_upload_purpose_name(purposes[i].number), name) == 0)
            return &purposes[i];
    return NULL;
}
