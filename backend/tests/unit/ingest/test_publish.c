/* The objects under their public keys, and the rows that name them: against a scripted S3 and a real
 * PostgreSQL. */
#include "ingest/publish.h"
#include "ingest_fixture.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/random.h"

#include <errno.h>
#include <limits.h>

/* ---- the objects ---- */

static enum vb_outcome put(struct ingest_fixture *f, bool poster)
{
    struct vb_made made = {.output = vb_media_memory_file("output"),
                           .poster = poster ? vb_media_memory_file("poster") : -1,
                           .bytes = 4,
                           .poster_bytes = 4,
                           .type = VB_MEDIA_JPEG};
    enum vb_outcome outcome;

    assert_int_equal(vb_write_all(made.output, "file", 4), 0);
    if (poster)
        assert_int_equal(vb_write_all(made.poster, "post", 4), 0);
    ingest_begin(f);
    outcome = vb_publish_objects(&f->ingest, &made, "user-uploads/x", ETAG, "public/x.jpg",
                                 poster ? "public/poster.jpg" : NULL, &f->err);
    vb_made_release(&made);
    return outcome;
}

static void a_file_is_put_under_its_key_as_immutable(void **state)
{
    struct ingest_fixture f;

    (void)state;
    ingest_init(&f, NULL, NULL);
    ingest_answer(&f, S3_PUT);
    assert_int_equal(put(&f, false), VB_OUTCOME_DONE);
    assert_string_equal(ingest_request(&f, 0), "PUT /" BUCKET "/public/x.jpg");
    assert_string_equal(script_header(script_request(f.server, 0), "Cache-Control"),
                        "public, max-age=31536000, immutable");
    assert_memory_equal(script_request(f.server, 0)->body, "file", 4);
    ingest_release(&f);
}

static void a_poster_is_there_before_its_video(void **state)
{
    struct ingest_fixture f;

    (void)state;
    ingest_init(&f, NULL, NULL);
    ingest_answer(&f, S3_PUT);
    ingest_answer(&f, S3_PUT);
    assert_int_equal(put(&f, true), VB_OUTCOME_DONE);
    assert_string_equal(ingest_request(&f, 0), "PUT /" BUCKET "/public/poster.jpg");
    assert_string_equal(ingest_request(&f, 1), "PUT /" BUCKET "/public/x.jpg");
    ingest_release(&f);
}

static void a_refused_put_is_blamed_on_the_storage(void **state)
{
    struct ingest_fixture f;

    (void)state;
    for (int poster = 0; poster < 2; poster++) {
        ingest_init(&f, NULL, NULL);
        ingest_answer(&f, S3_REFUSED);
        assert_int_equal(put(&f, poster), VB_OUTCOME_STORAGE);
        assert_int_equal(f.err.code, EACCES);
        assert_int_equal(script_requests(f.server), 1);
        ingest_release(&f);
    }
}

static void an_unchanged_file_is_copied_from_the_object_that_was_inspected(void **state)
{
    static const struct vb_made unchanged = {.output = -1, .poster = -1, .bytes = 4, .type = VB_MEDIA_MP4};
    struct ingest_fixture f;

    (void)state;
    ingest_init(&f, NULL, NULL);
    ingest_answer(&f, S3_MISSING);
    ingest_begin(&f);
    assert_int_equal(
        vb_publish_objects(&f.ingest, &unchanged, "user-uploads/x", ETAG, "public/x.mp4", NULL, &f.err),
        VB_OUTCOME_NOT_ARRIVED);
    assert_non_null(
        strstr(script_header(script_request(f.server, 0), "x-amz-copy-source"), "user-uploads/x"));
    assert_string_equal(script_header(script_request(f.server, 0), "x-amz-copy-source-if-match"), ETAG);
    ingest_release(&f);
}

/* ---- the rows ---- */

/* Reserves a profile picture of the user. uuid: of its upload, version 7, so that later ones sort later. */
static void make_row(const char *user_id, char uuid[VB_UUID_SIZE], struct vb_media *ret_row)
{
    struct vb_error err = {0};
    struct vb_db *db = NULL;
    char key[256];

    vb_random_uuid(uuid);
    snprintf(key, sizeof(key), "profile-pictures/%s/avatar-%s.jpg", user_id, uuid);
    assert_int_equal(vb_db_acquire(ingest_db, &db, &err), 0);
    assert_int_equal(vb_media_reserve(db,
                                      &(struct vb_media_new){.upload_id = uuid,
                                                             .user_id = user_id,
                                                             .purpose = "profile-picture",
                                                             .key = key,
                                                             .content_type = "image/jpeg"},
                                      &err),
                     0);
    assert_int_equal(vb_media_find_by_upload(db, uuid, ret_row, &err), 0);
    vb_db_release(db);
}

