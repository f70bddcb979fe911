/* Pictures in JSON, and the URLs at which an app finds them. */
#include "api/picture.h"

#include "api/context.h"
#include "api/urls.h"
#include "base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define CDN "https://cdn.example.com"

static void assert_picture(const struct vb_media_names *image, const char *expected)
{
    char cdn_base_url[] = CDN;
    struct vb_api api = {.cdn_base_url = cdn_base_url};
    struct vb_http_request request = {.app = &api, .host = "phone.local:3000"};
    struct vb_strbuf text VB_CLEANUP(vb_strbuf_release);
    struct vb_json json;

    vb_arena_init(&request.arena, 4096);
    vb_strbuf_init(&text, 4096);
    vb_json_init(&json, &text);
    vb_api_write_image(&request, &json, image);
    assert_string_equal(text.data, expected);
    vb_arena_release(&request.arena);
}

static void a_picture_with_a_key_is_shown_at_the_cdn(void **state)
{
    (void)state;
    assert_picture(
        &(struct vb_media_names){.url = "https://s3/a%20b.jpg", .s3_key = "a b.jpg", .cdn_url = "stale"},
        "{\"url\":\"https://s3/a%20b.jpg\",\"s3Key\":\"a b.jpg\",\"cdnUrl\":\"" CDN "/a%20b.jpg\"}");
}

static void an_adopted_picture_keeps_its_url(void **state)
{
    (void)state;
    assert_picture(&(struct vb_media_names){.url = "https://old/x.jpg"},
                   "{\"url\":\"https://old/x.jpg\",\"s3Key\":null,\"cdnUrl\":\"https://old/x.jpg\"}");
    assert_picture(&(struct vb_media_names){.url = "https://old/x.jpg", .cdn_url = "https://oldcdn/x.jpg"},
                   "{\"url\":\"https://old/x.jpg\",\"s3Key\":null,\"cdnUrl\":\"https://oldcdn/x.jpg\"}");
}

static void no_picture_is_null(void **state)
{
    (void)state;
    assert_picture(&(struct vb_media_names){0}, "null");
}

/* host: of the request. expected NULL: the configured host. */
static void assert_follows(const char *host, uint16_t port, const char *expected)
{
    struct vb_http_request request = {.host = host};
    const char *followed;

    vb_arena_init(&request.arena, 4096);
    followed = vb_api_follow_host(&request, port);
    if (expected) {
        assert_non_null(followed);
        assert_string_equal(followed, expected);
    } else {
        assert_null(followed);
    }
    vb_arena_release(&request.arena);
}

static void urls_follow_the_host_of_the_request_with_the_port_of_the_service(void **state)
{
    (void)state;
    assert_follows("192.168.1.5:3000", 9000, "192.168.1.5:9000");
    assert_follows("phone.local", 65535, "phone.local:65535");
    assert_follows("[fe80::1]:3000", 8080, "[fe80::1]:8080");
}

static void without_a_port_or_a_plain_host_urls_have_the_configured_host(void **state)
{
    static const char *const odd[] = {"", "a b", "a/b", "a:1x", "[::1", "[]", "a@b", "a\\b"};

    (void)state;
    assert_follows("phone.local", 0, NULL);
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        assert_follows(odd[i], 8080, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_picture_with_a_key_is_shown_at_the_cdn),
        cmocka_unit_test(an_adopted_picture_keeps_its_url),
        cmocka_unit_test(no_picture_is_null),
        cmocka_unit_test(urls_follow_the_host_of_the_request_with_the_port_of_the_service),
        cmocka_unit_test(without_a_port_or_a_plain_host_urls_have_the_configured_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
