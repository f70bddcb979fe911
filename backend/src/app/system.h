/*
 * The system that a command works on: the one that its options and the environment name, or else the `vibe
 * up` of this folder, which says in .vibe/env where everything is. The two are never mixed. Not thread-safe.
 */
#ifndef VB_APP_SYSTEM_H
#define VB_APP_SYSTEM_H

#include "s3/client.h"

#define VB_SYSTEM_API_URL "http://127.0.0.1:3000" /* of a `vibe up` without options */

/* For the help of the commands. */
#define VB_SYSTEM_DATABASE_HELP "the PostgreSQL to use (default: DATABASE_URL, or that of .vibe/env)"
#define VB_SYSTEM_API_HELP      "the API (default: VIBE_API_URL, .vibe/env or " VB_SYSTEM_API_URL ")"

/* The database: what --database said (NULL: nothing), DATABASE_URL, or that of .vibe/env. -EINVAL: there
 * is none, or it is no PostgreSQL. The URL belongs to the environment, or is the option. */
int vb_system_database(const char *option, const char **ret_url, struct vb_error *err);

/* The address of the API: what --api said (NULL: nothing), VIBE_API_URL, that of .vibe/env, or
 * VB_SYSTEM_API_URL. Without a final slash; the caller frees it. */
char *vb_system_api(const char *option);

struct vb_bucket {
    const char *name, *database_url; /* of the environment; the latter NULL unless it was wanted */
    struct vb_http_client *http;
    struct vb_credentials_provider *credentials;
    struct vb_s3_client *s3;
};

/* The bucket, by the variables that `vibe serve` reads, and the database that belongs to it if that is
 * wanted. An error names everything that is missing. The caller closes it in either case. */
int vb_bucket_open(struct vb_bucket *bucket, bool with_database, struct vb_error *err);
void vb_bucket_close(struct vb_bucket *bucket);

#endif
