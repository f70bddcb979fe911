/* Failures that S3 reports: reading them and explaining them. See client_call.h. */
#include "s3/client_call.h"

#include "s3/xml.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ERROR_ELEMENTS_MAX 100

/* Puts a peer's text into a buffer, cut to its size and without control characters. */
static void copy_text(char *to, size_t size, const char *from)
{
    size_t length = strnlen(from, size - 1);

    for (size_t i = 0; i < length; i++)
        to[i] = (unsigned char)from[i] < ' ' || from[i] == 0x7f ? ' ' : from[i];
    to[length] = '\0';
}

static int on_error_element(void *context, const char *path, const char *text)
{
    struct vb_s3_failure *failure = context;

    if (strcmp(path, "Error/Code") == 0)
        copy_text(failure->code, sizeof(failure->code), text);
    else if (strcmp(path, "Error/Message") == 0)
        copy_text(failure->message, sizeof(failure->message), text);
    else if (strcmp(path, "Error/Region") == 0)
        copy_text(failure->region, sizeof(failure->region), text);
    return 0;
}

void vb_s3_failure_read(struct vb_s3_failure *failure, const char *data, size_t size)
{
    struct vb_s3_failure found = *failure;
    struct vb_xml_reader reader = {
        .size_max = size, .elements_max = ERROR_ELEMENTS_MAX, .on_end = on_error_element, .context = &found};

    if (size && vb_xml_read(&reader, data, size, NULL) == 0)
        *failure = found;
}

struct result_check {
    const char *root;
    bool found;
};

static int on_result_start(void *context, const char *path)
{
    struct result_check *check = context;

    if (strcmp(path, check->root) == 0)
        check->found = true;
    return 0;
}

/* The HTTP status of an error code; 400 for codes that are not listed. */
static int status_of_code(const char *code)
{
    static const struct {
        const char *code;
        int status;
    } known[] = {{"InternalError", 500}, {"SlowDown", 503},           {"ServiceUnavailable", 503},
                 {"NoSuchKey", 404},     {"NoSuchUpload", 404},       {"NoSuchBucket", 404},
                 {"AccessDenied", 403},  {"PreconditionFailed", 412}, {"ConditionalRequestConflict", 409}};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(code, known[i].code) == 0)
            return known[i].status;
    }
    return 400;
}

void vb_s3_call_check_result(struct vb_s3_call *call)
{
    struct result_check check = {.root = call->result};
    struct vb_xml_reader reader = {.size_max = call->response.length,
                                   .elements_max = SIZE_MAX,
                                   .on_start = on_result_start,
                                   .context = &check};

    if (vb_xml_read(&reader, call->response.data, call->response.length, NULL) == 0 && check.found)
        return;
    vb_s3_failure_read(&call->failure, call->response.data, call->response.length);
    if (call->failure.code[0]) {
        call->status = status_of_code(call->failure.code);
        return;
    }
    call->status = 500;
    copy_text(call->failure.message, sizeof(call->failure.message),
              "the answer's document is torn or of an unknown kind");
}

static int errno_of(const struct vb_s3_call *call)
{
    switch (call->status) {
    case 404:
        return ENOENT;
    case 403:
        return EACCES;
    case 412:
        return call->if_none_match ? EEXIST : EKEYREJECTED;
    case 416:
        return ENODATA;
    case 429:
    case 503:
        return EBUSY;
    default:
        return EIO;
    }
}

static const char *hint_for(const struct vb_s3_call *call)
{
    static const struct {
        const char *code, *hint;
    } hints[] = {
        {"InvalidAccessKeyId", "Check AWS_ACCESS_KEY_ID: this S3 does not know it"},
        {"SignatureDoesNotMatch",
         "Check AWS_SECRET_ACCESS_KEY, and that nothing on the way rewrites requests"},
        {"ExpiredToken", "Renew the temporary credentials: AWS_SESSION_TOKEN has ended"},
        {"InvalidToken", "Check AWS_SESSION_TOKEN, and that it belongs to the access key"},
        {"RequestTimeTooSkewed", "Set this machine's clock: it differs from S3's by more than 15 minutes"},
        {"NoSuchBucket", "check S3_BUCKET_NAME and the endpoint, or create the bucket"},
        {"AccessDenied", "Allow this in the IAM policy of the credentials and in the bucket's policy"},
        {"EntityTooLarge", "Objects above 5 GiB need a multipart upload"},
    };

    for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
        if (strcmp(call->failure.code, hints[i].code) == 0)
            return hints[i].hint;
    }
    return NULL;
}

/* Whether the bucket is in another region: redirects, and requests signed for the wrong region. */
static bool is_wrong_region(const struct vb_s3_call *call)
{
    bool elsewhere = call->failure.region[0] && strcmp(call->failure.region, call->client->region) != 0;

    if (call->status == 301 || call->status == 307 || call->status == 308)
        return true;
    return elsewhere && (call->status == 400 || call->status == 403);
}

int vb_s3_call_explain(const struct vb_s3_call *call, struct vb_error *err)
{
    const struct vb_s3_client *client = call->client;
    const struct vb_s3_failure *failure = &call->failure;
    const char *hint;
    char what[256];
    int r;

    if (call->key)
        snprintf(what, sizeof(what), "%s of \"%.160s\" in bucket \"%.64s\"", call->method, call->key,
                 client->bucket);
    else
        snprintf(what, sizeof(what), "%s of bucket \"%.64s\"", call->method, client->bucket);

    if (is_wrong_region(call)) {
        r = vb_error_set(err, EIO, "S3 refuses %s: the bucket is not in region \"%s\" (%s, HTTP %d)", what,
                         client->region, failure->code[0] ? failure->code : "moved", call->status);
        if (failure->region[0])
            vb_error_hint(err, "set AWS_REGION=%s, and S3_ENDPOINT, if set, to one of that region",
                          failure->region);
        else
            vb_error_hint(err, "set AWS_REGION to the region of the bucket");
        return r;
    }
    if (failure->code[0] || failure->message[0])
        r = vb_error_set(err, errno_of(call), "S3 refuses %s: %s: %s (HTTP %d)", what,
                         failure->code[0] ? failure->code : "no code", failure->message, call->status);
    else
        r = vb_error_set(err, errno_of(call), "S3 refuses %s with HTTP %d", what, call->status);
    hint = hint_for(call);
    if (hint)
        vb_error_hint(err, "%s", hint);
    return r;
}
