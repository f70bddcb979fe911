/*
 * Mails with a link to a new password, for users who forgot theirs. Threads of its own make and send them,
 * after the request was answered. So neither the words of an answer nor its time tell whether an address has
 * an account, and a slow mail server delays no request.
 */
#ifndef VB_API_AUTH_RESET_MAIL_H
#define VB_API_AUTH_RESET_MAIL_H

#include "db/pool.h"

struct vb_reset_mail;

struct vb_reset_mail_config {
    struct vb_db_pool *db;
    const char *smtp_url, *from; /* NULL: no mail can be sent */
    const char *link;            /* of the app, with {token} in it */
    bool log_links; /* without SMTP_URL: the log has the link, for a developer; never in production */
};

/* Strings are copied. */
struct vb_reset_mail *vb_reset_mail_create(const struct vb_reset_mail_config *config);
/* Drops the mails that are still in the queue: their users ask again. */
void vb_reset_mail_destroy(struct vb_reset_mail *mail);

/* Whether a link can reach its user: by mail or by the log. */
bool vb_reset_mail_configured(const struct vb_reset_mail *mail);
/* Queues a mail with a link for the account that has this address. The mail is sent if there is such an
 * account, it has a password, is not disabled and did not get too many mails before. email: as
 * vb_account_check_email() writes it. Returns 0, or -EAGAIN when the queue is full. */
int vb_reset_mail_request(struct vb_reset_mail *mail, const char *email);

#endif
