/* S3 client against our own store over HTTP: the two sides of S3's dialect agree. */
#include "base/clock.h"
#include "base/memory.h"
#include "http/server.h"
#include "s3/client.h"
#include "s3/multipart.h"
#include "store/server.h"

#include <errno.h>
#include <ftw.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define KEY_ID "AKIDEXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define MIB    ((int64_t)1024 * 1024)

struct fixture {
    char directory[64];
    struct vb_engine *store;
    struct vb_store_server *app;
    struct vb_pool *pool;
    struct vb_http_server *server;
    struct vb_http_client *http;
    struct vb_credentials_provider *credentials, *wrong_credentials;
    struct vb_s3_client *s3, *intruder;
    struct vb_error err;
};

static int set_up(void **state)
{
    struct fixture *f = vb_xcalloc(1, sizeof(*f));
    const struct vb_http_client_config http_config = {0};
    char endpoint[64];

    strcpy(f->directory, "/tmp/vibe-test-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    assert_int_equal(
        vb_engine_open(&(struct vb_engine_config){.directory = f->directory}, &f->store, &f->err), 0);
    f->app = vb_store_server_create(&(struct vb_store_server_config){
        .engine = f->store, .region = "us-east-1", .access_key_id = KEY_ID, .secret_access_key = SECRET});
    f->pool = vb_pool_create("test", 8, 64);
    assert_int_equal(vb_http_server_start(&(struct vb_http_config){.name = "store",
                                                                   .bind_address = "127.0.0.1",
                                                                   .routes = vb_store_routes,
                                                                   .app = f->app,
                                                                   .threads = 1,
                                                                   .pool = f->pool,
                                                                   .error = vb_store_http_error,
                                                                   .no_access_log = true},
                                          &f->server, &f->err),
                     0);
    snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%u", vb_http_server_port(f->server));
    f->http = vb_http_client_create(&http_config);
    f->credentials = vb_credentials_fixed(KEY_ID, SECRET);
    f->wrong_credentials = vb_credentials_fixed(KEY_ID, "wrong");
    struct vb_s3_config config = {.region = "us-east-1",
                                  .bucket = "vibe-test",
                                  .endpoint = endpoint,
                                  .credentials = f->credentials,
                                  .http = f->http};
    f->s3 = vb_s3_client_create(&config);
    config.credentials = f->wrong_credentials;
    f->intruder = vb_s3_client_create(&config);
    assert_int_equal(vb_s3_head_bucket(f->s3, &f->err), -ENOENT);
    assert_int_equal(vb_s3_create_bucket(f->s3, &f->err), 0);
    *state = f;
    return 0;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status, (void)type, (void)walk;
    return remove(path);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    vb_s3_client_destroy(f->s3);
    vb_s3_client_destroy(f->intruder);
    vb_credentials_destroy(f->credentials);
    vb_credentials_destroy(f->wrong_credentials);
    vb_http_client_destroy(f->http);
    vb_http_server_drain(f->server, 1000);
    vb_http_server_stop(f->server);
    vb_pool_destroy(f->pool);
    vb_store_server_destroy(f->app);
    vb_engine_close(f->store);
    nftw(f->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

static void the_bucket_is_made_once(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(vb_s3_head_bucket(f->s3, &f->err), 0);
    assert_int_equal(vb_s3_create_bucket(f->s3, &f->err), 0);
}

static void an_object_comes_back_as_it_was_put(void **state)
{
    const struct vb_s3_put options = {.content_type = "image/jpeg",
                                      .cache_control = "no-store",
                                      .metadata = (const char *const[]){"owner", "u1", NULL}};
    struct fixture *f = *state;
    struct vb_s3_object put, head, got;
    struct vb_strbuf out;

    vb_strbuf_init(&out, 100);
    assert_int_equal(vb_s3_put(f->s3, "a/b.jpg", "some\0bytes", 10, &options, &put, &f->err), 0);
    assert_int_equal(vb_s3_head(f->s3, "a/b.jpg", &head, &f->err), 0);
    assert_int_equal(head.size, 10);
    assert_string_equal(head.etag, put.etag);
    assert_string_equal(head.content_type, "image/jpeg");
    assert_string_equal(head.cache_control, "no-store");
    assert_string_equal(head.checksum_sha256, "VxzG33qFe7BQXMWpHpGp5NdqWOLUfpTiVUtNm5LSjo4=");
    assert_in_range(head.last_modified_s, vb_clock_realtime_s() - 60, vb_clock_realtime_s() + 1);
    assert_int_equal(vb_s3_get_data(f->s3, "a/b.jpg", 0, -1, head.etag, &out, &got, &f->err), 0);
    assert_int_equal(out.length, 10);
    assert_memory_equal(out.data, "some\0bytes", 10);
    assert_string_equal(got.content_type, "image/jpeg");
    vb_strbuf_clear(&out);
    assert_int_equal(vb_s3_get_data(f->s3, "a/b.jpg", 5, 3, NULL, &out, &got, &f->err), 0);
    assert_string_equal(out.data, "byt");
    assert_int_equal(got.size, 10);
    assert_int_equal(vb_s3_get_data(f->s3, "a/b.jpg", 10, -1, NULL, &out, NULL, &f->err), -ENODATA);
    assert_int_equal(vb_s3_get_data(f->s3, "a/b.jpg", 0, -1, "\"other\"", &out, NULL, &f->err),
                     -EKEYREJECTED);
    vb_strbuf_release(&out);
}

static void failures_map_to_their_errors(void **state)
{
    struct fixture *f = *state;
    struct vb_s3_object object;

    assert_int_equal(vb_s3_head(f->s3, "nothing", &object, &f->err), -ENOENT);
    assert_int_equal(vb_s3_delete(f->s3, "nothing", &f->err), 0);
    assert_int_equal(vb_s3_copy(f->s3, "nothing", "to", NULL, NULL, &f->err), -ENOENT);
    assert_non_null(strstr(f->err.message, "NoSuchKey"));
    assert_int_equal(vb_s3_put(f->intruder, "k", "x", 1, NULL, NULL, &f->err), -EACCES);
    assert_non_null(strstr(f->err.message, "SignatureDoesNotMatch"));
    assert_int_equal(vb_s3_put(f->s3, "k", "x", 1, &(struct vb_s3_put){.if_none_match = true}, NULL, &f->err),
                     0);
    assert_int_equal(vb_s3_put(f->s3, "k", "y", 1, &(struct vb_s3_put){.if_none_match = true}, NULL, &f->err),
                     -EEXIST);
    assert_int_equal(vb_s3_delete(f->s3, "k", &f->err), 0);
    assert_int_equal(vb_s3_head(f->s3, "k", &object, &f->err), -ENOENT);
}

static void a_copy_keeps_or_replaces_type_and_metadata(void **state)
{
    const struct vb_s3_put first = {.content_type = "image/png", .cache_control = "no-store"};
    const struct vb_s3_put second = {.content_type = "image/jpeg"};
    struct fixture *f = *state;
    struct vb_s3_object from, to;

    assert_int_equal(vb_s3_put(f->s3, "from \xc3\xbc+", "abc", 3, &first, &from, &f->err), 0);
    assert_int_equal(vb_s3_copy(f->s3, "from \xc3\xbc+", "to", from.etag, NULL, &f->err), 0);
    assert_int_equal(vb_s3_head(f->s3, "to", &to, &f->err), 0);
    assert_string_equal(to.content_type, "image/png");
    assert_string_equal(to.cache_control, "no-store");
    assert_int_equal(vb_s3_copy(f->s3, "from \xc3\xbc+", "to", from.etag, &second, &f->err), 0);
    assert_int_equal(vb_s3_head(f->s3, "to", &to, &f->err), 0);
    assert_string_equal(to.content_type, "image/jpeg");
    assert_string_equal(to.cache_control, "");
    assert_int_equal(vb_s3_copy(f->s3, "from \xc3\xbc+", "to", "\"other\"", NULL, &f->err), -EKEYREJECTED);
}

static int count_and_check(void *context, const struct vb_s3_listed *object)
{
    static const char *const odd[] = {"odd/ ", "odd/%41+&", "odd/\x01\n", "odd/../x", "odd/\xf0\x9f\x8c\x8a"};
    unsigned *count = context;

    for (size_t i = 0; i < VB_ARRAY_SIZE(odd); i++)
        *count += strcmp(odd[i], object->key) == 0;
    assert_int_equal(object->size, 1);
    assert_true(object->etag[0] == '"');
    assert_in_range(object->last_modified_s, vb_clock_realtime_s() - 60, vb_clock_realtime_s() + 1);
    return 0;
}

static void odd_keys_are_put_listed_and_found(void **state)
{
    static const char *const odd[] = {"odd/ ", "odd/%41+&", "odd/\x01\n", "odd/../x", "odd/\xf0\x9f\x8c\x8a"};
    struct fixture *f = *state;
    struct vb_s3_object object;
    unsigned count = 0;

    for (size_t i = 0; i < VB_ARRAY_SIZE(odd); i++) {
        assert_int_equal(vb_s3_put(f->s3, odd[i], "x", 1, NULL, NULL, &f->err), 0);
        assert_int_equal(vb_s3_head(f->s3, odd[i], &object, &f->err), 0);
    }
    assert_int_equal(vb_s3_list(f->s3, "odd/", count_and_check, &count, &f->err), 0);
    assert_int_equal(count, VB_ARRAY_SIZE(odd));
}

static int count_in_order(void *context, const struct vb_s3_listed *object)
{
    unsigned *count = context;
    char expected[32];

    snprintf(expected, sizeof(expected), "many/%05u", *count);
    assert_string_equal(object->key, expected);
    (*count)++;
    return 0;
}

struct share {
    struct vb_s3_client *s3;
    unsigned first, count, failed;
};

static void *put_share(void *context)
{
    struct share *share = context;

    for (unsigned i = share->first; i < share->first + share->count; i++) {
        char key[32];

        snprintf(key, sizeof(key), "many/%05u", i);
        share->failed += vb_s3_put(share->s3, key, "x", 1, NULL, NULL, NULL) < 0;
    }
    return NULL;
}

static void a_long_listing_is_whole_and_in_order(void **state)
{
    struct fixture *f = *state;
    struct share shares[8];
    pthread_t threads[8];
    unsigned count = 0;

    for (unsigned i = 0; i < 8; i++) {
        shares[i] = (struct share){f->s3, i * 150, 150, 0};
        pthread_create(&threads[i], NULL, put_share, &shares[i]);
    }
    for (unsigned i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(shares[i].failed, 0);
    }
    assert_int_equal(vb_s3_list(f->s3, "many/", count_in_order, &count, &f->err), 0);
    assert_int_equal(count, 1200);
}

struct comparison {
    const char *expected;
    int64_t at, size;
};

static int compare(void *context, const char *data, size_t size)
{
    struct comparison *comparison = context;

    if ((int64_t)size > comparison->size - comparison->at ||
        memcmp(comparison->expected + comparison->at, data, size) != 0)
        return -1;
    comparison->at += (int64_t)size;
    return 0;
}

static void files_small_and_large_come_back_whole(void **state)
{
    static const int64_t sizes[] = {0, 1, 3 * MIB + 7, 16 * MIB, 16 * MIB + 1, 37 * MIB};
    const struct vb_s3_put options = {.content_type = "video/mp4"};
    struct fixture *f = *state;
    struct vb_s3_object put, got;

    for (size_t i = 0; i < VB_ARRAY_SIZE(sizes); i++) {
        int fd = memfd_create("test", MFD_CLOEXEC);
        char *content, key[32];
        struct comparison comparison;

        assert_int_equal(ftruncate(fd, sizes[i] + 1), 0);
        content = mmap(NULL, (size_t)sizes[i] + 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        for (int64_t at = 0; at < sizes[i]; at += 4099)
            content[at] = (char)(at / 4099);
        snprintf(key, sizeof(key), "file-%zu", i);
        comparison = (struct comparison){content, 0, sizes[i]};
        assert_int_equal(vb_s3_put_file(f->s3, key, fd, sizes[i], &options, &put, &f->err), 0);
        assert_int_equal(vb_s3_get(f->s3, key, 0, -1, put.etag, compare, &comparison, &got, &f->err), 0);
        assert_int_equal(comparison.at, sizes[i]);
        assert_int_equal(got.size, sizes[i]);
        assert_string_equal(got.content_type, "video/mp4");
        if (sizes[i] > 16 * MIB)
            assert_non_null(strchr(put.etag, '-'));
        munmap(content, (size_t)sizes[i] + 1);
        close(fd);
    }
}

struct parts {
    struct vb_s3_part list[4];
    size_t count;
};

static int keep_part(void *context, const struct vb_s3_part *part)
{
    struct parts *parts = context;

    assert_true(parts->count < VB_ARRAY_SIZE(parts->list));
    assert_in_range(part->last_modified_s, vb_clock_realtime_s() - 60, vb_clock_realtime_s() + 1);
    parts->list[parts->count++] = *part;
    return 0;
}

/* Sends what a phone would, to a URL made for it; the status. */
static int send_part(struct fixture *f, const char *key, const char *id, unsigned number,
                     const char *signed_length, int64_t size)
{
    const struct vb_sigv4_header length = {"Content-Length", signed_length};
    char query[2048], *data = vb_xcalloc(1, (size_t)size);
    struct vb_s3_presign presign = {
        .method = "PUT", .key = key, .query = query, .headers = &length, .header_count = 1, .expires_s = 60};
    struct vb_http_exchange exchange = {.method = "PUT", .body = data, .body_size = size};
    struct vb_strbuf url;

    snprintf(query, sizeof(query), "partNumber=%u&uploadId=%s", number, id);
    vb_strbuf_init(&url, 8192);
    vb_strbuf_init(&exchange.response, 65536);
    assert_int_equal(vb_s3_presign(f->s3, &presign, &url, &f->err), 0);
    exchange.url = url.data;
    assert_int_equal(vb_http_client_perform(f->http, &exchange, &f->err), 0);
    vb_strbuf_release(&exchange.response);
    vb_strbuf_release(&url);
    free(data);
    return exchange.status;
}

static void parts_that_another_client_sends_become_one_object(void **state)
{
    const struct vb_s3_put options = {.content_type = "video/mp4",
                                      .metadata = (const char *const[]){"vibe-purpose", "story-media", NULL}};
    struct fixture *f = *state;
    char id[VB_S3_UPLOAD_ID_SIZE], purpose[32];
    struct parts parts = {0};
    struct vb_s3_object object;

    assert_int_equal(vb_s3_multipart_create(f->s3, "in parts", &options, id, &f->err), 0);
    assert_int_equal(vb_s3_multipart_parts(f->s3, "in parts", id, keep_part, &parts, &f->err), 0);
    assert_int_equal(parts.count, 0);
    assert_int_equal(send_part(f, "in parts", id, 2, "1000", 1000), 200);
    assert_int_equal(send_part(f, "in parts", id, 1, "5242880", 5 * MIB + 1), 403); /* the length is signed */
    assert_int_equal(send_part(f, "in parts", id, 1, "5242880", 5 * MIB), 200);
    assert_int_equal(vb_s3_multipart_parts(f->s3, "in parts", id, keep_part, &parts, &f->err), 0);
    assert_int_equal(parts.count, 2);
    assert_int_equal(parts.list[0].number, 1);
    assert_int_equal(parts.list[0].size, 5 * MIB);
    assert_int_equal(parts.list[1].number, 2);
    assert_int_equal(vb_s3_head(f->s3, "in parts", &object, &f->err), -ENOENT);
    assert_int_equal(vb_s3_multipart_complete(f->s3, "in parts", id, parts.list, 2, NULL, &object, &f->err),
                     0);
    assert_int_equal(object.size, 5 * MIB + 1000);
    assert_int_equal(vb_s3_head(f->s3, "in parts", &object, &f->err), 0);
    assert_int_equal(object.size, 5 * MIB + 1000);
    assert_string_equal(object.content_type, "video/mp4");
    assert_true(vb_s3_metadata(&object, "vibe-purpose", purpose, sizeof(purpose)));
    assert_string_equal(purpose, "story-media");
    assert_int_equal(vb_s3_multipart_parts(f->s3, "in parts", id, keep_part, &parts, &f->err), -ENOENT);
    assert_int_equal(vb_s3_multipart_abort(f->s3, "in parts", id, &f->err), -ENOENT);
}

struct uploads {
    struct vb_s3_client *s3;
    unsigned count, stop_after;
    bool abort;
    char last[64];
};

static int count_upload(void *context, const struct vb_s3_upload *upload)
{
    struct uploads *uploads = context;

    assert_true(strcmp(upload->key, uploads->last) > 0);
    assert_in_range(upload->initiated_s, vb_clock_realtime_s() - 60, vb_clock_realtime_s() + 1);
    snprintf(uploads->last, sizeof(uploads->last), "%s", upload->key);
    if (uploads->abort)
        assert_int_equal(vb_s3_multipart_abort(uploads->s3, upload->key, upload->id, NULL), 0);
    return ++uploads->count == uploads->stop_after ? -1 : 0;
}

static void uploads_are_listed_over_pages_until_they_are_aborted(void **state)
{
    struct fixture *f = *state;
    char id[VB_S3_UPLOAD_ID_SIZE], key[64];
    struct uploads uploads = {.stop_after = 3};

    for (unsigned i = 0; i < 1003; i++) {
        snprintf(key, sizeof(key), "begun/%04u \xc3\xbc&<", i);
        assert_int_equal(vb_s3_multipart_create(f->s3, key, NULL, id, &f->err), 0);
    }
    assert_int_equal(vb_s3_multipart_list(f->s3, "begun/", count_upload, &uploads, &f->err), -ECANCELED);
    assert_int_equal(uploads.count, 3);
    uploads = (struct uploads){.s3 = f->s3, .abort = true};
    assert_int_equal(vb_s3_multipart_list(f->s3, "begun/", count_upload, &uploads, &f->err), 0);
    assert_int_equal(uploads.count, 1003);
    uploads = (struct uploads){0};
    assert_int_equal(vb_s3_multipart_list(f->s3, "begun/", count_upload, &uploads, &f->err), 0);
    assert_int_equal(uploads.count, 0);
}

static void a_presigned_url_is_all_that_is_needed(void **state)
{
    const struct vb_sigv4_header type = {"content-type", "image/jpeg"};
    struct vb_s3_presign presign = {.method = "PUT",
                                    .key = "user-uploads/u 1/x.jpg",
                                    .headers = &type,
                                    .header_count = 1,
                                    .expires_s = 60};
    struct vb_http_exchange exchange = {.method = "PUT", .body = "photo", .body_size = 5};
    struct fixture *f = *state;
    struct vb_strbuf url;

    vb_strbuf_init(&url, 8192);
    vb_strbuf_init(&exchange.response, 65536);
    assert_int_equal(vb_s3_presign(f->s3, &presign, &url, &f->err), 0);
    exchange.url = url.data;
    exchange.headers = (const char *const[]){"Content-Type: text/html", NULL};
    assert_int_equal(vb_http_client_perform(f->http, &exchange, &f->err), 0);
    assert_int_equal(exchange.status, 403);
    exchange.headers = (const char *const[]){"Content-Type: image/jpeg", NULL};
    assert_int_equal(vb_http_client_perform(f->http, &exchange, &f->err), 0);
    assert_int_equal(exchange.status, 200);

    presign = (struct vb_s3_presign){
        .method = "GET", .key = "user-uploads/u 1/x.jpg", .expires_s = 60, .host = "localhost"};
    vb_strbuf_clear(&url);
    assert_int_equal(vb_s3_presign(f->s3, &presign, &url, &f->err), 0);
    exchange = (struct vb_http_exchange){.method = "GET", .url = url.data, .response = exchange.response};
    assert_int_equal(vb_http_client_perform(f->http, &exchange, &f->err), 0);
    assert_int_equal(exchange.status, 200);
    assert_string_equal(exchange.response.data, "photo");
    vb_strbuf_release(&exchange.response);
    vb_strbuf_release(&url);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bucket_is_made_once),
        cmocka_unit_test(an_object_comes_back_as_it_was_put),
        cmocka_unit_test(failures_map_to_their_errors),
        cmocka_unit_test(a_copy_keeps_or_replaces_type_and_metadata),
        cmocka_unit_test(odd_keys_are_put_listed_and_found),
        cmocka_unit_test(a_long_listing_is_whole_and_in_order),
        cmocka_unit_test(files_small_and_large_come_back_whole),
        cmocka_unit_test(parts_that_another_client_sends_become_one_object),
        cmocka_unit_test(uploads_are_listed_over_pages_until_they_are_aborted),
        cmocka_unit_test(a_presigned_url_is_all_that_is_needed),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
