/*
 * The environment variables of `vibe serve`, and those of them that `vibe up` takes: read and checked all at
 * once.
 */
#ifndef VB_APP_SETTINGS_H
#define VB_APP_SETTINGS_H

#include "base/config.h"
#include "base/keys.h"
#include "base/log.h"

#include <stdbool.h>
#include <stdint.h>

#define VB_SETTINGS_ORIGINS_MAX  32
#define VB_SETTINGS_PREVIOUS_MAX (VB_KEYS_MAX - 1)
#define VB_SETTINGS_BUCKET       "vibe-app-production"

struct vb_settings {
    uint16_t port;
    const char *database_url;
    const char *region, *bucket;
    const char *s3_endpoint;        /* NULL: AWS */
    const char *s3_public_endpoint; /* NULL: as s3_endpoint */
    char *cdn_base_url;             /* from CLOUDFRONT_DOMAIN or CDN_BASE_URL, without a final slash; owned */
    const char *jwt_secret;
    const char *previous_jwt_secrets[VB_SETTINGS_PREVIOUS_MAX + 1]; /* NULL-terminated */
    char *previous_jwt_text;                                        /* what they point into; owned */
    size_t previous_jwt_size;                                       /* of the text, which has NULs within */
    const char *smtp_url, *mail_from;                               /* NULL: no mail */
    const char *apple_client_ids, *apple_issuer, *apple_jwks_url;   /* NULL: no Sign in with Apple; Apple's */
    const char *password_reset_url; /* with {token} in it; NULL without SMTP_URL, unless it is set */
    const char *origins[VB_SETTINGS_ORIGINS_MAX + 1]; /* CORS_ALLOWED_ORIGINS; NULL-terminated, empty: none */
    char *origins_text;                               /* what origins points into; owned */
    const char *trusted_proxies;
    unsigned rate_per_s, rate_burst;           /* of an address; 0: off */
    unsigned user_rate_per_s, user_rate_burst; /* of a user; 0: off */
    /* Of the sweeper: SWEEP_INTERVAL SWEEP_UPLOADS_AFTER SWEEP_REPLACED_AFTER, for tests. */
    unsigned sweep_interval_s, sweep_uploads_after_s, sweep_replaced_after_s;
    uint16_t cdn_port;              /* CDN_PORT, of production; 0: none */
    const char *cdn_cache_dir;      /* CDN_CACHE_DIR; NULL: none */
    const char *tls_cert, *tls_key; /* TLS_CERT TLS_KEY: PEM files; both NULL: plain HTTP */
    enum vb_log_level log_level;
};

/* Reads what both commands take: CORS_ALLOWED_ORIGINS TRUSTED_PROXIES RATE_LIMIT USER_RATE_LIMIT LOG_LEVEL
 * AWS_REGION S3_BUCKET_NAME S3_PUBLIC_ENDPOINT JWT_SECRET JWT_SECRET_PREVIOUS SMTP_URL MAIL_FROM
 * PASSWORD_RESET_URL APPLE_CLIENT_ID APPLE_ISSUER APPLE_JWKS_URL SWEEP_…, and the CDN's address. Problems
 * go to config. */
void vb_settings_read_common(struct vb_settings *settings, struct vb_config *config);
/* Reads these, of which some are then required, and what `vibe serve` alone takes: PORT DATABASE_URL
 * S3_ENDPOINT CDN_PORT CDN_CACHE_DIR. */
void vb_settings_read_production(struct vb_settings *settings, struct vb_config *config);
/* Reads TLS_CERT and TLS_KEY, after one of the above. cert and key come from the command line and win;
 * NULL: not given. */
void vb_settings_read_tls(struct vb_settings *settings, struct vb_config *config, const char *cert,
                          const char *key);
/* Each alone, and required: AWS_REGION, S3_BUCKET_NAME, DATABASE_URL. */
const char *vb_settings_read_region(struct vb_config *config);
const char *vb_settings_read_bucket(struct vb_config *config);
const char *vb_settings_read_database(struct vb_config *config);
/* Whether a URL is one of PostgreSQL's, by how it begins. */
bool vb_settings_is_postgresql(const char *url);
/* Wipes the earlier secrets and forgets JWT_SECRET: for when the key set is made. The environment, which is
 * not ours, still holds both. */
void vb_settings_wipe_secrets(struct vb_settings *settings);
/* Wipes the secrets too. */
void vb_settings_release(struct vb_settings *settings);

#endif
