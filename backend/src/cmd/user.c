/* vibe user list | disable | enable | reset | export: an operator's work on accounts. */
#include "app/system.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/secret_token.h"
#include "cmd/command.h"
#include "db/accounts.h"
#include "db/operator.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_MAX          1000
#define EXPORT_MAX        ((size_t)256 * 1024 * 1024)
#define EXPORT_TIMEOUT_MS 60000

struct values {
    const char *database, *search, *output, *who;
};

/* "-" for what is not there; names may hold anything that is no control character. */
static const char *text_or_dash(const char *text)
{
    return text ? text : "-";
}

static int print_user(void *context, const struct vb_listed_user *user)
{
    int *count = context;

    if (*count == 0)
        printf("%-36s  %-20s  %-20s  %-16s  %s\n", "id", "created", "disabled", "signs in with",
               "e-mail, name");
    if (++*count > LIST_MAX) {
        printf("… and more: narrow it with --search TEXT\n");
        return 0;
    }
    printf("%-36s  %-20s  %-20s  %-16s  %s, %s\n", user->id, text_or_dash(user->created_at),
           text_or_dash(user->disabled_at), text_or_dash(user->signs_in_with), text_or_dash(user->email),
           text_or_dash(user->name));
    return 0;
}

static int list(struct vb_db *db, const struct values *values, struct vb_error *err)
{
    int count = 0;
    int r = vb_operator_list_users(db, values->search, LIST_MAX + 1, print_user, &count, err);

    if (r == 0 && count == 0)
        printf("no users%s\n", values->search ? " match" : "");
    return r;
}

static int find(struct vb_db *db, const char *who, struct vb_user *ret_user, struct vb_error *err)
{
    int r = vb_operator_find_user(db, who, ret_user, err);

    if (r == -ENOENT)
        return vb_error_set(err, ENXIO, "there is no user with the id or e-mail address \"%.300s\"", who);
    return r;
}

/* Finds who is meant and holds the row until the transaction ends. */
static int lock(struct vb_db *db, const char *who, struct vb_user *ret_user, struct vb_error *err)
{
    struct vb_user found VB_CLEANUP(vb_user_release) = {0};
    /* Before the transaction, which an id that is none would end. */
    int r = find(db, who, &found, err);

    if (r == 0)
        r = vb_db_begin(db, err);
    return r < 0 ? r : vb_users_lock(db, found.id, ret_user, err);
}

static int disable(struct vb_db *db, const struct values *values, struct vb_error *err)
{
    struct vb_user user VB_CLEANUP(vb_user_release) = {0};
    int64_t revoked_ms = 0;
    int r = lock(db, values->who, &user, err);

    if (r == 0)
        r = vb_accounts_set_disabled(db, user.id, true, err);
    if (r == 0)
        r = vb_accounts_end_resets(db, user.id, err);
    if (r == 0)
        r = vb_accounts_end_sessions(db, user.id, &revoked_ms, err);
    if (r == 0)
        r = vb_db_commit(db, err);
    if (r == 0)
        printf("disabled: %s cannot log in, and every session ends within seconds\n", user.id);
    return r;
}

static int enable(struct vb_db *db, const struct values *values, struct vb_error *err)
{
    struct vb_user user VB_CLEANUP(vb_user_release) = {0};
    int r = lock(db, values->who, &user, err);

    if (r == 0)
        r = vb_accounts_set_disabled(db, user.id, false, err);
    if (r == 0)
        r = vb_db_commit(db, err);
    if (r == 0)
        printf("enabled: %s can log in\n", user.id);
    return r;
}

static void print_reset(const struct vb_user *user, const char *token)
{
    const char *link = getenv("PASSWORD_RESET_URL"), *place = link ? strstr(link, "{token}") : NULL;

    printf("For %s, once and within an hour:\n\n", user->email ? user->email : user->id);
    if (place)
        printf("  %.*s%s%s\n", (int)(place - link), link, token, place + strlen("{token}"));
    else
        printf("  %s\n\n(PASSWORD_RESET_URL is not set, so this is the token alone, for POST "
               "/api/auth/password/reset.)\n",
               token);
}

