/* The demo account: made once, kept private, used again, registered again where it is not known. */
#include "client/account.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "scripted_server.h"

#define ANSWER(status, length, body) "HTTP/1.1 " status " X\r\nContent-Length: " length "\r\n\r\n" body
#define TOKEN_A                      ANSWER("201", "19", "{\"accessToken\":\"a\"}")
#define TOKEN_B                      ANSWER("200", "19", "{\"accessToken\":\"b\"}")
#define UNKNOWN                      ANSWER("401", "28", "{\"detail\":\"No\",\"code\":\"nope\"}")

static int setup(void **state)
{
    char *folder = strdup("/tmp/vibe-account-XXXXXX");

    assert_non_null(mkdtemp(folder));
    setenv("XDG_STATE_HOME", folder, 1);
    *state = folder;
    return 0;
}

static int teardown(void **state)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/vibe/demo-account", (char *)*state);
    unlink(path);
    *strrchr(path, '/') = '\0';
    rmdir(path);
    assert_int_equal(rmdir(*state), 0);
    free(*state);
    return 0;
}

/* Logs in at the server; the result, and the token. */
static int login(struct scripted_server *server, struct vb_demo_account *account, char token[16],
                 struct vb_error *err)
{
    struct vb_http_client *http = vb_http_client_create(&(struct vb_http_client_config){0});
    struct vb_client_session session;
    char api[64];
    int r;

    snprintf(api, sizeof(api), "http://127.0.0.1:%u", server->port);
    vb_client_session_init(&session, http, api);
    r = vb_demo_account_login(account, &session, err);
    snprintf(token, 16, "%s", session.token.length ? session.token.data : "");
    vb_client_session_release(&session);
    vb_http_client_destroy(http);
    return r;
}

static void the_account_is_registered_once_and_kept_private(void **state)
{
    struct vb_demo_account first, second;
    char token[16];
    struct stat status;

    (void)state;
    SCRIPT(server, {TOKEN_A}, {TOKEN_B});
    assert_int_equal(login(server, &first, token, NULL), 0);
    assert_true(first.registered);
    assert_string_equal(token, "a");
    assert_string_equal(script_request(server, 0)->target, "/api/auth/register");
    assert_int_equal(stat(first.path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);

    assert_int_equal(login(server, &second, token, NULL), 0);
    assert_false(second.registered);
    assert_string_equal(token, "b");
    assert_string_equal(second.email, first.email);
    assert_string_equal(script_request(server, 1)->target, "/api/auth/login");
    assert_non_null(strstr(script_request(server, 1)->body, first.password));
    vb_demo_account_release(&first);
    vb_demo_account_release(&second);
    script_stop(server);
}

static void an_api_that_does_not_know_it_registers_the_same_account(void **state)
{
    struct vb_demo_account first, second;
    char token[16];

    (void)state;
    SCRIPT(server, {TOKEN_A}, {UNKNOWN}, {TOKEN_A});
    assert_int_equal(login(server, &first, token, NULL), 0);
    assert_int_equal(login(server, &second, token, NULL), 0);
    assert_true(second.registered);
    assert_string_equal(second.email, first.email);
    assert_string_equal(script_request(server, 2)->target, "/api/auth/register");
    vb_demo_account_release(&first);
    vb_demo_account_release(&second);
    script_stop(server);
}

static void a_damaged_file_is_replaced(void **state)
{
    struct vb_demo_account account;
    char path[128], token[16];
    FILE *file;

    SCRIPT(server, {TOKEN_A});
    snprintf(path, sizeof(path), "%s/vibe", (char *)*state);
    assert_int_equal(mkdir(path, 0700), 0);
    strcat(path, "/demo-account");
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("one-word-only\n", file);
    fclose(file);
    assert_int_equal(login(server, &account, token, NULL), 0);
    assert_true(account.registered);
    assert_non_null(strstr(account.email, "@example.com"));
    vb_demo_account_release(&account);
    script_stop(server);
}

static void without_a_home_it_says_what_to_set(void **state)
{
    struct vb_demo_account account;
    struct vb_error err = {0};
    char token[16], *home = getenv("HOME") ? strdup(getenv("HOME")) : NULL;

    (void)state;
    SCRIPT(server, {TOKEN_A});
    unsetenv("XDG_STATE_HOME");
    unsetenv("HOME");
    assert_int_equal(login(server, &account, token, &err), -ENOENT);
    assert_non_null(strstr(err.message, "HOME is not set"));
    assert_int_equal(script_requests(server), 0);
    vb_demo_account_release(&account);
    if (home)
        setenv("HOME", home, 1);
    free(home);
    script_stop(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_account_is_registered_once_and_kept_private, setup, teardown),
        cmocka_unit_test_setup_teardown(an_api_that_does_not_know_it_registers_the_same_account, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_damaged_file_is_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_home_it_says_what_to_set, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
