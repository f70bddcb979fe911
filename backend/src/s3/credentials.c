/* The credentials in use, and the thread that renews temporary ones: see credentials.h. */
#include "s3/credentials.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "s3/credentials_source.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_TIMEOUT_MS 1000
#define RENEW_AHEAD_S      600 /* before they end, unless they live so shortly that half of their time is less */
#define RETRY_MAX_S        30
#define WAIT_MAX_S         60 /* so that a wall clock that was set is noticed */

struct vb_credentials_provider {
    pthread_mutex_t lock; /* guards current, stopping */
    pthread_cond_t wake;
    struct vb_credentials current;
    bool stopping;
    bool renewing; /* a thread runs; what follows is its own */
    pthread_t thread;
    struct vb_http_client *http; /* NULL: fixed */
    struct vb_credentials_source source;
};

static struct vb_credentials_provider *create(void)
{
    struct vb_credentials_provider *provider = vb_xcalloc(1, sizeof(*provider));
    pthread_condattr_t monotonic;

    pthread_mutex_init(&provider->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&provider->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return provider;
}

void vb_credentials_destroy(struct vb_credentials_provider *provider)
{
    if (!provider)
        return;
    if (provider->renewing) {
        pthread_mutex_lock(&provider->lock);
        provider->stopping = true;
        pthread_cond_signal(&provider->wake);
        pthread_mutex_unlock(&provider->lock);
        pthread_join(provider->thread, NULL);
    }
    vb_http_client_destroy(provider->http);
    vb_credentials_source_release(&provider->source);
    pthread_cond_destroy(&provider->wake);
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

/* When to ask again for credentials that end at expires_s (0: never). */
static int64_t renewal_time_s(int64_t expires_s, int64_t now_s)
{
    int64_t left_s = expires_s - now_s;

    if (expires_s == 0)
        return INT64_MAX;
    return left_s > 2 * RENEW_AHEAD_S ? expires_s - RENEW_AHEAD_S : now_s + (left_s > 2 ? left_s / 2 : 1);
}

/* Waits until `until_s` at the most; returns early when the provider is stopped. Called with the lock held.
 */
static void wait_until(struct vb_credentials_provider *provider, int64_t until_s, int64_t now_s)
{
    struct timespec deadline;

    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += until_s - now_s < WAIT_MAX_S ? (time_t)(until_s - now_s) : WAIT_MAX_S;
    pthread_cond_timedwait(&provider->wake, &provider->lock, &deadline);
}

static void *renew(void *argument)
{
    struct vb_credentials_provider *provider = argument;
    struct vb_credentials fresh = {0};
    int64_t retry_s = 1, due_s;

    pthread_mutex_lock(&provider->lock);
    due_s = renewal_time_s(provider->current.expires_s, vb_clock_realtime_s());
    while (!provider->stopping) {
        int64_t now_s = vb_clock_realtime_s();
        int r;

        if (now_s < due_s) {
            wait_until(provider, due_s, now_s);
            continue;
        }
        pthread_mutex_unlock(&provider->lock);
        r = vb_credentials_source_fetch(&provider->source, provider->http, &fresh, NULL);
        now_s = vb_clock_realtime_s();
        pthread_mutex_lock(&provider->lock);
        if (r == 0) {
            provider->current = fresh;
            due_s = renewal_time_s(fresh.expires_s, now_s);
            retry_s = 1;
        } else {
            due_s = now_s + retry_s;
            retry_s = 2 * retry_s < RETRY_MAX_S ? 2 * retry_s : RETRY_MAX_S;
        }
    }
    pthread_mutex_unlock(&provider->lock);
    explicit_bzero(&fresh, sizeof(fresh));
    return NULL;
}

/* Signals are the main thread's. */
static int start_renewing(struct vb_credentials_provider *provider, struct vb_error *err)
{
    sigset_t all, before;
    int r;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&provider->thread, NULL, renew, provider);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r != 0)
        return vb_error_set(err, r, "The thread that renews AWS credentials cannot be started: %s",
                            strerror(r));
    provider->renewing = true;
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
        err, -r, "No AWS credentials were found: %s; %s%s", nothing_set->message,
        provider->source.container_url
            ? ""
            : "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and AWS_CONTAINER_CREDENTIALS_FULL_URI are not set; ",
        cause.message);
    vb_error_hint(
        err, "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the ECS task or the EC2 instance a "
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

/* Only the strings: the room for a session token is 4 KB, mostly empty, and this goes with every URL. */
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
