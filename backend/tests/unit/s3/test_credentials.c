/* Where credentials come from, and how temporary ones are renewed, against small endpoints of our own. */
#include "s3/credentials.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/strbuf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* An endpoint on a port of its own: answers each connection's one request as `answer` says. */
struct endpoint {
    int fd;
    uint16_t port;
    pthread_t thread;
    atomic_int requests;
    atomic_int lifetime_s; /* of the credentials given; 0: no Expiration; negative: answers 500 */
    /* Writes the answer's body; returns its status. */
    int (*answer)(struct endpoint *endpoint, const char *request, struct vb_strbuf *body);
};

static void *serve(void *argument)
{
    struct endpoint *endpoint = argument;

    for (;;) {
        int fd = accept(endpoint->fd, NULL, NULL);
        struct vb_strbuf body, out;
        char request[8192];
        size_t size = 0;
        ssize_t got;
        int status;

        if (fd < 0)
            return NULL;
        do {
            got = read(fd, request + size, sizeof(request) - 1 - size);
            size += got > 0 ? (size_t)got : 0;
            request[size] = '\0';
        } while (got > 0 && !strstr(request, "\r\n\r\n"));
        vb_strbuf_init(&body, 10000);
        vb_strbuf_init(&out, 20000);
        atomic_fetch_add(&endpoint->requests, 1);
        status = endpoint->answer(endpoint, request, &body);
        vb_strbuf_addf(&out, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", status,
                       body.length, body.data);
        (void)!write(fd, out.data, out.length);
        close(fd);
        vb_strbuf_release(&body);
        vb_strbuf_release(&out);
    }
}

static void start_endpoint(struct endpoint *endpoint,
                           int (*answer)(struct endpoint *endpoint, const char *request,
                                         struct vb_strbuf *body))
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);

    *endpoint = (struct endpoint){.fd = socket(AF_INET, SOCK_STREAM, 0), .answer = answer};
    assert_int_equal(bind(endpoint->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(endpoint->fd, 10), 0);
    assert_int_equal(getsockname(endpoint->fd, (struct sockaddr *)&address, &size), 0);
    endpoint->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&endpoint->thread, NULL, serve, endpoint), 0);
}

static void stop_endpoint(struct endpoint *endpoint)
{
    shutdown(endpoint->fd, SHUT_RDWR); /* wakes accept() */
    pthread_join(endpoint->thread, NULL);
    close(endpoint->fd);
}

/* Credentials numbered by request, so that a test sees which answer it got. */
static int answer_credentials(struct endpoint *endpoint, struct vb_strbuf *body)
{
    int lifetime_s = atomic_load(&endpoint->lifetime_s);
    char expiration[VB_CLOCK_ISO8601_SIZE];

    if (lifetime_s < 0)
        return 500;
    vb_clock_format_iso8601((vb_clock_realtime_s() + lifetime_s) * 1000, expiration);
    vb_strbuf_addf(body,
                   "{\"Code\": \"Success\", \"AccessKeyId\": \"ASIA%d\", \"SecretAccessKey\": \"secret\", "
                   "\"Token\": \"token\"",
                   atomic_load(&endpoint->requests));
    if (lifetime_s > 0)
        vb_strbuf_addf(body, ", \"Expiration\": \"%s\"", expiration);
    vb_strbuf_adds(body, "}");
    return 200;
}

static int answer_container(struct endpoint *endpoint, const char *request, struct vb_strbuf *body)
{
    if (strncmp(request, "GET /creds?id=1 HTTP/1.1\r\n", 26) != 0 ||
        !strstr(request, "\r\nAuthorization: Bearer abc\r\n"))
        return 403;
    return answer_credentials(endpoint, body);
}

static int answer_metadata(struct endpoint *endpoint, const char *request, struct vb_strbuf *body)
{
    if (strncmp(request, "PUT /latest/api/token ", 22) == 0) {
        if (!strstr(request, "\r\nX-aws-ec2-metadata-token-ttl-seconds: "))
            return 400;
        vb_strbuf_adds(body, "session");
        return 200;
    }
    if (!strstr(request, "\r\nX-aws-ec2-metadata-token: session\r\n"))
        return 401; /* what version 2 asks for */
    if (strncmp(request, "GET /latest/meta-data/iam/security-credentials/ ", 48) == 0) {
        vb_strbuf_adds(body, "app-role\n");
        return 200;
    }
    if (strncmp(request, "GET /latest/meta-data/iam/security-credentials/app-role ", 56) == 0)
        return answer_credentials(endpoint, body);
    return 404;
}

