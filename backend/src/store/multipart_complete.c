/* CompleteMultipartUpload: compares the client's list of parts with the stored ones, and computes the
 * checksum of the whole object. */
#include "store/call.h"

#include "base/cleanup.h"
#include "base/number.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct part_array {
    struct vb_engine_part *parts;
    size_t count, capacity;
};

struct complete_request {
    struct part_array named; /* by the client; checksum.present if it sent one */
    bool root;
};

/* Returns a new, zeroed last part. NULL: there are too many, or memory is out. */
static struct vb_engine_part *append(struct part_array *array)
{
    if (array->count == VB_ENGINE_PARTS_MAX)
        return NULL;
    if (array->count == array->capacity) {
        size_t capacity = array->capacity ? 2 * array->capacity : 64;
        struct vb_engine_part *parts = realloc(array->parts, capacity * sizeof(*parts));

        if (!parts)
            return NULL;
        array->parts = parts;
        array->capacity = capacity;
    }
    array->parts[array->count] = (struct vb_engine_part){0};
    return &array->parts[array->count++];
}

static int on_start(void *context, const char *path)
{
    struct complete_request *request = context;

    request->root = request->root || strcmp(path, "CompleteMultipartUpload") == 0;
    if (!request->root)
        return -EINVAL;
    if (strcmp(path, "CompleteMultipartUpload/Part") == 0 && !append(&request->named))
        return -EINVAL;
    return 0;
}

static int parse_number(const char *text, unsigned *ret_number)
{
    uint64_t number;

    if (strlen(text) > 5 || vb_uint_parse(text, strlen(text), VB_ENGINE_PARTS_MAX, &number) < 0 || number < 1)
        return -EINVAL;
    *ret_number = (unsigned)number;
    return 0;
}

/* Copies an ETag without its quotes. One that is too long is cut, and then matches no part. */
static void copy_etag(const char *text, char etag[VB_ENGINE_ETAG_SIZE])
{
    size_t length = strlen(text);

    if (length >= 2 && text[0] == '"' && text[length - 1] == '"') {
        text++;
        length -= 2;
    }
    snprintf(etag, VB_ENGINE_ETAG_SIZE, "%.*s",
             (int)(length < VB_ENGINE_ETAG_SIZE ? length : VB_ENGINE_ETAG_SIZE), text);
}

static int on_end(void *context, const char *path, const char *text)
{
    static const char prefix[] = "CompleteMultipartUpload/Part";
    struct complete_request *request = context;
    struct vb_engine_part *part;

    if (strncmp(path, prefix, sizeof(prefix) - 1) != 0)
        return 0;
    part = &request->named.parts[request->named.count - 1];
    path += sizeof(prefix) - 1;
    if (!*path)
        return part->number && *part->etag ? 0 : -EINVAL;
    path++;
    if (strcmp(path, "PartNumber") == 0)
        return parse_number(text, &part->number);
    if (strcmp(path, "ETag") == 0)
        copy_etag(text, part->etag);
    for (const enum vb_hash_algorithm *a = vb_store_checksum_algorithms; *a != VB_HASH_ALGORITHMS; a++) {
        if (strcmp(path, vb_store_checksum_element(*a)) == 0) {
            part->checksum = (struct vb_engine_checksum){.present = true, .algorithm = *a};
            snprintf(part->checksum.value, sizeof(part->checksum.value), "%s", text);
        }
    }
    return 0;
}

/* Returns false after answering. */
static bool read_parts(struct vb_store_call *call, struct complete_request *request)
{
    const struct vb_xml_reader reader = {.size_max = VB_STORE_XML_BODY_MAX,
                                         .elements_max = 8 * VB_ENGINE_PARTS_MAX + 10,
                                         .on_start = on_start,
                                         .on_end = on_end,
                                         .context = request};

    if (vb_xml_read(&reader, call->body.collected.data, call->body.collected.length, NULL) < 0 ||
        request->named.count == 0) {
        vb_store_fail(call->http, VB_STORE_MALFORMED_XML, NULL);
        return false;
    }
    for (size_t i = 1; i < request->named.count; i++) {
        if (request->named.parts[i].number <= request->named.parts[i - 1].number) {
            vb_store_fail(call->http, VB_STORE_INVALID_PART_ORDER, NULL);
            return false;
        }
    }
    return true;
}

static int add_stored(void *context, const struct vb_engine_part *part)
{
    struct vb_engine_part *copy = append(context);

    if (!copy)
        return -ENOMEM;
    *copy = *part;
    return 0;
}

