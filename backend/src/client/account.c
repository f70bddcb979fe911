/* An account for people who try things out: see account.h. */
#include "client/account.h"

#include "base/cleanup.h"
#include "base/encode.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACCOUNT_FILE_MAX 4096

struct account {
    char email[64];
    char password[33];
};

static int open_session(const struct vb_api_call *call, const char *path, json_t *body,
                        struct vb_strbuf *ret_token, struct vb_error *err)
{
    const char *token = NULL;
    json_t *answer;
    int rc = vb_api_post(call, path, body, &answer, err);

    if (rc < 0)
        return rc;
    rc = vb_api_answer_string(answer, "accessToken", &token, err);
    if (rc == 0)
        vb_strbuf_adds(ret_token, token);
    json_decref(answer);
    return rc;
}

int vb_account_login(const struct vb_api_call *call, const char *email, const char *password,
                     struct vb_strbuf *ret_token, struct vb_error *err)
{
    json_t *body = json_pack("{s:s, s:s}", "email", email, "password", password);
    if (!body)
        return vb_error_set(err, EINVAL, "The e-mail address and the password must be UTF-8 text");
    return open_session(call, "/api/auth/login", body, ret_token, err);
}

static int state_folder(struct vb_strbuf *out, struct vb_error *err)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

    if (state && *state == '/') {
        vb_strbuf_addf(out, "%s/vibe", state);
    } else if (home && *home) {
        vb_strbuf_addf(out, "%s/.local/state/vibe", home);
    } else {
        vb_error_set(err, ENOENT, "There is no folder to keep the demo account in: HOME is not set");
        return vb_error_hint(err, "set HOME, or give --email and --password");
    }
    return vb_strbuf_failed(out) ? vb_error_set(err, ENAMETOOLONG, "The path of the state folder is too long")
                                 : 0;
}

/* Two lines: e-mail address and password. */
static bool read_account(const char *path, struct account *account)
{
    struct vb_strbuf text VB_CLEANUP(vb_strbuf_release);
    bool good;

    vb_strbuf_init(&text, ACCOUNT_FILE_MAX);
    good = vb_file_read(path, &text, NULL) == 0 &&
           sscanf(text.data, "%63s %32s", account->email, account->password) == 2;
    explicit_bzero(text.data, text.length);
    return good;
}

static int make_account(const char *folder, const char *path, struct account *account, struct vb_error *err)
{
    unsigned char name[6], secret[16];
    char hex[2 * sizeof(name) + 1], text[128];
    int rc = vb_mkdir_parents(folder, 0700, err);

    if (rc < 0)
        return rc;
    vb_random_bytes(name, sizeof(name));
    vb_random_bytes(secret, sizeof(secret));
    vb_hex_encode(name, sizeof(name), hex);
    snprintf(account->email, sizeof(account->email), "demo-%s@example.com", hex);
    vb_hex_encode(secret, sizeof(secret), account->password);
    int length = snprintf(text, sizeof(text), "%s\n%s\n", account->email, account->password);
    rc = vb_file_write_durable(path, text, (size_t)length, 0600, err);
    explicit_bzero(text, sizeof(text));
    return rc;
}

static int register_account(const struct vb_api_call *call, const struct account *account, const char *path,
                            struct vb_strbuf *ret_token, struct vb_error *err)
{
    json_t *body =
        json_pack("{s:s, s:s, s:s}", "email", account->email, "password", account->password, "name", "Demo");
    int rc;

    vb_assert(body); /* our own plain text */
    rc = open_session(call, "/api/auth/register", body, ret_token, err);
    if (rc == 0)
        fprintf(stderr, "registered the demo account %s (kept in %s)\n", account->email, path);
    return rc;
}

int vb_demo_account_login(const struct vb_api_call *call, struct vb_strbuf *ret_token, struct vb_error *err)
{
    struct vb_strbuf folder VB_CLEANUP(vb_strbuf_release);
    char *path VB_CLEANUP(vb_freep) = NULL;
    struct account account = {0};
    int rc;

    vb_strbuf_init(&folder, 4096);
    rc = state_folder(&folder, err);
    if (rc < 0)
        return rc;
    path = vb_xasprintf("%s/demo-account", folder.data);
    if (read_account(path, &account)) {
        rc = vb_account_login(call, account.email, account.password, ret_token, err);
        if (rc == -EACCES) /* another data folder, or a new one */
            rc = register_account(call, &account, path, ret_token, err);
    } else {
        rc = make_account(folder.data, path, &account, err);
        if (rc == 0)
            rc = register_account(call, &account, path, ret_token, err);
    }
    explicit_bzero(&account, sizeof(account));
    return rc;
}
