/* Settings from the environment: see settings.h. */
#include "cmd/settings.h"

#include "base/memory.h"
#include "http/proxies.h"
#include "http/ratelimit.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define RATE_LIMIT_DEFAULT                                                                                   \
    "100/400" /* a phone that opens a feed asks for much at once; a household shares an address */

#define SWEEP_UPLOADS_AFTER_S  (20 * 60) /* a ticket's 15 minutes, and time for the phone to complete */
#define SWEEP_REPLACED_AFTER_S 60        /* phones and CDNs may still show what has just been replaced */

static bool is_bucket_name(const char *name)
{
    size_t length = strlen(name);

    if (length < 3 || length > 63 || !isalnum((unsigned char)name[0]) ||
        !isalnum((unsigned char)name[length - 1]))
        return false;
    for (; *name; name++)
        if (!islower((unsigned char)*name) && !isdigit((unsigned char)*name) && *name != '-' && *name != '.')
            return false;
    return true;
}

static bool is_region(const char *region)
{
    for (const char *c = region; *c; c++)
        if (!islower((unsigned char)*c) && !isdigit((unsigned char)*c) && *c != '-')
            return false;
    return *region && strlen(region) < 40;
}

/* An origin is scheme://host[:port] and nothing else (RFC 6454). */
static bool is_origin(const char *origin)
{
    const char *host = strstr(origin, "://");

    return strcmp(origin, "*") == 0 || (host && host > origin && host[3] && !strpbrk(host + 3, "/?# "));
}

static void read_origins(struct vb_settings *settings, struct vb_config *config)
{
    const char *text = vb_config_string(config, "CORS_ALLOWED_ORIGINS", "");
    size_t count = 0;
    char *save = NULL;

    settings->origins_text = vb_xstrdup(text);
    for (char *origin = strtok_r(settings->origins_text, ", ", &save); origin;
         origin = strtok_r(NULL, ", ", &save)) {
        if (count == VB_SETTINGS_ORIGINS_MAX || !is_origin(origin)) {
            vb_config_problem(
                config, "CORS_ALLOWED_ORIGINS",
                "must be at most %d origins such as https://app.example.com, comma-separated, or *",
                VB_SETTINGS_ORIGINS_MAX);
            return;
        }
        settings->origins[count++] = origin;
    }
}

static void read_cdn(struct vb_settings *settings, struct vb_config *config)
{
    const char *domain = vb_config_string(config, "CLOUDFRONT_DOMAIN", NULL);
    const char *base = vb_config_url(config, "CDN_BASE_URL", NULL);
    size_t length;

    if (base)
        settings->cdn_base_url = vb_xstrdup(base);
    else if (domain && !strpbrk(domain, "/:?#@ "))
        settings->cdn_base_url = vb_xasprintf("https://%s", domain);
    else if (domain)
        vb_config_problem(config, "CLOUDFRONT_DOMAIN",
                          "must be a host name such as d111111abcdef8.cloudfront.net");
    if (!settings->cdn_base_url)
        return;
    length = strlen(settings->cdn_base_url);
    while (length > 0 && settings->cdn_base_url[length - 1] == '/')
        settings->cdn_base_url[--length] = '\0';
}

void vb_settings_read_common(struct vb_settings *settings, struct vb_config *config)
{
    struct vb_proxies *proxies;
    struct vb_error err;

    *settings = (struct vb_settings){.log_level = VB_LOG_INFO};
    settings->region = vb_config_string(config, "AWS_REGION", NULL);
    if (settings->region && !is_region(settings->region))
        vb_config_problem(config, "AWS_REGION", "must be a region such as eu-central-1");
    settings->bucket = vb_config_string(config, "S3_BUCKET_NAME", VB_SETTINGS_BUCKET);
    if (!is_bucket_name(settings->bucket))
        vb_config_problem(config, "S3_BUCKET_NAME",
                          "must be 3 to 63 lower-case letters, digits, '-' and '.'");
    settings->s3_public_endpoint = vb_config_url(config, "S3_PUBLIC_ENDPOINT", NULL);
    settings->jwt_secret = vb_config_string(config, "JWT_SECRET", NULL);
    if (settings->jwt_secret && strlen(settings->jwt_secret) < VB_SETTINGS_JWT_SECRET_MIN)
        vb_config_problem(config, "JWT_SECRET",
                          "must be at least %d bytes; make one with: openssl rand -base64 48",
                          VB_SETTINGS_JWT_SECRET_MIN);
    settings->trusted_proxies = vb_config_string(config, "TRUSTED_PROXIES", "");
    if (vb_proxies_parse(settings->trusted_proxies, &proxies, &err) < 0)
        vb_config_problem(config, "TRUSTED_PROXIES", "%s; %s", err.message, err.hint);
    else
        vb_proxies_destroy(proxies);
    if (vb_ratelimit_parse(vb_config_string(config, "RATE_LIMIT", RATE_LIMIT_DEFAULT), &settings->rate_per_s,
                           &settings->rate_burst) < 0)
        vb_config_problem(config, "RATE_LIMIT",
                          "must be off, 100 (requests a second) or 100/400 (with a burst)");
    if (vb_log_parse_level(vb_config_string(config, "LOG_LEVEL", "info"), &settings->log_level) < 0)
        vb_config_problem(config, "LOG_LEVEL", "must be debug, info, warn, error or off");
    settings->sweep_interval_s = (unsigned)vb_config_int(config, "SWEEP_INTERVAL", 1, 86400, 60);
    settings->sweep_uploads_after_s =
        (unsigned)vb_config_int(config, "SWEEP_UPLOADS_AFTER", 0, 604800, SWEEP_UPLOADS_AFTER_S);
    settings->sweep_replaced_after_s =
        (unsigned)vb_config_int(config, "SWEEP_REPLACED_AFTER", 0, 604800, SWEEP_REPLACED_AFTER_S);
    read_origins(settings, config);
    read_cdn(settings, config);
}

static bool is_postgres_url(const char *url)
{
    return strncmp(url, "postgresql://", 13) == 0 || strncmp(url, "postgres://", 11) == 0;
}

void vb_settings_read_production(struct vb_settings *settings, struct vb_config *config)
{
    vb_settings_read_common(settings, config);
    settings->port = (uint16_t)vb_config_int(config, "PORT", 1, 65535, 3000);
    settings->database_url = vb_config_required(
        config, "DATABASE_URL", "the PostgreSQL to use, postgresql://user:password@host/database");
    if (settings->database_url && !is_postgres_url(settings->database_url))
        vb_config_problem(config, "DATABASE_URL", "must begin with postgresql://");
    vb_config_required(config, "AWS_REGION", "the bucket's region, such as eu-central-1");
    vb_config_required(config, "S3_BUCKET_NAME", "the bucket that holds the media");
    vb_config_required(config, "JWT_SECRET", "the secret that signs access tokens, at least 32 bytes");
    settings->s3_endpoint = vb_config_url(config, "S3_ENDPOINT", NULL);
    if (!vb_config_string(config, "CLOUDFRONT_DOMAIN", NULL) &&
        !vb_config_string(config, "CDN_BASE_URL", NULL))
        vb_config_problem(config, "CLOUDFRONT_DOMAIN",
                          "is missing; it is the CDN's host name (or set CDN_BASE_URL)");
}

void vb_settings_release(struct vb_settings *settings)
{
    free(settings->cdn_base_url);
    free(settings->origins_text);
}
