/* Buckets and objects: put, get, stat, delete, copy, their conditions and their files. */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>

static void put_object_is_read_back_whole(void **state)
{
    struct fixture *fixture = *state;
    static const size_t sizes[] = {0,
                                   1,
                                   20000,
                                   (size_t)VB_ENGINE_INLINE_MAX - 1,
                                   (size_t)VB_ENGINE_INLINE_MAX,
                                   (size_t)VB_ENGINE_INLINE_MAX + 1,
                                   LARGE,
                                   20 * MIB + 7};

    for (size_t i = 0; i < VB_ARRAY_SIZE(sizes); i++) {
        char key[32];

        snprintf(key, sizeof(key), "size-%zu", sizes[i]);
        put_made(fixture->engine, key, i, sizes[i]);
        assert_object_is(fixture->engine, key, i, sizes[i]);
    }
    reopen(fixture);
    for (size_t i = 0; i < VB_ARRAY_SIZE(sizes); i++) {
        char key[32];

        snprintf(key, sizeof(key), "size-%zu", sizes[i]);
        assert_object_is(fixture->engine, key, i, sizes[i]);
    }
    assert_blob_files(fixture->directory, 3);
}

static void bytes_written_in_pieces_are_joined(void **state)
{
    struct fixture *fixture = *state;
    static const size_t pieces[] = {1, 100, 4096, 30000, 65536, 200000};
    size_t size = 700001;
    unsigned char *bytes = make_bytes(5, size);

    for (size_t i = 0; i < VB_ARRAY_SIZE(pieces); i++) {
        struct vb_engine_writer *writer = NULL;
        struct vb_engine_meta meta = {0};

        assert_int_equal(vb_engine_writer_open(fixture->engine, i % 2 ? -1 : 10, &writer, NULL), 0);
        for (size_t at = 0; at < size; at += pieces[i]) {
            size_t n = size - at < pieces[i] ? size - at : pieces[i];

            assert_int_equal(vb_engine_writer_write(writer, bytes + at, n, NULL), 0);
        }
        assert_int_equal(vb_engine_writer_size(writer), size);
        assert_int_equal(vb_engine_put(writer, "photos", "pieces", &meta, NULL, NULL), 0);
        assert_object_is(fixture->engine, "pieces", 5, size);
    }
    free(bytes);
}

static void etag_is_the_md5(void **state)
{
    struct fixture *fixture = *state;
    struct vb_engine_meta meta = {0};
    struct vb_engine_writer *writer = write_bytes(fixture->engine, "abc", 3);
    int64_t before = vb_clock_realtime_ms();
    unsigned char md5[16];

    vb_engine_writer_md5(writer, md5);
    vb_engine_writer_md5(writer, md5);
    assert_int_equal(md5[0], 0x90);
    assert_int_equal(vb_engine_put(writer, "photos", "abc", &meta, NULL, NULL), 0);
    assert_string_equal(meta.etag, "900150983cd24fb0d6963f7d28e17f72"); /* RFC 1321, A.5 */
    assert_int_equal(meta.size, 3);
    assert_in_range(meta.last_modified_ms, before, vb_clock_realtime_ms());
}

