/*
 * The demo account, for people who try things out from the command line: made on first use and kept, mode
 * 0600, in the user's state folder: $XDG_STATE_HOME/vibe/demo-account, or ~/.local/state/vibe/demo-account.
 */
#ifndef VB_CLIENT_ACCOUNT_H
#define VB_CLIENT_ACCOUNT_H

#include "client/session.h"

#include <stdbool.h>

struct vb_demo_account {
    char email[64];
    char password[33];
    char *path;      /* where it is kept */
    bool registered; /* just now: it is new, or this API did not know it */
};

/* Logs the session in with the kept account. Registers it first if there is none, or if this API does not
 * know it. The caller releases the account in either case. */
int vb_demo_account_login(struct vb_demo_account *account, struct vb_client_session *session,
                          struct vb_error *err);
void vb_demo_account_release(struct vb_demo_account *account);

#endif
