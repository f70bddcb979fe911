/* What the handlers of auth share: see context.h. */
#include "api/auth/context.h"

#include "api/auth/apple.h"
#include "api/auth/jwt.h"
#include "api/auth/password.h"
#include "api/auth/reset_mail.h"
#include "api/auth/revocations.h"
#include "api/auth/session.h"
#include "api/auth/throttle.h"
#include "base/memory.h"

#include <stdlib.h>

#define HASHES_AT_ONCE 2 /* 19 MiB each */

struct vb_auth *vb_auth_create(const struct vb_api_config *config)
{
    struct vb_auth *auth = vb_xcalloc(1, sizeof(*auth));

    auth->passwords = vb_password_gate_create(HASHES_AT_ONCE);
    auth->throttle = vb_throttle_create();
    auth->revocations = vb_revocations_create(&(struct vb_revocations_config){
        .db = config->db, .lifetime_s = VB_ACCESS_TOKEN_LIFETIME_S + 2 * VB_JWT_LEEWAY_S});
    auth->reset_mail =
        vb_reset_mail_create(&(struct vb_reset_mail_config){.db = config->db,
                                                            .smtp_url = config->smtp_url,
                                                            .from = config->mail_from,
                                                            .link = config->password_reset_url,
                                                            .log_links = config->log_reset_links});
    if (config->apple_client_ids)
        auth->apple = vb_apple_create(&(struct vb_apple_config){.http = config->http,
                                                                .client_ids = config->apple_client_ids,
                                                                .issuer = config->apple_issuer,
                                                                .jwks_url = config->apple_jwks_url});
    return auth;
}

void vb_auth_destroy(struct vb_auth *auth)
{
    if (!auth)
        return;
    vb_apple_destroy(auth->apple);
    vb_reset_mail_destroy(auth->reset_mail);
    vb_revocations_destroy(auth->revocations);
    vb_throttle_destroy(auth->throttle);
    vb_password_gate_destroy(auth->passwords);
    free(auth);
}