static void metadata_is_kept(void **state)
{
    struct fixture *fixture = *state;
    static char user[] = "camera\0X100\0empty\0\0title\0Grüße\0";
    struct vb_engine_meta meta = {
        .content_type = (char *)"image/jpeg",
        .cache_control = (char *)"no-cache",
        .content_disposition = (char *)"inline",
        .content_encoding = (char *)"gzip",
        .content_language = (char *)"de",
        .expires = (char *)"Thu, 01 Dec 1994 16:00:00 GMT",
        .user_metadata = user,
        .checksum = {
            .present = true, .algorithm = VB_HASH_CRC64NVME, .value = "rosUhgp5mIg=", .full_object = true}};
    struct vb_engine_meta got = {0};

    assert_int_equal(vb_engine_put(write_bytes(fixture->engine, "x", 1), "photos", "m", &meta, NULL, NULL),
                     0);
    reopen(fixture);
    assert_int_equal(vb_engine_stat(fixture->engine, "photos", "m", &got, NULL), 0);
    assert_string_equal(got.content_type, "image/jpeg");
    assert_string_equal(got.cache_control, "no-cache");
    assert_string_equal(got.content_disposition, "inline");
    assert_string_equal(got.content_encoding, "gzip");
    assert_string_equal(got.content_language, "de");
    assert_string_equal(got.expires, meta.expires);
    assert_memory_equal(got.user_metadata, user, sizeof(user));
    assert_true(got.checksum.present && got.checksum.full_object);
    assert_int_equal(got.checksum.algorithm, VB_HASH_CRC64NVME);
    assert_string_equal(got.checksum.value, "rosUhgp5mIg=");
    assert_string_equal(got.etag, meta.etag);
    assert_int_equal(got.last_modified_ms, meta.last_modified_ms);
    assert_int_equal(got.parts, 0);
    vb_engine_meta_release(&got);

    put_made(fixture->engine, "bare", 1, 10);
    assert_int_equal(vb_engine_stat(fixture->engine, "photos", "bare", &got, NULL), 0);
    assert_null(got.content_type);
    assert_null(got.user_metadata);
    assert_false(got.checksum.present);
    vb_engine_meta_release(&got);
}

static void a_missing_bucket_or_object_has_an_error_of_its_own(void **state)
{
    struct fixture *fixture = *state;
    struct vb_engine *engine = fixture->engine;
    struct vb_engine_reader *reader = NULL;
    struct vb_engine_meta meta = {0};
    struct vb_error err = {0};

    assert_int_equal(vb_engine_get(engine, "photos", "none", NULL, &reader, &err), -ENOENT);
    assert_int_equal(vb_engine_get(engine, "nowhere", "none", NULL, &reader, &err), -ENODEV);
    assert_string_equal(err.message, "there is no bucket \"nowhere\"");
    assert_int_equal(vb_engine_stat(engine, "nowhere", "none", &meta, &err), -ENODEV);
    assert_int_equal(vb_engine_stat(engine, "photos", "none", &meta, &err), -ENOENT);
    assert_int_equal(vb_engine_delete(engine, "nowhere", "none", NULL, NULL, &err), -ENODEV);
    assert_int_equal(vb_engine_put(write_bytes(engine, "x", 1), "nowhere", "k", &meta, NULL, &err), -ENODEV);
    assert_int_equal(vb_engine_copy(engine, "photos", "none", NULL, "photos", "k", NULL, NULL, &err),
                     -ENOENT);
    assert_int_equal(vb_engine_copy(engine, "nowhere", "n", NULL, "photos", "k", NULL, NULL, &err), -ENODEV);
}

static void a_refused_put_of_a_large_object_leaves_no_file(void **state)
{
    struct fixture *fixture = *state;
    unsigned char *bytes = make_bytes(1, LARGE);
    struct vb_engine_meta meta = {0};

    assert_int_equal(
        vb_engine_put(write_bytes(fixture->engine, bytes, LARGE), "nowhere", "k", &meta, NULL, NULL),
        -ENODEV);
    vb_engine_writer_abort(write_bytes(fixture->engine, bytes, LARGE));
    assert_int_equal(count_blob_files(fixture->directory), 0);
    free(bytes);
}

static void replacing_removes_the_old_bytes(void **state)
{
    struct fixture *fixture = *state;

    put_made(fixture->engine, "k", 1, LARGE);
    put_made(fixture->engine, "k", 2, LARGE + 1);
    assert_object_is(fixture->engine, "k", 2, LARGE + 1);
    assert_blob_files(fixture->directory, 1);
    put_made(fixture->engine, "k", 3, 10);
    assert_object_is(fixture->engine, "k", 3, 10);
    assert_blob_files(fixture->directory, 0);
}

