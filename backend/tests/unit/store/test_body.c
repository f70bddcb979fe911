/* Receiving a body: lengths, digests and aws-chunked. A body that is not as announced does not pass. */
#include "fake_http.h"

#include "base/memory.h"
#include "store/call.h"

#include <ftw.h>

#define TEXT        "123456789"
#define TEXT_CRC32  "y/Q5Jg=="
#define TEXT_MD5    "JfnnlDI7RTiF9RgfG2JNCw=="
#define TEXT_SHA256 "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"
#define CHUNKED     "9\r\n" TEXT "\r\n0\r\n"

struct fixture {
    struct fake_http fake;
    struct vb_store_operation operation;
    struct vb_store_call call;
    unsigned admitted;
    bool refuse;
};

static struct fixture *current; /* for admit(), which is given a call */

static int set_up(void **state)
{
    struct fixture *f = vb_xcalloc(1, sizeof(*f));

    fake_init(&f->fake, VB_HTTP_PUT, "");
    f->fake.request.content_length = sizeof(TEXT) - 1;
    f->operation.body = VB_STORE_BODY_XML;
    f->call = (struct vb_store_call){.http = &f->fake.request, .operation = &f->operation};
    strcpy(f->call.verified.payload_hash, VB_SIGV4_UNSIGNED);
    *state = current = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    vb_store_body_release(&f->call.body);
    fake_release(&f->fake);
    free(f);
    return 0;
}

/* Sends the body in pieces of step bytes. Returns the result of finish; false if an answer came before. */
static bool receive(struct fixture *f, const char *body, size_t size, size_t step)
{
    if (!vb_store_body_begin(&f->call))
        return false;
    for (size_t at = 0; at < size && !vb_http_answered(&f->fake.request); at += step)
        vb_store_body_write(&f->call, body + at, size - at < step ? size - at : step);
    return !vb_http_answered(&f->fake.request) && vb_store_body_finish(&f->call);
}

static void assert_refused(struct fixture *f, const char *body, int status, const char *code)
{
    char element[64];

    snprintf(element, sizeof(element), "<Code>%s</Code>", code);
    assert_false(receive(f, body, strlen(body), 4));
    assert_int_equal(f->fake.status, status);
    assert_answer_has(&f->fake, element);
}

static void assert_received(struct fixture *f, const char *body)
{
    if (!receive(f, body, strlen(body), 4))
        fail_msg("refused: %s", f->fake.answer.data);
    assert_int_equal(f->fake.status, 0);
    assert_int_equal(f->call.body.size, sizeof(TEXT) - 1);
    assert_string_equal(f->call.body.collected.data, TEXT);
}

static void unsigned_chunks(struct fixture *f, const char *trailer)
{
    strcpy(f->call.verified.payload_hash, VB_SIGV4_UNSIGNED_TRAILER);
    f->fake.request.content_length = 1000;
    fake_header(&f->fake, "x-amz-decoded-content-length", "9");
    if (trailer)
        fake_header(&f->fake, "x-amz-trailer", trailer);
}

static void a_body_of_the_announced_length_is_collected(void **state)
{
    assert_received(*state, TEXT);
}

static void a_body_that_ends_early_is_refused(void **state)
{
    assert_refused(*state, "12345678", 400, "IncompleteBody");
}

static void a_body_longer_than_announced_is_refused(void **state)
{
    assert_refused(*state, TEXT "0", 400, "IncompleteBody");
}

static void a_body_of_no_announced_length_is_refused(void **state)
{
    struct fixture *f = *state;

    f->fake.request.content_length = VB_HTTP_LENGTH_UNKNOWN;
    assert_refused(f, TEXT, 411, "MissingContentLength");
}

static void an_object_needs_a_content_length_even_when_it_is_empty(void **state)
{
    struct fixture *f = *state;

    f->operation.body = VB_STORE_BODY_OBJECT;
    f->fake.request.content_length = 0;
    assert_refused(f, "", 411, "MissingContentLength");
}

static void a_body_above_the_maximum_is_refused_before_its_first_byte(void **state)
{
    struct fixture *f = *state;

    f->fake.request.content_length = (int64_t)VB_STORE_XML_BODY_MAX + 1;
    assert_false(vb_store_body_begin(&f->call));
    assert_int_equal(f->fake.status, 400);
    assert_answer_has(&f->fake, "<Code>EntityTooLarge</Code>");
    assert_answer_has(&f->fake,
                      "<ProposedSize>4194305</ProposedSize><MaxSizeAllowed>4194304</MaxSizeAllowed>");
}

