/* Signing with AWS Signature Version 4: see sigv4.h. Verifying is in verify.c. */
#include "s3/sigv4.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/memory.h"
#include "s3/canonical.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define STRING_TO_SIGN_MAX 512
#define SCOPE_SIZE         sizeof(((struct vb_sigv4_verified *)0)->scope)

/*
 * A cache of signing keys. Deriving one takes four HMACs, and a process signs with one or two keys a day.
 * Each thread has a cache of its own, so no lock is needed. The cache holds the digest of a secret, not the
 * secret.
 */
#define KEY_CACHE_ENTRIES 4

struct key_cache_entry {
    unsigned char secret_digest[VB_SHA256_SIZE];
    char date[9], region[64], service[16];
    unsigned char key[VB_SHA256_SIZE];
    struct vb_hmac_key hmac; /* the same, ready to sign with */
};

static __thread struct key_cache_entry key_cache[KEY_CACHE_ENTRIES];
static __thread unsigned key_cache_next; /* the entry to be replaced */

static void derive_key(const char *secret, const char date[8], const char *region, const char *service,
                       unsigned char ret_key[VB_SHA256_SIZE])
{
    size_t size = strlen(secret) + 4;
    char *first = vb_xmalloc(size + 1);

    snprintf(first, size + 1, "AWS4%s", secret);
    vb_hmac_sha256(first, size, date, 8, ret_key);
    vb_hmac_sha256(ret_key, VB_SHA256_SIZE, region, strlen(region), ret_key);
    vb_hmac_sha256(ret_key, VB_SHA256_SIZE, service, strlen(service), ret_key);
    vb_hmac_sha256(ret_key, VB_SHA256_SIZE, "aws4_request", 12, ret_key);
    explicit_bzero(first, size);
    free(first);
}

/* The entry of a key, made if missing; NULL if the key does not fit. Valid until the thread's next call. */
static const struct key_cache_entry *cached_key(const char *secret, const char date[8], const char *region,
                                                const char *service)
{
    unsigned char digest[VB_SHA256_SIZE];
    struct key_cache_entry *entry;

    if (strlen(region) >= sizeof(entry->region) || strlen(service) >= sizeof(entry->service))
        return NULL;
    vb_sha256(secret, strlen(secret), digest);
    for (size_t i = 0; i < KEY_CACHE_ENTRIES; i++) {
        entry = &key_cache[i];
        if (memcmp(entry->date, date, 8) == 0 && memcmp(entry->secret_digest, digest, sizeof(digest)) == 0 &&
            strcmp(entry->region, region) == 0 && strcmp(entry->service, service) == 0)
            return entry;
    }
    entry = &key_cache[key_cache_next++ % KEY_CACHE_ENTRIES];
    derive_key(secret, date, region, service, entry->key);
    vb_hmac_key_init(&entry->hmac, entry->key, sizeof(entry->key));
    memcpy(entry->secret_digest, digest, sizeof(digest));
    memcpy(entry->date, date, 8);
    strcpy(entry->region, region);
    strcpy(entry->service, service);
    return entry;
}

void vb_sigv4_signing_key(const char *secret_access_key, const char date[8], const char *region,
                          const char *service, unsigned char ret_key[VB_SHA256_SIZE])
{
    const struct key_cache_entry *entry = cached_key(secret_access_key, date, region, service);

    if (entry)
        memcpy(ret_key, entry->key, sizeof(entry->key));
    else
        derive_key(secret_access_key, date, region, service, ret_key);
}

static void sign_lines(const struct vb_hmac_key *key, const char *const *lines, size_t count,
                       char ret_hex[2 * VB_SHA256_SIZE + 1])
{
    char text[STRING_TO_SIGN_MAX];
    unsigned char mac[VB_SHA256_SIZE];
    size_t size = 0;

    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(lines[i]);

        vb_assert(length < sizeof(text) - size);
        memcpy(text + size, lines[i], length);
        size += length;
        if (i + 1 < count)
            text[size++] = '\n';
    }
    vb_hmac(key, text, size, mac);
    vb_hex_encode(mac, sizeof(mac), ret_hex);
}

void vb_sigv4_signature(const unsigned char key[VB_SHA256_SIZE], const char *const *lines, size_t count,
                        char ret_hex[2 * VB_SHA256_SIZE + 1])
{
    struct vb_hmac_key hmac;

    vb_hmac_key_init(&hmac, key, VB_SHA256_SIZE);
    sign_lines(&hmac, lines, count, ret_hex);
    explicit_bzero(&hmac, sizeof(hmac));
}