static void fail_part(struct vb_store_call *call, const struct vb_engine_part *part)
{
    char number[16];

    snprintf(number, sizeof(number), "%u", part->number);
    vb_store_fail_fields(
        call->http, VB_STORE_INVALID_PART,
        (const struct vb_store_error_field[]){{"UploadId", vb_store_call_query(call, "uploadId")},
                                              {"PartNumber", number},
                                              {"ETag", part->etag},
                                              {NULL, NULL}},
        NULL);
}

/* Checks the named parts against the stored ones, and copies size and checksum from them. Returns false after
 * answering. */
static bool match_parts(struct vb_store_call *call, struct part_array *named, const struct part_array *stored)
{
    size_t at = 0;

    for (size_t i = 0; i < named->count; i++) {
        struct vb_engine_part *part = &named->parts[i];
        const struct vb_engine_part *found;

        while (at < stored->count && stored->parts[at].number < part->number)
            at++;
        found = at < stored->count && stored->parts[at].number == part->number ? &stored->parts[at] : NULL;
        if (!found || strcmp(found->etag, part->etag) != 0 ||
            (part->checksum.present && found->checksum.present &&
             part->checksum.algorithm == found->checksum.algorithm &&
             strcmp(part->checksum.value, found->checksum.value) != 0)) {
            fail_part(call, part);
            return false;
        }
        part->size = found->size;
        part->checksum = found->checksum;
    }
    return true;
}

/* Checks x-amz-mp-object-size. Returns false after answering. */
static bool size_holds(struct vb_store_call *call, const struct part_array *parts)
{
    const char *header = vb_http_header(call->http, "x-amz-mp-object-size");
    int64_t total = 0;
    char text[24];

    for (size_t i = 0; i < parts->count; i++)
        total += parts->parts[i].size;
    snprintf(text, sizeof(text), "%lld", (long long)total);
    if (!header || strcmp(header, text) == 0)
        return true;
    vb_store_fail(
        call->http, VB_STORE_INVALID_REQUEST,
        "The provided 'x-amz-mp-object-size' header value %.20s does not match what was computed: %s", header,
        text);
    return false;
}

/* The checksum that the client expects of the whole object, and its algorithm. NULL: none. */
static const char *expected_checksum(struct vb_store_call *call, enum vb_hash_algorithm *ret_algorithm)
{
    for (const enum vb_hash_algorithm *a = vb_store_checksum_algorithms; *a != VB_HASH_ALGORITHMS; a++) {
        const char *value = vb_http_header(call->http, vb_store_checksum_header(*a));

        if (value) {
            *ret_algorithm = *a;
            return value;
        }
    }
    return NULL;
}

static bool same_checksum(const char *expected, const struct vb_engine_checksum *checksum)
{
    size_t length = strcspn(checksum->value, "-");

    /* a composite value may be given without its "-<parts>" */
    return strcmp(expected, checksum->value) == 0 ||
           (strlen(expected) == length && memcmp(expected, checksum->value, length) == 0);
}

/* Chooses the checksum of the whole object: the upload's, or the one that the client expects. Returns false
 * after answering. */
static bool choose_checksum(struct vb_store_call *call, const struct vb_engine_checksum *upload,
                            const enum vb_hash_algorithm *expected, struct vb_engine_checksum *ret_chosen)
{
    const char *type = vb_http_header(call->http, "x-amz-checksum-type");
    struct vb_engine_checksum chosen = *upload;

    if (!upload->present) {
        chosen.algorithm = *expected;
        chosen.full_object = *expected >= VB_HASH_CRC32; /* CRCs can be combined, SHA sums cannot */
    } else if (type && strcasecmp(type, vb_store_checksum_type(upload)) != 0) {
        vb_store_fail(call->http, VB_STORE_INVALID_REQUEST,
                      "The upload was created using the %s checksum mode. The complete request must use the "
                      "same checksum mode.",
                      vb_store_checksum_type(upload));
        return false;
    }
    if (expected && *expected != chosen.algorithm) {
        vb_store_fail(call->http, VB_STORE_INVALID_REQUEST,
                      "Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s",
                      vb_store_checksum_name(chosen.algorithm), vb_store_checksum_name(*expected));
        return false;
    }
    *ret_chosen = chosen;
    return true;
}

/* Computes the checksum of the whole object from those of its parts. Returns false after answering. */
static bool join_checksums(struct vb_store_call *call, const struct vb_engine_checksum *chosen,
                           const struct part_array *parts, struct vb_engine_checksum *ret_checksum)
{
    struct vb_store_checksum_parts sum;

    vb_store_checksum_parts_init(&sum, chosen->algorithm, chosen->full_object);
    for (size_t i = 0; i < parts->count; i++) {
        const struct vb_engine_part *part = &parts->parts[i];

        if (vb_store_checksum_parts_add(&sum, &part->checksum, part->size) < 0) {
            vb_store_checksum_parts_final(&sum, NULL);
            vb_store_fail(call->http, VB_STORE_INVALID_REQUEST,
                          "Part %u was uploaded without a %s checksum; name x-amz-checksum-algorithm when "
                          "creating the upload",
                          part->number, vb_store_checksum_name(chosen->algorithm));
            return false;
        }
    }
    vb_store_checksum_parts_final(&sum, ret_checksum);
    return true;
}