static int reset(struct vb_db *db, const struct values *values, struct vb_error *err)
{
    struct vb_user user VB_CLEANUP(vb_user_release) = {0};
    struct vb_secret_token token;
    int r = lock(db, values->who, &user, err);

    if (r == 0 && user.disabled)
        return vb_error_set(err, EACCES, "this account is disabled: enable it first");
    if (r == 0 && (!user.email || !user.password_hash))
        return vb_error_set(err, ENOKEY, "this account has no %s, so there is nothing to reset",
                            user.email ? "password" : "e-mail address");
    vb_secret_token_make(&token);
    if (r == 0)
        r = vb_accounts_insert_reset(db, user.id, token.hash, false, err);
    if (r == 0)
        r = vb_db_commit(db, err);
    if (r == 0)
        print_reset(&user, token.text);
    explicit_bzero(&token, sizeof(token));
    return r;
}

static int export(struct vb_db *db, const struct values *values, struct vb_error *err)
{
    struct vb_user user VB_CLEANUP(vb_user_release) = {0};
    struct vb_strbuf document VB_CLEANUP(vb_strbuf_release);
    int r = find(db, values->who, &user, err);

    vb_strbuf_init(&document, EXPORT_MAX);
    if (r == 0)
        r = vb_db_begin(db, err);
    if (r == 0)
        r = vb_operator_export_user(db, user.id, &document, err);
    if (r == 0)
        r = vb_db_commit(db, err);
    if (r < 0)
        return r;
    vb_strbuf_addc(&document, '\n');
    if (!values->output || strcmp(values->output, "-") == 0)
        return fwrite(document.data, 1, document.length, stdout) == document.length
                   ? 0
                   : vb_error_set(err, EIO, "standard output cannot be written: %s", strerror(errno));
    r = vb_file_write_durable(values->output, document.data, document.length, 0600, err);
    if (r == 0)
        printf("wrote %s, %zu bytes\n", values->output, document.length);
    return r;
}

/* The exit status of what act does with a connection to the database that is meant. */
static int on_database(const struct values *values,
                       int (*act)(struct vb_db *db, const struct values *values, struct vb_error *err))
{
    struct vb_error err = {0};
    struct vb_db_pool *pool;
    struct vb_db *db = NULL;
    const char *url = NULL;
    int r;

    if (vb_system_database(values->database, &url, &err) < 0) {
        vb_cmd_fail(&err);
        return 2;
    }
    pool = vb_db_pool_create(
        &(struct vb_db_config){.url = url, .connections_max = 1, .statement_timeout_ms = EXPORT_TIMEOUT_MS});
    r = vb_db_acquire(pool, &db, &err);
    if (r == 0)
        r = act(db, values, &err);
    vb_db_release(db);
    vb_db_pool_destroy(pool);
    fflush(stdout);
    if (r < 0)
        vb_cmd_fail(&err);
    return r == -ENXIO || r == -EMLINK || r == -EINVAL ? 2 : r < 0 ? 1 : 0;
}

static int run_list(void *values)
{
    return on_database(values, list);
}

static int run_disable(void *values)
{
    return on_database(values, disable);
}

static int run_enable(void *values)
{
    return on_database(values, enable);
}

static int run_reset(void *values)
{
    return on_database(values, reset);
}

static int run_export(void *values)
{
    return on_database(values, export);
}

#define WHO                                                                                                  \
    {                                                                                                        \
        VB_REQUIRED_OPERAND(struct values, who, "ID|EMAIL", "which user: by id or e-mail address")           \
    }

static const struct vb_option one_user[] = {WHO, {.name = NULL}};

static const struct vb_option list_options[] = {
    {VB_STRING(struct values, search, "search", "TEXT",
               "only accounts with this in their id, e-mail address or name")},
    {.name = NULL}};

static const struct vb_option export_options[] = {
    WHO,
    {VB_STRING(struct values, output, "output", "FILE", "where to write (default: standard output)"),
     .letter = 'o'},
    {.name = NULL}};

static const struct vb_option options[] = {
    {VB_STRING(struct values, database, "database", "URL", VB_SYSTEM_DATABASE_HELP)}, {.name = NULL}};

static const struct vb_subcommand subcommands[] = {
    {"list", "shows accounts, newest first", list_options, run_list},
    {"disable", "ends every session of an account and refuses its log-ins", one_user, run_disable},
    {"enable", "lets a disabled account log in again", one_user, run_enable},
    {"reset", "prints a link (or token) with which the owner sets a new password, once", one_user, run_reset},
    {"export", "writes everything the database holds of a person as one JSON document", export_options,
     run_export},
    {.name = NULL}};

const struct vb_command vb_cmd_user = {.name = "user",
                                       .summary = "list, disable, enable, reset or export accounts",
                                       .options = options,
                                       .subcommands = subcommands,
                                       .values_size = sizeof(struct values)};
