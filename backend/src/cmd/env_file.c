/* .vibe/env: see env_file.h. */
#include "cmd/env_file.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"

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

static void set(void *context, const char *name, const char *value)
{
    setenv(name, value, 0);
    *(bool *)context = true;
}

bool vb_env_file_load(const char *const *unless)
{
    bool loaded = false;

    for (; *unless; unless++)
        if (getenv(*unless))
            return false;
    each_variable(set, &loaded);
    return loaded;
}