static int answer_once_with_500(struct endpoint *endpoint, const char *request, struct vb_strbuf *body)
{
    (void)request;
    return atomic_load(&endpoint->requests) == 1 ? 500 : answer_credentials(endpoint, body);
}

static int answer_nonsense(struct endpoint *endpoint, const char *request, struct vb_strbuf *body)
{
    static const char *const bodies[] = {
        "",
        "not JSON",
        "[]",
        "{}",
        "{\"AccessKeyId\": \"a\"}",
        "{\"AccessKeyId\": 1, \"SecretAccessKey\": 2}",
        "{\"AccessKeyId\": \"a\\r\\nb: c\", \"SecretAccessKey\": \"s\"}",
        "{\"AccessKeyId\": \"a\", \"SecretAccessKey\": \"s\", \"Expiration\": \"soon\"}",
    };
    size_t i = (size_t)atomic_load(&endpoint->requests) - 1;

    (void)request;
    vb_strbuf_adds(body, bodies[i % VB_ARRAY_SIZE(bodies)]);
    return 200;
}

static int set_up(void **state)
{
    static const char *const names[] = {"AWS_ACCESS_KEY_ID",
                                        "AWS_SECRET_ACCESS_KEY",
                                        "AWS_SESSION_TOKEN",
                                        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                                        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                                        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
                                        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                                        "AWS_EC2_METADATA_SERVICE_ENDPOINT"};

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(names); i++)
        unsetenv(names[i]);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    return 0;
}

static void use_container(const struct endpoint *endpoint)
{
    char url[100];

    snprintf(url, sizeof(url), "http://127.0.0.1:%u/creds?id=1", endpoint->port);
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer abc", 1);
}

static void use_metadata(const struct endpoint *endpoint)
{
    char url[100];

    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", endpoint->port);
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url, 1);
    unsetenv("AWS_EC2_METADATA_DISABLED");
}

static void pause_briefly(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
}

static void fixed_credentials_are_given_back(void **state)
{
    struct vb_credentials_provider *provider = vb_credentials_fixed("id", "secret");
    struct vb_credentials credentials;
    struct vb_sigv4_credentials sigv4;

    (void)state;
    assert_int_equal(vb_credentials_get(provider, &credentials), 0);
    sigv4 = vb_credentials_sigv4(&credentials);
    assert_string_equal(sigv4.access_key_id, "id");
    assert_string_equal(sigv4.secret_access_key, "secret");
    assert_null(sigv4.session_token);
    assert_int_equal(credentials.expires_s, 0);
    vb_credentials_destroy(provider);
}

static void environment_comes_first(void **state)
{
    struct vb_credentials_provider *provider;
    struct vb_credentials credentials;
    struct endpoint endpoint;

    (void)state;
    start_endpoint(&endpoint, answer_container);
    use_container(&endpoint);
    setenv("AWS_ACCESS_KEY_ID", "AKIA", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "s3cret/+", 1);
    setenv("AWS_SESSION_TOKEN", "t", 1);
    assert_int_equal(vb_credentials_chain(&provider, NULL), 0);
    assert_int_equal(vb_credentials_get(provider, &credentials), 0);
    assert_string_equal(credentials.access_key_id, "AKIA");
    assert_string_equal(credentials.secret_access_key, "s3cret/+");
    assert_string_equal(vb_credentials_sigv4(&credentials).session_token, "t");
    assert_int_equal(atomic_load(&endpoint.requests), 0);
    vb_credentials_destroy(provider);
    stop_endpoint(&endpoint);
}

