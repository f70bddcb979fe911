/* vibe serve: the API in production, configured by the environment alone. */
#include "app/certificate.h"
#include "app/delivery.h"
#include "app/service.h"
#include "app/signals.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/wait.h"
#include "cmd/command.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

/* What runs, in the order in which it starts. */
struct parts {
    struct vb_credentials_provider *credentials;
    struct vb_workers *workers;
    struct vb_delivery *delivery; /* NULL without CDN_PORT */
    struct vb_service *service;
};

static int start_delivery(const struct vb_settings *settings, const struct vb_tls *tls, struct parts *parts,
                          struct vb_error *err)
{
    return vb_delivery_start(&(struct vb_delivery_config){.settings = settings,
                                                          .bind_address = "0.0.0.0",
                                                          .port = settings->cdn_port,
                                                          .tls = tls,
                                                          .credentials = parts->credentials,
                                                          .workers = parts->workers,
                                                          .cache_directory = settings->cdn_cache_dir},
                             &parts->delivery, err);
}

static int start_service(const struct vb_settings *settings, const struct vb_tls *tls, struct parts *parts,
                         struct vb_error *err)
{
    return vb_service_start(
        &(struct vb_service_config){.settings = settings,
                                    .bind_address = "0.0.0.0",
                                    .port = settings->port,
                                    .tls = tls,
                                    .credentials = parts->credentials,
                                    .workers = parts->workers,
                                    .on_deleted = parts->delivery ? vb_delivery_purge : NULL,
                                    .on_deleted_context = parts->delivery},
        &parts->service, err);
}

static int renew_service(void *service, const struct vb_tls *tls, struct vb_error *err)
{
    return vb_service_renew_tls(service, tls, err);
}

static int renew_delivery(void *delivery, const struct vb_tls *tls, struct vb_error *err)
{
    return vb_delivery_renew_tls(delivery, tls, err);
}

static void renew_tls(const struct vb_settings *settings, const struct parts *parts, struct vb_tls **tls)
{
    const struct vb_certificate_user users[] = {{"api", renew_service, parts->service},
                                                {"cdn", renew_delivery, parts->delivery}};

    vb_certificate_renew(settings, users, parts->delivery ? 2 : 1, tls);
}

static void serve_until_signal(const struct vb_settings *settings, const struct parts *parts,
                               struct vb_tls **tls)
{
    int signal;

    vb_log(VB_LOG_INFO, "ready", VB_LOG_INT("port", vb_service_port(parts->service)),
           VB_LOG_STR("bucket", settings->bucket), VB_LOG_STR("version", VIBE_VERSION));
    while ((signal = vb_signals_wait(false)) == SIGHUP && *tls)
        renew_tls(settings, parts, tls);
    vb_log(VB_LOG_INFO, "stopping", VB_LOG_STR("signal", strsignal(signal)));
}

/* Replaces *tls when the certificate is renewed, and wipes the settings' secrets once the key set is made. */
static int run(struct vb_settings *settings, struct vb_tls **tls, struct vb_error *err)
{
    struct parts parts = {0};
    int64_t deadline_ms;
    int r = vb_credentials_chain(&parts.credentials, err);

    if (r < 0)
        return r;
    r = vb_workers_start(&(struct vb_workers_config){0}, &parts.workers, err);
    if (r == 0 && settings->cdn_port)
        r = start_delivery(settings, *tls, &parts, err);
    if (r == 0)
        r = start_service(settings, *tls, &parts, err);
    vb_settings_wipe_secrets(settings);
    if (r == 0) /* the servers listen meanwhile: a request that needs no worker is answered */
        r = vb_workers_wait(parts.workers, err);
    if (r == 0)
        serve_until_signal(settings, &parts, tls);
    deadline_ms = vb_deadline_after(VB_DRAIN_TIMEOUT_MS); /* one deadline for both servers */
    vb_service_stop(parts.service);
    vb_delivery_stop(parts.delivery, deadline_ms);
    vb_workers_stop(parts.workers);
    vb_credentials_destroy(parts.credentials);
    if (r == 0)
        vb_log(VB_LOG_INFO, "stopped", VB_LOG_INT("port", settings->port));
    return r;
}

struct values {
    const char *tls_cert, *tls_key;
};

