/*
 * Accounts, as operators see them: a list, and everything that the database holds about one person. Errors
 * are those of vb_db_execute() and the ones named.
 */
#ifndef VB_DB_OPERATOR_H
#define VB_DB_OPERATOR_H

#include "base/strbuf.h"
#include "db/users.h"

struct vb_listed_user {
    const char *id, *email, *name;
    const char *created_at, *disabled_at; /* "2026-11-25T18:00:00Z" */
    const char *signs_in_with;            /* "password", "apple" or "password, apple"; NULL: nothing */
};
typedef int vb_user_visit(void *context, const struct vb_listed_user *user);
/* Visits up to limit users, newest first. search: a part of the id, address or name, in any case; NULL: all
 * users. */
int vb_operator_list_users(struct vb_db *db, const char *search, unsigned limit, vb_user_visit *visit,
                           void *context, struct vb_error *err);
/* Finds the user with this id, or else with this address (in any case). -ENOENT; -EMLINK: several users
 * have the address, so an id is needed. */
int vb_operator_find_user(struct vb_db *db, const char *id_or_email, struct vb_user *ret_user,
                          struct vb_error *err);

/* Appends one JSON document with all rows about the user, in every table, at one point in time. Secrets
 * (hashes) are left out. Must be the first call in a transaction. */
int vb_operator_export_user(struct vb_db *db, const char *user_id, struct vb_strbuf *out,
                            struct vb_error *err);

#endif
