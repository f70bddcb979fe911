/* Where buckets are, and presigned URLs to them. */
#include "client_fixture.h"

#include "base/clock.h"
#include "base/memory.h"
#include "s3/endpoint.h"

#include <errno.h>
#include <signal.h>

static void assert_endpoint(const char *url, const char *region, const char *bucket, const char *expected)
{
    struct vb_s3_endpoint endpoint;
    struct vb_strbuf out;

    vb_strbuf_init(&out, 1000);
    assert_int_equal(vb_s3_endpoint_init(&endpoint, url, region, bucket), 0);
    vb_strbuf_addf(&out, "%s://%s", endpoint.scheme, endpoint.host);
    vb_s3_endpoint_path(&endpoint, "k/\xc3\xbc", &out);
    assert_string_equal(out.data, expected);
    vb_strbuf_release(&out);
}

static void aws_is_addressed_by_host_and_others_by_path(void **state)
{
    static const char *const wrong[] = {"",
                                        "s3.example.com",
                                        "ftp://h",
                                        "http://",
                                        "http:///x",
                                        "http://u@h",
                                        "http://h:port",
                                        "http://h:",
                                        "https://h?x",
                                        "http://h/#x",
                                        "http://h:123456"};
    struct vb_s3_endpoint endpoint;

    (void)state;
    assert_endpoint(NULL, "eu-central-1", "b", "https://b.s3.eu-central-1.amazonaws.com/k/%C3%BC");
    assert_endpoint(NULL, "us-east-1", "b", "https://b.s3.us-east-1.amazonaws.com/k/%C3%BC");
    assert_endpoint(NULL, "cn-north-1", "b", "https://b.s3.cn-north-1.amazonaws.com.cn/k/%C3%BC");
    assert_endpoint(NULL, "us-east-1", "my.dots", "https://s3.us-east-1.amazonaws.com/my.dots/k/%C3%BC");
    assert_endpoint("https://s3.dualstack.eu-west-1.amazonaws.com", "eu-west-1", "b",
                    "https://b.s3.dualstack.eu-west-1.amazonaws.com/k/%C3%BC");
    assert_endpoint("HTTP://LocalHost:9000/", "r", "b", "http://localhost:9000/b/k/%C3%BC");
    assert_endpoint("http://h:80", "r", "b", "http://h/b/k/%C3%BC");
    assert_endpoint("https://h:443/", "r", "b", "https://h/b/k/%C3%BC");
    assert_endpoint("http://h:443", "r", "b", "http://h:443/b/k/%C3%BC");
    assert_endpoint("http://[::1]:9000", "r", "b", "http://[::1]:9000/b/k/%C3%BC");
    assert_endpoint("https://h/base/path//", "r", "b", "https://h/base/path/b/k/%C3%BC");
    assert_endpoint("https://s3.amazonaws.com.evil.example", "r", "b",
                    "https://s3.amazonaws.com.evil.example/b/k/%C3%BC");
    for (size_t i = 0; i < VB_ARRAY_SIZE(wrong); i++)
        assert_int_equal(vb_s3_endpoint_init(&endpoint, wrong[i], "r", "b"), -EINVAL);
    assert_int_equal(vb_s3_endpoint_init(&endpoint, "http://h", "r", "a/b"), -EINVAL);
    assert_int_equal(vb_s3_endpoint_init(&endpoint, "http://h", "r", ""), -EINVAL);
}

