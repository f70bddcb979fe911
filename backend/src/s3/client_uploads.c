/* Listings of multipart uploads and of their parts: see multipart.h. */
#include "s3/multipart.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/memory.h"
#include "base/number.h"
#include "s3/client_call.h"
#include "s3/xml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_MAX     ((size_t)4 * 1024 * 1024)
#define ELEMENTS_MAX 30000
#define QUERY_MAX    ((size_t)16 * 1024)

/* One page. Its rows (uploads or parts) are read and visited one at a time. */
struct page {
    int (*visit_part)(void *context, const struct vb_s3_part *part);
    int (*visit_upload)(void *context, const struct vb_s3_upload *upload);
    void *context;
    bool truncated;

    struct vb_s3_part part;
    int64_t initiated_s;
    struct vb_strbuf key, id; /* of the row */

    unsigned next_part; /* where the next page begins */
    struct vb_strbuf next_key, next_id;
};

static int read_number(const char *text, int64_t max, int64_t *ret)
{
    uint64_t value;

    if (vb_uint_parse(text, strlen(text), (uint64_t)max, &value) < 0)
        return -EPROTO;
    *ret = (int64_t)value;
    return 0;
}

static int read_time(const char *text, int64_t *ret_s)
{
    int64_t time_ms;

    if (vb_clock_parse_iso8601(text, &time_ms) < 0)
        return -EPROTO;
    *ret_s = time_ms / 1000;
    return 0;
}

/* Keys come in encoding-type=url, which every S3 knows. */
static int read_key(const char *text, struct vb_strbuf *key)
{
    vb_strbuf_clear(key);
    if (vb_percent_decode(key, text, strlen(text), true) < 0 || vb_strbuf_failed(key) ||
        strlen(key->data) != key->length)
        return -EPROTO;
    return 0;
}

static int read_text(const char *text, struct vb_strbuf *to)
{
    vb_strbuf_clear(to);
    vb_strbuf_adds(to, text);
    return vb_strbuf_failed(to) ? -EPROTO : 0;
}

static int end_part(struct page *page)
{
    struct vb_s3_part part = page->part;

    page->part = (struct vb_s3_part){.size = -1};
    if (part.number == 0 || part.size < 0 || !part.etag[0])
        return -EPROTO;
    return page->visit_part(page->context, &part) < 0 ? -ECANCELED : 0;
}

static int on_parts_end(void *context, const char *path, const char *text)
{
    struct page *page = context;
    int64_t number = 0;
    int r = 0;

    if (strcmp(path, "ListPartsResult/IsTruncated") == 0) {
        page->truncated = strcmp(text, "true") == 0;
    } else if (strcmp(path, "ListPartsResult/NextPartNumberMarker") == 0 && *text) {
        r = read_number(text, VB_S3_PARTS_MAX, &number);
        page->next_part = (unsigned)number;
    } else if (strcmp(path, "ListPartsResult/Part/PartNumber") == 0) {
        r = read_number(text, VB_S3_PARTS_MAX, &number);
        page->part.number = (unsigned)number;
    } else if (strcmp(path, "ListPartsResult/Part/Size") == 0) {
        r = read_number(text, INT64_MAX, &page->part.size);
    } else if (strcmp(path, "ListPartsResult/Part/LastModified") == 0) {
        r = read_time(text, &page->part.last_modified_s);
    } else if (strcmp(path, "ListPartsResult/Part/ETag") == 0 && strlen(text) < sizeof(page->part.etag)) {
        memcpy(page->part.etag, text, strlen(text) + 1);
    } else if (strcmp(path, "ListPartsResult/Part") == 0) {
        r = end_part(page);
    }
    return r;
}

static int end_upload(struct page *page)
{
    const struct vb_s3_upload upload = {
        .key = page->key.data, .id = page->id.data, .initiated_s = page->initiated_s};
    int r = page->key.length && page->id.length ? 0 : -EPROTO;

    if (r == 0 && page->visit_upload(page->context, &upload) < 0)
        r = -ECANCELED;
    vb_strbuf_clear(&page->key);
    vb_strbuf_clear(&page->id);
    page->initiated_s = 0;
    return r;
}

static int on_uploads_end(void *context, const char *path, const char *text)
{
    struct page *page = context;

    if (strcmp(path, "ListMultipartUploadsResult/IsTruncated") == 0)
        page->truncated = strcmp(text, "true") == 0;
    else if (strcmp(path, "ListMultipartUploadsResult/NextKeyMarker") == 0)
        return read_key(text, &page->next_key);
    else if (strcmp(path, "ListMultipartUploadsResult/NextUploadIdMarker") == 0)
        return read_text(text, &page->next_id);
    else if (strcmp(path, "ListMultipartUploadsResult/Upload/Key") == 0)
        return read_key(text, &page->key);
    else if (strcmp(path, "ListMultipartUploadsResult/Upload/UploadId") == 0)
        return read_text(text, &page->id);
    else if (strcmp(path, "ListMultipartUploadsResult/Upload/Initiated") == 0)
        return read_time(text, &page->initiated_s);
    else if (strcmp(path, "ListMultipartUploadsResult/Upload") == 0)
        return end_upload(page);
    return 0;
}

