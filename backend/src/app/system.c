/* The system that a command works on: see system.h. */
#include "app/system.h"

#include "app/env_file.h"
#include "app/settings.h"
#include "base/cleanup.h"
#include "base/config.h"
#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ENV_FILE ".vibe/env"

static void set(void *context, const char *name, const char *value)
{
    (void)context;
    setenv(name, value, 0);
}

/* Completes the environment from .vibe/env, unless one of these is set: it names another system. */
static void find_system(void)
{
    static const char *const names[] = {"S3_BUCKET_NAME", "DATABASE_URL", "S3_ENDPOINT", "AWS_REGION",
                                        "AWS_ENDPOINT_URL_S3"};

    for (size_t i = 0; i < VB_ARRAY_SIZE(names); i++)
        if (getenv(names[i]))
            return;
    vb_env_file_read(ENV_FILE, set, NULL);
}

int vb_system_database(const char *option, const char **ret_url, struct vb_error *err)
{
    const char *url = option;

    if (!url) {
        find_system();
        url = getenv("DATABASE_URL");
    }
    if (url && vb_settings_is_postgresql(url)) {
        *ret_url = url;
        return 0;
    }
    if (url && *url)
        vb_error_set(err, EINVAL, "%s is no postgresql:// URL", option ? "--database" : "DATABASE_URL");
    else
        vb_error_set(err, EINVAL, "no database is named");
    vb_error_hint(err, "set DATABASE_URL, say --database postgresql://user:password@host:5432/database, "
                       "or run this in the folder of a running `vibe up`");
    return -EINVAL;
}

static void look_for_api(void *context, const char *name, const char *value)
{
    char **found = context;

    if (!*found && strcmp(name, "VIBE_API_URL") == 0)
        *found = vb_xstrdup(value);
}

char *vb_system_api(const char *option)
{
    const char *environment = getenv("VIBE_API_URL");
    char *api = NULL;

    if (option)
        api = vb_xstrdup(option);
    else if (environment && *environment)
        api = vb_xstrdup(environment);
    else
        vb_env_file_read(ENV_FILE, look_for_api, &api);
    if (!api)
        api = vb_xstrdup(VB_SYSTEM_API_URL);
    for (size_t length = strlen(api); length > 0 && api[length - 1] == '/'; length--)
        api[length - 1] = '\0';
    return api;
}

static int read_settings(struct vb_bucket *bucket, struct vb_s3_config *s3, bool with_database,
                         struct vb_error *err)
{
    struct vb_config config VB_CLEANUP(vb_config_release);
    int r;

    vb_config_init(&config);
    bucket->name = vb_settings_read_bucket(&config);
    s3->bucket = bucket->name;
    s3->region = vb_settings_read_region(&config);
    s3->endpoint = vb_config_url(&config, "S3_ENDPOINT", vb_config_url(&config, "AWS_ENDPOINT_URL_S3", NULL));
    if (with_database)
        bucket->database_url = vb_settings_read_database(&config);
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
    find_system();
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
