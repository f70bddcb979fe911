/* A bucket's cross-origin rules: see cors.h. Its errors begin upper-case: they become the <Message> of an
 * S3 error document. Those with EDOM are S3's own texts. */
#include "store/cors.h"

#include "base/memory.h"
#include "base/number.h"
#include "s3/xml.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

#define ELEMENTS_MAX 4096

struct parser {
    struct vb_arena *arena;
    struct vb_store_cors *cors;
    struct vb_store_cors_rule *rule; /* the one being read */
    struct vb_error *err;
    bool root;
};

static int on_start(void *context, const char *path)
{
    struct parser *parser = context;

    if (strcmp(path, "CORSConfiguration") == 0)
        parser->root = true;
    if (strcmp(path, "CORSConfiguration/CORSRule") == 0) {
        struct vb_store_cors_rule **end = &parser->cors->rules;

        if (parser->cors->count++ == VB_STORE_CORS_RULES_MAX)
            return vb_error_set(parser->err, EINVAL, "A CORS configuration has at most %d rules",
                                VB_STORE_CORS_RULES_MAX);
        parser->rule = vb_arena_calloc(parser->arena, sizeof(*parser->rule));
        if (!parser->rule)
            return -ENOMEM;
        parser->rule->max_age_s = -1;
        while (*end)
            end = &(*end)->next;
        *end = parser->rule;
    }
    return 0;
}

static int add_word(struct parser *parser, struct vb_store_cors_word **list, const char *text)
{
    struct vb_store_cors_word *word = vb_arena_calloc(parser->arena, sizeof(*word));

    if (!word)
        return -ENOMEM;
    word->text = vb_arena_strdup(parser->arena, text);
    if (!word->text)
        return -ENOMEM;
    while (*list)
        list = &(*list)->next;
    *list = word;
    return 0;
}

static bool known_method(const char *method)
{
    static const char *const methods[] = {"GET", "PUT", "POST", "DELETE", "HEAD"};

    for (size_t i = 0; i < VB_ARRAY_SIZE(methods); i++)
        if (strcmp(method, methods[i]) == 0)
            return true;
    return false;
}

static int check_wildcards(struct parser *parser, const char *name, const char *text)
{
    const char *star = strchr(text, '*');

    if (star && strchr(star + 1, '*'))
        return vb_error_set(parser->err, EDOM, "%s \"%.200s\" can not have more than one wildcard.", name,
                            text);
    return 0;
}

static int parse_max_age(struct parser *parser, const char *text)
{
    uint64_t seconds;

    if (vb_uint_parse(text, strlen(text), INT_MAX, &seconds) < 0)
        return vb_error_set(parser->err, EINVAL, "MaxAgeSeconds must be a number of seconds");
    parser->rule->max_age_s = (int)seconds;
    return 0;
}

static int end_rule(struct parser *parser)
{
    if (!parser->rule->origins || !parser->rule->methods)
        return vb_error_set(parser->err, EINVAL, "A CORSRule needs an AllowedOrigin and an AllowedMethod");
    parser->rule = NULL;
    return 0;
}

static int on_end(void *context, const char *path, const char *text)
{
    struct parser *parser = context;
    static const char prefix[] = "CORSConfiguration/CORSRule";
    const char *name;
    int r;

    if (!parser->rule || strncmp(path, prefix, sizeof(prefix) - 1) != 0)
        return 0;
    if (strcmp(path, prefix) == 0)
        return end_rule(parser);
    name = path + sizeof(prefix);
    if (strcmp(name, "ID") == 0) {
        parser->rule->id = vb_arena_strdup(parser->arena, text);
        return parser->rule->id ? 0 : -ENOMEM;
    }
    if (strcmp(name, "MaxAgeSeconds") == 0)
        return parse_max_age(parser, text);
    if (strcmp(name, "AllowedMethod") == 0) {
        if (!known_method(text))
            return vb_error_set(parser->err, EDOM,
                                "Found unsupported HTTP method in CORS config. Unsupported method is %.100s",
                                text);
        return add_word(parser, &parser->rule->methods, text);
    }
    if (strcmp(name, "AllowedOrigin") == 0) {
        r = check_wildcards(parser, name, text);
        return r < 0 ? r : add_word(parser, &parser->rule->origins, text);
    }
    if (strcmp(name, "AllowedHeader") == 0) {
        r = check_wildcards(parser, name, text);
        return r < 0 ? r : add_word(parser, &parser->rule->headers, text);
    }
    if (strcmp(name, "ExposeHeader") == 0) {
        if (strchr(text, '*'))
            return vb_error_set(
                parser->err, EDOM,
                "ExposeHeader \"%.200s\" contains wildcard. We currently do not support wildcard "
                "for ExposeHeader.",
                text);
        return add_word(parser, &parser->rule->expose, text);
    }
    return 0;
}