static void half_a_pair_is_an_error_that_hides_the_value(void **state)
{
    struct vb_credentials_provider *provider = NULL;
    struct vb_error err = {0};

    (void)state;
    setenv("AWS_SECRET_ACCESS_KEY", "very-secret", 1);
    assert_int_equal(vb_credentials_chain(&provider, &err), -EINVAL);
    assert_string_equal(err.message, "AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not");
    setenv("AWS_ACCESS_KEY_ID", "AKIA", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "very-secret\r\nX: y", 1);
    assert_int_equal(vb_credentials_chain(&provider, &err), -EINVAL);
    assert_null(strstr(err.message, "very-secret"));
    assert_null(provider);
}

static void container_endpoint_is_asked_with_its_token(void **state)
{
    struct vb_credentials_provider *provider;
    struct vb_credentials credentials;
    struct endpoint endpoint;

    (void)state;
    start_endpoint(&endpoint, answer_container);
    use_container(&endpoint);
    atomic_store(&endpoint.lifetime_s, 3600);
    assert_int_equal(vb_credentials_chain(&provider, NULL), 0);
    assert_int_equal(vb_credentials_get(provider, &credentials), 0);
    assert_string_equal(credentials.access_key_id, "ASIA1");
    assert_string_equal(credentials.session_token, "token");
    assert_in_range(credentials.expires_s, vb_clock_realtime_s() + 3590, vb_clock_realtime_s() + 3600);
    vb_credentials_destroy(provider);
    stop_endpoint(&endpoint);
}

static void container_token_is_read_from_its_file(void **state)
{
    char path[] = "/tmp/test_credentials_XXXXXX";
    struct vb_credentials_provider *provider;
    struct endpoint endpoint;
    int fd = mkstemp(path);

    (void)state;
    assert_int_equal(write(fd, "Bearer abc\n", 11), 11);
    close(fd);
    start_endpoint(&endpoint, answer_container);
    use_container(&endpoint);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "wrong", 1);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path, 1);
    assert_int_equal(vb_credentials_chain(&provider, NULL), 0);
    vb_credentials_destroy(provider);
    unlink(path);
    assert_int_equal(vb_credentials_chain(&provider, NULL), -EIO);
    stop_endpoint(&endpoint);
}

static void only_safe_container_addresses_are_asked(void **state)
{
    static const char *const refused[] = {"http://example.com/creds",
                                          "http://127.0.0.1.example.com/",
                                          "http://127.0.0.1@example.com/",
                                          "http://localhost:80@example.com/",
                                          "http://[::1]x/",
                                          "http://[::1",
                                          "ftp://127.0.0.1/",
                                          "file:///etc/passwd",
                                          "creds",
                                          "http://"};
    struct vb_credentials_provider *provider = NULL;

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(refused); i++) {
        setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", refused[i], 1);
        assert_int_equal(vb_credentials_chain(&provider, NULL), -EINVAL);
    }
    setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", ".example.com/", 1); /* would become part of the host */
    assert_int_equal(vb_credentials_chain(&provider, NULL), -EINVAL);
    assert_null(provider);
}

static void metadata_version_2_gives_the_roles_credentials(void **state)
{
    struct vb_credentials_provider *provider;
    struct vb_credentials credentials;
    struct endpoint endpoint;

    (void)state;
    start_endpoint(&endpoint, answer_metadata);
    use_metadata(&endpoint);
    atomic_store(&endpoint.lifetime_s, 3600);
    assert_int_equal(vb_credentials_chain(&provider, NULL), 0);
    assert_int_equal(vb_credentials_get(provider, &credentials), 0);
    assert_string_equal(credentials.access_key_id, "ASIA3"); /* token, role, credentials */
    vb_credentials_destroy(provider);
    stop_endpoint(&endpoint);
}

static void a_failing_endpoint_is_retried(void **state)
{
    struct vb_credentials_provider *provider;
    struct endpoint endpoint;

    (void)state;
    start_endpoint(&endpoint, answer_once_with_500);
    use_container(&endpoint);
    assert_int_equal(vb_credentials_chain(&provider, NULL), 0);
    assert_int_equal(atomic_load(&endpoint.requests), 2);
    vb_credentials_destroy(provider);
    stop_endpoint(&endpoint);
}

static void nonsense_is_refused(void **state)
{
    struct vb_credentials_provider *provider = NULL;
    struct endpoint endpoint;

    (void)state;
    start_endpoint(&endpoint, answer_nonsense);
    use_container(&endpoint);
    for (int i = 0; i < 8; i++)
        assert_int_equal(vb_credentials_chain(&provider, NULL), -EPROTO);
    assert_null(provider);
    stop_endpoint(&endpoint);
}

