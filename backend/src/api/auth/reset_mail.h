/*
 * The mails that let somebody in again who has forgotten the password. They are made and sent after the
 * request was answered, on threads of their own: so an answer tells neither by its words nor by its time
 * whether there is such an account, and a mail server that is slow holds nobody up.
 */
#ifndef VB_API_AUTH_RESET_MAIL_H
#define VB_API_AUTH_RESET_MAIL_H

#include "db/pool.h"

struct vb_reset_mail;

struct vb_reset_mail_config {
    struct vb_db_pool *db;
    const char *smtp_url, *from; /* NULL: no mail is sent, but … */
    const char *link;            /* of the app, with {token} in it */
    bool log_links; /* `vibe up`: … the link is logged, for the developer to follow. Never in production */
};

/* Strings are copied. */
struct vb_reset_mail *vb_reset_mail_create(const struct vb_reset_mail_config *config);
/* Mails that are not sent yet are given up: who waits for one asks again. */
void vb_reset_mail_destroy(struct vb_reset_mail *mail);

/* Whether there is any way to tell the user. */
bool vb_reset_mail_configured(const struct vb_reset_mail *mail);
/* Mails a link to the account that has this address and a password, if there is one, it is not disabled and
 * has not had its share. email: as vb_account_check_email() writes it. Returns 0, or -EAGAIN when too many
 * wait. */
int vb_reset_mail_request(struct vb_reset_mail *mail, const char *email);

#endif
