/* The prefixes of published media: see keys.h. */
#include "media/keys.h"

#include <stddef.h>

const char *const vb_media_public_prefixes[] = {"profile-pictures/", "activity-images/", "vibe-stories/",
                                                NULL};