static void failure_names_all_sources_tried(void **state)
{
    struct vb_credentials_provider *provider = NULL;
    struct vb_error err = {0};
    struct endpoint endpoint;

    (void)state;
    start_endpoint(&endpoint, answer_metadata);
    use_metadata(&endpoint);
    stop_endpoint(&endpoint); /* nobody answers at its port any more */
    assert_true(vb_credentials_chain(&provider, &err) < 0);
    assert_non_null(strstr(err.message, "AWS_ACCESS_KEY_ID"));
    assert_non_null(strstr(err.message, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"));
    assert_non_null(strstr(err.message, "EC2 instance metadata"));
    assert_true(strlen(err.hint) > 0);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    assert_int_equal(vb_credentials_chain(&provider, &err), -ENOENT);
    assert_non_null(strstr(err.message, "AWS_EC2_METADATA_DISABLED"));
    assert_null(provider);
}

static void temporary_credentials_are_renewed_in_the_background(void **state)
{
    int64_t deadline_ms = vb_clock_monotonic_ms() + 20000;
    struct vb_credentials_provider *provider;
    struct vb_credentials credentials;
    struct endpoint endpoint;

    (void)state;
    start_endpoint(&endpoint, answer_container);
    use_container(&endpoint);
    atomic_store(&endpoint.lifetime_s, 4); /* renewed after half of it */
    assert_int_equal(vb_credentials_chain(&provider, NULL), 0);
    do {
        pause_briefly();
        assert_int_equal(vb_credentials_get(provider, &credentials), 0); /* never without */
        assert_true(vb_clock_monotonic_ms() < deadline_ms);
    } while (strcmp(credentials.access_key_id, "ASIA1") == 0);
    assert_string_equal(credentials.access_key_id, "ASIA2");
    vb_credentials_destroy(provider);
    stop_endpoint(&endpoint);
}

static void expired_credentials_are_not_given_and_come_back(void **state)
{
    int64_t deadline_ms = vb_clock_monotonic_ms() + 30000;
    struct vb_credentials_provider *provider;
    struct vb_credentials credentials;
    struct endpoint endpoint;

    (void)state;
    start_endpoint(&endpoint, answer_container);
    use_container(&endpoint);
    atomic_store(&endpoint.lifetime_s, 2);
    assert_int_equal(vb_credentials_chain(&provider, NULL), 0);
    atomic_store(&endpoint.lifetime_s, -1);
    while (vb_credentials_get(provider, &credentials) == 0) {
        assert_true(vb_clock_monotonic_ms() < deadline_ms);
        pause_briefly();
    }
    assert_int_equal(vb_credentials_get(provider, &credentials), -EKEYEXPIRED);
    atomic_store(&endpoint.lifetime_s, 3600);
    while (vb_credentials_get(provider, &credentials) < 0) {
        assert_true(vb_clock_monotonic_ms() < deadline_ms);
        pause_briefly();
    }
    vb_credentials_destroy(provider);
    stop_endpoint(&endpoint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(fixed_credentials_are_given_back, set_up),
        cmocka_unit_test_setup(environment_comes_first, set_up),
        cmocka_unit_test_setup(half_a_pair_is_an_error_that_hides_the_value, set_up),
        cmocka_unit_test_setup(container_endpoint_is_asked_with_its_token, set_up),
        cmocka_unit_test_setup(container_token_is_read_from_its_file, set_up),
        cmocka_unit_test_setup(only_safe_container_addresses_are_asked, set_up),
        cmocka_unit_test_setup(metadata_version_2_gives_the_roles_credentials, set_up),
        cmocka_unit_test_setup(a_failing_endpoint_is_retried, set_up),
        cmocka_unit_test_setup(nonsense_is_refused, set_up),
        cmocka_unit_test_setup(failure_names_all_sources_tried, set_up),
        cmocka_unit_test_setup(temporary_credentials_are_renewed_in_the_background, set_up),
        cmocka_unit_test_setup(expired_credentials_are_not_given_and_come_back, set_up),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests_name("s3/credentials", tests, NULL, NULL);
}