/* What a phone would send: the URL taken apart, and headers. */
static enum vb_sigv4_result verify_url(const char *url, const char *method, const char *content_type,
                                       int64_t now_s)
{
    const struct vb_sigv4_credentials credentials = {KEY_ID, SECRET, NULL};
    struct vb_sigv4_verified verified;
    char copy[4096], *host, *path, *query;

    snprintf(copy, sizeof(copy), "%s", url);
    host = strstr(copy, "://") + 3;
    query = strchr(host, '?');
    *query = '\0';
    path = strchr(host, '/');

    char *path_copy = vb_xstrdup(path);
    *path = '\0';
    struct vb_sigv4_header headers[] = {{"host", host}, {"content-type", content_type}};
    struct vb_sigv4_request request = {.method = method,
                                       .path = path_copy,
                                       .query = query + 1,
                                       .headers = headers,
                                       .header_count = content_type ? 2 : 1};
    enum vb_sigv4_result result = vb_sigv4_verify(&request, &credentials, REGION, now_s, &verified);
    free(path_copy);
    return result;
}

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static void presigned_urls_carry_the_public_endpoint_and_verify(void **state)
{
    const struct vb_sigv4_header type = {"content-type", "image/jpeg"};
    struct vb_s3_presign presign = {.method = "PUT",
                                    .key = "user-uploads/u 1/x.jpg",
                                    .headers = &type,
                                    .header_count = 1,
                                    .expires_s = 600};
    struct vb_credentials_provider *credentials = vb_credentials_fixed(KEY_ID, SECRET);
    const struct vb_http_client_config http_config = {0};
    struct vb_http_client *http = vb_http_client_create(&http_config);
    struct vb_s3_config config = {.region = REGION,
                                  .bucket = BUCKET,
                                  .endpoint = "http://store:9000",
                                  .public_endpoint = "http://localhost:9000",
                                  .credentials = credentials,
                                  .http = http};
    struct vb_s3_client *s3 = vb_s3_client_create(&config);
    int64_t now_s = vb_clock_realtime_s();
    struct vb_strbuf url;
    struct vb_error err;

    (void)state;
    vb_strbuf_init(&url, 8192);
    assert_int_equal(vb_s3_presign(s3, &presign, &url, &err), 0);
    assert_true(starts_with(url.data, "http://localhost:9000/" BUCKET "/user-uploads/u%201/x.jpg?"));
    assert_int_equal(verify_url(url.data, "PUT", "image/jpeg", now_s), VB_SIGV4_OK);
    assert_int_not_equal(verify_url(url.data, "PUT", "text/html", now_s), VB_SIGV4_OK);
    assert_int_not_equal(verify_url(url.data, "GET", "image/jpeg", now_s), VB_SIGV4_OK);
    assert_int_equal(verify_url(url.data, "PUT", "image/jpeg", now_s + 700), VB_SIGV4_EXPIRED);

    /* The host that the phone used; its port is that of the endpoint unless given. */
    static const char *const hosts[][2] = {{"192.168.1.5", "http://192.168.1.5:9000/"},
                                           {"192.168.1.5:9100", "http://192.168.1.5:9100/"},
                                           {"[fe80::1]", "http://[fe80::1]:9000/"}};
    for (size_t i = 0; i < VB_ARRAY_SIZE(hosts); i++) {
        presign.host = hosts[i][0];
        vb_strbuf_clear(&url);
        assert_int_equal(vb_s3_presign(s3, &presign, &url, &err), 0);
        assert_true(starts_with(url.data, hosts[i][1]));
        assert_int_equal(verify_url(url.data, "PUT", "image/jpeg", now_s), VB_SIGV4_OK);
    }
    presign.host = "evil.example/x?";
    assert_int_equal(vb_s3_presign(s3, &presign, &url, &err), -EINVAL);
    presign.host = NULL;
    presign.expires_s = 0;
    assert_int_equal(vb_s3_presign(s3, &presign, &url, &err), -EINVAL);
    presign.expires_s = VB_SIGV4_EXPIRES_MAX_S + 1;
    assert_int_equal(vb_s3_presign(s3, &presign, &url, &err), -EINVAL);
    presign.expires_s = 60;
    presign.key = "";
    assert_int_equal(vb_s3_presign(s3, &presign, &url, &err), -EINVAL);

    vb_strbuf_clear(&url);
    vb_s3_object_url(s3, "a b", &url);
    assert_string_equal(url.data, "http://localhost:9000/" BUCKET "/a%20b");
    vb_strbuf_release(&url);
    vb_s3_client_destroy(s3);
    config.endpoint = "nonsense";
    assert_null(vb_s3_client_create(&config));
    vb_http_client_destroy(http);
    vb_credentials_destroy(credentials);
}

static void presigned_urls_on_aws_name_the_bucket_by_host(void **state)
{
    struct vb_s3_presign presign = {.method = "GET",
                                    .key = "k",
                                    .expires_s = 60,
                                    .host = "192.168.1.5",
                                    .query = "response-content-type=image%2Fpng"};
    struct vb_credentials_provider *credentials = vb_credentials_fixed(KEY_ID, SECRET);
    struct vb_s3_client *s3 = vb_s3_client_create(
        &(struct vb_s3_config){.region = REGION, .bucket = BUCKET, .credentials = credentials});
    struct vb_strbuf url;
    struct vb_error err;

    (void)state;
    vb_strbuf_init(&url, 8192);
    assert_int_equal(vb_s3_presign(s3, &presign, &url, &err), 0);
    assert_true(starts_with(url.data, "https://" BUCKET ".s3." REGION ".amazonaws.com/k?"));
    assert_non_null(strstr(url.data, "response-content-type=image%2Fpng"));
    assert_int_equal(verify_url(url.data, "GET", NULL, vb_clock_realtime_s()), VB_SIGV4_OK);
    vb_strbuf_clear(&url);
    vb_s3_object_url(s3, "k", &url);
    assert_string_equal(url.data, "https://" BUCKET ".s3." REGION ".amazonaws.com/k");
    vb_strbuf_release(&url);
    vb_s3_client_destroy(s3);
    vb_credentials_destroy(credentials);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aws_is_addressed_by_host_and_others_by_path),
        cmocka_unit_test(presigned_urls_carry_the_public_endpoint_and_verify),
        cmocka_unit_test(presigned_urls_on_aws_name_the_bucket_by_host),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
