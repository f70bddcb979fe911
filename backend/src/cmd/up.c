/* vibe up: the whole back end on one machine. A private PostgreSQL, the object store, the CDN edge and the
 * API. */
#include "app/address.h"
#include "app/data_dir.h"
#include "app/database.h"
#include "app/delivery.h"
#include "app/env_file.h"
#include "app/service.h"
#include "app/signals.h"
#include "app/store.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/wait.h"
#include "cmd/command.h"
#include "http/client.h"
#include "s3/client.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_REGION "us-east-1"
#define RESET_URL      "vibe://reset-password?token={token}"

struct values {
    const char *data, *bind, *database, *s3_endpoint;
    uint16_t api_port, s3_port, cdn_port;
};

/* What runs, in the order in which it starts. */
struct up {
    const struct values *values;
    struct vb_settings settings;
    struct vb_data_dir dir;
    struct vb_workers *workers;
    struct vb_database *database;
    struct vb_store_service *store; /* NULL with --s3-endpoint */
    struct vb_credentials_provider *credentials;
    struct vb_delivery *delivery;
    struct vb_service *service;
    char *s3_url, *cdn_url;
};

static int start_database(struct up *up, struct vb_error *err)
{
    int r = vb_database_start(&up->dir, up->values->database, &up->database, err);

    if (r == 0)
        up->settings.database_url = vb_database_url(up->database);
    return r;
}

static int start_store(struct up *up, struct vb_error *err)
{
    char *folder VB_CLEANUP(vb_freep) = vb_data_dir_path(&up->dir, "store");
    int r = vb_store_service_start(
        &(struct vb_store_service_config){.directory = folder,
                                          .bucket = up->settings.bucket,
                                          .region = up->settings.region,
                                          .access_key_id = up->dir.access_key_id,
                                          .secret_access_key = up->dir.secret_access_key,
                                          .bind_address = up->values->bind,
                                          .port = up->values->s3_port},
        &up->store, err);

    if (r < 0)
        return r;
    up->s3_url = vb_address_url(up->values->bind, vb_store_service_port(up->store));
    up->credentials = vb_credentials_fixed(up->dir.access_key_id, up->dir.secret_access_key);
    return 0;
}

/* Makes the bucket in the S3 of --s3-endpoint if it is missing. */
static int make_bucket(struct up *up, struct vb_error *err)
{
    struct vb_http_client *http = vb_http_client_create(&(struct vb_http_client_config){0});
    struct vb_s3_client *s3 = vb_s3_client_create(&(struct vb_s3_config){.region = up->settings.region,
                                                                         .bucket = up->settings.bucket,
                                                                         .endpoint = up->s3_url,
                                                                         .credentials = up->credentials,
                                                                         .http = http});
    int r = vb_s3_head_bucket(s3, err);

    if (r < 0)
        r = vb_s3_create_bucket(s3, err);
    vb_s3_client_destroy(s3);
    vb_http_client_destroy(http);
    return r;
}

/* The embedded store, or the S3 that --s3-endpoint names. */
static int start_s3(struct up *up, struct vb_error *err)
{
    int r;

    if (up->values->s3_endpoint) {
        up->s3_url = vb_xstrdup(up->values->s3_endpoint);
        r = vb_credentials_chain(&up->credentials, err);
        if (r == 0)
            r = make_bucket(up, err);
    } else {
        r = start_store(up, err);
    }
    up->settings.s3_endpoint = up->s3_url;
    return r;
}

static int start_edge(struct up *up, struct vb_error *err)
{
    char *folder VB_CLEANUP(vb_freep) = vb_data_dir_path(&up->dir, "cache");
    int r = vb_delivery_start(&(struct vb_delivery_config){.settings = &up->settings,
                                                           .bind_address = up->values->bind,
                                                           .port = up->values->cdn_port,
                                                           .credentials = up->credentials,
                                                           .workers = up->workers,
                                                           .cache_directory = folder},
                              &up->delivery, err);

    if (r < 0)
        return r;
    up->cdn_url = vb_address_url(up->values->bind, vb_delivery_port(up->delivery));
    if (!up->settings.cdn_base_url)
        up->settings.cdn_base_url = vb_xstrdup(up->cdn_url);
    return 0;
}

