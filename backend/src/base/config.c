/* Settings from the environment: see config.h. */
#include "base/config.h"

#include "base/cleanup.h"
#include "base/number.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Never reached: the text is our own. vb_config_finish() fits it into an error message. */
#define PROBLEMS_MAX_BYTES 65536

void vb_config_init(struct vb_config *config)
{
    vb_strbuf_init(&config->problems, PROBLEMS_MAX_BYTES);
    config->problem_count = 0;
}

void vb_config_release(struct vb_config *config)
{
    vb_strbuf_release(&config->problems);
}

void vb_config_problem(struct vb_config *config, const char *name, const char *format, ...)
{
    va_list args;

    vb_strbuf_addf(&config->problems, "\n  %s: ", name);
    va_start(args, format);
    vb_strbuf_vaddf(&config->problems, format, args);
    va_end(args);
    config->problem_count++;
}

const char *vb_config_string(struct vb_config *config, const char *name, const char *fallback)
{
    const char *value = getenv(name);

    (void)config;
    return value && *value ? value : fallback;
}

const char *vb_config_required(struct vb_config *config, const char *name, const char *what)
{
    const char *value = vb_config_string(config, name, NULL);

    if (!value)
        vb_config_problem(config, name, "is missing; it is %s", what);
    return value;
}

int64_t vb_config_int(struct vb_config *config, const char *name, int64_t min, int64_t max, int64_t fallback)
{
    const char *text = vb_config_string(config, name, NULL);
    int64_t value;

    if (!text)
        return fallback;
    if (vb_int_parse(text, strlen(text), min, max, &value) < 0) {
        vb_config_problem(config, name, "must be a whole number from %lld to %lld", (long long)min,
                          (long long)max);
        return fallback;
    }
    return value;
}

/* host, host:port, address or [address]:port */
static bool is_authority(const char *text, size_t length)
{
    const char *end = text + length, *colon;
    uint64_t port;

    if (length > 0 && *text == '[') {
        const char *bracket = memchr(text, ']', length);

        if (!bracket || bracket == text + 1)
            return false;
        colon = bracket + 1;
    } else {
        colon = memchr(text, ':', length);
        if (!colon)
            colon = end;
        if (colon == text)
            return false;
    }
    if (colon == end)
        return true;
    return *colon == ':' && end - colon <= 6 &&
           vb_uint_parse(colon + 1, (size_t)(end - colon - 1), 65535, &port) == 0 && port >= 1;
}

static bool is_plain_url(const char *url)
{
    size_t scheme = strncmp(url, "https://", 8) == 0 ? 8 : strncmp(url, "http://", 7) == 0 ? 7 : 0;

    if (scheme == 0 || !is_authority(url + scheme, strcspn(url + scheme, "/")) || strpbrk(url, "@?#\"'<>\\"))
        return false;
    for (; *url; url++)
        if ((unsigned char)*url <= ' ' || *url == 0x7f)
            return false;
    return true;
}

const char *vb_config_url(struct vb_config *config, const char *name, const char *fallback)
{
    const char *url = vb_config_string(config, name, NULL);

    if (!url)
        return fallback;
    if (!is_plain_url(url)) {
        vb_config_problem(config, name,
                          "must be an http:// or https:// URL without user, query or fragment, e.g. "
                          "https://media.example.com");
        return fallback;
    }
    return url;
}

/* Appends the names of the variables that have a problem: each line of the problems begins with one. */
static void add_names(struct vb_strbuf *out, const char *problems)
{
    const char *separator = "";

    for (const char *line = strchr(problems, '\n'); line; line = strchr(line + 1, '\n')) {
        const char *name = line + 1 + strspn(line + 1, " ");

        vb_strbuf_addf(out, "%s%.*s", separator, (int)strcspn(name, ":"), name);
        separator = ", ";
    }
}

int vb_config_finish(const struct vb_config *config, struct vb_error *err)
{
    const char *verb = config->problem_count == 1 ? " is" : "s are";
    struct vb_strbuf names VB_CLEANUP(vb_strbuf_release);

    vb_strbuf_init(&names, PROBLEMS_MAX_BYTES);
    if (config->problem_count == 0)
        return 0;
    if (config->problems.length + 32 < VB_ERROR_MESSAGE_MAX)
        return vb_error_set(err, EINVAL, "%u setting%s wrong:%s", config->problem_count, verb,
                            config->problems.data);
    add_names(&names, config->problems.data);
    return vb_error_set(err, EINVAL, "%u setting%s missing or wrong: %s", config->problem_count, verb,
                        names.data);
}