int vb_store_cors_parse(struct vb_arena *arena, const char *xml, size_t size, struct vb_store_cors *ret_cors,
                        struct vb_error *err)
{
    struct vb_store_cors cors = {0};
    struct parser parser = {.arena = arena, .cors = &cors, .err = err};
    const struct vb_xml_reader reader = {.size_max = VB_STORE_CORS_SIZE_MAX,
                                         .elements_max = ELEMENTS_MAX,
                                         .on_start = on_start,
                                         .on_end = on_end,
                                         .context = &parser};
    int r = vb_xml_read(&reader, xml, size, err);

    if (r == -E2BIG)
        return vb_error_set(err, EINVAL, "The CORS configuration is larger than %zu bytes",
                            VB_STORE_CORS_SIZE_MAX);
    if (r < 0)
        return r;
    if (!parser.root || !cors.rules)
        return vb_error_set(err, EINVAL,
                            "The document is not a CORSConfiguration with at least one CORSRule");
    *ret_cors = cors;
    return 0;
}

static void write_words(struct vb_strbuf *out, const char *name, const struct vb_store_cors_word *word)
{
    for (; word; word = word->next)
        vb_xml_element(out, name, word->text);
}

void vb_store_cors_write(const struct vb_store_cors *cors, struct vb_strbuf *out)
{
    vb_xml_declaration(out);
    vb_xml_start(out, "CORSConfiguration", VB_XML_S3_NAMESPACE);
    for (const struct vb_store_cors_rule *rule = cors->rules; rule; rule = rule->next) {
        vb_xml_start(out, "CORSRule", NULL);
        if (rule->id)
            vb_xml_element(out, "ID", rule->id);
        write_words(out, "AllowedMethod", rule->methods);
        write_words(out, "AllowedOrigin", rule->origins);
        write_words(out, "AllowedHeader", rule->headers);
        write_words(out, "ExposeHeader", rule->expose);
        if (rule->max_age_s >= 0)
            vb_xml_element_int(out, "MaxAgeSeconds", rule->max_age_s);
        vb_xml_end(out, "CORSRule");
    }
    vb_xml_end(out, "CORSConfiguration");
}

/* pattern holds at most one '*', which stands for any text. */
static bool wildcard_match(const char *pattern, const char *text, size_t length, bool ignore_case)
{
    int (*compare)(const char *, const char *, size_t) = ignore_case ? strncasecmp : strncmp;
    const char *star = strchr(pattern, '*');
    size_t before = star ? (size_t)(star - pattern) : strlen(pattern);
    size_t after = star ? strlen(star + 1) : 0;

    if (!star)
        return length == before && compare(pattern, text, length) == 0;
    return length >= before + after && compare(pattern, text, before) == 0 &&
           compare(star + 1, text + length - after, after) == 0;
}

static bool any_match(const struct vb_store_cors_word *words, const char *text, size_t length,
                      bool ignore_case)
{
    for (; words; words = words->next)
        if (wildcard_match(words->text, text, length, ignore_case))
            return true;
    return false;
}

/* Every header of the comma-separated list is allowed. */
static bool headers_allowed(const struct vb_store_cors_word *allowed, const char *list)
{
    while (*list) {
        size_t length;

        list += strspn(list, ", \t");
        length = strcspn(list, ", \t");
        if (length > 0 && !any_match(allowed, list, length, true))
            return false;
        list += length;
    }
    return true;
}

const struct vb_store_cors_rule *vb_store_cors_match(const struct vb_store_cors *cors, const char *origin,
                                                     const char *method, const char *request_headers)
{
    for (const struct vb_store_cors_rule *rule = cors->rules; rule; rule = rule->next)
        if (any_match(rule->origins, origin, strlen(origin), false) &&
            any_match(rule->methods, method, strlen(method), false) &&
            (!request_headers || headers_allowed(rule->headers, request_headers)))
            return rule;
    return NULL;
}

const char *vb_store_cors_allowed_origin(const struct vb_store_cors_rule *rule, const char *origin)
{
    for (const struct vb_store_cors_word *word = rule->origins; word; word = word->next)
        if (strcmp(word->text, "*") == 0)
            return "*";
    return origin;
}

const char *vb_store_cors_join(struct vb_arena *arena, const struct vb_store_cors_word *words)
{
    size_t size = 1;
    char *text, *end;

    if (!words)
        return NULL;
    for (const struct vb_store_cors_word *word = words; word; word = word->next)
        size += strlen(word->text) + 2;
    text = end = vb_arena_alloc(arena, size);
    if (!text)
        return NULL;
    for (const struct vb_store_cors_word *word = words; word; word = word->next) {
        end = stpcpy(end, word->text);
        if (word->next)
            end = stpcpy(end, ", ");
    }
    return text;
}
