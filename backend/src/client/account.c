/* The demo account: see account.h. */
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
#define NAME             "Demo"
#define BLANKS           " \t\r\n"

static int find_folder(char **ret_folder, struct vb_error *err)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

    if (state && *state == '/')
        *ret_folder = vb_xasprintf("%s/vibe", state);
    else if (home && *home)
        *ret_folder = vb_xasprintf("%s/.local/state/vibe", home);
    if (*ret_folder)
        return 0;
    vb_error_set(err, ENOENT, "there is no folder to keep the demo account in: HOME is not set");
    return vb_error_hint(err, "set HOME, or give --email and --password");
}

/* Takes the next word off the text. Returns whether there is one and it fits. */
static bool take_word(const char **text, char *word, size_t word_size)
{
    const char *begin = *text + strspn(*text, BLANKS);
    size_t length = strcspn(begin, BLANKS);

    if (length == 0 || length >= word_size)
        return false;
    memcpy(word, begin, length);
    word[length] = '\0';
    *text = begin + length;
    return true;
}

/* The file's two lines: e-mail address and password. */
static bool read_account(struct vb_demo_account *account)
{
    struct vb_strbuf text VB_CLEANUP(vb_strbuf_release);
    const char *rest;
    bool good;

    vb_strbuf_init(&text, ACCOUNT_FILE_MAX);
    if (vb_file_read(account->path, &text, NULL) < 0)
        return false;
    rest = text.data;
    good = take_word(&rest, account->email, sizeof(account->email)) &&
           take_word(&rest, account->password, sizeof(account->password));
    explicit_bzero(text.data, text.length);
    return good;
}

static int make_account(struct vb_demo_account *account, const char *folder, struct vb_error *err)
{
    unsigned char name[6], secret[16];
    char hex[2 * sizeof(name) + 1], text[128];
    int length, r = vb_mkdir_parents(folder, 0700, err);

    if (r < 0)
        return r;
    vb_random_bytes(name, sizeof(name));
    vb_random_bytes(secret, sizeof(secret));
    vb_hex_encode(name, sizeof(name), hex);
    snprintf(account->email, sizeof(account->email), "demo-%s@example.com", hex);
    vb_hex_encode(secret, sizeof(secret), account->password);
    length = snprintf(text, sizeof(text), "%s\n%s\n", account->email, account->password);
    r = vb_file_write_durable(account->path, text, (size_t)length, 0600, err);
    explicit_bzero(text, sizeof(text));
    return r;
}

static int register_account(struct vb_demo_account *account, struct vb_client_session *session,
                            struct vb_error *err)
{
    int r = vb_client_session_register(session, account->email, account->password, NAME, err);

    account->registered = r == 0;
    return r;
}

int vb_demo_account_login(struct vb_demo_account *account, struct vb_client_session *session,
                          struct vb_error *err)
{
    char *folder VB_CLEANUP(vb_freep) = NULL;
    int r;

    *account = (struct vb_demo_account){0};
    r = find_folder(&folder, err);
    if (r < 0)
        return r;
    account->path = vb_xasprintf("%s/demo-account", folder);
    if (!read_account(account)) {
        r = make_account(account, folder, err);
        return r < 0 ? r : register_account(account, session, err);
    }
    r = vb_client_session_login(session, account->email, account->password, err);
    /* another data folder, or a new one */
    return r == -EACCES ? register_account(account, session, err) : r;
}

void vb_demo_account_release(struct vb_demo_account *account)
{
    free(account->path);
    explicit_bzero(account, sizeof(*account));
}
