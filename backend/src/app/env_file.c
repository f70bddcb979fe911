/* .vibe/env: see env_file.h. */
#include "app/env_file.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENV_FILE     ".vibe/env"
#define ENV_FILE_MAX 65536

/* A value as `vibe up` writes it: in single quotes, one of its own as '\''. Returns what comes after it. */
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

static void each_variable(void (*visit)(void *context, const char *name, const char *value), void *context)
{
    struct vb_strbuf text VB_CLEANUP(vb_strbuf_release), value VB_CLEANUP(vb_strbuf_release);

    vb_strbuf_init(&text, ENV_FILE_MAX);
    vb_strbuf_init(&value, ENV_FILE_MAX);
    if (vb_file_read(ENV_FILE, &text, NULL) < 0)
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

struct search {
    const char *name;
    char *value;
};

static void look(void *context, const char *name, const char *value)
{
    struct search *search = context;

    if (!search->value && strcmp(name, search->name) == 0)
        search->value = vb_xstrdup(value);
}

char *vb_env_file_find(const char *name)
{
    struct search search = {.name = name};

    each_variable(look, &search);
    return search.value;
}

/* Whoever sets one of these means that system. */
static const char *const systems[] = {"S3_BUCKET_NAME", "DATABASE_URL", "S3_ENDPOINT", "AWS_REGION",
                                      "AWS_ENDPOINT_URL_S3"};

static void set(void *context, const char *name, const char *value)
{
    (void)context;
    setenv(name, value, 0);
}

void vb_env_file_load(void)
{
    for (size_t i = 0; i < VB_ARRAY_SIZE(systems); i++)
        if (getenv(systems[i]))
            return;
    each_variable(set, NULL);
}

static bool is_postgresql(const char *url)
{
    return strncmp(url, "postgresql://", 13) == 0 || strncmp(url, "postgres://", 11) == 0;
}

const char *vb_env_file_database(const char *option)
{
    const char *url = option;

    if (!url || !*url) {
        vb_env_file_load();
        url = getenv("DATABASE_URL");
    }
    if (url && is_postgresql(url))
        return url;
    fprintf(
        stderr,
        "vibe: %s. Set DATABASE_URL, say --database postgresql://user:password@host:5432/database, or run "
        "this in the folder of a running `vibe up`\n",
        url && *url ? "the database is no postgresql:// URL" : "which database?");
    return NULL;
}
