/* Settings from the environment: see settings.h. */
#include "app/settings.h"

#include "base/memory.h"
#include "mail/mail.h"
#include "http/proxies.h"
#include "http/ratelimit.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* A phone that opens a feed sends many requests at once, and a household shares an address. A user gets
 * half of that, so that one of the household does not use up the limit of all. */
#define RATE_LIMIT_DEFAULT      "100/400"
#define USER_RATE_LIMIT_DEFAULT "50/200"

#define SWEEP_UPLOADS_AFTER_S  (20 * 60) /* a ticket's 15 minutes, and time for the phone to complete */
#define SWEEP_REPLACED_AFTER_S 60        /* phones and CDNs may still show the replaced file */

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

bool vb_settings_is_postgresql(const char *url)
{
    return strncmp(url, "postgresql://", 13) == 0 || strncmp(url, "postgres://", 11) == 0;
}

static const char *require_region(struct vb_config *config)
{
    return vb_config_required(config, "AWS_REGION", "the bucket's region, such as eu-central-1");
}

static const char *check_region(struct vb_config *config, const char *region)
{
    if (region && !is_region(region))
        vb_config_problem(config, "AWS_REGION", "must be a region such as eu-central-1");
    return region;
}

const char *vb_settings_read_region(struct vb_config *config)
{
    return check_region(config, require_region(config));
}

static const char *require_bucket(struct vb_config *config)
{
    return vb_config_required(config, "S3_BUCKET_NAME", "the bucket that holds the media");
}

static const char *check_bucket(struct vb_config *config, const char *bucket)
{
    if (bucket && !is_bucket_name(bucket))
        vb_config_problem(config, "S3_BUCKET_NAME",
                          "must be 3 to 63 lower-case letters, digits, '-' and '.'");
    return bucket;
}

const char *vb_settings_read_bucket(struct vb_config *config)
{
    return check_bucket(config, require_bucket(config));
}

const char *vb_settings_read_database(struct vb_config *config)
{
    const char *url = vb_config_required(config, "DATABASE_URL",
                                         "the PostgreSQL to use, postgresql://user:password@host/database");

    if (url && !vb_settings_is_postgresql(url))
        vb_config_problem(config, "DATABASE_URL", "must begin with postgresql://");
    return url;
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

/* RATE_LIMIT=off, as for a benchmark, turns the limit of users off, too, unless that is set. */
static void read_rate_limits(struct vb_settings *settings, struct vb_config *config)
{
    static const char problem[] = "must be off, 100 (requests a second) or 100/400 (with a burst)";
    const char *user_default;

    if (vb_ratelimit_parse(vb_config_string(config, "RATE_LIMIT", RATE_LIMIT_DEFAULT), &settings->rate_per_s,
                           &settings->rate_burst) < 0)
        vb_config_problem(config, "RATE_LIMIT", problem);
    user_default = settings->rate_per_s ? USER_RATE_LIMIT_DEFAULT : "off";
    if (vb_ratelimit_parse(vb_config_string(config, "USER_RATE_LIMIT", user_default),
                           &settings->user_rate_per_s, &settings->user_rate_burst) < 0)
        vb_config_problem(config, "USER_RATE_LIMIT", problem);
}

static void read_secrets(struct vb_settings *settings, struct vb_config *config)
{
    size_t count = 0;
    char *save = NULL;

    settings->jwt_secret = vb_config_string(config, "JWT_SECRET", NULL);
    if (settings->jwt_secret && strlen(settings->jwt_secret) < VB_KEYS_SECRET_MIN)
        vb_config_problem(config, "JWT_SECRET",
                          "must be at least %d bytes; make one with: openssl rand -base64 48",
                          VB_KEYS_SECRET_MIN);
    settings->previous_jwt_text = vb_xstrdup(vb_config_string(config, "JWT_SECRET_PREVIOUS", ""));
    settings->previous_jwt_size = strlen(settings->previous_jwt_text);
    for (char *secret = strtok_r(settings->previous_jwt_text, ", ", &save); secret;
         secret = strtok_r(NULL, ", ", &save)) {
        if (count == VB_SETTINGS_PREVIOUS_MAX || strlen(secret) < VB_KEYS_SECRET_MIN) {
            vb_config_problem(config, "JWT_SECRET_PREVIOUS",
                              "must be at most %d earlier values of JWT_SECRET, comma-separated, of at least "
                              "%d bytes each",
                              VB_SETTINGS_PREVIOUS_MAX, VB_KEYS_SECRET_MIN);
            return;
        }
        settings->previous_jwt_secrets[count++] = secret;
    }
}

static bool is_reset_url(const char *url)
{
    for (const char *c = url; *c; c++)
        if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f)
            return false;
    return strlen(url) < 1024 && strchr(url, ':') && strstr(url, "{token}");
}

static void read_mail(struct vb_settings *settings, struct vb_config *config)
{
    const char *problem;

    settings->smtp_url = vb_config_string(config, "SMTP_URL", NULL);
    settings->mail_from = vb_config_string(config, "MAIL_FROM", NULL);
    settings->password_reset_url = vb_config_string(config, "PASSWORD_RESET_URL", NULL);
    if (settings->smtp_url && (problem = vb_mail_check_url(settings->smtp_url)))
        vb_config_problem(config, "SMTP_URL", "%s", problem);
    if (settings->mail_from && (problem = vb_mail_check_from(settings->mail_from)))
        vb_config_problem(config, "MAIL_FROM", "%s", problem);
    if (settings->password_reset_url && !is_reset_url(settings->password_reset_url))
        vb_config_problem(config, "PASSWORD_RESET_URL",
                          "must be the app's link with {token} in it, such as "
                          "https://app.example.com/reset?token={token}");
    if (settings->smtp_url && !settings->mail_from)
        vb_config_problem(config, "MAIL_FROM", "is missing: SMTP_URL is set, and mail needs a sender");
    if (settings->smtp_url && !settings->password_reset_url)
        vb_config_problem(config, "PASSWORD_RESET_URL",
                          "is missing: SMTP_URL is set, and mails carry this link");
}

