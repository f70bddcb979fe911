/* Which keys the CDN serves, and with which types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "edge/key.h"

static void keys_under_the_public_prefixes_are_public(void **state)
{
    (void)state;
    assert_int_equal(vb_edge_key_check("profile-pictures/u1/avatar-1.jpg"), VB_EDGE_KEY_PUBLIC);
    assert_int_equal(vb_edge_key_check("activity-images/a/hero-1.jpg"), VB_EDGE_KEY_PUBLIC);
    assert_int_equal(vb_edge_key_check("vibe-stories/videos/s-1.mp4"), VB_EDGE_KEY_PUBLIC);
    assert_int_equal(vb_edge_key_check("profile-pictures/ünï/ü.jpg"), VB_EDGE_KEY_PUBLIC);
    assert_int_equal(vb_edge_key_check("profile-pictures/u/%2e%2e"),
                     VB_EDGE_KEY_PUBLIC); /* a name like any other */
    assert_int_equal(vb_edge_key_check("profile-pictures/u/..a"), VB_EDGE_KEY_PUBLIC);
}

static void everything_else_is_private(void **state)
{
    static const char *const keys[] = {"user-uploads/u1/x-1.jpg",  "profile-pictures",
                                       "Profile-Pictures/u/a.jpg", "index.html",
                                       "profile-picturesx/u",      "x/profile-pictures/u/a.jpg"};
    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(keys); i++)
        assert_int_equal(vb_edge_key_check(keys[i]), VB_EDGE_KEY_PRIVATE);
}

static void names_that_play_with_paths_are_malformed(void **state)
{
    static const char *const keys[] = {"",
                                       "/",
                                       "profile-pictures/",
                                       "profile-pictures//a.jpg",
                                       "profile-pictures/../user-uploads/u/x.jpg",
                                       "profile-pictures/u/..",
                                       "profile-pictures/./a.jpg",
                                       "../profile-pictures/a.jpg",
                                       "/profile-pictures/a.jpg",
                                       "profile-pictures\\..\\user-uploads\\x",
                                       "profile-pictures/u\\..\\x.jpg",
                                       "profile-pictures/u/a\r\nX: y",
                                       "profile-pictures/u/\x7f",
                                       "profile-pictures/u/\xc0\xae\xc0\xae/x",
                                       "profile-pictures/u/\xff"};
    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(keys); i++)
        assert_int_equal(vb_edge_key_check(keys[i]), VB_EDGE_KEY_MALFORMED);
}

static void the_longest_key_has_1024_bytes(void **state)
{
    char key[VB_EDGE_KEY_MAX + 2] = "profile-pictures/";
    (void)state;
    memset(key + strlen(key), 'a', sizeof(key) - 1 - strlen(key));
    assert_int_equal(vb_edge_key_check(key), VB_EDGE_KEY_MALFORMED);
    key[VB_EDGE_KEY_MAX] = '\0';
    assert_int_equal(vb_edge_key_check(key), VB_EDGE_KEY_PUBLIC);
}

static void only_harmless_types_are_kept(void **state)
{
    (void)state;
    assert_string_equal(vb_edge_content_type("image/jpeg"), "image/jpeg");
    assert_string_equal(vb_edge_content_type("Image/WebP; q=1"), "image/webp");
    assert_string_equal(vb_edge_content_type("video/mp4"), "video/mp4");
    assert_string_equal(vb_edge_content_type("image/svg+xml"), "application/octet-stream");
    assert_string_equal(vb_edge_content_type("text/html"), "application/octet-stream");
    assert_string_equal(vb_edge_content_type("image/jpegs"), "application/octet-stream");
    assert_string_equal(vb_edge_content_type(""), "application/octet-stream");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_under_the_public_prefixes_are_public),
        cmocka_unit_test(everything_else_is_private),
        cmocka_unit_test(names_that_play_with_paths_are_malformed),
        cmocka_unit_test(the_longest_key_has_1024_bytes),
        cmocka_unit_test(only_harmless_types_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
