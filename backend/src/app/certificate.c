/* The certificate of `vibe serve`: see certificate.h. */
#include "app/certificate.h"

#include "base/log.h"

#define RENEW_WITHIN_S ((int64_t)14 * 86400)

int vb_certificate_load(const struct vb_settings *settings, struct vb_tls **ret_tls, struct vb_error *err)
{
    int r;

    *ret_tls = NULL;
    if (!settings->tls_cert)
        return 0;
    r = vb_tls_load(settings->tls_cert, settings->tls_key, ret_tls, err);
    if (r == 0 && (*ret_tls)->seconds_left < RENEW_WITHIN_S)
        vb_log(VB_LOG_WARN,
               (*ret_tls)->seconds_left < 0 ? "the certificate has expired" : "the certificate ends soon",
               VB_LOG_STR("file", settings->tls_cert),
               VB_LOG_INT("days_left", (*ret_tls)->seconds_left / 86400));
    return r;
}

static bool offer(const struct vb_settings *settings, const struct vb_certificate_user *user,
                  const struct vb_tls *tls)
{
    struct vb_error err = {0};

    if (user->renew(user->server, tls, &err) < 0) {
        vb_log(VB_LOG_ERROR, "the certificate was not renewed", VB_LOG_STR("server", user->name),
               VB_LOG_STR("error", err.message));
        return false;
    }
    vb_log(VB_LOG_INFO, "the certificate was renewed", VB_LOG_STR("server", user->name),
           VB_LOG_STR("file", settings->tls_cert), VB_LOG_INT("days_left", tls->seconds_left / 86400));
    return true;
}

void vb_certificate_renew(const struct vb_settings *settings, const struct vb_certificate_user *users,
                          size_t count, struct vb_tls **tls)
{
    struct vb_tls *renewed;
    struct vb_error err = {0};
    bool is_used = false;

    if (vb_certificate_load(settings, &renewed, &err) < 0) {
        vb_log(VB_LOG_ERROR, "the certificate was not renewed", VB_LOG_STR("error", err.message));
        return;
    }
    if (!renewed) /* plain HTTP */
        return;
    for (size_t i = 0; i < count; i++)
        is_used |= offer(settings, &users[i], renewed);
    if (!is_used) {
        vb_tls_free(renewed);
        return;
    }
    renewed->older = *tls;
    *tls = renewed;
}
