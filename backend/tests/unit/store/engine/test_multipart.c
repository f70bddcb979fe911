/* Multipart uploads: parts become one object without a copy, and the request must name them as they were
 * uploaded. */
#include "fixture.h"

#include <errno.h>

#define PART (5 * MIB)

static void create(struct vb_engine *engine, const char *key, char id[VB_ENGINE_UPLOAD_ID_SIZE])
{
    struct vb_engine_meta meta = {.content_type = (char *)"video/mp4"};

    assert_int_equal(vb_engine_multipart_create(engine, "photos", key, &meta, id, NULL), 0);
}

static int put_part(struct vb_engine *engine, const char *key, const char *id, unsigned number, uint64_t seed,
                    size_t size, struct vb_engine_part *ret_part)
{
    unsigned char *bytes = make_bytes(seed, size);
    struct vb_engine_writer *writer = write_bytes(engine, bytes, size);

    free(bytes);
    *ret_part = (struct vb_engine_part){.number = number};
    return vb_engine_multipart_put(writer, "photos", key, id, number, NULL, ret_part->etag, NULL);
}

static int complete(struct vb_engine *engine, const char *key, const char *id,
                    const struct vb_engine_part *parts, size_t count, struct vb_engine_meta *ret_meta)
{
    return vb_engine_multipart_complete(engine, "photos", key, id, parts, count, NULL, NULL, ret_meta, NULL);
}

/* Three parts; the last one is small enough for the index. */
static void upload_three(struct vb_engine *engine, const char *key, char id[VB_ENGINE_UPLOAD_ID_SIZE],
                         struct vb_engine_part parts[3])
{
    create(engine, key, id);
    assert_int_equal(put_part(engine, key, id, 7, 3, 1000, &parts[2]), 0);
    assert_int_equal(put_part(engine, key, id, 1, 1, PART, &parts[0]), 0);
    assert_int_equal(put_part(engine, key, id, 3, 2, PART + 1, &parts[1]), 0);
}

static unsigned char *three_bytes(size_t *ret_size)
{
    unsigned char *all = make_bytes(1, PART + PART + 1 + 1000);
    unsigned char *second = make_bytes(2, PART + 1), *third = make_bytes(3, 1000);

    memcpy(all + PART, second, PART + 1);
    memcpy(all + PART + PART + 1, third, 1000);
    free(second);
    free(third);
    *ret_size = PART + PART + 1 + 1000;
    return all;
}

static void assert_is_three(struct vb_engine *engine, const char *key)
{
    struct vb_engine_reader *reader = NULL;
    size_t size;
    unsigned char *bytes = three_bytes(&size), buffer[100];
    const void *data;
    int fd;

    assert_int_equal(vb_engine_get(engine, "photos", key, NULL, &reader, NULL), 0);
    vb_engine_reader_source(reader, &data, &fd);
    assert_null(data);
    assert_int_equal(fd, -1);
    assert_reader_gives(reader, bytes, size);
    /* a range that crosses from one part to the next comes in two pieces */
    assert_int_equal(vb_engine_reader_read(reader, (int64_t)PART - 10, buffer, 100), 10);
    assert_memory_equal(buffer, bytes + PART - 10, 10);
    assert_int_equal(vb_engine_reader_read(reader, (int64_t)PART, buffer, 100), 100);
    assert_memory_equal(buffer, bytes + PART, 100);
    assert_int_equal(vb_engine_reader_read(reader, (int64_t)size, buffer, 100), 0);
    vb_engine_reader_close(reader);
    free(bytes);
}