static enum vb_outcome publish(struct ingest_fixture *f, const struct vb_media *row)
{
    return vb_publish(&f->ingest, vb_purpose_of(VB_UPLOAD_PROFILE_PICTURE), row, &f->err);
}

static const char *picture_of(const char *user_id)
{
    return ingest_sql("SELECT profile_picture_s3_key FROM users WHERE id = $1::uuid", user_id);
}

#define ROW struct vb_media row VB_CLEANUP(vb_media_release) = {0}

static void the_owner_names_what_is_published(void **state)
{
    struct ingest_fixture f;
    char user[64], uuid[VB_UUID_SIZE], cdn_url[512];
    ROW;

    (void)state;
    ingest_init(&f, ingest_db, NULL);
    ingest_begin(&f);
    snprintf(user, sizeof(user), "%s", ingest_make_user());
    make_row(user, uuid, &row);
    assert_int_equal(publish(&f, &row), VB_OUTCOME_DONE);
    assert_string_equal(ingest_status(uuid), "ready");
    assert_string_equal(picture_of(user), row.key);
    snprintf(cdn_url, sizeof(cdn_url), "https://cdn.example.com/%s", row.key);
    assert_string_equal(ingest_sql("SELECT profile_picture_cdn_url FROM users WHERE id = $1::uuid", user),
                        cdn_url);
    assert_int_equal(script_requests(f.server), 0);
    ingest_release(&f);
}

static void a_row_that_was_given_up_meanwhile_is_not_published(void **state)
{
    struct ingest_fixture f;
    char user[64], uuid[VB_UUID_SIZE];
    ROW;

    (void)state;
    ingest_init(&f, ingest_db, NULL);
    ingest_begin(&f);
    snprintf(user, sizeof(user), "%s", ingest_make_user());
    make_row(user, uuid, &row);
    ingest_sql("UPDATE media SET status = 'deleting' WHERE upload_id = $1::uuid", uuid);
    assert_int_equal(publish(&f, &row), VB_OUTCOME_NOT_PENDING);
    assert_string_equal(picture_of(user), "");
    ingest_release(&f);
}

static void a_deleted_user_gets_nothing_published(void **state)
{
    struct ingest_fixture f;
    char user[64], uuid[VB_UUID_SIZE];
    ROW;

    (void)state;
    ingest_init(&f, ingest_db, NULL);
    ingest_begin(&f);
    snprintf(user, sizeof(user), "%s", ingest_make_user());
    make_row(user, uuid, &row);
    ingest_sql("DELETE FROM users WHERE id = $1::uuid", user);
    assert_int_equal(publish(&f, &row), VB_OUTCOME_NO_OWNER);
    row.user_id = NULL; /* as a look-up finds it now */
    assert_int_equal(publish(&f, &row), VB_OUTCOME_NO_OWNER);
    assert_string_equal(ingest_status(uuid), "pending");
    ingest_release(&f);
}

static void a_newer_picture_stays_and_the_older_upload_is_retired(void **state)
{
    struct ingest_fixture f;
    char user[64], older_uuid[VB_UUID_SIZE], newer_uuid[VB_UUID_SIZE];
    struct vb_media older VB_CLEANUP(vb_media_release) = {0}, newer VB_CLEANUP(vb_media_release) = {0};

    (void)state;
    ingest_init(&f, ingest_db, NULL);
    ingest_begin(&f);
    snprintf(user, sizeof(user), "%s", ingest_make_user());
    make_row(user, older_uuid, &older);
    make_row(user, newer_uuid, &newer);
    assert_int_equal(publish(&f, &newer), VB_OUTCOME_DONE);
    assert_int_equal(publish(&f, &older), VB_OUTCOME_DONE);
    assert_string_equal(picture_of(user), newer.key);
    assert_string_equal(ingest_status(older_uuid), "deleting");
    assert_string_equal(ingest_status(newer_uuid), "ready");
    ingest_release(&f);
}

static void an_older_picture_is_retired_by_a_newer_one(void **state)
{
    struct ingest_fixture f;
    char user[64], older_uuid[VB_UUID_SIZE], newer_uuid[VB_UUID_SIZE];
    struct vb_media older VB_CLEANUP(vb_media_release) = {0}, newer VB_CLEANUP(vb_media_release) = {0};

    (void)state;
    ingest_init(&f, ingest_db, NULL);
    ingest_begin(&f);
    snprintf(user, sizeof(user), "%s", ingest_make_user());
    make_row(user, older_uuid, &older);
    make_row(user, newer_uuid, &newer);
    assert_int_equal(publish(&f, &older), VB_OUTCOME_DONE);
    assert_int_equal(publish(&f, &newer), VB_OUTCOME_DONE);
    assert_string_equal(picture_of(user), newer.key);
    assert_string_equal(ingest_status(older_uuid), "deleting");
    ingest_release(&f);
}

