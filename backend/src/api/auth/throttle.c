/* Slows the guessing of passwords: see throttle.h. */
#include "api/auth/throttle.h"

#include "base/clock.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#define KEY_MAX 256 /* the longest key of a rate limiter; every valid e-mail address is shorter */

struct vb_throttle {
    struct vb_ratelimit *accounts, *clients, *mails, *sign_ups;
};

struct vb_throttle *vb_throttle_create(void)
{
    struct vb_throttle *throttle = vb_xcalloc(1, sizeof(*throttle));

    throttle->accounts = vb_ratelimit_create_slow(VB_THROTTLE_ACCOUNT_S, VB_THROTTLE_ACCOUNT_WRONG);
    throttle->clients = vb_ratelimit_create_slow(VB_THROTTLE_CLIENT_S, VB_THROTTLE_CLIENT_WRONG);
    throttle->mails = vb_ratelimit_create_slow(VB_THROTTLE_MAIL_S, VB_THROTTLE_MAIL_BURST);
    throttle->sign_ups = vb_ratelimit_create_slow(VB_THROTTLE_SIGN_UP_S, VB_THROTTLE_SIGN_UP_BURST);
    return throttle;
}

void vb_throttle_destroy(struct vb_throttle *throttle)
{
    if (!throttle)
        return;
    vb_ratelimit_destroy(throttle->accounts);
    vb_ratelimit_destroy(throttle->clients);
    vb_ratelimit_destroy(throttle->mails);
    vb_ratelimit_destroy(throttle->sign_ups);
    free(throttle);
}

static const char *fold_case(const char *account, char key[KEY_MAX + 1])
{
    size_t length = strnlen(account, KEY_MAX);

    for (size_t i = 0; i < length; i++)
        key[i] = account[i] >= 'A' && account[i] <= 'Z' ? (char)(account[i] - 'A' + 'a') : account[i];
    key[length] = '\0';
    return key;
}

int vb_throttle_begin(struct vb_throttle *throttle, const char *account, const char *client,
                      unsigned *ret_retry_after_s)
{
    int64_t now_ms = vb_clock_monotonic_ms();
    char key[KEY_MAX + 1];
    int r = vb_ratelimit_take(throttle->clients, client, now_ms, ret_retry_after_s, NULL);

    if (r < 0)
        return r;
    r = vb_ratelimit_take(throttle->accounts, fold_case(account, key), now_ms, ret_retry_after_s, NULL);
    if (r < 0)
        vb_ratelimit_give_back(throttle->clients, client); /* no guess was made */
    return r;
}

void vb_throttle_forgive(struct vb_throttle *throttle, const char *account)
{
    char key[KEY_MAX + 1];

    vb_ratelimit_refill(throttle->accounts, fold_case(account, key));
}

void vb_throttle_succeeded(struct vb_throttle *throttle, const char *account, const char *client)
{
    vb_throttle_forgive(throttle, account);
    vb_ratelimit_give_back(throttle->clients, client);
}

void vb_throttle_abandon(struct vb_throttle *throttle, const char *account, const char *client)
{
    char key[KEY_MAX + 1];

    vb_ratelimit_give_back(throttle->accounts, fold_case(account, key));
    vb_ratelimit_give_back(throttle->clients, client);
}

int vb_throttle_mail(struct vb_throttle *throttle, const char *client, unsigned *ret_retry_after_s)
{
    return vb_ratelimit_take(throttle->mails, client, vb_clock_monotonic_ms(), ret_retry_after_s, NULL);
}

int vb_throttle_sign_up(struct vb_throttle *throttle, const char *client, unsigned *ret_retry_after_s)
{
    return vb_ratelimit_take(throttle->sign_ups, client, vb_clock_monotonic_ms(), ret_retry_after_s, NULL);
}