static void a_body_that_no_operation_reads_is_ignored(void **state)
{
    struct fixture *f = *state;

    f->operation.body = VB_STORE_BODY_NONE;
    f->fake.request.content_length = VB_HTTP_LENGTH_UNKNOWN;
    fake_header(&f->fake, "Content-MD5", "nonsense");
    assert_true(receive(f, TEXT, sizeof(TEXT) - 1, 4));
    assert_int_equal(f->call.body.collected.length, 0);
}

static void a_right_md5_passes(void **state)
{
    struct fixture *f = *state;

    fake_header(&f->fake, "Content-MD5", TEXT_MD5);
    assert_received(f, TEXT);
}

static void a_wrong_md5_is_refused_with_both_digests(void **state)
{
    struct fixture *f = *state;

    fake_header(&f->fake, "Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA==");
    assert_refused(f, TEXT, 400, "BadDigest");
    assert_answer_has(&f->fake, "<ExpectedDigest>AAAAAAAAAAAAAAAAAAAAAA==</ExpectedDigest>"
                                "<CalculatedDigest>" TEXT_MD5 "</CalculatedDigest>");
}

static void an_md5_that_is_none_is_refused_before_the_body(void **state)
{
    struct fixture *f = *state;

    fake_header(&f->fake, "Content-MD5", "AAAA");
    assert_false(vb_store_body_begin(&f->call));
    assert_answer_has(&f->fake, "<Code>InvalidDigest</Code>");
}

static void a_body_that_has_the_signed_sha256_passes(void **state)
{
    struct fixture *f = *state;

    strcpy(f->call.verified.payload_hash, TEXT_SHA256);
    assert_received(f, TEXT);
}

static void a_body_that_has_not_the_signed_sha256_is_refused(void **state)
{
    struct fixture *f = *state;

    strcpy(f->call.verified.payload_hash, TEXT_SHA256);
    assert_refused(f, "123456780", 400, "XAmzContentSHA256Mismatch");
}

static void a_right_checksum_passes_and_is_kept(void **state)
{
    struct fixture *f = *state;

    fake_header(&f->fake, "x-amz-checksum-crc32", TEXT_CRC32);
    assert_received(f, TEXT);
    assert_true(f->call.body.checksum.present);
    assert_int_equal(f->call.body.checksum.algorithm, VB_HASH_CRC32);
    assert_string_equal(f->call.body.checksum.value, TEXT_CRC32);
}

static void a_wrong_checksum_is_refused(void **state)
{
    struct fixture *f = *state;

    fake_header(&f->fake, "x-amz-checksum-crc32", "AAAAAA==");
    assert_refused(f, TEXT, 400, "BadDigest");
}

static void a_checksum_of_another_length_is_refused_before_the_body(void **state)
{
    struct fixture *f = *state;

    fake_header(&f->fake, "x-amz-checksum-crc32", TEXT_MD5);
    assert_false(vb_store_body_begin(&f->call));
    assert_answer_has(&f->fake, "Value for x-amz-checksum-crc32 header is invalid.");
}

static void two_checksums_are_refused(void **state)
{
    struct fixture *f = *state;

    fake_header(&f->fake, "x-amz-checksum-crc32", TEXT_CRC32);
    fake_header(&f->fake, "x-amz-checksum-crc32c", "4waSgw==");
    assert_false(vb_store_body_begin(&f->call));
    assert_answer_has(&f->fake, "<Code>InvalidRequest</Code>");
}

static void an_algorithm_named_without_a_value_is_computed(void **state)
{
    struct fixture *f = *state;

    fake_header(&f->fake, "x-amz-sdk-checksum-algorithm", "CRC32");
    assert_received(f, TEXT);
    assert_string_equal(f->call.body.checksum.value, TEXT_CRC32);
}

static void an_unknown_algorithm_is_refused(void **state)
{
    struct fixture *f = *state;

    fake_header(&f->fake, "x-amz-sdk-checksum-algorithm", "MD5");
    assert_false(vb_store_body_begin(&f->call));
    assert_answer_has(&f->fake, "<Code>InvalidRequest</Code>");
}