/* Prepares what a canonical request needs beside the headers. */
static int prepare_parts(struct vb_arena *arena, const char *path, const char *query,
                         struct vb_text *ret_path, struct vb_canonical_query *ret_query)
{
    int r = vb_canonical_path(arena, path, ret_path);

    if (r < 0)
        return r;
    return vb_canonical_query_parse(arena, query ? query : "", ret_query, NULL);
}

int vb_sigv4_canonical_request(const struct vb_sigv4_request *request, const char *signed_headers,
                               struct vb_strbuf *out)
{
    struct vb_arena arena VB_CLEANUP(vb_arena_release);
    struct vb_canonical_query query;
    struct vb_canonical_names names;
    struct vb_canonical_request canonical = {.method = request->method,
                                             .query = &query,
                                             .headers = request->headers,
                                             .header_count = request->header_count,
                                             .signed_headers = signed_headers,
                                             .names = &names,
                                             .payload_hash = request->payload_hash};

    vb_arena_init(&arena, VB_CANONICAL_ARENA_MAX);
    if (prepare_parts(&arena, request->path, request->query, &canonical.path, &query) < 0 ||
        vb_canonical_names_parse(signed_headers, &names) < 0 || vb_canonical_write(&canonical, out) < 0)
        return -EINVAL;
    return 0;
}

/* "20261122/eu-central-1/s3/aws4_request"; by hand, as printf was a tenth of a presigned URL's time. */
static int format_scope(char scope[SCOPE_SIZE], const char date[8], const char *region, const char *service)
{
    static const char end[] = "/aws4_request";
    size_t region_length = strlen(region), service_length = strlen(service);
    char *to = scope;

    if (8 + 1 + region_length + 1 + service_length + sizeof(end) > SCOPE_SIZE)
        return -EINVAL;
    to = mempcpy(to, date, 8);
    *to++ = '/';
    to = mempcpy(to, region, region_length);
    *to++ = '/';
    to = mempcpy(to, service, service_length);
    memcpy(to, end, sizeof(end));
    return 0;
}

/* The signature over a canonical request that is complete. */
static void sign_canonical(const struct vb_strbuf *canonical, const struct vb_sigv4_credentials *credentials,
                           const char *amz_date, const char *scope, const char *region, const char *service,
                           char ret_hex[2 * VB_SHA256_SIZE + 1])
{
    const struct key_cache_entry *entry =
        cached_key(credentials->secret_access_key, amz_date, region, service);
    unsigned char key[VB_SHA256_SIZE];
    char hash[2 * VB_SHA256_SIZE + 1];
    const char *const lines[] = {"AWS4-HMAC-SHA256", amz_date, scope, hash};

    vb_sha256_hex(canonical->data, canonical->length, hash);
    if (entry) {
        sign_lines(&entry->hmac, lines, VB_ARRAY_SIZE(lines), ret_hex);
        return;
    }
    derive_key(credentials->secret_access_key, amz_date, region, service, key);
    vb_sigv4_signature(key, lines, VB_ARRAY_SIZE(lines), ret_hex);
    explicit_bzero(key, sizeof(key));
}

static const char *find_header(const struct vb_sigv4_header *headers, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (vb_text_equal_nocase((struct vb_text){headers[i].name, strlen(headers[i].name)}, name))
            return headers[i].value;
    return NULL;
}

static bool has_token(const struct vb_sigv4_credentials *credentials)
{
    return credentials->session_token && credentials->session_token[0];
}

/* Refuses here what S3 would refuse anyway. */
static bool headers_suffice(const struct vb_sigv4_request *request,
                            const struct vb_sigv4_credentials *credentials, const char *amz_date)
{
    const char *date = find_header(request->headers, request->header_count, "x-amz-date");
    const char *token = find_header(request->headers, request->header_count, "x-amz-security-token");

    if (!find_header(request->headers, request->header_count, "host") || !date || strcmp(date, amz_date) != 0)
        return false;
    return !has_token(credentials) || (token && strcmp(token, credentials->session_token) == 0);
}

static int sort_headers(const struct vb_sigv4_header *headers, size_t count,
                        struct vb_canonical_headers *ret_headers)
{
    ret_headers->count = 0;
    for (size_t i = 0; i < count; i++)
        if (vb_canonical_headers_add(ret_headers, &headers[i]) < 0)
            return -EINVAL;
    return 0;
}

