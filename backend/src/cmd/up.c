/* `vibe up`: the whole back end on one machine. A private PostgreSQL, the object store, the CDN edge and the
 * API. */
#include "cmd/command.h"
#include "app/data_dir.h"
#include "app/delivery.h"
#include "base/options.h"
#include "app/service.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "db/migrate.h"
#include "http/client.h"
#include "ops/postgres/postgres.h"
#include "s3/client.h"
#include "store/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define STORE_WORKERS  64
#define QUEUE_MAX      1024
#define DEFAULT_REGION "us-east-1"
#define ENV_MAX        ((size_t)64 * 1024)

struct options {
    const char *data, *bind, *database, *s3_endpoint;
    uint16_t api_port, s3_port, cdn_port;
};

struct up {
    struct options options;
    struct vb_settings settings;
    struct vb_data_dir dir;
    struct vb_postgres *postgres;
    char *s3_url, *cdn_url;
    struct vb_engine *store;
    struct vb_store_server *store_app;
    struct vb_pool *store_pool;
    struct vb_http_server *store_server;
    struct vb_credentials_provider *credentials;
    struct vb_delivery *delivery;
    struct vb_service *service;
    struct vb_workers *workers;
};

/* The address this machine has on its network, for a phone beside it; "" if none. */
static void find_lan_address(char buffer[INET_ADDRSTRLEN])
{
    struct ifaddrs *all;

    buffer[0] = '\0';
    if (getifaddrs(&all) < 0)
        return;
    for (struct ifaddrs *one = all; one && !buffer[0]; one = one->ifa_next) {
        const struct sockaddr_in *address = (const void *)one->ifa_addr;

        if (address && address->sin_family == AF_INET && !(one->ifa_flags & IFF_LOOPBACK) &&
            (one->ifa_flags & IFF_UP))
            inet_ntop(AF_INET, &address->sin_addr, buffer, INET_ADDRSTRLEN);
    }
    freeifaddrs(all);
}

static bool listens_everywhere(const struct up *up)
{
    return strcmp(up->options.bind, "0.0.0.0") == 0 || strcmp(up->options.bind, "::") == 0;
}

/* "http://host:port" as programs on this machine reach a server of ours; the caller frees it. */
static char *local_url(const struct up *up, uint16_t port)
{
    const char *host = listens_everywhere(up) ? "127.0.0.1" : up->options.bind;

    return strchr(host, ':') ? vb_xasprintf("http://[%s]:%u", host, port)
                             : vb_xasprintf("http://%s:%u", host, port);
}

static int start_database(struct up *up, struct vb_error *err)
{
    char *folder VB_CLEANUP(vb_freep) = vb_data_dir_path(&up->dir, "postgres");
    char *log VB_CLEANUP(vb_freep) = vb_data_dir_path(&up->dir, "postgres.log");
    int rc;

    if (up->options.database) {
        up->settings.database_url = up->options.database;
    } else {
        rc = vb_postgres_start(&(struct vb_postgres_config){.directory = folder,
                                                            .password = up->dir.database_password,
                                                            .log_path = log},
                               &up->postgres, err);
        if (rc < 0)
            return rc;
        up->settings.database_url = vb_postgres_url(up->postgres);
    }
    rc = vb_db_migrate(up->settings.database_url, NULL, NULL, err);
    return rc < 0 ? rc : 0;
}

static int start_store(struct up *up, struct vb_error *err)
{
    char *folder VB_CLEANUP(vb_freep) = vb_data_dir_path(&up->dir, "store");
    int rc = vb_engine_open(&(struct vb_engine_config){.directory = folder}, &up->store, err);

    if (rc < 0)
        return rc;
    rc = vb_engine_bucket_create(up->store, up->settings.bucket, err);
    if (rc < 0 && rc != -EEXIST)
        return rc;
    up->store_app = vb_store_server_create(
        &(struct vb_store_server_config){.engine = up->store,
                                         .region = up->settings.region,
                                         .access_key_id = up->dir.access_key_id,
                                         .secret_access_key = up->dir.secret_access_key});
    up->store_pool = vb_pool_create("store", STORE_WORKERS, QUEUE_MAX);
    rc = vb_http_server_start(&(struct vb_http_config){.name = "store",
                                                       .bind_address = up->options.bind,
                                                       .port = up->options.s3_port,
                                                       .routes = vb_store_routes,
                                                       .app = up->store_app,
                                                       .pool = up->store_pool,
                                                       .header_max_bytes = (size_t)16 * 1024,
                                                       .connection_memory_bytes = (size_t)64 * 1024,
                                                       .error = vb_store_http_error},
                              &up->store_server, err);
    if (rc < 0)
        return rc;
    up->s3_url = local_url(up, vb_http_server_port(up->store_server));
    up->credentials = vb_credentials_fixed(up->dir.access_key_id, up->dir.secret_access_key);
    return 0;
}