static void parts_become_one_object(void **state)
{
    struct fixture *fixture = *state;
    struct vb_engine *engine = fixture->engine;
    struct vb_engine_part parts[3];
    char id[VB_ENGINE_UPLOAD_ID_SIZE];
    struct vb_engine_meta meta = {0}, got = {0};
    unsigned char md5s[48], md5[16];
    char etag[VB_ENGINE_ETAG_SIZE];

    upload_three(engine, "v", id, parts);
    assert_int_equal(get_result(engine, "v", NULL), -ENOENT);
    assert_int_equal(complete(engine, "v", id, parts, 3, &meta), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(vb_hex_decode(parts[i].etag, 32, md5s + 16 * i, 16), 0);
    vb_hash_data(VB_HASH_MD5, md5s, sizeof(md5s), md5);
    vb_hex_encode(md5, sizeof(md5), etag);
    strcat(etag, "-3");
    assert_string_equal(meta.etag, etag);
    assert_int_equal(meta.parts, 3);
    assert_string_equal(meta.content_type, "video/mp4");
    vb_engine_meta_release(&meta);

    reopen(fixture);
    assert_is_three(fixture->engine, "v");
    assert_int_equal(vb_engine_stat(fixture->engine, "photos", "v", &got, NULL), 0);
    assert_string_equal(got.etag, etag);
    assert_int_equal(got.size, 2 * PART + 1001);
    vb_engine_meta_release(&got);
    assert_blob_files(fixture->directory, 2);
    assert_int_equal(vb_engine_delete(fixture->engine, "photos", "v", NULL, NULL, NULL), 0);
    assert_blob_files(fixture->directory, 0);
}

static void complete_twice_gives_the_same_answer(void **state)
{
    struct fixture *fixture = *state;
    struct vb_engine_part parts[3];
    char id[VB_ENGINE_UPLOAD_ID_SIZE];
    struct vb_engine_meta first = {0}, second = {0};

    upload_three(fixture->engine, "v", id, parts);
    assert_int_equal(complete(fixture->engine, "v", id, parts, 3, &first), 0);
    assert_int_equal(complete(fixture->engine, "v", id, parts, 3, &second), 0);
    assert_string_equal(first.etag, second.etag);
    assert_int_equal(first.last_modified_ms, second.last_modified_ms);
    assert_int_equal(first.size, second.size);
    vb_engine_meta_release(&first);
    vb_engine_meta_release(&second);
    /* not a repetition: other parts, and then another object under the key */
    assert_int_equal(complete(fixture->engine, "v", id, parts, 2, NULL), -ESRCH);
    put_made(fixture->engine, "v", 1, 10);
    assert_int_equal(complete(fixture->engine, "v", id, parts, 3, NULL), -ESRCH);
}

static void naming_a_part_that_was_not_uploaded_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct vb_engine *engine = fixture->engine;
    struct vb_engine_part parts[3], wrong[3];
    char id[VB_ENGINE_UPLOAD_ID_SIZE];
    struct vb_engine_condition none = {.absent = true};

    upload_three(engine, "v", id, parts);
    memcpy(wrong, parts, sizeof(parts));
    wrong[1].number = 4;
    assert_int_equal(complete(engine, "v", id, wrong, 3, NULL), -EINVAL);
    memcpy(wrong, parts, sizeof(parts));
    memcpy(wrong[1].etag, parts[0].etag, sizeof(wrong[1].etag));
    assert_int_equal(complete(engine, "v", id, wrong, 3, NULL), -EINVAL);
    strcpy(wrong[1].etag, "not an etag");
    assert_int_equal(complete(engine, "v", id, wrong, 3, NULL), -EINVAL);
    memcpy(wrong, parts, sizeof(parts));
    wrong[0] = parts[1];
    wrong[1] = parts[0];
    assert_int_equal(complete(engine, "v", id, wrong, 3, NULL), -EDOM);
    assert_int_equal(complete(engine, "v", id, parts, 0, NULL), -EINVAL);
    assert_int_equal(complete(engine, "v", "0123", parts, 3, NULL), -ESRCH);
    assert_int_equal(complete(engine, "other", id, parts, 3, NULL), -ESRCH);
    put_made(engine, "v", 1, 5);
    assert_int_equal(
        vb_engine_multipart_complete(engine, "photos", "v", id, parts, 3, NULL, &none, NULL, NULL), -EEXIST);
    assert_object_is(engine, "v", 1, 5);
    /* the upload is still whole */
    assert_int_equal(complete(engine, "v", id, parts, 3, NULL), 0);
    assert_is_three(engine, "v");
}

