/*
 * Passwords that come with a request: checked against an account's, or hashed to become one.
 *
 * Each function that returns false has answered the request. Both take tens of milliseconds: the caller holds
 * no connection to the database meanwhile.
 */
#ifndef VB_API_AUTH_PASSWORD_CHECK_H
#define VB_API_AUTH_PASSWORD_CHECK_H

#include "api/auth/password.h"
#include "http/server.h"

#include <stdbool.h>

struct vb_password_check {
    const char *account;  /* whose wrong passwords are counted: see vb_throttle_begin() */
    const char *password; /* as sent */
    const char *hash;     /* of the account's password; NULL: there is no such account, which takes as long */
    void (*answer_wrong)(struct vb_http_request *request);
};

/* Whether the password is the account's. False after answer_wrong(), 429 login_throttled or 503. */
bool vb_password_check(struct vb_http_request *request, const struct vb_password_check *check);

/* Hashes a new password. False after 503. */
bool vb_password_prepare(struct vb_http_request *request, const char *password,
                         char ret_hash[VB_PASSWORD_HASH_SIZE]);

#endif
