/* Queries of activity images, story media, and which upload replaces which, against a real PostgreSQL with
 * each type of ids that an adopted database may have. */
#include "db/activity_images.h"
#include "db/media.h"
#include "db/story_media.h"
#include "db/sweep.h"
#include "db/users.h"

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/random.h"
#include "db/migrate.h"
#include "db/query.h"
#include "postgres_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* Databases whose tables were there before, by the type of their ids. */
static const struct {
    const char *name, *tables;
} kinds[] = {
    {"uuids", NULL},
    {"integers",
     "CREATE TABLE users (id serial PRIMARY KEY); CREATE TABLE activities (id bigserial PRIMARY KEY, "
     "user_id integer, image_urls text[]); CREATE TABLE vibe_stories (id serial PRIMARY KEY)"},
    {"texts",
     "CREATE TABLE users (id text PRIMARY KEY); CREATE TABLE activities (id varchar(40) PRIMARY KEY, "
     "user_id varchar(80)); CREATE TABLE vibe_stories (id text PRIMARY KEY)"},
};

static struct {
    struct vb_db_pool *pool;
    struct vb_db *db;
} databases[VB_ARRAY_SIZE(kinds)];

static int setup(void **state)
{
    if (vb_test_postgres_setup(state) < 0)
        return -1;
    for (size_t i = 0; i < VB_ARRAY_SIZE(kinds); i++) {
        char *url VB_CLEANUP(vb_freep) = vb_test_postgres_database(*state, kinds[i].name);
        struct vb_error err = {0};

        if (url && kinds[i].tables && vb_test_postgres_run(url, kinds[i].tables) < 0)
            return -1;
        if (!url || vb_db_migrate(url, NULL, NULL, &err) < 0) {
            fprintf(stderr, "%s\n", err.message);
            return -1;
        }
        databases[i].pool = vb_db_pool_create(&(struct vb_db_config){.url = url});
        if (vb_db_acquire(databases[i].pool, &databases[i].db, &err) < 0)
            return -1;
    }
    return 0;
}

static int teardown(void **state)
{
    for (size_t i = 0; i < VB_ARRAY_SIZE(kinds); i++) {
        vb_db_release(databases[i].db);
        vb_db_pool_destroy(databases[i].pool);
    }
    return vb_test_postgres_teardown(state);
}

struct owner {
    struct vb_user user;
    char activity[VB_OWNED_ID_SIZE], story[VB_OWNED_ID_SIZE];
};

static void make_owner(struct vb_db *db, struct owner *owner)
{
    static const char sql[] = "INSERT INTO activities (user_id)\n"
                              "VALUES ($1)\n"
                              "RETURNING id::text";
    PGresult *row VB_CLEANUP(vb_pgresult_clearp) = NULL;

    *owner = (struct owner){0};
    assert_int_equal(vb_users_insert(db, NULL, NULL, "Zo\xc3\xab", &owner->user, NULL), 0);
    assert_int_equal(vb_db_query(db, sql, 1, (const char *[]){owner->user.id}, &row, NULL), 0);
    strcpy(owner->activity, PQgetvalue(row, 0, 0));
    assert_int_equal(vb_story_media_make(db, owner->user.id, owner->story, NULL), 0);
}

static void release_owner(struct owner *owner)
{
    vb_user_release(&owner->user);
}

static void only_the_owner_may_add_media_to_an_activity_or_a_story(void **state)
{
    static const char *const unknown[] = {
        "x", "", "-1", "99999999999999999999", "0199c0de-0000-7000-8000-00000000ffff", "' OR true --"};

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(kinds); i++) {
        struct vb_db *db = databases[i].db;
        struct owner owner VB_CLEANUP(release_owner), other VB_CLEANUP(release_owner);
        char id[VB_OWNED_ID_SIZE] = "";

        make_owner(db, &owner);
        make_owner(db, &other);
        for (int lock = 0; lock < 2; lock++) {
            assert_int_equal(vb_activity_images_owned(db, owner.activity, owner.user.id, lock, id, NULL), 0);
            assert_string_equal(id, owner.activity);
            assert_int_equal(vb_activity_images_owned(db, owner.activity, other.user.id, lock, id, NULL),
                             -EACCES);
            assert_int_equal(vb_story_media_owned(db, owner.story, owner.user.id, lock, id, NULL), 0);
            assert_string_equal(id, owner.story);
            assert_int_equal(vb_story_media_owned(db, owner.story, other.user.id, lock, id, NULL), -EACCES);
            for (size_t k = 0; k < VB_ARRAY_SIZE(unknown); k++) {
                assert_int_equal(vb_activity_images_owned(db, unknown[k], owner.user.id, lock, id, NULL),
                                 -ENXIO);
                assert_int_equal(vb_story_media_owned(db, unknown[k], owner.user.id, lock, id, NULL), -ENXIO);
            }
        }
    }
}

