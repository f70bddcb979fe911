/* S3 client, listing (ListObjectsV2): see client.h. */
#include "s3/client_call.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/memory.h"
#include "base/number.h"
#include "s3/xml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_MAX     ((size_t)16 * 1024 * 1024)
#define ELEMENTS_MAX 50000
#define TOKEN_MAX    ((size_t)4096)

struct page {
    int (*visit)(void *context, const struct vb_s3_listed *object);
    void *context;

    /* found by the first pass */
    bool truncated, encoded;
    struct vb_strbuf token;
    bool empty_key;

    /* the object being read by the second */
    struct vb_s3_listed object;
    struct vb_strbuf key;
    char etag[128];
};

/* The first pass checks that the document is whole and reads the fields of the page, which may come after the
 * objects. */
static int on_page_end(void *context, const char *path, const char *text)
{
    struct page *page = context;

    if (strcmp(path, "ListBucketResult/IsTruncated") == 0)
        page->truncated = strcmp(text, "true") == 0;
    else if (strcmp(path, "ListBucketResult/EncodingType") == 0)
        page->encoded = strcmp(text, "url") == 0;
    else if (strcmp(path, "ListBucketResult/NextContinuationToken") == 0)
        vb_strbuf_adds(&page->token, text);
    else if (strcmp(path, "ListBucketResult/Contents/Key") == 0 && !text[0])
        page->empty_key = true;
    return 0;
}

static int read_key(struct page *page, const char *text)
{
    int r = 0;

    vb_strbuf_clear(&page->key);
    if (page->encoded)
        r = vb_percent_decode(&page->key, text, strlen(text), true);
    else
        vb_strbuf_adds(&page->key, text);
    if (r < 0 || vb_strbuf_failed(&page->key) || strlen(page->key.data) != page->key.length)
        return -EPROTO;
    page->object.key = page->key.data;
    return 0;
}

static int on_object_end(void *context, const char *path, const char *text)
{
    static const char contents[] = "ListBucketResult/Contents";
    struct page *page = context;
    int64_t time_ms;
    uint64_t size;

    if (strncmp(path, contents, sizeof(contents) - 1) != 0)
        return 0;
    path += sizeof(contents) - 1;
    if (strcmp(path, "/Key") == 0)
        return read_key(page, text);
    if (strcmp(path, "/Size") == 0) {
        if (vb_uint_parse(text, strlen(text), INT64_MAX, &size) < 0)
            return -EPROTO;
        page->object.size = (int64_t)size;
        return 0;
    }
    if (strcmp(path, "/LastModified") == 0) {
        if (vb_clock_parse_iso8601(text, &time_ms) < 0)
            return -EPROTO;
        page->object.last_modified_s = time_ms / 1000;
    } else if (strcmp(path, "/ETag") == 0 && strlen(text) < sizeof(page->etag)) {
        memcpy(page->etag, text, strlen(text) + 1);
    } else if (*path == '\0') {
        bool stopped;

        if (!page->object.key)
            return -EPROTO;
        page->object.etag = page->etag;
        stopped = page->visit(page->context, &page->object) < 0;
        page->object = (struct vb_s3_listed){0};
        page->etag[0] = '\0';
        return stopped ? -ECANCELED : 0;
    }
    return 0;
}

/* Reads one page from token on ("": the first) and visits its objects; leaves the next token in the page. */
static int list_page(struct vb_s3_client *client, const char *prefix, struct page *page, struct vb_error *err)
{
    struct vb_s3_call call VB_CLEANUP(vb_s3_call_release);
    struct vb_strbuf query VB_CLEANUP(vb_strbuf_release) = {0};
    struct vb_xml_reader reader = {
        .size_max = PAGE_MAX, .elements_max = ELEMENTS_MAX, .on_end = on_page_end, .context = page};
    int r;

    vb_strbuf_init(&query, 3 * (TOKEN_MAX + VB_S3_KEY_MAX) + 256);
    if (page->token.length) {
        vb_strbuf_adds(&query, "continuation-token=");
        vb_percent_encode(&query, page->token.data, page->token.length, false);
        vb_strbuf_addc(&query, '&');
    }
    vb_strbuf_adds(&query,
                   "encoding-type=url&list-type=2&prefix="); /* any key survives in XML when encoded */
    vb_percent_encode(&query, prefix, strlen(prefix), false);
    vb_s3_call_init(&call, client, "GET", NULL, query.data, PAGE_MAX);
    if (vb_strbuf_failed(&query))
        return vb_error_set(err, EINVAL, "the prefix of a listing is longer than %d bytes", VB_S3_KEY_MAX);
    call.result = "ListBucketResult";
    r = vb_s3_call_perform(&call, err);
    if (r < 0)
        return r;

    vb_strbuf_clear(&page->token);
    page->truncated = page->encoded = page->empty_key = false;
    r = vb_xml_read(&reader, call.response.data, call.response.length, NULL);
    if (r == 0 && !page->empty_key) {
        reader.on_end = on_object_end;
        r = vb_xml_read(&reader, call.response.data, call.response.length, NULL);
    }
    if (r == -ECANCELED)
        return vb_error_set(err, ECANCELED, "the listing of bucket \"%s\" was cancelled", client->bucket);
    if (r < 0 || page->empty_key || vb_strbuf_failed(&page->token))
        return vb_error_set(err, EIO, "S3 sent a malformed listing of bucket \"%s\"", client->bucket);
    return 0;
}

int vb_s3_list(struct vb_s3_client *client, const char *prefix,
               int (*visit)(void *context, const struct vb_s3_listed *object), void *context,
               struct vb_error *err)
{
    struct page page = {.visit = visit, .context = context};
    char *last = vb_xstrdup("");
    int r;

    vb_strbuf_init(&page.token, TOKEN_MAX);
    vb_strbuf_init(&page.key, 4 * VB_S3_KEY_MAX);
    do {
        r = list_page(client, prefix ? prefix : "", &page, err);
        /* A token that repeats, or a missing one, would list the same page for ever. */
        if (r == 0 && page.truncated && (!page.token.length || strcmp(page.token.data, last) == 0))
            r = vb_error_set(err, EIO,
                             "S3 sent a truncated listing of bucket \"%s\" without a token for the next page",
                             client->bucket);
        free(last);
        last = vb_xstrdup(page.token.data);
    } while (r == 0 && page.truncated);
    free(last);
    vb_strbuf_release(&page.token);
    vb_strbuf_release(&page.key);
    return r;
}
