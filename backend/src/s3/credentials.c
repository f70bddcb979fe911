/* The credentials in use, and the thread that renews temporary ones: see credentials.h. */
#include "s3/credentials.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/wait.h"
#include "s3/credentials_source.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_TIMEOUT_MS 1000
#define RENEW_AHEAD_S      600 /* before they expire; with less than twice that left, after half of it */
#define RETRY_MAX_S        30
#define WAIT_MAX_S         60 /* to notice a wall clock that was set */

struct vb_credentials_provider {
    pthread_mutex_t lock;
    struct vb_credentials current; /* guarded by lock */
    struct vb_periodic renewer;    /* runs when current has an end; what follows is its own */
    int64_t due_s, retry_s;        /* when it asks next, and after a failure how much later */
    struct vb_http_client *http;   /* NULL: fixed */
    struct vb_credentials_source source;
};

static struct vb_credentials_provider *create(void)
{
    struct vb_credentials_provider *provider = vb_xcalloc(1, sizeof(*provider));

    pthread_mutex_init(&provider->lock, NULL);
    return provider;
}

void vb_credentials_destroy(struct vb_credentials_provider *provider)
{
    if (!provider)
        return;
    vb_periodic_stop(&provider->renewer);
    vb_http_client_destroy(provider->http);
    vb_credentials_source_release(&provider->source);
    pthread_mutex_destroy(&provider->lock);
    explicit_bzero(&provider->current, sizeof(provider->current));
    free(provider);
}

static void destroyp(struct vb_credentials_provider **provider)
{
    vb_credentials_destroy(*provider);
}

struct vb_credentials_provider *vb_credentials_fixed(const char *access_key_id, const char *secret_access_key)
{
    struct vb_credentials_provider *provider = create();
    struct vb_credentials *current = &provider->current;

    vb_assert(strlen(access_key_id) < sizeof(current->access_key_id) &&
              strlen(secret_access_key) < sizeof(current->secret_access_key));
    strcpy(current->access_key_id, access_key_id);
    strcpy(current->secret_access_key, secret_access_key);
    return provider;
}

/* When to renew credentials that expire at expires_s (0: never). */
static int64_t renewal_time_s(int64_t expires_s, int64_t now_s)
{
    int64_t left_s = expires_s - now_s;

    if (expires_s == 0)
        return INT64_MAX;
    return left_s > 2 * RENEW_AHEAD_S ? expires_s - RENEW_AHEAD_S : now_s + (left_s > 2 ? left_s / 2 : 1);
}

/* Until the next look at the wall clock, which may have been set meanwhile. */
static int64_t wait_ms(const struct vb_credentials_provider *provider, int64_t now_s)
{
    int64_t left_s = provider->due_s - now_s;

    return (left_s < WAIT_MAX_S ? left_s : WAIT_MAX_S) * 1000;
}

/* Asks for new credentials when it is time. */
static int64_t renew(void *context)
{
    struct vb_credentials_provider *provider = context;
    int64_t now_s = vb_clock_realtime_s();
    struct vb_credentials fresh = {0};

    if (now_s < provider->due_s)
        return wait_ms(provider, now_s);
    if (vb_credentials_source_fetch(&provider->source, provider->http, &fresh, NULL) == 0) {
        pthread_mutex_lock(&provider->lock);
        provider->current = fresh;
        pthread_mutex_unlock(&provider->lock);
        now_s = vb_clock_realtime_s();
        provider->due_s = renewal_time_s(fresh.expires_s, now_s);
        provider->retry_s = 1;
    } else {
        now_s = vb_clock_realtime_s();
        provider->due_s = now_s + provider->retry_s;
        provider->retry_s = 2 * provider->retry_s < RETRY_MAX_S ? 2 * provider->retry_s : RETRY_MAX_S;
    }
    explicit_bzero(&fresh, sizeof(fresh));
    return wait_ms(provider, now_s);
}

static int start_renewing(struct vb_credentials_provider *provider, struct vb_error *err)
{
    int64_t now_s = vb_clock_realtime_s();
    int r;

    provider->due_s = renewal_time_s(provider->current.expires_s, now_s);
    provider->retry_s = 1;
    r = vb_periodic_start(&provider->renewer, &(struct vb_periodic_config){
                                                  "credentials", wait_ms(provider, now_s), renew, provider});
    if (r < 0)
        return vb_error_set(err, -r, "the thread that renews AWS credentials cannot be started: %s",
                            strerror(-r));
    return 0;
}

/* Asks the endpoint that the environment names. nothing_set: why the environment itself gave none. */
static int ask_endpoints(struct vb_credentials_provider *provider, const struct vb_error *nothing_set,
                         struct vb_error *err)
{
    struct vb_error cause = {0};
    int r = vb_credentials_source_init(&provider->source, err);

    if (r < 0)
        return r;
    provider->http = vb_http_client_create(
        &(struct vb_http_client_config){.connections_max = 1, .connect_timeout_ms = CONNECT_TIMEOUT_MS});
    r = vb_credentials_source_fetch(&provider->source, provider->http, &provider->current, &cause);
    if (r == 0)
        return 0;
    vb_error_set(
        err, -r, "no AWS credentials found: %s; %s%s", nothing_set->message,
        provider->source.container_url
            ? ""
            : "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and AWS_CONTAINER_CREDENTIALS_FULL_URI are not set; ",
        cause.message);
    vb_error_hint(
        err, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the ECS task or the EC2 instance a "
             "role");
    return r;
}

int vb_credentials_chain(struct vb_credentials_provider **ret_provider, struct vb_error *err)
{
    struct vb_credentials_provider *provider VB_CLEANUP(destroyp) = create();
    struct vb_error cause = {0};
    int r = vb_credentials_environment(&provider->current, &cause);

    if (r == -ENOENT)
        r = ask_endpoints(provider, &cause, err);
    else if (r < 0)
        return vb_error_set(err, -r, "%s", cause.message);
    if (r == 0 && provider->current.expires_s != 0)
        r = start_renewing(provider, err);
    if (r < 0)
        return r;
    *ret_provider = VB_TAKE(provider);
    return 0;
}

/* Copies the strings alone: this runs for every URL, and the 4 KB for a session token are mostly empty. */
static void copy_credentials(const struct vb_credentials *from, struct vb_credentials *to)
{
    strcpy(to->access_key_id, from->access_key_id);
    strcpy(to->secret_access_key, from->secret_access_key);
    strcpy(to->session_token, from->session_token);
    to->expires_s = from->expires_s;
}

int vb_credentials_get(struct vb_credentials_provider *provider, struct vb_credentials *ret_credentials)
{
    int r = 0;

    pthread_mutex_lock(&provider->lock);
    if (provider->current.expires_s != 0 && vb_clock_realtime_s() >= provider->current.expires_s)
        r = -EKEYEXPIRED;
    else
        copy_credentials(&provider->current, ret_credentials);
    pthread_mutex_unlock(&provider->lock);
    return r;
}

struct vb_sigv4_credentials vb_credentials_sigv4(const struct vb_credentials *credentials)
{
    return (struct vb_sigv4_credentials){
        credentials->access_key_id,
        credentials->secret_access_key,
        credentials->session_token[0] ? credentials->session_token : NULL,
    };
}
