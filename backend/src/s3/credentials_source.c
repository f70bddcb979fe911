/* Environment, ECS task endpoint and EC2 instance metadata: see credentials_source.h. */
#include "s3/credentials_source.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/wait.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#define CONTAINER_HOST     "http://169.254.170.2"
#define METADATA_HOST      "http://169.254.169.254"
#define METADATA_TOKEN_TTL "21600"
#define ANSWER_MAX         ((size_t)16 * 1024)
#define TIMEOUT_MS         2000
#define ATTEMPTS           3
#define BACKOFF_MS         100
#define BACKOFF_MAX_MS     1000

static const char *environment(const char *name)
{
    const char *value = getenv(name);

    return value && value[0] ? value : NULL;
}

/* Copies text that will be part of headers: printable, without spaces, and short enough. */
static bool copy_word(char *to, size_t size, const char *text)
{
    size_t length = strlen(text);

    if (length >= size)
        return false;
    for (size_t i = 0; i < length; i++)
        if (text[i] <= ' ' || text[i] >= 127)
            return false;
    memcpy(to, text, length + 1);
    return true;
}

static bool fill(struct vb_credentials *credentials, const char *access_key_id, const char *secret,
                 const char *token)
{
    return access_key_id[0] && secret[0] &&
           copy_word(credentials->access_key_id, sizeof(credentials->access_key_id), access_key_id) &&
           copy_word(credentials->secret_access_key, sizeof(credentials->secret_access_key), secret) &&
           copy_word(credentials->session_token, sizeof(credentials->session_token), token ? token : "");
}

