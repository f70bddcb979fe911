/* The data folder of `vibe up`: see data_dir.h. */
#include "app/data_dir.h"

#include "base/cleanup.h"
#include "base/encode.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRETS_FILE "secrets"
#define SECRETS_MAX  ((size_t)16 * 1024)

char *vb_data_dir_path(const struct vb_data_dir *dir, const char *name)
{
    return vb_xasprintf("%s/%s", dir->path, name);
}

static char *random_text(size_t bytes)
{
    unsigned char random[64];
    char text[VB_BASE64_SIZE(sizeof(random))];

    vb_assert(bytes <= sizeof(random));
    vb_random_bytes(random, bytes);
    vb_base64url_encode(random, bytes, text);
    return vb_xstrdup(text);
}

/* Access key ids look like AWS's, as some clients check: 20 capitals and digits. */
static char *random_access_key_id(void)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    char id[21] = "VIBE";

    for (size_t i = 4; i < 20; i++)
        id[i] = alphabet[vb_random_below(32)];
    id[20] = '\0';
    return vb_xstrdup(id);
}

/* Wipes it first. */
static void free_secret(char **secret)
{
    if (*secret)
        explicit_bzero(*secret, strlen(*secret));
    free(*secret);
    *secret = NULL;
}

static void wipe_and_release(struct vb_strbuf *text)
{
    explicit_bzero(text->data, text->length);
    vb_strbuf_release(text);
}

/* Value of "NAME=value" in the text of the secrets file, or NULL. */
static char *find_value(const char *text, const char *name)
{
    size_t length = strlen(name);

    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
        if (strncmp(line, name, length) == 0 && line[length] == '=')
            return vb_xstrndup(line + length + 1, strcspn(line + length + 1, "\n"));
    return NULL;
}

static int make_secrets(struct vb_data_dir *dir, const char *path, struct vb_error *err)
{
    char *text VB_CLEANUP(free_secret) = NULL;

    dir->access_key_id = random_access_key_id();
    dir->secret_access_key = random_text(30);
    dir->jwt_secret = random_text(48);
    dir->database_password = random_text(24);
    text =
        vb_xasprintf("# Made by `vibe up` on its first start. These secrets open everything in this folder.\n"
                     "AWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s\nJWT_SECRET=%s\nDATABASE_PASSWORD=%s\n",
                     dir->access_key_id, dir->secret_access_key, dir->jwt_secret, dir->database_password);
    return vb_file_write_durable(path, text, strlen(text), 0600, err);
}

static int load_secrets(struct vb_data_dir *dir, struct vb_error *err)
{
    char *path VB_CLEANUP(vb_freep) = vb_data_dir_path(dir, SECRETS_FILE);
    struct vb_strbuf text VB_CLEANUP(wipe_and_release);
    int r;

    vb_strbuf_init(&text, SECRETS_MAX);
    if (access(path, F_OK) < 0 && errno == ENOENT)
        return make_secrets(dir, path, err);
    r = vb_file_read(path, &text, err);
    if (r < 0)
        return r;
    dir->access_key_id = find_value(text.data, "AWS_ACCESS_KEY_ID");
    dir->secret_access_key = find_value(text.data, "AWS_SECRET_ACCESS_KEY");
    dir->jwt_secret = find_value(text.data, "JWT_SECRET");
    dir->database_password = find_value(text.data, "DATABASE_PASSWORD");
    if (dir->access_key_id && dir->secret_access_key && dir->jwt_secret && dir->database_password)
        return 0;
    vb_error_set(err, EINVAL, "%s lacks one of its four secrets", path);
    return vb_error_hint(err, "restore it from a backup, or start with another --data folder");
}

int vb_data_dir_open(const char *path, struct vb_data_dir *ret_dir, struct vb_error *err)
{
    struct vb_data_dir dir = {.lock = -1};
    char absolute[PATH_MAX];
    char *lock_path VB_CLEANUP(vb_freep) = NULL;
    int r = vb_mkdir_parents(path, 0755, err);

    if (r < 0)
        return vb_error_hint(err, "choose a folder this user may write with --data DIR");
    if (!realpath(path, absolute))
        return vb_error_set(err, errno, "%s cannot be resolved: %s", path, strerror(errno));
    dir.path = vb_xstrdup(absolute);
    lock_path = vb_data_dir_path(&dir, "lock");
    dir.lock = vb_file_lock(lock_path, err);
    if (dir.lock == -EWOULDBLOCK) {
        r = vb_error_set(err, EWOULDBLOCK, "the folder %s is in use by another 'vibe up'", absolute);
        vb_error_hint(err, "stop that one first, or give this one a folder of its own with --data DIR");
    } else if (dir.lock < 0) {
        r = dir.lock;
        vb_error_hint(err, "choose a folder this user may write with --data DIR");
    } else {
        r = load_secrets(&dir, err);
    }
    if (r < 0) {
        vb_data_dir_close(&dir);
        return r;
    }
    *ret_dir = dir;
    return 0;
}

void vb_data_dir_wipe_jwt_secret(struct vb_data_dir *dir)
{
    free_secret(&dir->jwt_secret);
}

void vb_data_dir_close(struct vb_data_dir *dir)
{
    if (dir->lock >= 0)
        close(dir->lock);
    free_secret(&dir->access_key_id);
    free_secret(&dir->secret_access_key);
    free_secret(&dir->jwt_secret);
    free_secret(&dir->database_password);
    free(dir->path);
}
