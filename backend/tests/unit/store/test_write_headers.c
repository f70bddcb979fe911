/* The headers of a write: what is kept of them, and what is refused. */
#include "fake_http.h"

#include "base/memory.h"
#include "store/call.h"

struct fixture {
    struct fake_http fake;
    struct vb_store_call call;
    struct vb_engine_meta meta;
    struct vb_engine_condition condition;
};

static int set_up(void **state)
{
    struct fixture *f = vb_xcalloc(1, sizeof(*f));

    fake_init(&f->fake, VB_HTTP_PUT, "");
    f->call =
        (struct vb_store_call){.http = &f->fake.request, .target = {.bucket = "photos", .key = "a.jpg"}};
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    fake_release(&f->fake);
    free(f);
    return 0;
}

static void assert_answered(const struct fixture *f, int status, const char *code)
{
    char element[64];

    snprintf(element, sizeof(element), "<Code>%s</Code>", code);
    assert_int_equal(f->fake.status, status);
    assert_answer_has(&f->fake, element);
}

static void metadata_is_kept_with_names_in_lower_case(void **state)
{
    static const char expected[] = "camera\0Leica M\0place\0\0";
    struct fixture *f = *state;

    fake_header(&f->fake, "X-Amz-Meta-Camera", "Leica M");
    fake_header(&f->fake, "x-amz-meta-PLACE", "");
    fake_header(&f->fake, "x-amz-meta-", "no name");
    fake_header(&f->fake, "x-amz-metadata", "another header");
    assert_true(vb_store_call_read_meta(&f->call, &f->meta));
    assert_memory_equal(f->meta.user_metadata, expected, sizeof(expected));
}

static void an_object_without_metadata_has_none(void **state)
{
    struct fixture *f = *state;

    assert_true(vb_store_call_read_meta(&f->call, &f->meta));
    assert_null(f->meta.user_metadata);
    assert_null(f->meta.content_type);
    assert_null(f->meta.content_encoding);
}

static void metadata_has_at_most_2048_bytes(void **state)
{
    char value[2049];

    memset(value, 'v', sizeof(value));
    for (size_t length = 2047; length <= 2048; length++) {
        struct fixture *f = *state;

        value[length] = '\0';
        fake_header(&f->fake, "x-amz-meta-n", value); /* the name counts as well */
        assert_int_equal(vb_store_call_read_meta(&f->call, &f->meta), length == 2047);
        if (length == 2048) {
            assert_answered(f, 400, "MetadataTooLarge");
            assert_answer_has(&f->fake, "<Size>2049</Size><MaxSizeAllowed>2048</MaxSizeAllowed>");
        }
        value[length] = 'v';
        tear_down(state);
        set_up(state);
    }
}

static void metadata_in_the_query_counts_for_a_presigned_url_alone(void **state)
{
    for (int presigned = 0; presigned <= 1; presigned++) {
        struct fixture *f = *state;

        f->fake.request.query = "a=b&x-amz-meta-place=Z%C3%BCrich&x-amz-meta-x=1";
        f->call.verified.presigned = presigned;
        assert_true(vb_store_call_read_meta(&f->call, &f->meta));
        if (presigned)
            assert_memory_equal(f->meta.user_metadata,
                                "place\0Zürich\0x\0"
                                "1\0",
                                18);
        else
            assert_null(f->meta.user_metadata);
        tear_down(state);
        set_up(state);
    }
}

static void the_coding_of_the_transfer_is_not_the_objects(void **state)
{
    static const struct {
        const char *sent, *kept;
    } rows[] = {{"gzip", "gzip"},
                {"aws-chunked", NULL},
                {"AWS-Chunked", NULL},
                {"aws-chunked,gzip", "gzip"},
                {"aws-chunked, gzip, br", "gzip,br"},
                {"gzip, aws-chunked", "gzip"},
                {"aws-chunked ,gzip", "gzip"},
                {"aws-chunkedly", "aws-chunkedly"},
                {"", NULL}};

    for (size_t i = 0; i < VB_ARRAY_SIZE(rows); i++) {
        struct fixture *f = *state;

        fake_header(&f->fake, "Content-Encoding", rows[i].sent);
        assert_true(vb_store_call_read_meta(&f->call, &f->meta));
        if (rows[i].kept)
            assert_string_equal(f->meta.content_encoding, rows[i].kept);
        else
            assert_null(f->meta.content_encoding);
        tear_down(state);
        set_up(state);
    }
}

/* Without the header, a browser would show the compressed bytes. */
static void a_header_that_memory_cannot_hold_refuses_the_write(void **state)
{
    static const char *const names[] = {"Content-Encoding", "x-amz-meta-place"};

    for (size_t i = 0; i < VB_ARRAY_SIZE(names); i++) {
        struct fixture *f = *state;

        fake_header(&f->fake, names[i], "gzip");
        vb_arena_release(&f->fake.request.arena);
        vb_arena_init(&f->fake.request.arena, 1);
        assert_false(vb_store_call_read_meta(&f->call, &f->meta));
        assert_answered(f, 503, "SlowDown");
        tear_down(state);
        set_up(state);
    }
}