static int read_settings(const struct values *values, struct vb_settings *settings, struct vb_error *err)
{
    struct vb_config config VB_CLEANUP(vb_config_release);

    vb_config_init(&config);
    vb_settings_read_production(settings, &config);
    vb_settings_read_tls(settings, &config, values->tls_cert, values->tls_key);
    return vb_config_finish(&config, err);
}

static int run_serve(void *values)
{
    struct vb_settings settings;
    struct vb_tls *tls = NULL;
    struct vb_error err;
    int r;

    vb_signals_block();
    r = read_settings(values, &settings, &err);
    if (r == 0) {
        vb_log_configure(settings.log_level, isatty(STDERR_FILENO) ? VB_LOG_TEXT : VB_LOG_JSON);
        r = vb_certificate_load(&settings, &tls, &err);
    }
    if (r == 0)
        r = run(&settings, &tls, &err);
    vb_tls_free(tls);
    vb_settings_release(&settings);
    return r < 0 ? vb_cmd_fail(&err) : 0;
}

static const struct vb_option options[] = {
    {VB_STRING(struct values, tls_cert, "tls-cert", "FILE",
               "serve HTTPS with this certificate (PEM; default: TLS_CERT)")},
    {VB_STRING(struct values, tls_key, "tls-key", "FILE",
               "the private key of the certificate (PEM, no passphrase; default: TLS_KEY)")},
    {.name = NULL}};

const struct vb_command vb_cmd_serve = {
    .name = "serve",
    .summary = "run the API in production, configured by the environment",
    .description = "Runs the API until SIGTERM, then finishes the requests in flight. Apply the migrations "
                   "first: vibe db "
                   "migrate.",
    .footer = "Environment (* is required; the default comes last):\n"
              "  PORT                     the port of the API; 3000\n"
              "  TLS_CERT, TLS_KEY        as the options; SIGHUP reads the files again\n"
              "  DATABASE_URL *           postgresql://user:password@host/database\n"
              "  AWS_REGION *             the region of the bucket\n"
              "  S3_BUCKET_NAME *         the bucket that holds the media\n"
              "  S3_ENDPOINT              an S3 other than AWS, e.g. http://garage:3900; none\n"
              "  S3_PUBLIC_ENDPOINT       the address in presigned URLs; S3_ENDPOINT\n"
              "  CLOUDFRONT_DOMAIN *      the host name of the CDN (or CDN_BASE_URL, a URL)\n"
              "  CDN_PORT                 a port where the CDN fetches pictures and variants; none\n"
              "  CDN_CACHE_DIR            a folder for what that port serves, of this process alone; none\n"
              "  JWT_SECRET *             signs access tokens; at least 32 bytes\n"
              "  JWT_SECRET_PREVIOUS      up to 3 earlier secrets, which still verify; none\n"
              "  SMTP_URL                 the mail server, smtp[s]://user:password@host:port; none\n"
              "  MAIL_FROM                the sender, such as Vibe <no-reply@example.com>; none\n"
              "  PASSWORD_RESET_URL       the app's link to a new password, with {token} in it; none\n"
              "  APPLE_CLIENT_ID          the app's bundle ids, for Sign in with Apple; none\n"
              "  APPLE_ISSUER             https://appleid.apple.com\n"
              "  APPLE_JWKS_URL           https://appleid.apple.com/auth/keys\n"
              "  CORS_ALLOWED_ORIGINS     comma-separated origins, or *; none\n"
              "  TRUSTED_PROXIES          addresses and CIDR blocks whose X-Forwarded-For counts; none\n"
              "  RATE_LIMIT               requests a second of one client address / burst, or off; 100/400\n"
              "  USER_RATE_LIMIT          the same of one user; 50/200, or off when RATE_LIMIT is off\n"
              "  LOG_LEVEL                debug, info, warn, error or off; info\n"
              "  TMPDIR                   scratch files of uploads, up to 200 MB each; /tmp\n"
              "  SWEEP_INTERVAL           for tests: seconds between two runs of the sweeper; 60\n"
              "  SWEEP_UPLOADS_AFTER      for tests: age in seconds of an upload that it completes; 1200\n"
              "  SWEEP_REPLACED_AFTER     for tests: age in seconds of a replaced file that it deletes; 60\n"
              "Credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN), the ECS "
              "task role, or\n"
              "the EC2 instance role (IMDSv2), in this order.",
    .options = options,
    .values_size = sizeof(struct values),
    .run = run_serve};