int vb_sigv4_sign(const struct vb_sigv4_request *request, const struct vb_sigv4_credentials *credentials,
                  const char *region, const char *service, int64_t time_s, struct vb_strbuf *out)
{
    struct vb_strbuf canonical VB_CLEANUP(vb_strbuf_release), names VB_CLEANUP(vb_strbuf_release);
    char amz_date[VB_CLOCK_AMZ_DATE_SIZE], scope[SCOPE_SIZE], signature[2 * VB_SHA256_SIZE + 1];
    struct vb_canonical_headers headers;
    int r;

    vb_strbuf_init(&canonical, VB_CANONICAL_REQUEST_MAX);
    vb_strbuf_reserve(&canonical, 1024);
    vb_strbuf_init(&names, VB_CANONICAL_REQUEST_MAX);
    vb_clock_format_amz_date(time_s, amz_date);
    if (!headers_suffice(request, credentials, amz_date) ||
        format_scope(scope, amz_date, region, service) < 0)
        return -EINVAL;
    r = sort_headers(request->headers, request->header_count, &headers);
    if (r < 0)
        return r;
    vb_canonical_headers_write_names(&headers, &names);
    if (vb_strbuf_failed(&names))
        return -ENOMEM;
    r = vb_sigv4_canonical_request(request, names.data, &canonical);
    if (r < 0)
        return r;
    sign_canonical(&canonical, credentials, amz_date, scope, region, service, signature);
    vb_strbuf_adds(out, "AWS4-HMAC-SHA256 Credential=");
    vb_strbuf_adds(out, credentials->access_key_id);
    vb_strbuf_addc(out, '/');
    vb_strbuf_adds(out, scope);
    vb_strbuf_adds(out, ", SignedHeaders=");
    vb_strbuf_add(out, names.data, names.length);
    vb_strbuf_adds(out, ", Signature=");
    vb_strbuf_add(out, signature, sizeof(signature) - 1);
    return vb_strbuf_failed(out) ? -ENOMEM : 0;
}

/* "20261122T130501Z", the same for all that is signed in one second. */
static const char *amz_date_of(int64_t time_s)
{
    static __thread struct {
        int64_t time_s;
        char text[VB_CLOCK_AMZ_DATE_SIZE];
    } last;

    if (last.text[0] == '\0' || last.time_s != time_s) {
        vb_clock_format_amz_date(time_s, last.text);
        last.time_s = time_s;
    }
    return last.text;
}

/* The signature's own parameters, all but the signature. Written as they are: their names are sorted, and
 * the values encoded here as the canonical request wants them. */
static void write_parameters(const struct vb_presign *presign, const struct vb_sigv4_credentials *credentials,
                             const char *amz_date, const char *scope, const struct vb_strbuf *names,
                             struct vb_strbuf *out)
{
    vb_strbuf_adds(out, "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=");
    vb_percent_encode(out, credentials->access_key_id, strlen(credentials->access_key_id), false);
    vb_strbuf_adds(out, "%2F");
    vb_percent_encode(out, scope, strlen(scope), false);
    vb_strbuf_adds(out, "&X-Amz-Date=");
    vb_strbuf_adds(out, amz_date);
    vb_strbuf_adds(out, "&X-Amz-Expires=");
    vb_strbuf_addu(out, presign->expires_s);
    if (has_token(credentials)) {
        vb_strbuf_adds(out, "&X-Amz-Security-Token=");
        vb_percent_encode(out, credentials->session_token, strlen(credentials->session_token), false);
    }
    vb_strbuf_adds(out, "&X-Amz-SignedHeaders=");
    vb_percent_encode(out, names->data, names->length, false);
}

/* The parameters in their places among the caller's, which are put into their canonical form. */
static int merge_parameters(const char *callers, const struct vb_strbuf *ours, struct vb_strbuf *out)
{
    struct vb_strbuf all VB_CLEANUP(vb_strbuf_release);
    struct vb_arena arena VB_CLEANUP(vb_arena_release);
    struct vb_canonical_query query;
    int r;

    vb_arena_init(&arena, VB_CANONICAL_ARENA_MAX);
    vb_strbuf_init(&all, VB_CANONICAL_REQUEST_MAX);
    vb_strbuf_adds(&all, callers);
    vb_strbuf_addc(&all, '&');
    vb_strbuf_add(&all, ours->data, ours->length);
    if (vb_strbuf_failed(&all))
        return -EINVAL;
    r = vb_canonical_query_parse(&arena, all.data, &query, NULL);
    if (r < 0)
        return r;
    vb_canonical_query_write(&query, out);
    return 0;
}

/* The query without the signature: the same bytes in the URL and in the canonical request. */
static int write_query(const struct vb_presign *presign, const struct vb_sigv4_credentials *credentials,
                       const char *amz_date, const char *scope, const struct vb_strbuf *names,
                       struct vb_strbuf *out)
{
    struct vb_strbuf ours;
    int r;