static void the_checksum_header_of_a_list_of_parts_is_not_the_bodys(void **state)
{
    struct fixture *f = *state;

    f->operation.body = VB_STORE_BODY_PARTS;
    fake_header(&f->fake, "x-amz-checksum-crc32", "AAAAAA==");
    assert_received(f, TEXT);
    assert_false(f->call.body.checksum.present);
}

static void an_aws_chunked_body_is_decoded_whatever_its_pieces(void **state)
{
    for (size_t step = 1; step <= sizeof(CHUNKED "\r\n"); step++) {
        struct fixture *f = *state;

        unsigned_chunks(f, NULL);
        if (!receive(f, CHUNKED "\r\n", sizeof(CHUNKED "\r\n") - 1, step))
            fail_msg("pieces of %zu: %s", step, f->fake.answer.data);
        assert_string_equal(f->call.body.collected.data, TEXT);
        tear_down(state);
        set_up(state);
    }
}

static void an_aws_chunked_body_cut_anywhere_is_refused(void **state)
{
    for (size_t size = 0; size < sizeof(CHUNKED) - 1; size++) {
        struct fixture *f = *state;

        unsigned_chunks(f, NULL);
        assert_false(receive(f, CHUNKED, size, 4));
        assert_int_equal(f->fake.status, 400);
        assert_answer_has(&f->fake, "<Code>IncompleteBody</Code>");
        tear_down(state);
        set_up(state);
    }
}

static void an_aws_chunked_body_needs_its_decoded_length(void **state)
{
    struct fixture *f = *state;

    strcpy(f->call.verified.payload_hash, VB_SIGV4_UNSIGNED_TRAILER);
    assert_false(vb_store_body_begin(&f->call));
    assert_int_equal(f->fake.status, 411);
}

static void an_aws_chunked_body_is_as_long_as_its_decoded_length(void **state)
{
    assert_int_equal(sizeof(TEXT) - 1, 9);
    for (int length = 8; length <= 10; length += 2) {
        struct fixture *f = *state;

        strcpy(f->call.verified.payload_hash, VB_SIGV4_UNSIGNED_TRAILER);
        fake_header(&f->fake, "x-amz-decoded-content-length", length == 8 ? "8" : "10");
        assert_refused(f, CHUNKED "\r\n", 400, "IncompleteBody");
        tear_down(state);
        set_up(state);
    }
}

static void a_checksum_in_the_trailer_is_compared(void **state)
{
    struct fixture *f = *state;

    unsigned_chunks(f, "x-amz-checksum-crc32");
    assert_received(f, CHUNKED "x-amz-checksum-crc32:" TEXT_CRC32 "\r\n\r\n");
    assert_string_equal(f->call.body.checksum.value, TEXT_CRC32);
}

static void a_wrong_checksum_in_the_trailer_is_refused(void **state)
{
    struct fixture *f = *state;

    unsigned_chunks(f, "x-amz-checksum-crc32");
    assert_refused(f, CHUNKED "x-amz-checksum-crc32:AAAAAA==\r\n\r\n", 400, "BadDigest");
}

static void a_trailer_that_was_announced_and_does_not_come_is_refused(void **state)
{
    struct fixture *f = *state;

    unsigned_chunks(f, "x-amz-checksum-crc32");
    assert_refused(f, CHUNKED "\r\n", 400, "MalformedTrailerError");
}

static void a_trailer_of_a_plain_body_is_refused(void **state)
{
    struct fixture *f = *state;

    fake_header(&f->fake, "x-amz-trailer", "x-amz-checksum-crc32");
    assert_false(vb_store_body_begin(&f->call));
    assert_answer_has(&f->fake, "<Code>InvalidRequest</Code>");
}

/* Bodies that are objects go to a writer of the engine. */

static struct vb_engine *engine;
static char directory[] = "/tmp/vibe-body-XXXXXX";

static bool admit(struct vb_store_call *call)
{
    assert_null(call->body.writer);
    current->admitted++;
    if (current->refuse)
        vb_store_fail(call->http, VB_STORE_NO_SUCH_UPLOAD, NULL);
    return !current->refuse;
}

static int set_up_object(void **state)
{
    struct fixture *f;

    set_up(state);
    f = *state;
    f->operation.body = VB_STORE_BODY_OBJECT;
    f->operation.admit = admit;
    f->call.engine = engine;
    return 0;
}

