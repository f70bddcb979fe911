/* Files that go to S3 in one request, or in parts. */
#include "client_fixture.h"

#include "base/memory.h"
#include "s3/client_multipart.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>

static int make_file(int64_t size)
{
    int fd = memfd_create("test", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, size), 0);
    for (int64_t at = 0; at + 8 <= size; at += 1000003)
        assert_int_equal(pwrite(fd, &at, 8, at), 8);
    return fd;
}

static void a_small_file_goes_in_one_request(void **state)
{
    int fd = make_file(100000);
    struct vb_s3_object object;
    struct fixture f;
    char *content = vb_xmalloc(100000);

    (void)state;
    SCRIPT(server, ERROR("503 Slow Down", "SlowDown", "x"), {PUT_OK});
    fixture_init(&f, server, 0, 0);
    assert_int_equal(pread(fd, content, 100000, 0), 100000);
    assert_int_equal(vb_s3_put_file(f.s3, "k", fd, 100000, NULL, &object, &f.err), 0);
    assert_int_equal(object.size, 100000);
    for (unsigned i = 0; i < 2; i++) {
        assert_signed(script_request(server, i));
        assert_int_equal(script_request(server, i)->body_size, 100000);
        assert_memory_equal(script_request(server, i)->body, content, 100000);
    }
    assert_int_equal(vb_s3_put_file(f.s3, "k", fd, 100001, NULL, &object, &f.err), -EIO);
    assert_int_equal(script_requests(server), 2);
    free(content);
    close(fd);
    fixture_release(&f);
    script_stop(server);
}

#define INITIATED                                                                                            \
    "HTTP/1.1 200 OK\r\n" CLOSING XML "<InitiateMultipartUploadResult xmlns=\"http://s3.amazonaws.com/doc/"  \
    "2006-03-01/\"><UploadId>id/+1</UploadId></InitiateMultipartUploadResult>"
#define COMPLETED                                                                                            \
    "HTTP/1.1 200 OK\r\n" CLOSING "  \n" XML "<CompleteMultipartUploadResult><ETag>&quot;abc-3&quot;</ETag>" \
    "</CompleteMultipartUploadResult>"
#define PART(etag) "HTTP/1.1 200 OK\r\nETag: \"" etag "\"\r\n" EMPTY

static void a_large_file_goes_in_parts(void **state)
{
    const int64_t size = 33 * MIB;
    const struct vb_s3_put options = {.content_type = "video/mp4", .if_none_match = true};
    int fd = make_file(size);
    struct script_request *request;
    struct vb_s3_object object;
    struct fixture f;
    char *content = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);

    (void)state;
    SCRIPT(server, {INITIATED, 0, SCRIPT_CLOSE}, {PART("p1")}, {PART("p2")}, {PART("p3")},
           {COMPLETED, 0, SCRIPT_CLOSE});
    fixture_init(&f, server, 0, 0);
    assert_int_equal(vb_s3_put_file(f.s3, "v.mp4", fd, size, &options, &object, &f.err), 0);
    assert_string_equal(object.etag, "\"abc-3\"");
    assert_int_equal(object.size, size);
    assert_int_equal(script_requests(server), 5);
    for (unsigned i = 0; i < 5; i++)
        assert_signed(script_request(server, i));
    assert_string_equal(script_request(server, 0)->target, "/" BUCKET "/v.mp4?uploads=");
    assert_string_equal(script_header(script_request(server, 0), "content-type"), "video/mp4");
    for (unsigned i = 0; i < 3; i++) {
        char target[128];

        request = script_request(server, i + 1);
        snprintf(target, sizeof(target), "/" BUCKET "/v.mp4?partNumber=%u&uploadId=id%%2F%%2B1", i + 1);
        assert_string_equal(request->target, target);
        assert_int_equal(request->body_size, i < 2 ? 16 * MIB : MIB);
        assert_int_equal(memcmp(request->body, content + i * 16 * MIB, request->body_size), 0);
    }
    request = script_request(server, 4);
    assert_string_equal(request->method, "POST");
    assert_string_equal(request->target, "/" BUCKET "/v.mp4?uploadId=id%2F%2B1");
    assert_string_equal(script_header(request, "if-none-match"), "*");
    assert_non_null(strstr(request->body, "<Part><PartNumber>1</PartNumber><ETag>&quot;p1&quot;</ETag></Part>"
                                          "<Part><PartNumber>2</PartNumber><ETag>&quot;p2&quot;</ETag></Part>"
                                          "<Part><PartNumber>3</PartNumber>"));
    munmap(content, (size_t)size);
    close(fd);
    fixture_release(&f);
    script_stop(server);
}

