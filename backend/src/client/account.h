/*
 * An account for people who try things out from the command line: made on first use and kept, mode 0600, in
 * the user's state folder ($XDG_STATE_HOME or ~/.local/state, then vibe/demo-account).
 */
#ifndef VB_CLIENT_ACCOUNT_H
#define VB_CLIENT_ACCOUNT_H

#include "base/error.h"
#include "base/strbuf.h"
#include "client/api_call.h"

/* Logs in with these. Appends an access token to ret_token. */
int vb_account_login(const struct vb_api_call *call, const char *email, const char *password,
                     struct vb_strbuf *ret_token, struct vb_error *err);

/* Logs in with the kept account, or registers one (again, if this API does not know it) and says so on
 * stderr. */
int vb_demo_account_login(const struct vb_api_call *call, struct vb_strbuf *ret_token, struct vb_error *err);

#endif