static void an_object_is_admitted_once_before_its_first_byte(void **state)
{
    struct fixture *f = *state;

    assert_true(receive(f, TEXT, sizeof(TEXT) - 1, 1));
    assert_int_equal(f->admitted, 1);
    assert_int_equal(vb_engine_writer_size(f->call.body.writer), sizeof(TEXT) - 1);
    assert_int_equal(f->call.body.collected.length, 0);
}

static void an_empty_object_is_admitted_and_has_a_writer(void **state)
{
    struct fixture *f = *state;

    f->fake.request.content_length = 0;
    fake_header(&f->fake, "Content-Length", "0");
    assert_true(receive(f, "", 0, 1));
    assert_int_equal(f->admitted, 1);
    assert_non_null(f->call.body.writer);
}

static void an_object_that_is_not_admitted_is_never_written(void **state)
{
    struct fixture *f = *state;

    f->refuse = true;
    assert_refused(f, TEXT, 404, "NoSuchUpload");
    assert_int_equal(f->admitted, 1);
    assert_null(f->call.body.writer);
    vb_store_body_write(&f->call, TEXT, sizeof(TEXT) - 1); /* the rest of it comes all the same */
    assert_null(f->call.body.writer);
    assert_int_equal(f->admitted, 1);
}

static void the_md5_of_an_object_is_compared_with_its_writers(void **state)
{
    struct fixture *f = *state;

    fake_header(&f->fake, "Content-MD5", TEXT_MD5);
    assert_true(receive(f, TEXT, sizeof(TEXT) - 1, 4));
    tear_down(state);
    set_up_object(state);
    f = *state;
    fake_header(&f->fake, "Content-MD5", TEXT_MD5);
    assert_refused(f, "123456780", 400, "BadDigest");
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static int open_engine(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(directory));
    return vb_engine_open(&(struct vb_engine_config){.directory = directory}, &engine, NULL);
}

static int close_engine(void **state)
{
    (void)state;
    vb_engine_close(engine);
    return nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
#define WITH_BODY(test)   cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define WITH_OBJECT(test) cmocka_unit_test_setup_teardown(test, set_up_object, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_BODY(a_body_of_the_announced_length_is_collected),
        WITH_BODY(a_body_that_ends_early_is_refused),
        WITH_BODY(a_body_longer_than_announced_is_refused),
        WITH_BODY(a_body_of_no_announced_length_is_refused),
        WITH_BODY(an_object_needs_a_content_length_even_when_it_is_empty),
        WITH_BODY(a_body_above_the_maximum_is_refused_before_its_first_byte),
        WITH_BODY(a_body_that_no_operation_reads_is_ignored),
        WITH_BODY(a_right_md5_passes),
        WITH_BODY(a_wrong_md5_is_refused_with_both_digests),
        WITH_BODY(an_md5_that_is_none_is_refused_before_the_body),
        WITH_BODY(a_body_that_has_the_signed_sha256_passes),
        WITH_BODY(a_body_that_has_not_the_signed_sha256_is_refused),
        WITH_BODY(a_right_checksum_passes_and_is_kept),
        WITH_BODY(a_wrong_checksum_is_refused),
        WITH_BODY(a_checksum_of_another_length_is_refused_before_the_body),
        WITH_BODY(two_checksums_are_refused),
        WITH_BODY(an_algorithm_named_without_a_value_is_computed),
        WITH_BODY(an_unknown_algorithm_is_refused),
        WITH_BODY(the_checksum_header_of_a_list_of_parts_is_not_the_bodys),
        WITH_BODY(an_aws_chunked_body_is_decoded_whatever_its_pieces),
        WITH_BODY(an_aws_chunked_body_cut_anywhere_is_refused),
        WITH_BODY(an_aws_chunked_body_needs_its_decoded_length),
        WITH_BODY(an_aws_chunked_body_is_as_long_as_its_decoded_length),
        WITH_BODY(a_checksum_in_the_trailer_is_compared),
        WITH_BODY(a_wrong_checksum_in_the_trailer_is_refused),
        WITH_BODY(a_trailer_that_was_announced_and_does_not_come_is_refused),
        WITH_BODY(a_trailer_of_a_plain_body_is_refused),
        WITH_OBJECT(an_object_is_admitted_once_before_its_first_byte),
        WITH_OBJECT(an_empty_object_is_admitted_and_has_a_writer),
        WITH_OBJECT(an_object_that_is_not_admitted_is_never_written),
        WITH_OBJECT(the_md5_of_an_object_is_compared_with_its_writers),
    };

    return cmocka_run_group_tests(tests, open_engine, close_engine);
}
