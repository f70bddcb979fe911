/* Queries of users, refresh_tokens and media, against a real PostgreSQL: with ids of every type that may be
 * adopted. */
#include "db/media.h"
#include "db/tokens.h"
#include "db/users.h"

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/random.h"
#include "db/migrate.h"
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

#define HASH "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$ZGlnZXN0"

/* Databases whose table users was there before, by the type of its ids. */
static const struct {
    const char *name, *table;
} kinds[] = {
    {"uuids", NULL},
    {"integers", "CREATE TABLE users (id serial PRIMARY KEY, profile_picture text)"},
    {"texts", "CREATE TABLE users (id text PRIMARY KEY, profile_picture text)"},
};

static struct {
    struct vb_db_pool *pool;
    struct vb_db *db;
} databases[VB_ARRAY_SIZE(kinds)];

static void run_sql(const char *url, const char *sql)
{
    assert_int_equal(vb_test_postgres_run(url, sql), 0);
}

static int setup(void **state)
{
    if (vb_test_postgres_setup(state) < 0)
        return -1;
    for (size_t i = 0; i < VB_ARRAY_SIZE(kinds); i++) {
        char *url VB_CLEANUP(vb_freep) = vb_test_postgres_database(*state, kinds[i].name);
        struct vb_error err = {0};

        if (url && kinds[i].table)
            run_sql(url, kinds[i].table);
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

static struct vb_user insert_user(struct vb_db *db, const char *email)
{
    struct vb_user user = {0};

    assert_int_equal(vb_users_insert(db, email, HASH, "Zo\xc3\xab", &user, NULL), 0);
    return user;
}

static void a_user_is_found_by_id_and_by_address_in_any_case(void **state)
{
    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(kinds); i++) {
        struct vb_db *db = databases[i].db;
        struct vb_user made VB_CLEANUP(vb_user_release) = insert_user(db, "Anna@example.com");
        struct vb_user by_id VB_CLEANUP(vb_user_release) = {0};
        struct vb_user by_email VB_CLEANUP(vb_user_release) = {0};

        assert_int_equal(vb_users_find(db, made.id, &by_id, NULL), 0);
        assert_string_equal(by_id.email, "Anna@example.com");
        assert_string_equal(by_id.name, "Zo\xc3\xab");
        assert_string_equal(by_id.password_hash, HASH);
        assert_null(by_id.profile_picture);
        assert_int_equal(strlen(by_id.created_at), 24);
        assert_int_equal(vb_users_find_by_email(db, "anNA@EXAMPLE.com", &by_email, NULL), 0);
        assert_string_equal(by_email.id, made.id);
        assert_int_equal(vb_users_find_by_email(db, "nobody@example.com", &by_email, NULL), -ENOENT);
    }
}

static void an_address_is_unique_in_any_case(void **state)
{
    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(kinds); i++) {
        struct vb_user made VB_CLEANUP(vb_user_release) = insert_user(databases[i].db, "bert@example.com");
        struct vb_user again = {0};

        assert_non_null(made.id);
        assert_int_equal(vb_users_insert(databases[i].db, "BERT@example.com", HASH, "x", &again, NULL),
                         -EEXIST);
    }
}

static void text_that_is_no_id_means_no_user(void **state)
{
    static const char *const ids[] = {
        "",        "x", "-1", "99999999999999999999", "0199c0de-0000-7000-8000-00000000ffff", "' OR true --",
        "\xff\xfe"};

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(kinds); i++) {
        for (size_t k = 0; k < VB_ARRAY_SIZE(ids); k++) {
            struct vb_user user = {0};

            assert_int_equal(vb_users_find(databases[i].db, ids[k], &user, NULL), -ENOENT);
            assert_int_equal(vb_users_rename(databases[i].db, ids[k], "x", &user, NULL), -ENOENT);
            assert_int_equal(vb_users_delete(databases[i].db, ids[k], NULL), -ENOENT);
        }
    }
}

static bool is_repeated(struct vb_db *db, const unsigned char hash[VB_SHA256_SIZE],
                        const unsigned char next[VB_SHA256_SIZE], unsigned grace_s)
{
    bool repeated = false;

    assert_int_equal(vb_tokens_is_repeated(db, hash, next, grace_s, &repeated, NULL), 0);
    return repeated;
}

static void a_refresh_token_is_used_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(kinds); i++) {
        struct vb_db *db = databases[i].db;
        struct vb_user user VB_CLEANUP(vb_user_release) = insert_user(db, "carl@example.com");
        unsigned char hash[VB_SHA256_SIZE], next[VB_SHA256_SIZE], unknown[VB_SHA256_SIZE] = {1};
        char family[VB_UUID_SIZE];
        struct vb_token_owner owner = {0};

        vb_random_uuid(family);
        vb_random_bytes(hash, sizeof(hash));
        vb_random_bytes(next, sizeof(next));
        assert_int_equal(vb_tokens_insert(db, user.id, family, hash, 60, NULL), 0);
        assert_int_equal(vb_tokens_use(db, unknown, &owner, NULL), -ENOENT);
        assert_int_equal(vb_tokens_use(db, hash, &owner, NULL), 0);
        assert_string_equal(owner.user_id, user.id);
        assert_string_equal(owner.family_id, family);
        assert_int_equal(vb_tokens_insert(db, owner.user_id, owner.family_id, next, 60, NULL), 0);
        assert_int_equal(vb_tokens_use(db, hash, &owner, NULL), -EKEYREVOKED);
        assert_string_equal(owner.family_id, family);
        assert_true(is_repeated(db, hash, next, 60));
        assert_false(is_repeated(db, hash, next, 0));
        assert_false(is_repeated(db, hash, unknown, 60));
        assert_false(is_repeated(db, next, hash, 60));
        assert_int_equal(vb_tokens_revoke_family(db, family, NULL), 0);
        assert_false(is_repeated(db, hash, next, 60));
        assert_int_equal(vb_tokens_use(db, next, &owner, NULL), -ENOENT);
        assert_int_equal(vb_tokens_use(db, hash, &owner, NULL), -ENOENT);
    }
}

