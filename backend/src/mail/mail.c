/* Sending mail through libcurl: see mail.h. */
#include "mail/mail.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/wait.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MESSAGE_MAX ((size_t)64 * 1024)

struct vb_mailer {
    char *url, *from;
    bool tls_required;
    unsigned connect_timeout_ms, timeout_ms, retry_after_ms;
    struct vb_stop stop;
};

static void clean_url(CURLU **url)
{
    curl_url_cleanup(*url);
}

static void clean_part(char **part)
{
    curl_free(*part);
}

static bool is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "[::1]") == 0;
}

/* Whether the URL is that of an SMTP server; and whether the connection to it must be encrypted. */
static bool read_url(const char *smtp_url, bool *ret_tls_required)
{
    CURLU *url VB_CLEANUP(clean_url) = curl_url();
    char *scheme VB_CLEANUP(clean_part) = NULL;
    char *host VB_CLEANUP(clean_part) = NULL;
    char *user VB_CLEANUP(clean_part) = NULL;
    char *path VB_CLEANUP(clean_part) = NULL;
    char *query VB_CLEANUP(clean_part) = NULL;

    if (!url || curl_url_set(url, CURLUPART_URL, smtp_url, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK || !*host ||
        curl_url_get(url, CURLUPART_QUERY, &query, 0) == CURLUE_OK)
        return false;
    if (curl_url_get(url, CURLUPART_PATH, &path, 0) == CURLUE_OK && strcmp(path, "/") != 0)
        return false;
    if (strcasecmp(scheme, "smtp") != 0 && strcasecmp(scheme, "smtps") != 0)
        return false;
    *ret_tls_required = curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_OK && !is_loopback(host);
    return true;
}

const char *vb_mail_check_url(const char *smtp_url)
{
    bool tls_required;

    if (strstr(smtp_url, "://") && read_url(smtp_url, &tls_required))
        return NULL;
    return "must be smtp://user:password@host:port or smtps://… (special characters of a password as %XX)";
}

struct vb_mailer *vb_mailer_create(const struct vb_mailer_config *config)
{
    struct vb_mailer *mailer = vb_xcalloc(1, sizeof(*mailer));

    vb_assert(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK); /* counted */
    vb_assert(read_url(config->smtp_url, &mailer->tls_required) && !vb_mail_check_from(config->from));
    mailer->url = vb_xstrdup(config->smtp_url);
    mailer->from = vb_xstrdup(config->from);
    mailer->connect_timeout_ms = config->connect_timeout_ms ? config->connect_timeout_ms : 5000;
    mailer->timeout_ms = config->timeout_ms ? config->timeout_ms : 10000;
    mailer->retry_after_ms = config->retry_after_ms ? config->retry_after_ms : 1000;
    vb_stop_init(&mailer->stop);
    return mailer;
}

void vb_mailer_destroy(struct vb_mailer *mailer)
{
    if (!mailer)
        return;
    explicit_bzero(mailer->url, strlen(mailer->url));
    free(mailer->url);
    free(mailer->from);
    vb_stop_release(&mailer->stop);
    free(mailer);
    curl_global_cleanup();
}

void vb_mailer_stop(struct vb_mailer *mailer)
{
    vb_stop_request(&mailer->stop);
}

/* The message and how much of it has been sent. */
struct outgoing {
    const struct vb_strbuf *message;
    size_t sent;
};

static size_t read_message(char *buffer, size_t size, size_t count, void *context)
{
    struct outgoing *outgoing = context;
    size_t left = outgoing->message->length - outgoing->sent, take = size * count;

    if (take > left)
        take = left;
    memcpy(buffer, outgoing->message->data + outgoing->sent, take);
    outgoing->sent += take;
    return take;
}

static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct vb_mailer *mailer = context;

    (void)a, (void)b, (void)c, (void)d;
    return vb_stop_requested(&mailer->stop); /* ends the transfer */
}

/* One try. Returns 0, -EAGAIN when another try may help, -EIO or -ECANCELED. */
static int try_to_send(struct vb_mailer *mailer, struct curl_slist *to, const char *from,
                       const struct vb_strbuf *message, struct vb_error *err)
{
    struct outgoing outgoing = {.message = message};
    CURL *easy = curl_easy_init();
    long reply = 0;
    CURLcode code;

    vb_assert(easy);
    curl_easy_setopt(easy, CURLOPT_URL, mailer->url);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_USE_SSL,
                     mailer->tls_required ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_TRY);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)mailer->connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)mailer->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_MAIL_FROM, from);
    curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, to);
    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, read_message);
    curl_easy_setopt(easy, CURLOPT_READDATA, &outgoing);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, mailer);
    code = curl_easy_perform(easy);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &reply);
    curl_easy_cleanup(easy);
    if (code == CURLE_OK)
        return 0;
    if (code == CURLE_ABORTED_BY_CALLBACK)
        return vb_error_set(err, ECANCELED, "the server is stopping");
    vb_error_set(err, EIO, "the mail server did not take the mail: %s (last reply %ld)",
                 curl_easy_strerror(code), reply);
    /* 5xx is permanent (RFC 5321 4.2.1), and so is a refused certificate or password. */
    return reply >= 500 || code == CURLE_LOGIN_DENIED || code == CURLE_PEER_FAILED_VERIFICATION ||
                   code == CURLE_USE_SSL_FAILED
               ? -EIO
               : -EAGAIN;
}

/* "<address>" of a From or To, for the envelope. */
static void write_path(const char *mailbox, struct vb_strbuf *out)
{
    const char *open = strrchr(mailbox, '<');

    vb_strbuf_addc(out, '<');
    if (open)
        vb_strbuf_add(out, open + 1, strcspn(open + 1, ">"));
    else
        vb_strbuf_adds(out, mailbox);
    vb_strbuf_addc(out, '>');
}

int vb_mailer_send(struct vb_mailer *mailer, const struct vb_mail *mail, struct vb_error *err)
{
    struct vb_strbuf message VB_CLEANUP(vb_strbuf_release), from VB_CLEANUP(vb_strbuf_release),
        to VB_CLEANUP(vb_strbuf_release);
    struct curl_slist *recipients;
    int r;

    vb_strbuf_init(&message, MESSAGE_MAX);
    vb_strbuf_init(&from, 1024);
    vb_strbuf_init(&to, 1024);
    if (vb_stop_requested(&mailer->stop))
        return vb_error_set(err, ECANCELED, "the server is stopping");
    if (vb_mail_write(mailer->from, mail, vb_clock_realtime_s(), &message) < 0)
        return vb_error_set(err, EINVAL, "the address or the subject cannot be part of a mail");
    write_path(mailer->from, &from);
    write_path(mail->to, &to);
    recipients = curl_slist_append(NULL, to.data);
    vb_assert(recipients);
    r = try_to_send(mailer, recipients, from.data, &message, err);
    if (r == -EAGAIN && vb_stop_sleep_ms(&mailer->stop, mailer->retry_after_ms))
        r = try_to_send(mailer, recipients, from.data, &message, err);
    curl_slist_free_all(recipients);
    return r == -EAGAIN ? -EIO : r;
}