static int make_bucket(struct up *up, struct vb_error *err)
{
    struct vb_http_client *http = vb_http_client_create(&(struct vb_http_client_config){0});
    struct vb_s3_client *s3 = vb_s3_client_create(&(struct vb_s3_config){.region = up->settings.region,
                                                                         .bucket = up->settings.bucket,
                                                                         .endpoint = up->s3_url,
                                                                         .credentials = up->credentials,
                                                                         .http = http});
    int rc = vb_s3_head_bucket(s3, err);

    if (rc < 0)
        rc = vb_s3_create_bucket(s3, err);
    vb_s3_client_destroy(s3);
    vb_http_client_destroy(http);
    return rc;
}

/* The embedded store, or the S3 that --s3-endpoint names, whose bucket is made if it is missing. */
static int start_s3(struct up *up, struct vb_error *err)
{
    int rc;

    if (up->options.s3_endpoint) {
        up->s3_url = vb_xstrdup(up->options.s3_endpoint);
        rc = vb_credentials_chain(&up->credentials, err);
    } else {
        rc = start_store(up, err);
    }
    if (rc < 0)
        return rc;
    up->settings.s3_endpoint = up->s3_url;
    return up->store ? 0 : make_bucket(up, err);
}

static int start_edge(struct up *up, struct vb_error *err)
{
    char *folder VB_CLEANUP(vb_freep) = vb_data_dir_path(&up->dir, "cache");
    int rc = vb_delivery_start(&(struct vb_delivery_config){.settings = &up->settings,
                                                            .bind_address = up->options.bind,
                                                            .port = up->options.cdn_port,
                                                            .credentials = up->credentials,
                                                            .workers = up->workers,
                                                            .cache_directory = folder},
                               &up->delivery, err);

    if (rc < 0)
        return rc;
    up->cdn_url = local_url(up, vb_delivery_port(up->delivery));
    if (!up->settings.cdn_base_url)
        up->settings.cdn_base_url = vb_xstrdup(up->cdn_url);
    return 0;
}

static int start_api(struct up *up, struct vb_error *err)
{
    return vb_service_start(
        &(struct vb_service_config){.settings = &up->settings,
                                    .bind_address = up->options.bind,
                                    .port = up->options.api_port,
                                    .credentials = up->credentials,
                                    .workers = up->workers,
                                    .follow_host_s3_port = up->store && !up->settings.s3_public_endpoint
                                                               ? vb_http_server_port(up->store_server)
                                                               : 0,
                                    .follow_host_cdn_port = vb_delivery_port(up->delivery),
                                    .log_reset_links = !up->settings.smtp_url,
                                    .object_deleted = vb_delivery_purge,
                                    .object_deleted_context = up->delivery},
        &up->service, err);
}

/* Lets the requests in flight finish. All servers share one deadline, or clients that never finish could hold
 * each of them up in turn. */
static void drain(struct vb_http_server *server, int64_t deadline_ms)
{
    int64_t left_ms = deadline_ms - vb_clock_monotonic_ms();

    if (server)
        vb_http_server_drain(server, left_ms > 0 ? (unsigned)left_ms : 0);
}

static void stop(struct up *up)
{
    int64_t deadline_ms = vb_clock_monotonic_ms() + VB_DRAIN_TIMEOUT_MS;

    vb_service_stop(up->service);
    vb_delivery_stop(up->delivery, deadline_ms);
    vb_credentials_destroy(up->credentials);
    drain(up->store_server, deadline_ms);
    vb_http_server_stop(up->store_server);
    vb_pool_destroy(up->store_pool);
    vb_store_server_destroy(up->store_app);
    vb_engine_close(up->store);
    vb_postgres_stop(up->postgres);
    vb_workers_stop(up->workers);
    free(up->s3_url);
    free(up->cdn_url);
}

/* NAME='value' as a shell reads it, whatever the value holds. */
static void add_variable(struct vb_strbuf *text, const char *name, const char *value)
{
    vb_strbuf_addf(text, "%s='", name);
    for (; *value; value++)
        if (*value == '\'')
            vb_strbuf_adds(text, "'\\''");
        else
            vb_strbuf_addc(text, *value);
    vb_strbuf_adds(text, "'\n");
}