static void a_database_that_is_away_is_a_failure(void **state)
{
    struct ingest_fixture f;
    char uuid[VB_UUID_SIZE];
    ROW;

    (void)state;
    ingest_init(&f, ingest_db_away, NULL);
    ingest_begin(&f);
    make_row(ingest_make_user(), uuid, &row);
    assert_int_equal(publish(&f, &row), VB_OUTCOME_DATABASE);
    assert_int_equal(f.err.code, ENOTCONN);
    assert_int_equal(vb_publish_give_up(&f.ingest, &row, &f.err), VB_OUTCOME_DATABASE);
    ingest_release(&f);
}

/* ---- giving up ---- */

static unsigned connections_in_use;

static void count_connections(void *context, const char *key)
{
    struct vb_db_stats stats;

    (void)context, (void)key;
    vb_db_pool_stats(ingest_db, &stats);
    connections_in_use = stats.in_use;
}

static void giving_up_deletes_object_and_row(void **state)
{
    struct ingest_fixture f;
    char uuid[VB_UUID_SIZE], request[512];
    ROW;

    (void)state;
    ingest_init(&f, ingest_db, NULL);
    ingest_answer(&f, S3_DELETED);
    ingest_begin(&f);
    make_row(ingest_make_user(), uuid, &row);
    assert_int_equal(vb_publish_give_up(&f.ingest, &row, &f.err), VB_OUTCOME_DONE);
    assert_string_equal(ingest_status(uuid), "");
    snprintf(request, sizeof(request), "DELETE /" BUCKET "/%s", row.key);
    assert_string_equal(ingest_request(&f, 0), request);
    assert_int_equal(f.deleted_count, 1);
    assert_string_equal(f.deleted[0], row.key);
    ingest_release(&f);
}

static void an_object_that_cannot_be_deleted_keeps_its_row_for_the_sweeper(void **state)
{
    struct ingest_fixture f;
    char uuid[VB_UUID_SIZE];
    ROW;

    (void)state;
    ingest_init(&f, ingest_db, NULL);
    ingest_answer(&f, S3_REFUSED);
    ingest_begin(&f);
    make_row(ingest_make_user(), uuid, &row);
    assert_int_equal(vb_publish_give_up(&f.ingest, &row, &f.err), VB_OUTCOME_DONE);
    assert_string_equal(ingest_status(uuid), "deleting");
    assert_int_equal(f.deleted_count, 0);
    ingest_release(&f);
}

static void giving_up_holds_no_connection_while_the_storage_answers(void **state)
{
    struct ingest_fixture f;
    char uuid[VB_UUID_SIZE];
    ROW;

    (void)state;
    ingest_init(&f, ingest_db, NULL);
    ingest_answer(&f, S3_DELETED);
    ingest_begin(&f);
    make_row(ingest_make_user(), uuid, &row);
    f.ingest.on_deleted = count_connections;
    f.ingest.on_deleted_context = NULL;
    connections_in_use = UINT_MAX;
    assert_int_equal(vb_publish_give_up(&f.ingest, &row, &f.err), VB_OUTCOME_DONE);
    assert_int_equal(connections_in_use, 0);
    ingest_release(&f);
}

static void a_published_media_is_not_given_up(void **state)
{
    struct ingest_fixture f;
    char uuid[VB_UUID_SIZE];
    ROW;

    (void)state;
    ingest_init(&f, ingest_db, NULL);
    ingest_begin(&f);
    make_row(ingest_make_user(), uuid, &row);
    assert_int_equal(publish(&f, &row), VB_OUTCOME_DONE);
    assert_int_equal(vb_publish_give_up(&f.ingest, &row, &f.err), VB_OUTCOME_DONE);
    assert_string_equal(ingest_status(uuid), "ready");
    assert_int_equal(script_requests(f.server), 0);
    ingest_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_put_under_its_key_as_immutable),
        cmocka_unit_test(a_poster_is_there_before_its_video),
        cmocka_unit_test(a_refused_put_is_blamed_on_the_storage),
        cmocka_unit_test(an_unchanged_file_is_copied_from_the_object_that_was_inspected),
        cmocka_unit_test(the_owner_names_what_is_published),
        cmocka_unit_test(a_row_that_was_given_up_meanwhile_is_not_published),
        cmocka_unit_test(a_deleted_user_gets_nothing_published),
        cmocka_unit_test(a_newer_picture_stays_and_the_older_upload_is_retired),
        cmocka_unit_test(an_older_picture_is_retired_by_a_newer_one),
        cmocka_unit_test(a_database_that_is_away_is_a_failure),
        cmocka_unit_test(giving_up_deletes_object_and_row),
        cmocka_unit_test(an_object_that_cannot_be_deleted_keeps_its_row_for_the_sweeper),
        cmocka_unit_test(giving_up_holds_no_connection_while_the_storage_answers),
        cmocka_unit_test(a_published_media_is_not_given_up),
    };

    return cmocka_run_group_tests(tests, ingest_database_setup, ingest_database_teardown);
}