static void setting_a_gallery_picture_pads_the_arrays_and_keeps_the_others(void **state)
{
    static const char look[] = "SELECT image_urls::text, image_s3_keys::text, image_cdn_urls::text\n"
                               "FROM activities\n"
                               "WHERE id = $1";

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(kinds); i++) {
        struct vb_db *db = databases[i].db;
        PGresult *row VB_CLEANUP(vb_pgresult_clearp) = NULL;
        struct owner owner VB_CLEANUP(release_owner);

        make_owner(db, &owner);
        assert_int_equal(vb_activity_images_set_gallery(db, owner.activity, 2, "u2", "k2", "c2", NULL), 0);
        assert_int_equal(vb_activity_images_set_gallery(db, owner.activity, 0, "u0", "k0", "c0", NULL), 0);
        assert_int_equal(vb_activity_images_set_gallery(db, owner.activity, 2, "U2", "K2", "C2", NULL), 0);
        assert_int_equal(vb_activity_images_set_gallery(db, "-7", 2, "u", "k", "c", NULL), -ENXIO);
        assert_int_equal(vb_db_query(db, look, 1, (const char *[]){owner.activity}, &row, NULL), 0);
        assert_string_equal(PQgetvalue(row, 0, 0), "{u0,NULL,U2}");
        assert_string_equal(PQgetvalue(row, 0, 1), "{k0,NULL,K2}");
        assert_string_equal(PQgetvalue(row, 0, 2), "{c0,NULL,C2}");
    }
}

/* A media row that is ready, or still pending. Its ids sort by when they were made. */
static void make_media(struct vb_db *db, const struct owner *owner, const char *slot, int index, bool ready,
                       struct vb_media *ret_media)
{
    char uuid[VB_UUID_SIZE], key[64];

    vb_random_uuid(uuid);
    snprintf(key, sizeof(key), "activity-images/%s", uuid);
    assert_int_equal(vb_media_reserve(db,
                                      &(struct vb_media_new){.upload_id = uuid,
                                                             .user_id = owner->user.id,
                                                             .purpose = "activity-image",
                                                             .key = key,
                                                             .content_type = "image/jpeg",
                                                             .activity_id = owner->activity,
                                                             .slot = slot,
                                                             .slot_index = index,
                                                             .bytes = 1},
                                      NULL),
                     0);
    assert_int_equal(vb_media_find_by_upload(db, uuid, ret_media, NULL), 0);
    if (ready)
        assert_int_equal(vb_media_mark_ready(db, ret_media->id, NULL), 0);
}

static void assert_status(struct vb_db *db, const struct vb_media *media, const char *status)
{
    struct vb_media found VB_CLEANUP(vb_media_release) = {0};

    assert_int_equal(vb_media_find_by_upload(db, media->upload_id, &found, NULL), 0);
    assert_string_equal(found.status, status);
}

static void the_latest_upload_of_a_place_retires_the_older_ones(void **state)
{
    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(kinds); i++) {
        struct vb_db *db = databases[i].db;
        struct owner owner VB_CLEANUP(release_owner);
        struct vb_media old VB_CLEANUP(vb_media_release) = {0}, beside VB_CLEANUP(vb_media_release) = {0};
        struct vb_media pending VB_CLEANUP(vb_media_release) = {0}, new VB_CLEANUP(vb_media_release) = {0};
        bool outdated = false;

        make_owner(db, &owner);
        make_media(db, &owner, "gallery", 1, true, &old);
        make_media(db, &owner, "gallery", 2, true, &beside);
        make_media(db, &owner, "gallery", 1, false, &pending);
        make_media(db, &owner, "gallery", 1, true, &new);
        assert_string_equal(new.activity_id, owner.activity);
        assert_int_equal(new.slot_index, 1);
        assert_int_equal(vb_media_is_outdated(db, old.id, &outdated, NULL), 0);
        assert_true(outdated);
        assert_int_equal(vb_media_is_outdated(db, new.id, &outdated, NULL), 0);
        assert_false(outdated);
        assert_int_equal(vb_media_is_outdated(db, beside.id, &outdated, NULL), 0);
        assert_false(outdated);
        assert_int_equal(vb_media_retire_older(db, new.id, NULL), 0);
        assert_status(db, &old, "deleting");
        assert_status(db, &beside, "ready");
        assert_status(db, &pending, "pending");
        assert_status(db, &new, "ready");
        assert_int_equal(vb_media_abandon(db, pending.upload_id, 0, NULL), 0);
        assert_int_equal(vb_media_abandon(db, new.upload_id, 0, NULL), -ENOENT);
        assert_int_equal(vb_media_mark_ready(db, pending.id, NULL), -ENOENT);
    }
}