/* The store's keys. For another S3, those of the environment, if it has them: an empty value in the file would
 * hide from a shell what it has from elsewhere. */
static void add_credentials(const struct up *up, struct vb_strbuf *text)
{
    static const char *const names[] = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"};

    if (up->store) {
        add_variable(text, names[0], up->dir.access_key_id);
        add_variable(text, names[1], up->dir.secret_access_key);
        return;
    }
    for (size_t i = 0; i < VB_ARRAY_SIZE(names); i++) {
        const char *value = getenv(names[i]);

        if (value && *value)
            add_variable(text, names[i], value);
    }
}

/* A file that a shell can source. */
static int write_env(struct up *up, struct vb_error *err)
{
    char *path VB_CLEANUP(vb_freep) = vb_data_dir_path(&up->dir, "env");
    char *api VB_CLEANUP(vb_freep) = local_url(up, vb_service_port(up->service));
    struct vb_strbuf text VB_CLEANUP(vb_strbuf_release);

    vb_strbuf_init(&text, ENV_MAX);
    vb_strbuf_adds(&text, "# Made by `vibe up`: source it in a shell (set -a; . this file; set +a)\n");
    add_variable(&text, "VIBE_API_URL", api);
    add_variable(&text, "AWS_ENDPOINT_URL_S3", up->s3_url);
    add_credentials(up, &text);
    add_variable(&text, "AWS_REGION", up->settings.region);
    add_variable(&text, "AWS_DEFAULT_REGION", up->settings.region); /* what boto3 reads */
    add_variable(&text, "S3_BUCKET_NAME", up->settings.bucket);
    add_variable(&text, "CDN_BASE_URL", up->cdn_url);
    add_variable(&text, "DATABASE_URL", up->settings.database_url);
    if (vb_strbuf_failed(&text))
        return vb_error_set(err, EFBIG, "what %s should hold is too long", path);
    return vb_file_write_durable(path, text.data, text.length, 0600, err);
}

static void print_table(const struct up *up)
{
    char *api VB_CLEANUP(vb_freep) = local_url(up, vb_service_port(up->service));
    char lan[INET_ADDRSTRLEN];

    printf("\n  API       %s\n  S3        %s   bucket %s\n  CDN       %s\n  database  %s\n  data      %s\n",
           api, up->s3_url, up->settings.bucket, up->cdn_url,
           up->postgres ? "private PostgreSQL (DATABASE_URL is in the env file)" : "as given with --database",
           up->dir.path);
    printf("  env       %s/env   (set -a; . it; set +a, then aws, psql and curl find everything)\n",
           up->dir.path);
    find_lan_address(lan);
    if (listens_everywhere(up) && lan[0])
        printf("  phone     http://%s:%u   for devices on the same network\n", lan,
               vb_service_port(up->service));
    printf("\nready\n");
    fflush(stdout);
}

/* PostgreSQL ended by itself: it is started again on the same port, and the pools find it by themselves. */
static int revive_database(struct up *up, struct vb_error *err)
{
    struct vb_postgres *ended = up->postgres;
    char *folder VB_CLEANUP(vb_freep) = vb_data_dir_path(&up->dir, "postgres");
    char *log VB_CLEANUP(vb_freep) = vb_data_dir_path(&up->dir, "postgres.log");
    int rc;

    vb_log(VB_LOG_ERROR, "PostgreSQL has ended and is started again", VB_LOG_STR("log", log));
    up->postgres = NULL;
    rc = vb_postgres_start(&(struct vb_postgres_config){.directory = folder,
                                                        .password = up->dir.database_password,
                                                        .log_path = log},
                           &up->postgres, err);
    if (rc == 0 && strcmp(vb_postgres_url(ended), vb_postgres_url(up->postgres)) != 0)
        rc =
            vb_error_set(err, EADDRINUSE, "PostgreSQL's port has been taken by another program; start again");
    if (rc == 0)
        up->settings.database_url = vb_postgres_url(up->postgres);
    vb_postgres_stop(ended);
    return rc;
}

