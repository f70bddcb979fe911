/* DeleteObjects: up to a thousand keys in one request and one commit. */
#include "store/call.h"

#include "base/encode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_MAX 1000

struct delete_item {
    const char *key;
    const char *version, *etag; /* NULL: not given */
    enum vb_store_error error;
};

struct delete_request {
    struct vb_arena arena;
    struct delete_item items[KEYS_MAX];
    size_t count; /* items that are complete */
    bool root, quiet;
};

static int on_start(void *context, const char *path)
{
    struct delete_request *request = context;

    request->root = request->root || strcmp(path, "Delete") == 0;
    if (!request->root)
        return -EINVAL;
    if (strcmp(path, "Delete/Object") == 0 && request->count == KEYS_MAX)
        return -EINVAL;
    return 0;
}

static int keep(struct delete_request *request, const char *text, const char **ret_text)
{
    *ret_text = vb_arena_strdup(&request->arena, text);
    return *ret_text ? 0 : -ENOMEM;
}

static int on_end(void *context, const char *path, const char *text)
{
    struct delete_request *request = context;
    struct delete_item *item = &request->items[request->count];

    if (strcmp(path, "Delete/Quiet") == 0) {
        request->quiet = strcmp(text, "true") == 0;
        return 0;
    }
    if (strcmp(path, "Delete/Object") == 0) {
        request->count++;
        return item->key && *item->key ? 0 : -EINVAL;
    }
    if (strncmp(path, "Delete/Object/", 14) != 0)
        return 0;
    path += 14;
    if (strcmp(path, "Key") == 0)
        return keep(request, text, &item->key);
    if (strcmp(path, "VersionId") == 0)
        return keep(request, text, &item->version);
    if (strcmp(path, "ETag") == 0)
        return keep(request, text, &item->etag);
    /* never delete under a condition that is not checked */
    return strcmp(path, "LastModifiedTime") == 0 || strcmp(path, "Size") == 0 ? -EOPNOTSUPP : 0;
}

/* Strips the quotes of "\"etag\"", in place. */
static const char *unquote(const char *etag)
{
    size_t length = strlen(etag);
    char *text = (char *)(uintptr_t)etag;

    if (length < 2 || text[0] != '"' || text[length - 1] != '"')
        return etag;
    text[length - 1] = '\0';
    return text + 1;
}

static void judge_items(struct delete_request *request)
{
    for (size_t i = 0; i < request->count; i++) {
        struct delete_item *item = &request->items[i];

        if (strlen(item->key) > VB_ENGINE_KEY_MAX)
            item->error = VB_STORE_KEY_TOO_LONG;
        else if (item->version && *item->version && strcmp(item->version, "null") != 0)
            item->error = VB_STORE_NO_SUCH_VERSION;
    }
}

/* Deletes items with an ETag one by one, and the others in one commit. Returns 0 or the engine's error. */
static int delete_items(struct vb_store_call *call, struct delete_request *request, struct vb_error *err)
{
    const char *plain[KEYS_MAX];
    size_t plain_count = 0;

    for (size_t i = 0; i < request->count; i++) {
        struct delete_item *item = &request->items[i];
        const struct vb_engine_condition condition = {.etag = item->etag ? unquote(item->etag) : NULL};
        int r;

        if (item->error)
            continue;
        if (!item->etag || strcmp(item->etag, "*") == 0) {
            plain[plain_count++] = item->key;
            continue;
        }
        r = vb_engine_delete(call->engine, call->target.bucket, item->key, &condition, NULL, err);
        if (r == -ENOENT)
            item->error = VB_STORE_NO_SUCH_KEY;
        else if (r == -EKEYREJECTED)
            item->error = VB_STORE_PRECONDITION_FAILED;
        else if (r < 0)
            return r;
    }
    return vb_engine_delete_many(call->engine, call->target.bucket, plain, plain_count, err);
}

static void answer(struct vb_store_call *call, const struct delete_request *request)
{
    struct vb_strbuf document;

    vb_store_document_begin(&document, "DeleteResult");
    for (size_t i = 0; i < request->count; i++) {
        const struct delete_item *item = &request->items[i];
        const char *element = item->error ? "Error" : "Deleted";

        if (request->quiet && !item->error)
            continue;
        vb_xml_start(&document, element, NULL);
        vb_xml_element(&document, "Key", item->key);
        if (item->version && *item->version)
            vb_xml_element(&document, "VersionId", item->version);
        if (item->error) {
            vb_xml_element(&document, "Code", vb_store_error_code(item->error));
            vb_xml_element(&document, "Message", vb_store_error_message(item->error));
        }
        vb_xml_end(&document, element);
    }
    vb_xml_end(&document, "DeleteResult");
    vb_store_call_answer_xml(call, &document);
}

void vb_store_delete_objects(struct vb_store_call *call)
{
    struct delete_request *request = calloc(1, sizeof(*request));
    const struct vb_xml_reader reader = {.size_max = VB_STORE_XML_BODY_MAX,
                                         .elements_max = 6 * KEYS_MAX + 10,
                                         .on_start = on_start,
                                         .on_end = on_end,
                                         .context = request};
    struct vb_error err = {0};
    int r;

    if (!request) {
        vb_store_fail(call->http, VB_STORE_SLOW_DOWN, NULL);
        return;
    }
    vb_arena_init(&request->arena, 2 * VB_STORE_XML_BODY_MAX);
    r = vb_xml_read(&reader, call->body.collected.data, call->body.collected.length, &err);
    if (r == -ENOMEM) {
        vb_store_fail(call->http, VB_STORE_SLOW_DOWN, NULL);
    } else if (r == -EOPNOTSUPP) {
        vb_store_fail(call->http, VB_STORE_NOT_IMPLEMENTED,
                      "This store can delete on condition of an ETag, but not of LastModifiedTime or Size");
    } else if (r < 0 || request->count == 0) {
        vb_store_fail(call->http, VB_STORE_MALFORMED_XML, NULL);
    } else {
        judge_items(request);
        r = delete_items(call, request, &err);
        if (r < 0)
            vb_store_call_fail(call, r, &err);
        else
            answer(call, request);
    }
    vb_arena_release(&request->arena);
    free(request);
}
