/* Mails with a link to a new password: see reset_mail.h. */
#include "api/auth/reset_mail.h"

#include "api/auth/account.h"
#include "base/secret_token.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/pool.h"
#include "db/accounts.h"
#include "db/transaction.h"
#include "mail/mail.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define THREADS   2
#define QUEUE_MAX 256
#define LINK_MAX  4096

struct vb_reset_mail {
    struct vb_db_pool *db;
    struct vb_pool *pool;
    struct vb_mailer *mailer; /* NULL: none */
    char *link;
    bool log_links;
    atomic_bool stopping;
};

struct job {
    struct vb_job job;
    struct vb_reset_mail *mail;
    char email[VB_EMAIL_SIZE];
};

struct vb_reset_mail *vb_reset_mail_create(const struct vb_reset_mail_config *config)
{
    struct vb_reset_mail *mail = vb_xcalloc(1, sizeof(*mail));

    mail->db = config->db;
    mail->log_links = config->log_links;
    mail->link = vb_xstrdup(config->link ? config->link : "");
    if (config->smtp_url)
        mail->mailer =
            vb_mailer_create(&(struct vb_mailer_config){.smtp_url = config->smtp_url, .from = config->from});
    mail->pool = vb_pool_create("mail", THREADS, QUEUE_MAX);
    return mail;
}

void vb_reset_mail_destroy(struct vb_reset_mail *mail)
{
    if (!mail)
        return;
    atomic_store(&mail->stopping, true);
    if (mail->mailer)
        vb_mailer_stop(mail->mailer);
    vb_pool_destroy(mail->pool);
    vb_mailer_destroy(mail->mailer);
    free(mail->link);
    free(mail);
}

bool vb_reset_mail_configured(const struct vb_reset_mail *mail)
{
    return mail->mailer || mail->log_links;
}

struct new_token {
    const char *email;
    struct vb_secret_token *token;
};

static int insert_token(struct vb_db *db, void *context, struct vb_error *err)
{
    struct new_token *wanted = context;
    struct vb_user found VB_CLEANUP(vb_user_release) = {0};
    struct vb_user user VB_CLEANUP(vb_user_release) = {0};
    int r = vb_users_find_by_email(db, wanted->email, &found, err);

    if (r == 0)
        r = vb_users_lock(db, found.id, &user, err);
    if (r == 0 && user.disabled)
        return -ENOENT;
    if (r < 0)
        return r;
    vb_secret_token_make(wanted->token);
    return vb_accounts_insert_reset(db, user.id, wanted->token->hash, true, err);
}

/* Makes a token for the user who has the address. -ENOENT: no mail is due. */
static int make_token(struct vb_reset_mail *mail, const char *email, struct vb_secret_token *ret_token,
                      struct vb_error *err)
{
    struct new_token wanted = {email, ret_token};
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;
    int r = vb_db_acquire(mail->db, &db, err);

    return r < 0 ? r : vb_db_transact(db, insert_token, &wanted, err);
}

/* Writes the app's link with {token} replaced by the token. */
static void write_link(const char *link, const char *token, struct vb_strbuf *out)
{
    const char *place = strstr(link, "{token}");

    vb_assert(place);
    vb_strbuf_add(out, link, (size_t)(place - link));
    vb_strbuf_adds(out, token);
    vb_strbuf_adds(out, place + strlen("{token}"));
}

static int tell(struct vb_reset_mail *mail, const char *email, const struct vb_secret_token *token,
                struct vb_error *err)
{
    struct vb_strbuf link VB_CLEANUP(vb_strbuf_release), text VB_CLEANUP(vb_strbuf_release);

    vb_strbuf_init(&link, LINK_MAX);
    vb_strbuf_init(&text, 2 * (size_t)LINK_MAX);
    write_link(mail->link, token->text, &link);
    if (!mail->mailer) {
        vb_log(VB_LOG_INFO, "SMTP_URL is not set: here is the link to a new password",
               VB_LOG_STR("link", link.data));
        return 0;
    }
    vb_strbuf_addf(&text,
                   "Somebody asked for a new password for your Vibe account. We hope it was you.\n\n"
                   "To choose a new password, follow this link within an hour:\n\n%s\n\n"
                   "The link works once. If you did not ask, do nothing: your password stays as it is.\n",
                   link.data);
    if (vb_strbuf_failed(&text))
        return vb_error_set(err, EINVAL, "PASSWORD_RESET_URL is too long");
    return vb_mailer_send(
        mail->mailer, &(struct vb_mail){.to = email, .subject = "Your new Vibe password", .text = text.data},
        err);
}

static void run(struct vb_job *base)
{
    struct job *job = (struct job *)base;
    struct vb_reset_mail *mail = job->mail;
    struct vb_secret_token token = {0};
    struct vb_error err = {0};
    int r = -ECANCELED;

    if (!atomic_load(&mail->stopping)) {
        r = make_token(mail, job->email, &token, &err);
        if (r == 0)
            r = tell(mail, job->email, &token, &err);
    }
    if (r == -ECANCELED)
        vb_log(VB_LOG_WARN, "reset mail not sent: the server is stopping", {0});
    else if (r == -EDQUOT)
        vb_log(VB_LOG_INFO, "reset mail not sent: hourly limit of the account reached",
               VB_LOG_STR("reason", err.message));
    else if (r < 0 && r != -ENOENT)
        vb_log(VB_LOG_ERROR, "reset mail not sent", VB_LOG_STR("error", err.message));
    explicit_bzero(&token, sizeof(token));
    free(job);
}

int vb_reset_mail_request(struct vb_reset_mail *mail, const char *email)
{
    struct job *job = vb_xcalloc(1, sizeof(*job));
    int r;

    job->job.run = run;
    job->mail = mail;
    strncpy(job->email, email, sizeof(job->email) - 1);
    r = vb_pool_submit(mail->pool, &job->job);
    if (r < 0)
        free(job);
    return r;
}