static bool database_ended(const struct up *up)
{
    siginfo_t info = {0};

    return up->postgres &&
           waitid(P_PID, (id_t)vb_postgres_pid(up->postgres), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid != 0;
}

static int wait_for_end(struct up *up, struct vb_error *err)
{
    for (;;) {
        int signal = vb_signals_wait(true);

        if (signal != SIGCHLD) {
            vb_log(VB_LOG_INFO, "stopping", VB_LOG_STR("signal", strsignal(signal)));
            return 0;
        }
        if (database_ended(up)) {
            int rc = revive_database(up, err);

            if (rc < 0)
                return rc;
        }
    }
}

static int run(struct up *up, struct vb_error *err)
{
    int rc = vb_workers_start(&(struct vb_workers_config){0}, &up->workers, err);

    if (rc == 0)
        rc = start_database(up, err);
    if (rc == 0)
        rc = start_s3(up, err);
    if (rc == 0)
        rc = start_edge(up, err);
    if (rc == 0)
        rc = start_api(up, err);
    if (rc == 0)
        rc = vb_workers_wait(up->workers, err);
    if (rc == 0) {
        print_table(up);
        rc = write_env(up, err);
    }
    if (rc == 0)
        rc = wait_for_end(up, err);
    stop(up);
    return rc;
}

static int read_settings(struct up *up, struct vb_error *err)
{
    struct vb_config config;
    int rc;

    vb_config_init(&config);
    vb_settings_read_common(&up->settings, &config);
    if (!up->settings.region)
        up->settings.region = DEFAULT_REGION;
    if (!up->settings.origins[0])
        up->settings.origins[0] = "*"; /* a laptop: web builds of the app come from any port */
    if (!up->settings.password_reset_url)
        up->settings.password_reset_url = "vibe://reset-password?token={token}";
    rc = vb_config_finish(&config, err);
    vb_config_release(&config);
    return rc;
}

static int parse(struct options *options, int argc, char **argv)
{
    const struct vb_option table[] = {
        {VB_OPTION_STRING, "data", "DIR", "where everything is kept (.vibe)", &options->data},
        {VB_OPTION_STRING, "bind", "ADDR", "where to listen (127.0.0.1); 0.0.0.0 for phones nearby",
         &options->bind},
        {VB_OPTION_PORT, "api-port", "PORT", "port of the API (3000)", &options->api_port},
        {VB_OPTION_PORT, "s3-port", "PORT", "port of the object store (9000)", &options->s3_port},
        {VB_OPTION_PORT, "cdn-port", "PORT", "port of the CDN edge (8080)", &options->cdn_port},
        {VB_OPTION_STRING, "database", "URL", "use this PostgreSQL instead of a private one",
         &options->database},
        {VB_OPTION_STRING, "s3-endpoint", "URL", "use this S3 instead of the embedded store",
         &options->s3_endpoint},
        {.name = NULL}};
    const struct vb_usage usage = {.synopsis = "vibe up [options]",
                                   .summary = "Runs the whole back end on this machine until Ctrl-C. A "
                                              "second start goes on with the same data.",
                                   .options = table,
                                   .footer = "A port of 0 takes a free one. The environment may set "
                                             "S3_BUCKET_NAME, AWS_REGION, S3_PUBLIC_ENDPOINT,\n"
                                             "JWT_SECRET, CORS_ALLOWED_ORIGINS, TRUSTED_PROXIES, RATE_LIMIT, "
                                             "USER_RATE_LIMIT, LOG_LEVEL and those for mail;\n"
                                             "see vibe serve --help."};

    return vb_options_parse(&usage, argc, argv, NULL, 0);
}

int vb_cmd_up(int argc, char **argv)
{
    struct up up = {
        .options = {
            .data = ".vibe", .bind = "127.0.0.1", .api_port = 3000, .s3_port = 9000, .cdn_port = 8080}};
    struct vb_error err;
    int rc = parse(&up.options, argc, argv);

    if (rc < 0)
        return rc == -1 ? 0 : 2;
    vb_signals_block();
    unsetenv("CDN_BASE_URL"); /* a shell that has sourced an older env file must not lead this start astray */
    rc = read_settings(&up, &err);
    if (rc == 0) {
        vb_log_configure(up.settings.log_level, isatty(STDERR_FILENO) ? VB_LOG_TEXT : VB_LOG_JSON);
        rc = vb_data_dir_open(up.options.data, &up.dir, &err);
    }
    if (rc == 0) {
        if (!up.settings.jwt_secret)
            up.settings.jwt_secret = up.dir.jwt_secret;
        rc = run(&up, &err);
        vb_data_dir_close(&up.dir);
    }
    vb_settings_release(&up.settings);
    return rc < 0 ? vb_cmd_fail(&err) : 0;
}