static int start_api(struct up *up, struct vb_error *err)
{
    return vb_service_start(
        &(struct vb_service_config){.settings = &up->settings,
                                    .bind_address = up->values->bind,
                                    .port = up->values->api_port,
                                    .credentials = up->credentials,
                                    .workers = up->workers,
                                    .follow_host_s3_port = up->store && !up->settings.s3_public_endpoint
                                                               ? vb_store_service_port(up->store)
                                                               : 0,
                                    .follow_host_cdn_port = vb_delivery_port(up->delivery),
                                    .log_reset_links = !up->settings.smtp_url,
                                    .on_deleted = vb_delivery_purge,
                                    .on_deleted_context = up->delivery},
        &up->service, err);
}

static int start(struct up *up, struct vb_error *err)
{
    int r = vb_workers_start(&(struct vb_workers_config){0}, &up->workers, err);

    if (r == 0)
        r = start_database(up, err);
    if (r == 0)
        r = start_s3(up, err);
    if (r == 0)
        r = start_edge(up, err);
    if (r == 0)
        r = start_api(up, err);
    vb_settings_wipe_secrets(&up->settings);
    vb_data_dir_wipe_jwt_secret(&up->dir);
    return r < 0 ? r : vb_workers_wait(up->workers, err);
}

/* All servers drain until one deadline: clients that never finish cannot hold up each of them in turn. */
static void stop(struct up *up)
{
    int64_t deadline_ms = vb_deadline_after(VB_DRAIN_TIMEOUT_MS);

    vb_service_stop(up->service);
    vb_delivery_stop(up->delivery, deadline_ms);
    vb_credentials_destroy(up->credentials);
    vb_store_service_stop(up->store, deadline_ms);
    vb_database_stop(up->database);
    vb_workers_stop(up->workers);
    free(up->s3_url);
    free(up->cdn_url);
}

/* The keys are those of the embedded store; of another S3, those of the environment, if it has them. */
static int write_env(const struct up *up, struct vb_error *err)
{
    char *path VB_CLEANUP(vb_freep) = vb_data_dir_path(&up->dir, "env");
    char *api VB_CLEANUP(vb_freep) = vb_address_url(up->values->bind, vb_service_port(up->service));
    const struct vb_env_variable variables[] = {
        {"VIBE_API_URL", api},
        {"AWS_ENDPOINT_URL_S3", up->s3_url},
        {"AWS_ACCESS_KEY_ID", up->store ? up->dir.access_key_id : getenv("AWS_ACCESS_KEY_ID")},
        {"AWS_SECRET_ACCESS_KEY", up->store ? up->dir.secret_access_key : getenv("AWS_SECRET_ACCESS_KEY")},
        {"AWS_SESSION_TOKEN", up->store ? NULL : getenv("AWS_SESSION_TOKEN")},
        {"AWS_REGION", up->settings.region},
        {"AWS_DEFAULT_REGION", up->settings.region}, /* what boto3 reads */
        {"S3_BUCKET_NAME", up->settings.bucket},
        {"CDN_BASE_URL", up->cdn_url},
        {"DATABASE_URL", up->settings.database_url},
    };

    return vb_env_file_write(path, variables, VB_ARRAY_SIZE(variables), err);
}

static void print_table(const struct up *up)
{
    char *api VB_CLEANUP(vb_freep) = vb_address_url(up->values->bind, vb_service_port(up->service));
    char lan[INET_ADDRSTRLEN];

    printf("\n  API       %s\n  S3        %s   bucket %s\n  CDN       %s\n  database  %s\n  data      %s\n",
           api, up->s3_url, up->settings.bucket, up->cdn_url,
           vb_database_is_private(up->database) ? "private PostgreSQL (DATABASE_URL is in the env file)"
                                                : "the one of --database",
           up->dir.path);
    printf("  env       %s/env   for a shell, so that aws, psql and curl find everything:\n"
           "            set -a; . %s/env; set +a\n",
           up->dir.path, up->dir.path);
    vb_address_lan(lan);
    if (vb_address_is_any(up->values->bind) && lan[0])
        printf("  phone     http://%s:%u   for devices on the same network\n", lan,
               vb_service_port(up->service));
    printf("\nready\n");
    fflush(stdout);
}