static void a_failed_upload_is_aborted(void **state)
{
    int fd = make_file(17 * MIB);
    struct fixture f;

    (void)state;
    SCRIPT(server, {INITIATED, 0, SCRIPT_CLOSE}, {PART("p1")}, ERROR("403 Forbidden", "AccessDenied", "No"),
           {"HTTP/1.1 204 No Content\r\n\r\n"}, {INITIATED, 0, SCRIPT_CLOSE}, {PART("p1")}, {PART("p2")},
           ERROR("200 OK", "InvalidPart", "Gone"), {"HTTP/1.1 204 No Content\r\n\r\n"});
    fixture_init(&f, server, 0, 0);
    assert_int_equal(vb_s3_put_file(f.s3, "k", fd, 17 * MIB, NULL, NULL, &f.err), -EACCES);
    assert_int_equal(script_requests(server), 4);
    assert_string_equal(script_request(server, 3)->method, "DELETE");
    assert_string_equal(script_request(server, 3)->target, "/" BUCKET "/k?uploadId=id%2F%2B1");
    assert_non_null(strstr(f.err.message, "AccessDenied"));
    assert_int_equal(vb_s3_put_file(f.s3, "k", fd, 17 * MIB, NULL, NULL, &f.err), -EIO);
    assert_non_null(strstr(f.err.message, "InvalidPart"));
    assert_string_equal(script_request(server, 8)->method, "DELETE");
    close(fd);
    fixture_release(&f);
    script_stop(server);
}

static void a_completion_whose_answer_was_lost_still_succeeds(void **state)
{
    int fd = make_file(17 * MIB);
    struct vb_s3_object object;
    struct fixture f;

    (void)state;
    SCRIPT(server, {INITIATED, 0, SCRIPT_CLOSE}, {PART("p1")}, {PART("p2"), 0, SCRIPT_CLOSE},
           {NULL, 0, SCRIPT_CLOSE}, ERROR("404 Not Found", "NoSuchUpload", "x"),
           {"HTTP/1.1 200 OK\r\nContent-Length: 17825792\r\nETag: \"e-2\"\r\n\r\n"});
    fixture_init(&f, server, 0, 0);
    assert_int_equal(vb_s3_put_file(f.s3, "k", fd, 17 * MIB, NULL, &object, &f.err), 0);
    assert_string_equal(object.etag, "\"e-2\"");
    assert_string_equal(script_request(server, 5)->method, "HEAD");
    close(fd);
    fixture_release(&f);
    script_stop(server);
}

static void parts_grow_so_that_ten_thousand_suffice(void **state)
{
    static const int64_t sizes[] = {
        1, 16 * MIB, 16 * MIB + 1, 160000 * MIB, 160000 * MIB + 1, VB_S3_OBJECT_MAX};

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(sizes); i++) {
        int64_t part = vb_s3_part_size(sizes[i]);

        assert_true(part >= VB_S3_MULTIPART_MIN && part <= 5120 * MIB);
        assert_int_equal(part % MIB, 0);
        assert_true((sizes[i] + part - 1) / part <= VB_S3_PARTS_MAX);
    }
    assert_int_equal(vb_s3_part_size(160000 * MIB), 16 * MIB);
    assert_int_equal(vb_s3_part_size(160000 * MIB + 1), 17 * MIB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_file_goes_in_one_request),
        cmocka_unit_test(a_large_file_goes_in_parts),
        cmocka_unit_test(a_failed_upload_is_aborted),
        cmocka_unit_test(a_completion_whose_answer_was_lost_still_succeeds),
        cmocka_unit_test(parts_grow_so_that_ten_thousand_suffice),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