static void conditions_are_checked_with_the_change(void **state)
{
    struct fixture *fixture = *state;
    struct vb_engine *engine = fixture->engine;
    struct vb_engine_condition none = {.absent = true};
    struct vb_engine_condition match = {.etag = "900150983cd24fb0d6963f7d28e17f72"};
    struct vb_engine_meta meta = {0};
    bool existed = false;

    assert_int_equal(vb_engine_put(write_bytes(engine, "abc", 3), "photos", "k", &meta, &match, NULL),
                     -ENOENT);
    assert_int_equal(vb_engine_put(write_bytes(engine, "abc", 3), "photos", "k", &meta, &none, NULL), 0);
    assert_int_equal(vb_engine_put(write_bytes(engine, "abd", 3), "photos", "k", &meta, &none, NULL),
                     -EEXIST);
    assert_int_equal(vb_engine_put(write_bytes(engine, "abd", 3), "photos", "k", &meta, &match, NULL), 0);
    assert_int_equal(vb_engine_put(write_bytes(engine, "abe", 3), "photos", "k", &meta, &match, NULL),
                     -EKEYREJECTED);
    assert_int_equal(vb_engine_delete(engine, "photos", "k", &match, &existed, NULL), -EKEYREJECTED);
    assert_int_equal(vb_engine_delete(engine, "photos", "k", NULL, &existed, NULL), 0);
    assert_true(existed);
    assert_int_equal(vb_engine_delete(engine, "photos", "k", &match, &existed, NULL), -ENOENT);
    assert_int_equal(vb_engine_delete(engine, "photos", "k", NULL, &existed, NULL), 0);
    assert_false(existed);
}

struct later {
    sem_t come;
    int calls, result;
    struct vb_error err;
};

static void note_result(void *context, int result, const struct vb_error *err)
{
    struct later *later = context;

    later->calls++;
    later->result = result;
    later->err = *err;
    sem_post(&later->come);
}

static void an_asynchronous_put_reports_its_result_once(void **state)
{
    struct fixture *fixture = *state;
    const struct vb_engine_condition none = {.absent = true};
    struct vb_engine_meta meta = {0}, found = {0};
    struct later later = {.calls = 0};

    sem_init(&later.come, 0, 0);
    vb_engine_put_then(write_bytes(fixture->engine, "abc", 3), "photos", "k", &meta, &none, note_result,
                       &later);
    sem_wait(&later.come);
    assert_int_equal(later.result, 0);
    assert_int_equal(vb_engine_stat(fixture->engine, "photos", "k", &found, NULL), 0);
    assert_string_equal(found.etag, meta.etag);
    vb_engine_meta_release(&found);
    vb_engine_put_then(write_bytes(fixture->engine, "abd", 3), "photos", "k", &meta, &none, note_result,
                       &later);
    sem_wait(&later.come);
    assert_int_equal(later.result, -EEXIST);
    assert_true(later.err.message[0] != 0);
    assert_int_equal(later.calls, 2);
    sem_destroy(&later.come);
}

static void *put_if_none(void *context)
{
    struct vb_engine_condition none = {.absent = true};
    struct vb_engine_meta meta = {0};
    int r = vb_engine_put(write_bytes(context, "abc", 3), "photos", "one", &meta, &none, NULL);

    return (void *)(intptr_t)r;
}

static void one_of_many_conditional_puts_wins(void **state)
{
    struct fixture *fixture = *state;
    pthread_t threads[16];
    unsigned won = 0;

    for (size_t i = 0; i < VB_ARRAY_SIZE(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, put_if_none, fixture->engine), 0);
    for (size_t i = 0; i < VB_ARRAY_SIZE(threads); i++) {
        void *r;

        pthread_join(threads[i], &r);
        assert_true((intptr_t)r == 0 || (intptr_t)r == -EEXIST);
        won += (intptr_t)r == 0;
    }
    assert_int_equal(won, 1);
}

static void a_reader_keeps_the_bytes_that_it_opened(void **state)
{
    struct fixture *fixture = *state;
    static const size_t sizes[] = {1000, LARGE};

    for (size_t i = 0; i < VB_ARRAY_SIZE(sizes); i++) {
        struct vb_engine_reader *reader = NULL;
        unsigned char *bytes = make_bytes(1, sizes[i]);

        put_made(fixture->engine, "k", 1, sizes[i]);
        assert_int_equal(vb_engine_get(fixture->engine, "photos", "k", NULL, &reader, NULL), 0);
        put_made(fixture->engine, "k", 2, sizes[i]);
        assert_int_equal(vb_engine_delete(fixture->engine, "photos", "k", NULL, NULL, NULL), 0);
        assert_blob_files(fixture->directory, 0);
        assert_reader_gives(reader, bytes, sizes[i]);
        vb_engine_reader_close(reader);
        free(bytes);
    }
}