static void an_expired_refresh_token_is_ekeyexpired_and_later_deleted(void **state)
{
    struct vb_db *db = databases[0].db;
    struct vb_user user VB_CLEANUP(vb_user_release) = insert_user(db, "dora@example.com");
    unsigned char hash[VB_SHA256_SIZE], next[VB_SHA256_SIZE];
    struct vb_token_owner owner;
    char family[VB_UUID_SIZE];

    (void)state;
    vb_random_uuid(family);
    vb_random_bytes(hash, sizeof(hash));
    vb_random_bytes(next, sizeof(next));
    assert_int_equal(vb_tokens_insert(db, user.id, family, hash, 0, NULL), 0);
    assert_int_equal(vb_tokens_use(db, hash, &owner, NULL), -EKEYEXPIRED);
    assert_int_equal(vb_tokens_insert(db, user.id, family, next, 60, NULL), 0);
    assert_int_equal(vb_tokens_use(db, hash, &owner, NULL), -ENOENT);
}

static struct vb_media_new new_media(const struct vb_user *user, const char *upload_id, const char *key)
{
    return (struct vb_media_new){.upload_id = upload_id,
                                 .user_id = user->id,
                                 .purpose = "profile-picture",
                                 .key = key,
                                 .content_type = "image/jpeg",
                                 .bytes = 5000,
                                 .width = 640};
}

static void an_upload_and_a_key_are_reserved_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(kinds); i++) {
        struct vb_db *db = databases[i].db;
        struct vb_user user VB_CLEANUP(vb_user_release) = insert_user(db, "emil@example.com");
        struct vb_media found VB_CLEANUP(vb_media_release) = {0};
        char upload[VB_UUID_SIZE], other[VB_UUID_SIZE];
        struct vb_media_new media;

        vb_random_uuid(upload);
        vb_random_uuid(other);
        media = new_media(&user, upload, "profile-pictures/x/avatar-1.jpg");
        assert_int_equal(vb_media_reserve(db, &media, NULL), 0);
        media.key = "profile-pictures/x/avatar-2.jpg";
        assert_int_equal(vb_media_reserve(db, &media, NULL), -EALREADY);
        media = new_media(&user, other, "profile-pictures/x/avatar-1.jpg");
        assert_int_equal(vb_media_reserve(db, &media, NULL), -EEXIST);

        assert_int_equal(vb_media_find_by_upload(db, other, &found, NULL), -ENOENT);
        assert_int_equal(vb_media_find_by_upload(db, upload, &found, NULL), 0);
        assert_string_equal(found.status, "pending");
        assert_string_equal(found.user_id, user.id);
        assert_string_equal(found.key, "profile-pictures/x/avatar-1.jpg");
        assert_int_equal(found.bytes, 5000);
        assert_int_equal(found.width, 640);
        assert_int_equal(found.height, 0);
        assert_int_equal(vb_media_mark_ready(db, found.id, NULL), 0);
        assert_int_equal(vb_media_mark_ready(db, found.id, NULL), -ENOENT);
    }
}

static void media_rows_of_a_deleted_user_name_the_objects_to_delete(void **state)
{
    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(kinds); i++) {
        struct vb_db *db = databases[i].db;
        struct vb_user user VB_CLEANUP(vb_user_release) = insert_user(db, "fritz@example.com");
        struct vb_media found VB_CLEANUP(vb_media_release) = {0};
        struct vb_media_objects objects VB_CLEANUP(vb_media_objects_release) = {0};
        char upload[VB_UUID_SIZE];
        struct vb_media_new media;

        vb_random_uuid(upload);
        media = new_media(&user, upload, "profile-pictures/x/avatar-3.jpg");
        assert_int_equal(vb_media_reserve(db, &media, NULL), 0);
        assert_int_equal(vb_media_forget(db, media.key, NULL), 0); /* not deleting: stays */
        assert_int_equal(vb_media_mark_user_deleting(db, user.id, NULL), 0);
        assert_int_equal(vb_media_objects_of_user(db, user.id, &objects, NULL), 0);
        assert_int_equal(objects.count, 1);
        assert_string_equal(objects.objects[0].key, media.key);
        assert_null(objects.objects[0].poster_key);
        assert_int_equal(vb_users_delete(db, user.id, NULL), 0);
        assert_int_equal(vb_media_find_by_upload(db, upload, &found, NULL), 0);
        assert_string_equal(found.status, "deleting");
        assert_null(found.user_id);
        assert_int_equal(vb_media_forget(db, media.key, NULL), 0);
        vb_media_release(&found);
        assert_int_equal(vb_media_find_by_upload(db, upload, &found, NULL), -ENOENT);
        vb_random_uuid(upload);
        assert_int_equal(vb_media_reserve(db, &media, NULL), -ESRCH);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_user_is_found_by_id_and_by_address_in_any_case),
        cmocka_unit_test(an_address_is_unique_in_any_case),
        cmocka_unit_test(text_that_is_no_id_means_no_user),
        cmocka_unit_test(a_refresh_token_is_used_once),
        cmocka_unit_test(an_expired_refresh_token_is_ekeyexpired_and_later_deleted),
        cmocka_unit_test(an_upload_and_a_key_are_reserved_once),
        cmocka_unit_test(media_rows_of_a_deleted_user_name_the_objects_to_delete),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