    if (!presign->query || !*presign->query) {
        write_parameters(presign, credentials, amz_date, scope, names, out);
        return 0;
    }
    vb_strbuf_init(&ours, VB_CANONICAL_REQUEST_MAX);
    write_parameters(presign, credentials, amz_date, scope, names, &ours);
    r = vb_strbuf_failed(&ours) ? -EINVAL : merge_parameters(presign->query, &ours, out);
    vb_strbuf_release(&ours);
    return r;
}

static int write_path(const char *path, struct vb_strbuf *out)
{
    struct vb_arena arena VB_CLEANUP(vb_arena_release);
    struct vb_text text;
    int r;

    vb_arena_init(&arena, VB_CANONICAL_ARENA_MAX);
    r = vb_canonical_path(&arena, path, &text);
    if (r == 0)
        vb_strbuf_add(out, text.data, text.length);
    return r;
}

/* Written in one go, not by vb_canonical_write(): nothing of it has to be parsed, as all of it is ours. Says
 * where in it the query is. */
static int write_presigned_canonical(const struct vb_presign *presign,
                                     const struct vb_sigv4_credentials *credentials,
                                     const struct vb_canonical_headers *headers, const char *amz_date,
                                     const char *scope, struct vb_strbuf *canonical, size_t *ret_query_at,
                                     size_t *ret_query_length)
{
    struct vb_strbuf names VB_CLEANUP(vb_strbuf_release);

    vb_strbuf_init(&names, VB_CANONICAL_REQUEST_MAX);
    vb_strbuf_reserve(&names, 200);
    vb_canonical_headers_write_names(headers, &names);
    vb_strbuf_adds(canonical, presign->method);
    vb_strbuf_addc(canonical, '\n');
    if (vb_strbuf_failed(&names) || write_path(presign->path, canonical) < 0)
        return -EINVAL;
    vb_strbuf_addc(canonical, '\n');
    *ret_query_at = canonical->length;
    if (write_query(presign, credentials, amz_date, scope, &names, canonical) < 0)
        return -EINVAL;
    *ret_query_length = canonical->length - *ret_query_at;
    vb_strbuf_addc(canonical, '\n');
    if (vb_canonical_headers_write(headers, canonical) < 0)
        return -EINVAL;
    vb_strbuf_addc(canonical, '\n');
    vb_strbuf_add(canonical, names.data, names.length);
    vb_strbuf_adds(canonical, "\n" VB_SIGV4_UNSIGNED);
    return vb_strbuf_failed(canonical) ? -EINVAL : 0;
}

/* Signs with the headers complete, and appends the URL. */
static int write_presigned(const struct vb_presign *presign, const struct vb_sigv4_credentials *credentials,
                           const struct vb_canonical_headers *headers, struct vb_strbuf *out)
{
    struct vb_strbuf canonical VB_CLEANUP(vb_strbuf_release);
    const char *amz_date = amz_date_of(presign->time_s);
    char scope[SCOPE_SIZE], signature[2 * VB_SHA256_SIZE + 1];
    size_t query_at, query_length;

    vb_strbuf_init(&canonical, VB_CANONICAL_REQUEST_MAX);
    vb_strbuf_reserve(&canonical, 1000);
    if (format_scope(scope, amz_date, presign->region, "s3") < 0 ||
        write_presigned_canonical(presign, credentials, headers, amz_date, scope, &canonical, &query_at,
                                  &query_length) < 0)
        return -EINVAL;
    sign_canonical(&canonical, credentials, amz_date, scope, presign->region, "s3", signature);
    vb_strbuf_adds(out, presign->scheme);
    vb_strbuf_adds(out, "://");
    vb_strbuf_adds(out, presign->host);
    vb_strbuf_adds(out, presign->path);
    vb_strbuf_addc(out, '?');
    vb_strbuf_add(out, canonical.data + query_at, query_length);
    vb_strbuf_adds(out, "&X-Amz-Signature=");
    vb_strbuf_add(out, signature, sizeof(signature) - 1);
    return vb_strbuf_failed(out) ? -ENOMEM : 0;
}

int vb_sigv4_presign(const struct vb_presign *presign, const struct vb_sigv4_credentials *credentials,
                     struct vb_strbuf *out)
{
    struct vb_sigv4_header host = {"host", presign->host};
    struct vb_canonical_headers headers;

    if (presign->expires_s < 1 || presign->expires_s > VB_SIGV4_EXPIRES_MAX_S || presign->path[0] != '/' ||
        presign->header_count >= VB_CANONICAL_HEADERS_MAX ||
        find_header(presign->headers, presign->header_count, "host") ||
        sort_headers(presign->headers, presign->header_count, &headers) < 0 ||
        vb_canonical_headers_add(&headers, &host) < 0)
        return -EINVAL;
    return write_presigned(presign, credentials, &headers, out);
}