/* Reads one page, and with it where the next one begins. */
static int read_page(struct vb_s3_client *client, const char *key, const struct vb_strbuf *query,
                     struct page *page, struct vb_error *err)
{
    struct vb_s3_call call VB_CLEANUP(vb_s3_call_release);
    struct vb_xml_reader reader = {.size_max = PAGE_MAX,
                                   .elements_max = ELEMENTS_MAX,
                                   .on_end = key ? on_parts_end : on_uploads_end,
                                   .context = page};
    int r;

    vb_s3_call_init(&call, client, "GET", key, query->data, PAGE_MAX);
    if (vb_strbuf_failed(query))
        return vb_error_set(err, EINVAL, "the prefix of a listing of multipart uploads is too long");
    call.result = key ? "ListPartsResult" : "ListMultipartUploadsResult";
    r = vb_s3_call_perform(&call, err);
    if (r < 0)
        return r;
    page->truncated = false;
    page->part = (struct vb_s3_part){.size = -1};
    r = vb_xml_read(&reader, call.response.data, call.response.length, NULL);
    if (r == -ECANCELED)
        return vb_error_set(err, ECANCELED, "the listing of multipart uploads was cancelled");
    return r < 0 ? vb_error_set(err, EIO, "S3 sent a malformed listing of multipart uploads") : 0;
}

static void add_parameter(struct vb_strbuf *query, const char *name, const char *value)
{
    if (query->length)
        vb_strbuf_addc(query, '&');
    vb_strbuf_adds(query, name);
    vb_strbuf_addc(query, '=');
    vb_percent_encode(query, value, strlen(value), false);
}

static int endless(struct vb_error *err)
{
    return vb_error_set(
        err, EIO, "S3 sent a truncated listing of multipart uploads without a marker for the next page");
}

int vb_s3_multipart_parts(struct vb_s3_client *client, const char *key, const char *id,
                          int (*visit)(void *context, const struct vb_s3_part *part), void *context,
                          struct vb_error *err)
{
    struct vb_strbuf query VB_CLEANUP(vb_strbuf_release) = {0};
    struct page page = {.visit_part = visit, .context = context};
    int r;

    vb_strbuf_init(&query, QUERY_MAX);
    do {
        unsigned after = page.next_part;

        vb_strbuf_clear(&query);
        if (after)
            vb_strbuf_addf(&query, "part-number-marker=%u", after);
        add_parameter(&query, "uploadId", id);
        r = read_page(client, key, &query, &page, err);
        if (r == 0 && page.truncated && page.next_part <= after) /* the same page for ever */
            r = endless(err);
    } while (r == 0 && page.truncated);
    return r;
}

static int list_uploads(struct vb_s3_client *client, const char *prefix, struct page *page,
                        struct vb_error *err)
{
    struct vb_strbuf query VB_CLEANUP(vb_strbuf_release) = {0};
    char *last VB_CLEANUP(vb_freep) = vb_xstrdup("");
    int r;

    vb_strbuf_init(&query, QUERY_MAX);
    do {
        vb_strbuf_clear(&query);
        add_parameter(&query, "encoding-type", "url");
        if (page->next_key.length) {
            add_parameter(&query, "key-marker", page->next_key.data);
            add_parameter(&query, "upload-id-marker", page->next_id.data);
        }
        add_parameter(&query, "prefix", prefix);
        add_parameter(&query, "uploads", "");
        r = read_page(client, NULL, &query, page, err);
        if (r == 0 && page->truncated && (!page->next_key.length || strcmp(query.data, last) == 0))
            r = endless(err);
        free(last);
        last = vb_xstrdup(query.data);
    } while (r == 0 && page->truncated);
    return r;
}

int vb_s3_multipart_list(struct vb_s3_client *client, const char *prefix,
                         int (*visit)(void *context, const struct vb_s3_upload *upload), void *context,
                         struct vb_error *err)
{
    struct page page = {.visit_upload = visit, .context = context};
    struct vb_strbuf *texts[] = {&page.key, &page.id, &page.next_key, &page.next_id};
    int r;

    for (size_t i = 0; i < VB_ARRAY_SIZE(texts); i++)
        vb_strbuf_init(texts[i], 4 * VB_S3_KEY_MAX);
    r = list_uploads(client, prefix, &page, err);
    for (size_t i = 0; i < VB_ARRAY_SIZE(texts); i++)
        vb_strbuf_release(texts[i]);
    return r;
}