/* If the upload or the client asks for a checksum, computes it and compares it with the expected one. Returns
 * false after answering. */
static bool compute_checksum(struct vb_store_call *call, const struct vb_engine_checksum *upload,
                             const struct part_array *parts, struct vb_engine_checksum *ret_checksum)
{
    enum vb_hash_algorithm algorithm;
    const char *expected = expected_checksum(call, &algorithm);
    struct vb_engine_checksum chosen;

    if (!upload->present && !expected)
        return true;
    if (!choose_checksum(call, upload, expected ? &algorithm : NULL, &chosen) ||
        !join_checksums(call, &chosen, parts, ret_checksum))
        return false;
    if (!expected || same_checksum(expected, ret_checksum))
        return true;
    vb_store_fail(call->http, VB_STORE_BAD_DIGEST,
                  "The %s you specified did not match the calculated checksum.",
                  vb_store_checksum_name(chosen.algorithm));
    return false;
}

/* Checks what can be checked before the commit. An upload that is gone passes: the engine knows whether the
 * request is a repetition. Returns false after answering. */
static bool prepare(struct vb_store_call *call, struct part_array *named,
                    struct vb_engine_checksum *ret_checksum)
{
    const char *upload_id = vb_store_call_query(call, "uploadId");
    struct part_array stored = {0};
    struct vb_engine_meta upload = {0};
    struct vb_error err = {0};
    bool truncated, ok = true;
    int r = vb_engine_multipart_get(call->engine, call->target.bucket, call->target.key, upload_id, &upload,
                                    &err);

    if (r == -ESRCH)
        return true;
    if (r == 0)
        r = vb_engine_multipart_list_parts(call->engine, call->target.bucket, call->target.key, upload_id, 0,
                                           VB_ENGINE_PARTS_MAX, add_stored, &stored, &truncated, &err);
    if (r == 0)
        ok = match_parts(call, named, &stored) && size_holds(call, named) &&
             compute_checksum(call, &upload.checksum, named, ret_checksum);
    else if (r != -ESRCH)
        vb_store_call_fail(call, r, &err);
    vb_engine_meta_release(&upload);
    free(stored.parts);
    return ok && (r == 0 || r == -ESRCH);
}

static void answer(struct vb_store_call *call, const struct vb_engine_meta *meta)
{
    struct vb_http_request *http = call->http;
    struct vb_strbuf document;
    const char *location =
        vb_arena_printf(&http->arena, "%s://%s%s", http->secure ? "https" : "http", http->host, http->path);

    vb_store_document_begin(&document, "CompleteMultipartUploadResult");
    vb_xml_element(&document, "Location", location);
    vb_xml_element(&document, "Bucket", call->target.bucket);
    vb_xml_element(&document, "Key", call->target.key);
    vb_store_xml_etag(&document, meta->etag);
    vb_store_xml_checksum(&document, &meta->checksum, true);
    vb_xml_end(&document, "CompleteMultipartUploadResult");
    vb_store_call_answer_xml(call, &document);
}

static void complete(struct vb_store_call *call, struct part_array *named)
{
    struct vb_engine_condition condition;
    struct vb_engine_checksum checksum = {0};
    struct vb_engine_meta meta = {0};
    struct vb_error err = {0};
    int r;

    if (!vb_store_call_read_condition(call, &condition) || !prepare(call, named, &checksum))
        return;
    r = vb_engine_multipart_complete(call->engine, call->target.bucket, call->target.key,
                                     vb_store_call_query(call, "uploadId"), named->parts, named->count,
                                     checksum.present ? &checksum : NULL, &condition, &meta, &err);
    if (r == -EINVAL) {
        vb_store_fail(call->http, VB_STORE_INVALID_PART, NULL);
    } else if (r == -EDOM) {
        vb_store_fail(call->http, VB_STORE_INVALID_PART_ORDER, NULL);
    } else if (r == -ERANGE) {
        vb_store_fail(call->http, VB_STORE_ENTITY_TOO_SMALL, NULL);
    } else if (r < 0) {
        vb_store_call_fail(call, r, &err);
    } else {
        answer(call, &meta);
        vb_engine_meta_release(&meta);
    }
}

void vb_store_complete_multipart_upload(struct vb_store_call *call)
{
    struct complete_request request = {0};

    if (read_parts(call, &request))
        complete(call, &request.named);
    free(request.named.parts);
}