static void only_the_last_part_may_be_small(void **state)
{
    struct fixture *fixture = *state;
    struct vb_engine_part parts[2];
    char id[VB_ENGINE_UPLOAD_ID_SIZE];

    create(fixture->engine, "v", id);
    assert_int_equal(put_part(fixture->engine, "v", id, 1, 1, PART - 1, &parts[0]), 0);
    assert_int_equal(put_part(fixture->engine, "v", id, 2, 2, 10, &parts[1]), 0);
    assert_int_equal(complete(fixture->engine, "v", id, parts, 2, NULL), -ERANGE);
    assert_int_equal(complete(fixture->engine, "v", id, parts, 1, NULL), 0);
    assert_object_is(fixture->engine, "v", 1, PART - 1);
    assert_int_equal(put_part(fixture->engine, "v", id, 1, 1, 10, &parts[0]), -ESRCH);
    assert_int_equal(put_part(fixture->engine, "v", id, 0, 1, 10, &parts[0]), -EINVAL);
    assert_int_equal(put_part(fixture->engine, "v", id, 10001, 1, 10, &parts[0]), -EINVAL);
}

static void replaced_and_unnamed_parts_are_removed(void **state)
{
    struct fixture *fixture = *state;
    struct vb_engine_part parts[2], unused;
    char id[VB_ENGINE_UPLOAD_ID_SIZE];

    create(fixture->engine, "v", id);
    assert_int_equal(put_part(fixture->engine, "v", id, 1, 9, PART, &parts[0]), 0);
    assert_int_equal(put_part(fixture->engine, "v", id, 1, 1, PART, &parts[0]), 0);
    assert_blob_files(fixture->directory, 1);
    assert_int_equal(put_part(fixture->engine, "v", id, 2, 5, LARGE, &unused), 0);
    assert_int_equal(put_part(fixture->engine, "v", id, 3, 6, LARGE, &unused), 0);
    assert_int_equal(complete(fixture->engine, "v", id, parts, 1, NULL), 0);
    assert_blob_files(fixture->directory, 1);
    assert_object_is(fixture->engine, "v", 1, PART);
}

static void abort_and_bucket_deletion_remove_the_parts(void **state)
{
    struct fixture *fixture = *state;
    struct vb_engine_part parts[3];
    char id[VB_ENGINE_UPLOAD_ID_SIZE];
    struct vb_engine_meta meta = {0};

    upload_three(fixture->engine, "v", id, parts);
    assert_int_equal(vb_engine_multipart_get(fixture->engine, "photos", "v", id, &meta, NULL), 0);
    assert_string_equal(meta.content_type, "video/mp4");
    vb_engine_meta_release(&meta);
    assert_int_equal(vb_engine_multipart_abort(fixture->engine, "photos", "v", id, NULL), 0);
    assert_int_equal(vb_engine_multipart_abort(fixture->engine, "photos", "v", id, NULL), -ESRCH);
    assert_int_equal(vb_engine_multipart_get(fixture->engine, "photos", "v", id, &meta, NULL), -ESRCH);
    assert_blob_files(fixture->directory, 0);

    upload_three(fixture->engine, "v", id, parts);
    assert_int_equal(vb_engine_bucket_delete(fixture->engine, "photos", NULL), 0);
    assert_blob_files(fixture->directory, 0);
}

static void a_reader_keeps_the_parts_that_it_opened(void **state)
{
    struct fixture *fixture = *state;
    struct vb_engine *engine = fixture->engine;
    struct vb_engine_part parts[3];
    char id[VB_ENGINE_UPLOAD_ID_SIZE];
    struct vb_engine_reader *first = NULL, *second = NULL;
    size_t size;
    unsigned char *bytes = three_bytes(&size);

    upload_three(engine, "v", id, parts);
    assert_int_equal(complete(engine, "v", id, parts, 3, NULL), 0);
    assert_int_equal(vb_engine_get(engine, "photos", "v", NULL, &first, NULL), 0);
    assert_int_equal(vb_engine_get(engine, "photos", "v", NULL, &second, NULL), 0);
    assert_int_equal(vb_engine_delete(engine, "photos", "v", NULL, NULL, NULL), 0);
    vb_engine_reader_close(first);
    while (!vb_engine_blobs_idle(engine->blobs))
        ;
    assert_reader_gives(second, bytes, size);
    assert_int_equal(count_blob_files(fixture->directory), 2);
    vb_engine_reader_close(second);
    assert_blob_files(fixture->directory, 0);
    free(bytes);
}

