/* The env file of `vibe up`: see env_file.h. */
#include "app/env_file.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/strbuf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ENV_FILE_MAX ((size_t)64 * 1024)

/* NAME='value' as a shell reads it: a quote of the value as '\''. */
static void add_variable(struct vb_strbuf *text, const char *name, const char *value)
{
    vb_strbuf_addf(text, "%s='", name);
    for (; *value; value++)
        if (*value == '\'')
            vb_strbuf_adds(text, "'\\''");
        else
            vb_strbuf_addc(text, *value);
    vb_strbuf_adds(text, "'\n");
}

int vb_env_file_write(const char *path, const struct vb_env_variable *variables, size_t count,
                      struct vb_error *err)
{
    struct vb_strbuf text VB_CLEANUP(vb_strbuf_release);

    vb_strbuf_init(&text, ENV_FILE_MAX);
    vb_strbuf_adds(&text, "# Made by `vibe up`: source it in a shell (set -a; . this file; set +a)\n");
    for (size_t i = 0; i < count; i++)
        if (variables[i].value && *variables[i].value)
            add_variable(&text, variables[i].name, variables[i].value);
    if (vb_strbuf_failed(&text))
        return vb_error_set(err, EFBIG, "%s cannot hold more than %zu bytes of settings", path, ENV_FILE_MAX);
    return vb_file_write_durable(path, text.data, text.length, 0600, err);
}

/* Reads a value up to the end of its line, as a shell does. Returns the newline, or the end of the text. */
static const char *read_value(const char *at, struct vb_strbuf *value)
{
    vb_strbuf_clear(value);
    while (*at && *at != '\n') {
        const char *end = *at == '\'' ? strchr(at + 1, '\'') : NULL;

        if (end) {
            vb_strbuf_add(value, at + 1, (size_t)(end - at - 1));
            at = end + 1;
        } else {
            at += *at == '\\' && at[1];
            vb_strbuf_addc(value, *at++);
        }
    }
    return at;
}

void vb_env_file_read(const char *path, void (*visit)(void *context, const char *name, const char *value),
                      void *context)
{
    struct vb_strbuf text VB_CLEANUP(vb_strbuf_release), value VB_CLEANUP(vb_strbuf_release);

    vb_strbuf_init(&text, ENV_FILE_MAX);
    vb_strbuf_init(&value, ENV_FILE_MAX);
    if (vb_file_read(path, &text, NULL) < 0)
        return;
    for (const char *line = text.data, *end; line && *line; line = *end ? end + 1 : end) {
        size_t length = strcspn(line, "=\n");
        char *name VB_CLEANUP(vb_freep) = NULL;

        end = line + strcspn(line, "\n");
        if (*line == '#' || line[length] != '=')
            continue;
        name = vb_xstrndup(line, length);
        end = read_value(line + length + 1, &value);
        if (!vb_strbuf_failed(&value))
            visit(context, name, value.data ? value.data : "");
    }
}
