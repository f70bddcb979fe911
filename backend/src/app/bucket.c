/* The bucket of a command: see bucket.h. */
#include "app/bucket.h"

#include "app/env_file.h"

#include "base/cleanup.h"
#include "base/config.h"

#include <errno.h>

static int read_settings(struct vb_bucket *bucket, struct vb_s3_config *s3, bool with_database,
                         struct vb_error *err)
{
    struct vb_config config VB_CLEANUP(vb_config_release);
    int r;

    vb_config_init(&config);
    bucket->name = vb_config_required(&config, "S3_BUCKET_NAME", "the bucket that holds the media");
    s3->bucket = bucket->name;
    s3->region = vb_config_required(&config, "AWS_REGION", "the bucket's region, such as eu-central-1");
    s3->endpoint = vb_config_url(&config, "S3_ENDPOINT", vb_config_url(&config, "AWS_ENDPOINT_URL_S3", NULL));
    if (with_database)
        bucket->database_url = vb_config_required(
            &config, "DATABASE_URL", "the PostgreSQL to use, postgresql://user:password@host/database");
    r = vb_config_finish(&config, err);
    if (r < 0)
        vb_error_hint(err, "or run this in the folder of a running `vibe up`");
    return r;
}

int vb_bucket_open(struct vb_bucket *bucket, bool with_database, struct vb_error *err)
{
    struct vb_s3_config s3 = {0};
    int r;

    *bucket = (struct vb_bucket){0};
    vb_env_file_load();
    r = read_settings(bucket, &s3, with_database, err);
    if (r == 0)
        r = vb_credentials_chain(&bucket->credentials, err);
    if (r < 0)
        return r;
    bucket->http = vb_http_client_create(&(struct vb_http_client_config){.connections_max = 1});
    s3.credentials = bucket->credentials;
    s3.http = bucket->http;
    bucket->s3 = vb_s3_client_create(&s3);
    return bucket->s3 ? 0 : vb_error_set(err, EINVAL, "the bucket's endpoint is no http:// or https:// URL");
}

void vb_bucket_close(struct vb_bucket *bucket)
{
    vb_s3_client_destroy(bucket->s3);
    vb_http_client_destroy(bucket->http);
    vb_credentials_destroy(bucket->credentials);
    *bucket = (struct vb_bucket){0};
}