static void metadata_of_the_query_that_memory_cannot_hold_refuses_the_write(void **state)
{
    struct fixture *f = *state;

    f->fake.request.query = "x-amz-meta-place=here";
    f->call.verified.presigned = true;
    vb_arena_release(&f->fake.request.arena);
    vb_arena_init(&f->fake.request.arena, 1);
    assert_false(vb_store_call_read_meta(&f->call, &f->meta));
    assert_answered(f, 503, "SlowDown");
}

static void a_write_may_ask_that_the_key_is_free(void **state)
{
    struct fixture *f = *state;

    fake_header(&f->fake, "If-None-Match", "*");
    assert_true(vb_store_call_read_condition(&f->call, &f->condition));
    assert_true(f->condition.absent);
    assert_null(f->condition.etag);
}

static void a_write_may_ask_for_an_etag_with_or_without_quotes(void **state)
{
    static const char *const values[] = {"\"900150983cd24fb0\"", "900150983cd24fb0"};

    for (size_t i = 0; i < VB_ARRAY_SIZE(values); i++) {
        struct fixture *f = *state;

        fake_header(&f->fake, "If-Match", values[i]);
        assert_true(vb_store_call_read_condition(&f->call, &f->condition));
        assert_false(f->condition.absent);
        assert_string_equal(f->condition.etag, "900150983cd24fb0");
        tear_down(state);
        set_up(state);
    }
}

static void a_condition_that_is_not_checked_is_refused(void **state)
{
    static const struct vb_http_header headers[] = {{"If-None-Match", "\"900150983cd24fb0\""},
                                                    {"If-Match", "*"}};

    for (size_t i = 0; i < VB_ARRAY_SIZE(headers); i++) {
        struct fixture *f = *state;

        fake_header(&f->fake, headers[i].name, headers[i].value);
        assert_false(vb_store_call_read_condition(&f->call, &f->condition));
        assert_answered(f, 501, "NotImplemented");
        assert_answer_has(&f->fake, headers[i].name);
        tear_down(state);
        set_up(state);
    }
}

static void headers_that_the_store_cannot_honour_are_refused(void **state)
{
    static const struct {
        const char *name, *value;
        int status;
        const char *code;
    } rows[] = {{"x-amz-server-side-encryption", "AES256", 501, "NotImplemented"},
                {"x-amz-tagging", "a=b", 501, "NotImplemented"},
                {"x-amz-object-lock-mode", "GOVERNANCE", 501, "NotImplemented"},
                {"x-amz-website-redirect-location", "/", 501, "NotImplemented"},
                {"x-amz-write-offset-bytes", "1", 501, "NotImplemented"},
                {"x-amz-grant-read", "id=1", 400, "AccessControlListNotSupported"},
                {"x-amz-acl", "public-read", 400, "AccessControlListNotSupported"},
                {"x-amz-storage-class", "FASTER", 400, "InvalidStorageClass"}};

    for (size_t i = 0; i < VB_ARRAY_SIZE(rows); i++) {
        struct fixture *f = *state;

        fake_header(&f->fake, rows[i].name, rows[i].value);
        assert_false(vb_store_call_check_write_headers(&f->call));
        assert_answered(f, rows[i].status, rows[i].code);
        tear_down(state);
        set_up(state);
    }
}

static void headers_that_change_nothing_here_are_accepted(void **state)
{
    struct fixture *f = *state;

    fake_header(&f->fake, "x-amz-acl", "private");
    fake_header(&f->fake, "x-amz-storage-class", "STANDARD_IA");
    assert_true(vb_store_call_check_write_headers(&f->call));
    assert_int_equal(f->fake.status, 0);
}

static void the_only_version_of_an_object_is_null(void **state)
{
    static const struct {
        const char *query;
        bool holds;
    } rows[] = {{"", true}, {"versionId=null", true}, {"versionId=", true}, {"versionId=3sL4", false}};

    for (size_t i = 0; i < VB_ARRAY_SIZE(rows); i++) {
        struct fixture *f = *state;

        f->fake.request.query = rows[i].query;
        assert_int_equal(vb_store_call_check_version(&f->call), rows[i].holds);
        if (!rows[i].holds) {
            assert_answered(f, 404, "NoSuchVersion");
            assert_answer_has(&f->fake, "<Key>a.jpg</Key><VersionId>3sL4</VersionId>");
        }
        tear_down(state);
        set_up(state);
    }
}

int main(void)
{
#define WITH_CALL(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_CALL(metadata_is_kept_with_names_in_lower_case),
        WITH_CALL(an_object_without_metadata_has_none),
        WITH_CALL(metadata_has_at_most_2048_bytes),
        WITH_CALL(metadata_in_the_query_counts_for_a_presigned_url_alone),
        WITH_CALL(the_coding_of_the_transfer_is_not_the_objects),
        WITH_CALL(a_header_that_memory_cannot_hold_refuses_the_write),
        WITH_CALL(metadata_of_the_query_that_memory_cannot_hold_refuses_the_write),
        WITH_CALL(a_write_may_ask_that_the_key_is_free),
        WITH_CALL(a_write_may_ask_for_an_etag_with_or_without_quotes),
        WITH_CALL(a_condition_that_is_not_checked_is_refused),
        WITH_CALL(headers_that_the_store_cannot_honour_are_refused),
        WITH_CALL(headers_that_change_nothing_here_are_accepted),
        WITH_CALL(the_only_version_of_an_object_is_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
