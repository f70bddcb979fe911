/*
 * Sending mail: plain text through an SMTP server (RFC 5321), by libcurl. Blocking; thread-safe.
 */
#ifndef VB_MAIL_MAIL_H
#define VB_MAIL_MAIL_H

#include "base/error.h"
#include "base/strbuf.h"

#include <stdint.h>

struct vb_mailer;

struct vb_mailer_config {
    const char *smtp_url;        /* smtp[s]://[user:password@]host[:port] */
    const char *from;            /* "no-reply@example.com" or "Vibe <no-reply@example.com>" */
    unsigned connect_timeout_ms; /* 0: 5000 */
    unsigned timeout_ms;         /* of a whole try; 0: 10000 */
    unsigned retry_after_ms;     /* before the second and last try; 0: 1000 */
};

/* NULL if the text is valid, else what it must be, as the rest of a sentence; the text itself is not part of
 * it. */
const char *vb_mail_check_url(const char *smtp_url);
const char *vb_mail_check_from(const char *from);

/* Strings are copied; both must have passed the checks above. */
struct vb_mailer *vb_mailer_create(const struct vb_mailer_config *config);
void vb_mailer_destroy(struct vb_mailer *mailer); /* NULL is fine */
/* Cancels the mail in flight, within a second, and all later ones: -ECANCELED. From any thread. */
void vb_mailer_stop(struct vb_mailer *mailer);

struct vb_mail {
    const char *to;      /* an address, as vb_account_check_email() lets through */
    const char *subject; /* UTF-8 without control characters */
    const char *text;    /* UTF-8, lines end with \n */
};

/* Returns 0 once the SMTP server has taken the mail, -EINVAL (an address or subject that cannot be sent),
 * -EIO (refused, or unreachable twice), -ECANCELED. A password goes to another machine over TLS only.
 * Messages hold neither address nor password. */
int vb_mailer_send(struct vb_mailer *mailer, const struct vb_mail *mail, struct vb_error *err);

/* Appends the mail as an Internet message (RFC 5322 with MIME): what vb_mailer_send() transmits. Returns 0 or
 * -EINVAL. */
int vb_mail_write(const char *from, const struct vb_mail *mail, int64_t now_s, struct vb_strbuf *out);

#endif