static void source_is_memory_or_one_file(void **state)
{
    struct fixture *fixture = *state;
    struct vb_engine_reader *reader = NULL;
    const void *data;
    int fd;

    put_made(fixture->engine, "small", 1, 100);
    put_made(fixture->engine, "large", 2, LARGE);
    assert_int_equal(vb_engine_get(fixture->engine, "photos", "small", NULL, &reader, NULL), 0);
    vb_engine_reader_source(reader, &data, &fd);
    assert_non_null(data);
    assert_int_equal(fd, -1);
    vb_engine_reader_close(reader);
    assert_int_equal(vb_engine_get(fixture->engine, "photos", "large", NULL, &reader, NULL), 0);
    vb_engine_reader_source(reader, &data, &fd);
    assert_null(data);
    assert_true(fd >= 0);
    assert_int_equal(lseek(fd, 0, SEEK_END), LARGE);
    vb_engine_reader_close(reader);
}

static void copies_share_the_bytes(void **state)
{
    struct fixture *fixture = *state;
    struct vb_engine *engine = fixture->engine;
    struct vb_engine_meta png = {.content_type = (char *)"image/png"}, got = {0}, source = {0};

    put_made(engine, "a", 1, LARGE);
    assert_int_equal(vb_engine_stat(engine, "photos", "a", &source, NULL), 0);
    assert_int_equal(vb_engine_copy(engine, "photos", "a", "wrong", "photos", "b", NULL, NULL, NULL),
                     -EKEYREJECTED);
    assert_int_equal(vb_engine_copy(engine, "photos", "a", source.etag, "photos", "b", &png, &got, NULL), 0);
    assert_string_equal(got.content_type, "image/png");
    assert_string_equal(got.etag, source.etag);
    vb_engine_meta_release(&got);
    assert_int_equal(count_blob_files(fixture->directory), 1);

    /* onto itself */
    assert_int_equal(vb_engine_copy(engine, "photos", "b", NULL, "photos", "b", NULL, &got, NULL), 0);
    assert_string_equal(got.content_type, "image/png");
    vb_engine_meta_release(&got);
    vb_engine_meta_release(&source);

    assert_int_equal(vb_engine_delete(engine, "photos", "a", NULL, NULL, NULL), 0);
    reopen(fixture);
    assert_object_is(fixture->engine, "b", 1, LARGE);
    assert_int_equal(vb_engine_delete(fixture->engine, "photos", "b", NULL, NULL, NULL), 0);
    assert_blob_files(fixture->directory, 0);
}

static void delete_many_ignores_missing_keys(void **state)
{
    struct fixture *fixture = *state;
    static const char *const keys[] = {"a", "none", "b", "a"};

    put_made(fixture->engine, "a", 1, 10);
    put_made(fixture->engine, "b", 2, LARGE);
    put_made(fixture->engine, "c", 3, 10);
    assert_int_equal(vb_engine_delete_many(fixture->engine, "photos", keys, VB_ARRAY_SIZE(keys), NULL), 0);
    assert_int_equal(get_result(fixture->engine, "a", NULL), -ENOENT);
    assert_int_equal(get_result(fixture->engine, "b", NULL), -ENOENT);
    assert_object_is(fixture->engine, "c", 3, 10);
    assert_blob_files(fixture->directory, 0);
}

static int collect_bucket(void *context, const char *bucket, int64_t created_ms)
{
    char *out = context;

    assert_true(created_ms > 0);
    strcat(out, bucket);
    strcat(out, " ");
    return 0;
}

