/* The API as a running service: see service.h. */
#include "app/service.h"

#include "api/api.h"
#include "ingest/sweeper.h"
#include "base/memory.h"
#include "http/client.h"
#include "http/problem.h"

#include <stdlib.h>
#include <string.h>

#define WORKERS   48 /* for the database's connections, and as many that wait for other services */
#define QUEUE_MAX 1024
/* argon2id: two hashes run at a time, about a hundred a second. */
#define PASSWORD_WORKERS   8
#define PASSWORD_QUEUE_MAX 256

/* Answers of an API are data: no browser is to guess their type, run, frame, or tell others where it read
 * them. */
static const struct vb_http_header security_headers[] = {
    {"X-Content-Type-Options", "nosniff"},
    {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
    {"Referrer-Policy", "no-referrer"},
    {NULL, NULL},
};

struct vb_service {
    struct vb_pool *pool, *remote_pool, *password_pool;
    struct vb_db_pool *db;
    struct vb_http_client *http;
    struct vb_s3_client *s3;
    struct vb_keys *keys;
    struct vb_ingest ingest;
    struct vb_api *api;
    struct vb_ratelimit *rate_limit, *user_rate_limit;
    struct vb_http_server *server;
    struct vb_sweeper *sweeper;
};

static struct vb_s3_config s3_config(const struct vb_service *service, const struct vb_service_config *config)
{
    const struct vb_settings *settings = config->settings;

    return (struct vb_s3_config){.region = settings->region,
                                 .bucket = settings->bucket,
                                 .endpoint = settings->s3_endpoint,
                                 .public_endpoint = settings->s3_public_endpoint,
                                 .credentials = config->credentials,
                                 .http = service->http};
}

static int start_sweeper(struct vb_service *service, const struct vb_service_config *config,
                         struct vb_error *err)
{
    const struct vb_settings *settings = config->settings;
    const struct vb_s3_config s3 = s3_config(service, config);

    return vb_sweeper_start(&(struct vb_sweeper_config){.ingest = &service->ingest,
                                                        .s3 = &s3,
                                                        .interval_s = settings->sweep_interval_s,
                                                        .uploads_after_s = settings->sweep_uploads_after_s,
                                                        .replaced_after_s = settings->sweep_replaced_after_s},
                            &service->sweeper, err);
}

static struct vb_keys *create_keys(const struct vb_settings *settings)
{
    const char *secrets[1 + VB_SETTINGS_PREVIOUS_MAX + 1] = {settings->jwt_secret};
    struct vb_keys *keys = NULL;

    memcpy(secrets + 1, settings->previous_jwt_secrets, sizeof(settings->previous_jwt_secrets));
    vb_assert(vb_keys_create(secrets, &keys) == 0); /* the settings have checked them */
    return keys;
}

static void start_pools(struct vb_service *service)
{
    service->pool = vb_pool_create("api", WORKERS, QUEUE_MAX);
    service->remote_pool = vb_pool_create("api-remote", WORKERS, QUEUE_MAX);
    service->password_pool = vb_pool_create("api-password", PASSWORD_WORKERS, PASSWORD_QUEUE_MAX);
}

static void create_clients(struct vb_service *service, const struct vb_service_config *config)
{
    struct vb_s3_config s3;

    service->db = vb_db_pool_create(&(struct vb_db_config){.url = config->settings->database_url});
    service->http = vb_http_client_create(&(struct vb_http_client_config){.connections_max = WORKERS});
    s3 = s3_config(service, config);
    service->s3 = vb_s3_client_create(&s3);
}

static void create_limits(struct vb_service *service, const struct vb_settings *settings)
{
    if (settings->rate_per_s)
        service->rate_limit = vb_ratelimit_create(settings->rate_per_s, settings->rate_burst);
    if (settings->user_rate_per_s)
        service->user_rate_limit = vb_ratelimit_create(settings->user_rate_per_s, settings->user_rate_burst);
}

static void create_api(struct vb_service *service, const struct vb_service_config *config)
{
    const struct vb_settings *settings = config->settings;

    service->keys = create_keys(settings);
    service->ingest = (struct vb_ingest){.db = service->db,
                                         .s3 = service->s3,
                                         .workers = config->workers,
                                         .keys = service->keys,
                                         .cdn_base_url = settings->cdn_base_url,
                                         .on_deleted = config->on_deleted,
                                         .on_deleted_context = config->on_deleted_context};
    service->api =
        vb_api_create(&(struct vb_api_config){.db = service->db,
                                              .s3 = service->s3,
                                              .keys = service->keys,
                                              .ingest = &service->ingest,
                                              .http = service->http,
                                              .apple_client_ids = settings->apple_client_ids,
                                              .apple_issuer = settings->apple_issuer,
                                              .apple_jwks_url = settings->apple_jwks_url,
                                              .smtp_url = settings->smtp_url,
                                              .mail_from = settings->mail_from,
                                              .password_reset_url = settings->password_reset_url,
                                              .log_reset_links = config->log_reset_links,
                                              .cdn_base_url = settings->cdn_base_url,
                                              .user_rate_limit = service->user_rate_limit,
                                              .follow_host_s3_port = config->follow_host_s3_port,
                                              .follow_host_cdn_port = config->follow_host_cdn_port});
}

int vb_service_start(const struct vb_service_config *config, struct vb_service **ret_service,
                     struct vb_error *err)
{
    struct vb_service *service = vb_xcalloc(1, sizeof(*service));
    const struct vb_settings *settings = config->settings;
    int r;

    start_pools(service);
    create_clients(service, config);
    create_limits(service, settings);
    create_api(service, config);
    r = vb_http_server_start(
        &(struct vb_http_config){.name = "api",
                                 .bind_address = config->bind_address,
                                 .port = config->port,
                                 .tls = config->tls,
                                 .routes = vb_api_routes(service->api),
                                 .app = service->api,
                                 .pool = service->pool,
                                 /* as enum vb_api_pool */
                                 .more_pools = {service->remote_pool, service->password_pool},
                                 .trusted_proxies = settings->trusted_proxies,
                                 .cors = {.origins = settings->origins[0] ? settings->origins : NULL,
                                          .expose_headers = "X-Request-Id, Retry-After, RateLimit, "
                                                            "RateLimit-Policy, Idempotency-Replayed"},
                                 .headers = security_headers,
                                 .strict_transport_security = "max-age=31536000",
                                 .rate_limit = service->rate_limit,
                                 .error = vb_problem_error},
        &service->server, err);
    if (r == 0)
        r = start_sweeper(service, config, err);
    if (r < 0) {
        vb_service_stop(service);
        return r;
    }
    *ret_service = service;
    return 0;
}

uint16_t vb_service_port(const struct vb_service *service)
{
    return vb_http_server_port(service->server);
}

int vb_service_renew_tls(struct vb_service *service, const struct vb_tls *tls, struct vb_error *err)
{
    return vb_http_server_renew_tls(service->server, tls, err);
}

void vb_service_stop(struct vb_service *service)
{
    if (!service)
        return;
    vb_sweeper_stop(service->sweeper);
    if (service->server) {
        vb_http_server_drain(service->server, VB_DRAIN_TIMEOUT_MS);
        vb_http_server_stop(service->server);
    }
    vb_api_destroy(service->api);
    vb_keys_destroy(service->keys);
    vb_pool_destroy(service->pool);
    vb_pool_destroy(service->remote_pool);
    vb_pool_destroy(service->password_pool);
    vb_ratelimit_destroy(service->rate_limit);
    vb_ratelimit_destroy(service->user_rate_limit);
    vb_s3_client_destroy(service->s3);
    vb_http_client_destroy(service->http);
    vb_db_pool_destroy(service->db);
    free(service);
}