static void copies_of_a_multipart_object_share_its_parts(void **state)
{
    struct fixture *fixture = *state;
    struct vb_engine_part parts[3];
    char id[VB_ENGINE_UPLOAD_ID_SIZE];

    upload_three(fixture->engine, "v", id, parts);
    assert_int_equal(complete(fixture->engine, "v", id, parts, 3, NULL), 0);
    assert_int_equal(vb_engine_copy(fixture->engine, "photos", "v", NULL, "photos", "w", NULL, NULL, NULL),
                     0);
    assert_int_equal(vb_engine_delete(fixture->engine, "photos", "v", NULL, NULL, NULL), 0);
    reopen(fixture);
    assert_is_three(fixture->engine, "w");
    assert_blob_files(fixture->directory, 2);
    assert_int_equal(vb_engine_delete(fixture->engine, "photos", "w", NULL, NULL, NULL), 0);
    assert_blob_files(fixture->directory, 0);
}

static int collect_part(void *context, const struct vb_engine_part *part)
{
    sprintf((char *)context + strlen(context), "%u:%lld ", part->number, (long long)part->size);
    return 0;
}

static int collect_upload(void *context, const struct vb_engine_upload *upload)
{
    assert_true(upload->created_ms > 0);
    strcat(context, upload->key);
    strcat(context, " ");
    return 0;
}

static void parts_and_uploads_are_listed_in_pages(void **state)
{
    struct fixture *fixture = *state;
    struct vb_engine *engine = fixture->engine;
    struct vb_engine_part parts[3];
    char id[VB_ENGINE_UPLOAD_ID_SIZE], a1[VB_ENGINE_UPLOAD_ID_SIZE], a2[VB_ENGINE_UPLOAD_ID_SIZE],
        text[200] = "";
    bool truncated;

    upload_three(engine, "v", id, parts);
    assert_int_equal(
        vb_engine_multipart_list_parts(engine, "photos", "v", id, 0, 2, collect_part, text, &truncated, NULL),
        0);
    assert_string_equal(text, "1:5242880 3:5242881 ");
    assert_true(truncated);
    text[0] = '\0';
    assert_int_equal(
        vb_engine_multipart_list_parts(engine, "photos", "v", id, 3, 2, collect_part, text, &truncated, NULL),
        0);
    assert_string_equal(text, "7:1000 ");
    assert_false(truncated);

    create(engine, "a", a1);
    create(engine, "a", a2);
    create(engine, "x/1", id);
    const struct {
        const char *prefix, *key_marker, *id_marker;
        unsigned max;
        const char *expected;
        bool truncated;
    } cases[] = {{"", "", "", 10, "a a v x/1 ", false}, {"", "", "", 3, "a a v ", true},
                 {"", "a", "", 10, "v x/1 ", false},    {"", "a", a1, 10, "a v x/1 ", false},
                 {"x/", "", "", 10, "x/1 ", false},     {"x/", "a", a1, 10, "x/1 ", false},
                 {"", "x/1", "", 10, "", false},        {"a", "", "", 1, "a ", true}};
    for (size_t i = 0; i < VB_ARRAY_SIZE(cases); i++) {
        text[0] = '\0';
        assert_int_equal(vb_engine_multipart_list(engine, "photos", cases[i].prefix, cases[i].key_marker,
                                                  cases[i].id_marker, cases[i].max, collect_upload, text,
                                                  &truncated, NULL),
                         0);
        assert_string_equal(text, cases[i].expected);
        assert_int_equal(truncated, cases[i].truncated);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(parts_become_one_object),
        TEST(complete_twice_gives_the_same_answer),
        TEST(naming_a_part_that_was_not_uploaded_is_refused),
        TEST(only_the_last_part_may_be_small),
        TEST(replaced_and_unnamed_parts_are_removed),
        TEST(abort_and_bucket_deletion_remove_the_parts),
        TEST(a_reader_keeps_the_parts_that_it_opened),
        TEST(copies_of_a_multipart_object_share_its_parts),
        TEST(parts_and_uploads_are_listed_in_pages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