static void buckets_are_created_listed_and_deleted(void **state)
{
    struct fixture *fixture = *state;
    struct vb_engine *engine = fixture->engine;
    char names[100] = "";
    int64_t created_ms = 0;

    assert_int_equal(vb_engine_bucket_create(engine, "photos", NULL), -EEXIST);
    assert_int_equal(vb_engine_bucket_create(engine, "archive", NULL), 0);
    assert_int_equal(vb_engine_bucket_list(engine, collect_bucket, names, NULL), 0);
    assert_string_equal(names, "archive photos ");
    assert_int_equal(vb_engine_bucket_stat(engine, "archive", &created_ms, NULL), 0);
    assert_true(created_ms > 0);
    put_made(engine, "k", 1, 1);
    assert_int_equal(vb_engine_bucket_delete(engine, "photos", NULL), -ENOTEMPTY);
    assert_int_equal(vb_engine_delete(engine, "photos", "k", NULL, NULL, NULL), 0);
    assert_int_equal(vb_engine_bucket_delete(engine, "photos", NULL), 0);
    assert_int_equal(vb_engine_bucket_stat(engine, "photos", &created_ms, NULL), -ENODEV);
    assert_int_equal(vb_engine_bucket_delete(engine, "photos", NULL), -ENODEV);
}

static void cors_is_kept_and_removed(void **state)
{
    struct fixture *fixture = *state;
    struct vb_strbuf out;

    vb_strbuf_init(&out, 1000);
    assert_int_equal(vb_engine_bucket_get_cors(fixture->engine, "photos", &out, NULL), -ENOENT);
    assert_int_equal(vb_engine_bucket_set_cors(fixture->engine, "photos", "<CORS/>", NULL), 0);
    reopen(fixture);
    assert_int_equal(vb_engine_bucket_get_cors(fixture->engine, "photos", &out, NULL), 0);
    assert_string_equal(out.data, "<CORS/>");
    assert_int_equal(vb_engine_bucket_set_cors(fixture->engine, "photos", NULL, NULL), 0);
    assert_int_equal(vb_engine_bucket_get_cors(fixture->engine, "photos", &out, NULL), -ENOENT);
    assert_int_equal(vb_engine_bucket_set_cors(fixture->engine, "nowhere", "<CORS/>", NULL), -ENODEV);
    vb_strbuf_release(&out);
}

static void keys_are_not_paths(void **state)
{
    struct fixture *fixture = *state;
    static const char *const keys[] = {
        "../../etc/passwd",          "/", "..",      "a//b", "%00", "'; DROP TABLE objects; --",
        "\xf0\x9f\x8c\xbb/\xc3\xbc", " ", "\x01\x7f"};
    char longest[VB_ENGINE_KEY_MAX + 1];

    memset(longest, 'k', VB_ENGINE_KEY_MAX);
    longest[VB_ENGINE_KEY_MAX] = '\0';
    put_made(fixture->engine, longest, 99, LARGE);
    for (size_t i = 0; i < VB_ARRAY_SIZE(keys); i++)
        put_made(fixture->engine, keys[i], i, i % 2 ? 100 : LARGE);
    for (size_t i = 0; i < VB_ARRAY_SIZE(keys); i++)
        assert_object_is(fixture->engine, keys[i], i, i % 2 ? 100 : LARGE);
    assert_object_is(fixture->engine, longest, 99, LARGE);
}

static void a_second_process_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct vb_engine_config config = {.directory = fixture->directory};
    struct vb_engine *second = NULL;
    struct vb_error err = {0};

    assert_int_equal(vb_engine_open(&config, &second, &err), -EWOULDBLOCK);
    assert_non_null(strstr(err.message, "in use"));
    assert_true(err.hint[0]);
}

static void an_oversized_write_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct vb_engine_writer *writer = NULL;
    struct vb_engine_meta meta = {0};

    assert_int_equal(vb_engine_writer_open(fixture->engine, -1, &writer, NULL), 0);
    assert_int_equal(vb_engine_writer_write(writer, "", (size_t)VB_ENGINE_PUT_MAX + 1, NULL), -EFBIG);
    /* the error stays, since bytes are missing */
    assert_int_equal(vb_engine_writer_write(writer, "x", 1, NULL), -EFBIG);
    assert_int_equal(vb_engine_put(writer, "photos", "k", &meta, NULL, NULL), -EFBIG);
    assert_int_equal(get_result(fixture->engine, "k", NULL), -ENOENT);
}