/* Starts PostgreSQL again when it ends by itself; the connection pools find it where it was. */
static int wait_for_end(struct up *up, struct vb_error *err)
{
    int r = 0, number;

    while (r == 0 && (number = vb_signals_wait(true)) == SIGCHLD) {
        if (!vb_database_has_ended(up->database))
            continue;
        vb_log(VB_LOG_ERROR, "PostgreSQL has ended and is started again",
               VB_LOG_STR("log", vb_database_log_path(up->database)));
        r = vb_database_restart(up->database, err);
    }
    if (r == 0)
        vb_log(VB_LOG_INFO, "stopping", VB_LOG_STR("signal", strsignal(number)));
    return r;
}

static int run(struct up *up, struct vb_error *err)
{
    int r = start(up, err);

    if (r == 0)
        r = write_env(up, err);
    if (r == 0) {
        print_table(up); /* it ends with "ready": by then the env file is there */
        r = wait_for_end(up, err);
    }
    stop(up);
    return r;
}

static int read_settings(struct vb_settings *settings, struct vb_error *err)
{
    struct vb_config config VB_CLEANUP(vb_config_release);

    vb_config_init(&config);
    vb_settings_read_common(settings, &config);
    if (!settings->region)
        settings->region = DEFAULT_REGION;
    if (!settings->origins[0])
        settings->origins[0] = "*"; /* on a laptop, web builds of the app come from any port */
    if (!settings->password_reset_url)
        settings->password_reset_url = RESET_URL;
    return vb_config_finish(&config, err);
}

static int run_up(void *values)
{
    struct up up = {.values = values};
    struct vb_error err;
    int r;

    vb_signals_block();
    unsetenv("CDN_BASE_URL"); /* a shell may have sourced the env file of an earlier start */
    r = read_settings(&up.settings, &err);
    if (r == 0) {
        vb_log_configure(up.settings.log_level, isatty(STDERR_FILENO) ? VB_LOG_TEXT : VB_LOG_JSON);
        r = vb_data_dir_open(up.values->data, &up.dir, &err);
    }
    if (r == 0) {
        if (!up.settings.jwt_secret)
            up.settings.jwt_secret = up.dir.jwt_secret;
        r = run(&up, &err);
        vb_data_dir_close(&up.dir);
    }
    vb_settings_release(&up.settings);
    return r < 0 ? vb_cmd_fail(&err) : 0;
}

static const struct vb_option options[] = {
    {VB_STRING(struct values, data, "data", "DIR", "where everything is kept (.vibe)")},
    {VB_STRING(struct values, bind, "bind", "ADDR",
               "where to listen (127.0.0.1); 0.0.0.0 for phones nearby")},
    {VB_PORT(struct values, api_port, "api-port", "port of the API (3000)")},
    {VB_PORT(struct values, s3_port, "s3-port", "port of the object store (9000)")},
    {VB_PORT(struct values, cdn_port, "cdn-port", "port of the CDN edge (8080)")},
    {VB_STRING(struct values, database, "database", "URL", "use this PostgreSQL instead of a private one")},
    {VB_STRING(struct values, s3_endpoint, "s3-endpoint", "URL",
               "use this S3 instead of the embedded store")},
    {.name = NULL}};

const struct vb_command vb_cmd_up = {
    .name = "up",
    .summary = "run everything on this machine: API, object store, CDN and PostgreSQL",
    .description = "Runs the whole back end on this machine until Ctrl-C. A second start uses the same data.",
    .footer = "A port of 0 takes a free one. The environment may set S3_BUCKET_NAME, AWS_REGION, "
              "S3_PUBLIC_ENDPOINT,\n"
              "JWT_SECRET, JWT_SECRET_PREVIOUS, CORS_ALLOWED_ORIGINS, TRUSTED_PROXIES, RATE_LIMIT,\n"
              "USER_RATE_LIMIT, LOG_LEVEL and those for mail; see vibe serve --help.",
    .options = options,
    .values_size = sizeof(struct values),
    .defaults =
        &(const struct values){
            .data = ".vibe", .bind = "127.0.0.1", .api_port = 3000, .s3_port = 9000, .cdn_port = 8080},
    .run = run_up};
