/*
 * Slows the guessing of passwords. A wrong password counts twice: for the account, whichever client sends it,
 * and for the client's network address, whichever account it tries. An e-mail address without an account
 * counts like any other. Only checking a password is throttled: sessions that exist go on.
 *
 * Each copy of the API counts independently, in fixed memory. Thread-safe.
 */
#ifndef VB_API_AUTH_THROTTLE_H
#define VB_API_AUTH_THROTTLE_H

#include "http/ratelimit.h"

#define VB_THROTTLE_ACCOUNT_WRONG 10 /* wrong passwords at once … */
#define VB_THROTTLE_ACCOUNT_S     60 /* … and one more after each so many seconds */
#define VB_THROTTLE_CLIENT_WRONG  100
#define VB_THROTTLE_CLIENT_S      10
#define VB_THROTTLE_MAIL_BURST    20  /* mails that one client may ask for at once … */
#define VB_THROTTLE_MAIL_S        60  /* … and one more after each so many seconds */
#define VB_THROTTLE_SIGN_UP_BURST 100 /* accounts that one client may try to make at once … */
#define VB_THROTTLE_SIGN_UP_S     30  /* … and one more after each so many seconds */

struct vb_throttle;

struct vb_throttle *vb_throttle_create(void);
void vb_throttle_destroy(struct vb_throttle *throttle);

/* Called before a password is checked; counts it as wrong. account: the e-mail address (in any case), or
 * another name of the account. Returns 0, or -EAGAIN with the seconds to wait. */
int vb_throttle_begin(struct vb_throttle *throttle, const char *account, const char *client,
                      unsigned *ret_retry_after_s);
/* The password was right: the account's count starts anew, and the client's loses this one. */
void vb_throttle_succeeded(struct vb_throttle *throttle, const char *account, const char *client);
/* The password was not checked after all: neither count has this one. */
void vb_throttle_abandon(struct vb_throttle *throttle, const char *account, const char *client);
/* The account's count starts anew. */
void vb_throttle_forgive(struct vb_throttle *throttle, const char *account);

/* Count a mail that the client asks for, and an account that it makes. Return 0, or -EAGAIN with the seconds
 * to wait. */
int vb_throttle_mail(struct vb_throttle *throttle, const char *client, unsigned *ret_retry_after_s);
int vb_throttle_sign_up(struct vb_throttle *throttle, const char *client, unsigned *ret_retry_after_s);

#endif