static off_t index_size(const char *directory)
{
    char path[128];
    struct stat st;

    snprintf(path, sizeof(path), "%s/index.db", directory);
    assert_int_equal(stat(path, &st), 0);
    return st.st_size;
}

static void deleting_objects_gives_their_room_back_to_the_disk(void **state)
{
    struct fixture *fixture = *state;
    int64_t deadline = vb_clock_monotonic_ms() + 10000;
    char key[16];
    off_t full;

    for (unsigned i = 0; i < 200; i++) {
        snprintf(key, sizeof(key), "k%u", i);
        put_made(fixture->engine, key, i, 60000);
    }
    reopen(fixture);
    full = index_size(fixture->directory);
    assert_true(full > 200 * 60000);
    for (unsigned i = 0; i < 199; i++) {
        snprintf(key, sizeof(key), "k%u", i);
        assert_int_equal(vb_engine_delete(fixture->engine, "photos", key, NULL, NULL, NULL), 0);
    }
    while (index_size(fixture->directory) > full / 8 && vb_clock_monotonic_ms() < deadline)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    assert_true(index_size(fixture->directory) <= full / 8);
    assert_object_is(fixture->engine, "k199", 199, 60000);
}

struct mixed {
    struct vb_engine *engine;
    unsigned number;
};

static void *put_get_delete(void *context)
{
    struct mixed *mixed = context;

    for (unsigned i = 0; i < 40; i++) {
        size_t size = i % 5 == 0 ? LARGE : 500 * i;
        char key[32];

        snprintf(key, sizeof(key), "%u/%u", mixed->number, i % 7);
        put_made(mixed->engine, key, mixed->number * 1000 + i, size);
        assert_object_is(mixed->engine, key, mixed->number * 1000 + i, size);
        /* all threads write this key: what it holds is always whole */
        put_made(mixed->engine, "shared", 7, i % 2 ? LARGE : 10);
        if (i % 3 == 0)
            assert_int_equal(vb_engine_delete(mixed->engine, "photos", "shared", NULL, NULL, NULL), 0);
        int r = get_result(mixed->engine, "shared", NULL);
        assert_true(r == 0 || r == -ENOENT);
    }
    return NULL;
}

static void many_threads_share_commits(void **state)
{
    struct fixture *fixture = *state;
    struct mixed mixed[8];
    pthread_t threads[8];
    struct vb_engine_stats stats;

    for (unsigned i = 0; i < 8; i++) {
        mixed[i] = (struct mixed){fixture->engine, i};
        assert_int_equal(pthread_create(&threads[i], NULL, put_get_delete, &mixed[i]), 0);
    }
    for (unsigned i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    vb_engine_stats(fixture->engine, &stats);
    assert_true(stats.changes >= 8 * 80);
    assert_true(stats.commits < stats.changes);
    assert_int_equal(stats.waiting, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(put_object_is_read_back_whole),
        TEST(bytes_written_in_pieces_are_joined),
        TEST(etag_is_the_md5),
        TEST(metadata_is_kept),
        TEST(a_missing_bucket_or_object_has_an_error_of_its_own),
        TEST(a_refused_put_of_a_large_object_leaves_no_file),
        TEST(replacing_removes_the_old_bytes),
        TEST(conditions_are_checked_with_the_change),
        TEST(one_of_many_conditional_puts_wins),
        TEST(an_asynchronous_put_reports_its_result_once),
        TEST(a_reader_keeps_the_bytes_that_it_opened),
        TEST(source_is_memory_or_one_file),
        TEST(copies_share_the_bytes),
        TEST(delete_many_ignores_missing_keys),
        TEST(buckets_are_created_listed_and_deleted),
        TEST(cors_is_kept_and_removed),
        TEST(keys_are_not_paths),
        TEST(a_second_process_is_refused),
        TEST(an_oversized_write_is_refused),
        TEST(deleting_objects_gives_their_room_back_to_the_disk),
        TEST(many_threads_share_commits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