struct search {
    const char *key;
    bool found;
};

static int compare_key(void *context, const struct vb_media_object *object)
{
    struct search *search = context;

    search->found = search->found || strcmp(object->key, search->key) == 0;
    return 0;
}

static bool lists(struct vb_db *db, const char *key)
{
    struct search search = {.key = key};

    assert_int_equal(vb_sweep_deleting(db, 0, compare_key, &search, NULL), 0);
    return search.found;
}

static void a_deleting_object_is_swept_when_it_is_old_enough_and_no_row_names_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(kinds); i++) {
        struct vb_db *db = databases[i].db;
        struct owner owner VB_CLEANUP(release_owner);
        struct vb_media media VB_CLEANUP(vb_media_release) = {0}, kept VB_CLEANUP(vb_media_release) = {0};

        make_owner(db, &owner);
        make_media(db, &owner, "hero", 0, true, &media);
        make_media(db, &owner, "hero", 0, false, &kept);
        assert_int_equal(vb_media_abandon(db, kept.upload_id, 60, NULL), 0);
        assert_int_equal(vb_activity_images_set_hero(db, owner.activity, "u", media.key, "c", NULL), 0);
        assert_false(lists(db, media.key));
        assert_int_equal(vb_media_retire(db, media.id, NULL), 0);
        assert_false(lists(db, media.key)); /* the activity names it */
        assert_int_equal(vb_activity_images_set_hero(db, owner.activity, "u", "other", "c", NULL), 0);
        assert_true(lists(db, media.key));
        assert_false(lists(db, kept.key));
    }
}

#define SWEPT (2 * VB_SWEEP_BATCH + 50)

struct sweep_visits {
    int count, stop_after;
    char last[64];
};

static int visit_in_order(void *context, const struct vb_media_object *object)
{
    struct sweep_visits *visits = context;

    if (strncmp(object->key, "sweep/", strlen("sweep/")) != 0)
        return 0;
    assert_true(strcmp(object->key, visits->last) > 0);
    assert_null(object->poster_key);
    snprintf(visits->last, sizeof(visits->last), "%s", object->key);
    return ++visits->count == visits->stop_after ? -ECANCELED : 0;
}

static void a_sweep_visits_all_batches_in_order_until_the_visitor_stops(void **state)
{
    static const char insert[] =
        "INSERT INTO media (upload_id, purpose, key, content_type, status, keep_until)\n"
        "SELECT gen_random_uuid(), 'profile-picture', 'sweep/' || lpad(n::text, 4, '0'), 'image/jpeg',\n"
        "       'deleting', now()\n"
        "FROM generate_series(1, $1::int) AS n";
    struct vb_db *db = databases[0].db;
    struct sweep_visits all = {0}, some = {.stop_after = VB_SWEEP_BATCH + 3};
    char count[16];

    (void)state;
    snprintf(count, sizeof(count), "%d", SWEPT);
    assert_int_equal(vb_db_execute(db, insert, 1, (const char *[]){count}, NULL, NULL), 0);
    assert_int_equal(vb_sweep_deleting(db, 0, visit_in_order, &all, NULL), 0);
    assert_int_equal(all.count, SWEPT);
    assert_int_equal(vb_sweep_deleting(db, 0, visit_in_order, &some, NULL), -ECANCELED);
    assert_int_equal(some.count, VB_SWEEP_BATCH + 3);
}

static void one_connection_at_a_time_has_the_right_to_sweep(void **state)
{
    struct vb_db *other VB_CLEANUP(vb_db_releasep) = NULL;

    (void)state;
    assert_int_equal(vb_db_acquire(databases[0].pool, &other, NULL), 0);
    assert_int_equal(vb_sweep_lock(databases[0].db, NULL), 0);
    assert_int_equal(vb_sweep_lock(other, NULL), -EBUSY);
    vb_sweep_unlock(databases[0].db);
    assert_int_equal(vb_sweep_lock(other, NULL), 0);
    vb_sweep_unlock(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_owner_may_add_media_to_an_activity_or_a_story),
        cmocka_unit_test(setting_a_gallery_picture_pads_the_arrays_and_keeps_the_others),
        cmocka_unit_test(the_latest_upload_of_a_place_retires_the_older_ones),
        cmocka_unit_test(a_deleting_object_is_swept_when_it_is_old_enough_and_no_row_names_it),
        cmocka_unit_test(a_sweep_visits_all_batches_in_order_until_the_visitor_stops),
        cmocka_unit_test(one_connection_at_a_time_has_the_right_to_sweep),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