int vb_credentials_environment(struct vb_credentials *ret_credentials, struct vb_error *err)
{
    const char *id = environment("AWS_ACCESS_KEY_ID"), *secret = environment("AWS_SECRET_ACCESS_KEY");
    struct vb_credentials credentials = {0};

    if (!id && !secret)
        return vb_error_set(err, ENOENT, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set");
    if (!id || !secret)
        return vb_error_set(err, EINVAL, "%s is set, but %s is not",
                            id ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                            id ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
    if (!fill(&credentials, id, secret, environment("AWS_SESSION_TOKEN")))
        return vb_error_set(
            err, EINVAL,
            "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or AWS_SESSION_TOKEN is too long or holds "
            "characters that no AWS credentials have, such as spaces or line breaks");
    *ret_credentials = credentials;
    explicit_bzero(&credentials, sizeof(credentials));
    return 0;
}

/* Plain HTTP carries credentials unencrypted: it is for this machine and the two link-local addresses of ECS
 * and EKS only. */
static bool may_be_asked(const char *url)
{
    static const char *const hosts[] = {"localhost",     "127.0.0.1",      "[::1]",
                                        "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"};
    const char *host = url + strlen("http://");
    size_t length;

    if (strncasecmp(url, "https://", 8) == 0)
        return true;
    if (strncasecmp(url, "http://", 7) != 0)
        return false;
    length = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/?#@");
    if (memchr(host, '\0', length) || (host[length] != '\0' && !strchr(":/?#", host[length])))
        return false;
    if (memchr(host, '@', strcspn(host, "/?#")))
        return false;
    for (size_t i = 0; i < VB_ARRAY_SIZE(hosts); i++)
        if (strlen(hosts[i]) == length && strncasecmp(host, hosts[i], length) == 0)
            return true;
    return false;
}

static char *copy_or_null(const char *text)
{
    return text ? vb_xstrdup(text) : NULL;
}

int vb_credentials_source_init(struct vb_credentials_source *source, struct vb_error *err)
{
    const char *relative = environment("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = environment("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    const char *disabled = environment("AWS_EC2_METADATA_DISABLED");
    const char *metadata = environment("AWS_EC2_METADATA_SERVICE_ENDPOINT");

    *source = (struct vb_credentials_source){0};
    if (relative && relative[0] != '/')
        return vb_error_set(err, EINVAL, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with \"/\"");
    if (!relative && full && !may_be_asked(full)) {
        vb_error_set(err, EINVAL,
                     "AWS_CONTAINER_CREDENTIALS_FULL_URI uses plain http with a host that is not local");
        vb_error_hint(err, "use https, or http on a loopback address or the ECS or EKS endpoint");
        return -EINVAL;
    }
    if (relative || full) {
        source->container_url = relative ? vb_xasprintf("%s%s", CONTAINER_HOST, relative) : vb_xstrdup(full);
        source->container_token = copy_or_null(environment("AWS_CONTAINER_AUTHORIZATION_TOKEN"));
        source->container_token_file = copy_or_null(environment("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"));
        return 0;
    }
    if (!disabled || strcasecmp(disabled, "true") != 0) {
        source->metadata_url = vb_xstrdup(metadata ? metadata : METADATA_HOST);
        for (size_t end = strlen(source->metadata_url); end > 0 && source->metadata_url[end - 1] == '/';
             end--)
            source->metadata_url[end - 1] = '\0';
    }
    return 0;
}

static void free_secret(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

void vb_credentials_source_release(struct vb_credentials_source *source)
{
    free(source->container_url);
    free_secret(source->container_token);
    free(source->container_token_file);
    free(source->metadata_url);
    *source = (struct vb_credentials_source){0};
}

/* For buffers that held credentials. */
static void release_secret(struct vb_strbuf *text)
{
    if (text->capacity)
        explicit_bzero(text->data, text->capacity);
    vb_strbuf_release(text);
}

static bool worth_another_try(int r, int status)
{
    return r == 0 ? status >= 500 || status == 429 : r != -EINVAL && r != -EFBIG;
}

/* One exchange whose answer must be 200. It is retried, up to attempts tries, while the other side is down or
 * overloaded. */
static int ask(struct vb_http_client *http, const char *method, const char *url, const char *const *headers,
               unsigned attempts, struct vb_strbuf *out, struct vb_error *err)
{
    for (unsigned attempt = 1;; attempt++) {
        struct vb_http_exchange exchange = {
            .method = method, .url = url, .headers = headers, .timeout_ms = TIMEOUT_MS};
        int r;

        vb_strbuf_init(&exchange.response, ANSWER_MAX);
        r = vb_http_client_perform(http, &exchange, err);
        if (r == 0 && exchange.status == 200) {
            vb_strbuf_add(out, exchange.response.data, exchange.response.length);
            release_secret(&exchange.response);
            return vb_strbuf_failed(out) ? vb_error_set(err, EFBIG, "its answer is too long") : 0;
        }
        release_secret(&exchange.response);
        if (attempt >= attempts || !worth_another_try(r, exchange.status))
            return r < 0 ? r : vb_error_set(err, EIO, "it answered with status %d", exchange.status);
        vb_sleep_ms(vb_backoff_ms(BACKOFF_MS, BACKOFF_MAX_MS, attempt));
    }
}

static const char *json_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

/* {"AccessKeyId", "SecretAccessKey", "Token", "Expiration"}, the same from both endpoints. */
static int parse_answer(const struct vb_strbuf *answer, struct vb_credentials *ret_credentials,
                        struct vb_error *err)
{
    json_t *json = json_loadb(answer->data, answer->length, JSON_REJECT_DUPLICATES, NULL);
    struct vb_credentials credentials = {0};
    const char *expiration = json_text(json, "Expiration");
    int64_t expires_ms = 0;
    int r = 0;

    if (!fill(&credentials, json_text(json, "AccessKeyId"), json_text(json, "SecretAccessKey"),
              json_text(json, "Token")))
        r = vb_error_set(err, EPROTO, "its answer holds no usable AccessKeyId and SecretAccessKey");
    else if (expiration[0] && vb_clock_parse_iso8601(expiration, &expires_ms) < 0)
        r = vb_error_set(err, EPROTO, "the Expiration in its answer is not a date");
    else if (expiration[0] && expires_ms / 1000 <= vb_clock_realtime_s())
        r = vb_error_set(err, EKEYEXPIRED, "its credentials have expired already");
    json_decref(json);
    if (r < 0)
        return r;
    credentials.expires_s = expires_ms / 1000;
    *ret_credentials = credentials;
    explicit_bzero(&credentials, sizeof(credentials));
    return 0;
}

/* The Authorization header for the container's endpoint; empty when the environment gives none. */
static int container_authorization(const struct vb_credentials_source *source, struct vb_strbuf *out,
                                   struct vb_error *err)
{
    const char *token = source->container_token;
    char text[4097];

    if (source->container_token_file) {
        FILE *file VB_CLEANUP(vb_fclosep) = fopen(source->container_token_file, "re");
        size_t length = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

        if (!file || ferror(file))
            return vb_error_set(
                err, EIO, "the file that AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE names cannot be read: %s",
                strerror(errno));
        while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r'))
            length--;
        text[length] = '\0';
        token = text;
    }
    if (token)
        vb_strbuf_addf(out, "Authorization: %s", token);
    explicit_bzero(text, sizeof(text));
    return 0;
}

static int fetch_container(const struct vb_credentials_source *source, struct vb_http_client *http,
                           struct vb_credentials *ret_credentials, struct vb_error *err)
{
    struct vb_strbuf answer VB_CLEANUP(release_secret), authorization VB_CLEANUP(release_secret);
    const char *headers[] = {"Accept: application/json", NULL, NULL};
    int r;

    vb_strbuf_init(&answer, ANSWER_MAX);
    vb_strbuf_init(&authorization, ANSWER_MAX);
    r = container_authorization(source, &authorization, err);
    if (r == 0 && authorization.length > 0)
        headers[1] = authorization.data;
    if (r == 0)
        r = ask(http, "GET", source->container_url, headers, ATTEMPTS, &answer, err);
    if (r == 0)
        r = parse_answer(&answer, ret_credentials, err);
    if (r < 0)
        vb_error_prefix(err, "the container's credentials endpoint");
    return r;
}

/* Version 2 only: a session token first, then the role's name, then its credentials. */
static int fetch_metadata(const struct vb_credentials_source *source, struct vb_http_client *http,
                          struct vb_credentials *ret_credentials, struct vb_error *err)
{
    static const char path[] = "/latest/meta-data/iam/security-credentials/";
    struct vb_strbuf answer VB_CLEANUP(release_secret), token VB_CLEANUP(release_secret),
        url VB_CLEANUP(vb_strbuf_release);
    const char *token_headers[] = {"X-aws-ec2-metadata-token-ttl-seconds: " METADATA_TOKEN_TTL, NULL};
    const char *headers[] = {NULL, NULL};
    int r;

    vb_strbuf_init(&answer, ANSWER_MAX);
    vb_strbuf_init(&token, ANSWER_MAX);
    vb_strbuf_init(&url, ANSWER_MAX);
    vb_strbuf_adds(&token, "X-aws-ec2-metadata-token: ");
    vb_strbuf_addf(&url, "%s/latest/api/token", source->metadata_url);
    /* One try: outside EC2 nothing answers at this address. */
    r = ask(http, "PUT", url.data, token_headers, 1, &token, err);
    headers[0] = token.data;
    if (r == 0) {
        vb_strbuf_clear(&url);
        vb_strbuf_addf(&url, "%s%s", source->metadata_url, path);
        r = ask(http, "GET", url.data, headers, ATTEMPTS, &answer, err);
    }
    if (r == 0) {
        vb_strbuf_addf(&url, "%.*s", (int)strcspn(answer.data, " \r\n"), answer.data);
        vb_strbuf_clear(&answer);
        r = ask(http, "GET", url.data, headers, ATTEMPTS, &answer, err);
    }
    if (r == 0)
        r = parse_answer(&answer, ret_credentials, err);
    if (r < 0)
        vb_error_prefix(err, "EC2 instance metadata");
    return r;
}

int vb_credentials_source_fetch(const struct vb_credentials_source *source, struct vb_http_client *http,
                                struct vb_credentials *ret_credentials, struct vb_error *err)
{
    if (source->container_url)
        return fetch_container(source, http, ret_credentials, err);
    if (source->metadata_url)
        return fetch_metadata(source, http, ret_credentials, err);
    return vb_error_set(err, ENOENT, "EC2 instance metadata is switched off by AWS_EC2_METADATA_DISABLED");
}