static void read_apple(struct vb_settings *settings, struct vb_config *config)
{
    const char *ids = vb_config_string(config, "APPLE_CLIENT_ID", NULL);

    if (ids && !ids[strspn(ids, ", ")])
        vb_config_problem(
            config, "APPLE_CLIENT_ID",
            "must be the app's bundle id, such as com.example.vibe, or several, comma-separated");
    settings->apple_client_ids = ids;
    settings->apple_issuer = vb_config_url(config, "APPLE_ISSUER", NULL);
    settings->apple_jwks_url = vb_config_url(config, "APPLE_JWKS_URL", NULL);
}

static void read_proxies(struct vb_settings *settings, struct vb_config *config)
{
    struct vb_proxies *proxies;
    struct vb_error err;

    settings->trusted_proxies = vb_config_string(config, "TRUSTED_PROXIES", "");
    if (vb_proxies_parse(settings->trusted_proxies, &proxies, &err) < 0)
        vb_config_problem(config, "TRUSTED_PROXIES", "%s; %s", err.message, err.hint);
    else
        vb_proxies_destroy(proxies);
}

static void read_sweeper(struct vb_settings *settings, struct vb_config *config)
{
    settings->sweep_interval_s = (unsigned)vb_config_int(config, "SWEEP_INTERVAL", 1, 86400, 60);
    settings->sweep_uploads_after_s =
        (unsigned)vb_config_int(config, "SWEEP_UPLOADS_AFTER", 0, 604800, SWEEP_UPLOADS_AFTER_S);
    settings->sweep_replaced_after_s =
        (unsigned)vb_config_int(config, "SWEEP_REPLACED_AFTER", 0, 604800, SWEEP_REPLACED_AFTER_S);
}

void vb_settings_read_common(struct vb_settings *settings, struct vb_config *config)
{
    *settings = (struct vb_settings){.log_level = VB_LOG_INFO};
    settings->region = check_region(config, vb_config_string(config, "AWS_REGION", NULL));
    settings->bucket = check_bucket(config, vb_config_string(config, "S3_BUCKET_NAME", VB_SETTINGS_BUCKET));
    settings->s3_public_endpoint = vb_config_url(config, "S3_PUBLIC_ENDPOINT", NULL);
    read_secrets(settings, config);
    read_mail(settings, config);
    read_apple(settings, config);
    read_proxies(settings, config);
    read_rate_limits(settings, config);
    if (vb_log_parse_level(vb_config_string(config, "LOG_LEVEL", "info"), &settings->log_level) < 0)
        vb_config_problem(config, "LOG_LEVEL", "must be debug, info, warn, error or off");
    read_sweeper(settings, config);
    read_origins(settings, config);
    read_cdn(settings, config);
}

void vb_settings_read_production(struct vb_settings *settings, struct vb_config *config)
{
    vb_settings_read_common(settings, config);
    settings->port = (uint16_t)vb_config_int(config, "PORT", 1, 65535, 3000);
    settings->database_url = vb_settings_read_database(config);
    require_region(config);
    require_bucket(config);
    vb_config_required(config, "JWT_SECRET", "the secret that signs access tokens, at least 32 bytes");
    settings->s3_endpoint = vb_config_url(config, "S3_ENDPOINT", NULL);
    settings->cdn_port = (uint16_t)vb_config_int(config, "CDN_PORT", 0, 65535, 0);
    settings->cdn_cache_dir = vb_config_string(config, "CDN_CACHE_DIR", NULL);
    if (settings->cdn_port && settings->cdn_port == settings->port)
        vb_config_problem(config, "CDN_PORT", "is the API's PORT, too; choose another port");
    if (!vb_config_string(config, "CLOUDFRONT_DOMAIN", NULL) &&
        !vb_config_string(config, "CDN_BASE_URL", NULL))
        vb_config_problem(config, "CLOUDFRONT_DOMAIN",
                          "is missing; it is the CDN's host name (or set CDN_BASE_URL)");
}

void vb_settings_read_tls(struct vb_settings *settings, struct vb_config *config, const char *cert,
                          const char *key)
{
    settings->tls_cert = cert ? cert : vb_config_string(config, "TLS_CERT", NULL);
    settings->tls_key = key ? key : vb_config_string(config, "TLS_KEY", NULL);
    if (settings->tls_cert && !settings->tls_key)
        vb_config_problem(config, "TLS_KEY", "is missing: the certificate needs its key (--tls-key)");
    if (settings->tls_key && !settings->tls_cert)
        vb_config_problem(config, "TLS_CERT", "is missing: the key needs its certificate (--tls-cert)");
}

void vb_settings_wipe_secrets(struct vb_settings *settings)
{
    if (settings->previous_jwt_text)
        explicit_bzero(settings->previous_jwt_text, settings->previous_jwt_size);
    free(settings->previous_jwt_text);
    settings->previous_jwt_text = NULL;
    memset(settings->previous_jwt_secrets, 0, sizeof(settings->previous_jwt_secrets));
    settings->jwt_secret = NULL;
}

void vb_settings_release(struct vb_settings *settings)
{
    vb_settings_wipe_secrets(settings);
    free(settings->cdn_base_url);
    free(settings->origins_text);
}
