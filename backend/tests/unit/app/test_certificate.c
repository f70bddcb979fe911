/* The certificate of `vibe serve`: which servers use a renewed one, and what a refusal leaves behind. */
#include "app/certificate.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct server {
    const struct vb_tls *tls;
    unsigned refusals; /* how many offers it still refuses */
};

struct fixture {
    char root[64], cert[80], key[80];
    struct vb_settings settings;
    struct vb_tls *tls;
    struct server servers[2];
    struct vb_certificate_user users[2];
};

static int renew(void *context, const struct vb_tls *tls, struct vb_error *err)
{
    struct server *server = context;

    if (server->refusals) {
        server->refusals--;
        return vb_error_set(err, EBUSY, "not now");
    }
    server->tls = tls;
    return 0;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    char command[512];

    snprintf(f->root, sizeof(f->root), "/tmp/vibe-certificate-XXXXXX");
    assert_non_null(mkdtemp(f->root));
    snprintf(f->cert, sizeof(f->cert), "%s/cert.pem", f->root);
    snprintf(f->key, sizeof(f->key), "%s/key.pem", f->root);
    snprintf(command, sizeof(command),
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 "
             "-subj /CN=localhost -keyout %s -out %s 2>/dev/null",
             f->key, f->cert);
    assert_int_equal(system(command), 0);
    f->settings = (struct vb_settings){.tls_cert = f->cert, .tls_key = f->key};
    assert_int_equal(vb_certificate_load(&f->settings, &f->tls, NULL), 0);
    for (int i = 0; i < 2; i++) {
        f->servers[i].tls = f->tls;
        f->users[i] = (struct vb_certificate_user){i ? "cdn" : "api", renew, &f->servers[i]};
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    char command[128];

    vb_tls_free(f->tls);
    snprintf(command, sizeof(command), "rm -rf '%s'", f->root);
    assert_int_equal(system(command), 0);
    free(f);
    return 0;
}

static void plain_http_has_no_certificate(void **state)
{
    const struct vb_settings settings = {0};
    struct vb_tls *tls;

    (void)state;
    assert_int_equal(vb_certificate_load(&settings, &tls, NULL), 0);
    assert_null(tls);
}

static void all_servers_get_the_renewed_certificate(void **state)
{
    struct fixture *f = *state;
    struct vb_tls *first = f->tls;

    vb_certificate_renew(&f->settings, f->users, 2, &f->tls);
    assert_ptr_not_equal(f->tls, first);
    assert_ptr_equal(f->servers[0].tls, f->tls);
    assert_ptr_equal(f->servers[1].tls, f->tls);
    assert_ptr_equal(f->tls->older, first);
}

static void one_refusal_does_not_keep_the_others_from_renewing(void **state)
{
    struct fixture *f = *state;
    struct vb_tls *first = f->tls;

    f->servers[0].refusals = 1;
    vb_certificate_renew(&f->settings, f->users, 2, &f->tls);
    assert_ptr_equal(f->servers[0].tls, first);
    assert_ptr_equal(f->servers[1].tls, f->tls);
    assert_ptr_equal(f->tls->older, first); /* which the first server still uses */
    vb_certificate_renew(&f->settings, f->users, 2, &f->tls);
    assert_ptr_equal(f->servers[0].tls, f->tls);
}

static void a_certificate_that_all_refuse_is_freed(void **state)
{
    struct fixture *f = *state;
    struct vb_tls *first = f->tls;

    for (int i = 0; i < 5; i++) {
        f->servers[0].refusals = f->servers[1].refusals = 1;
        vb_certificate_renew(&f->settings, f->users, 2, &f->tls);
    }
    assert_ptr_equal(f->tls, first);
    assert_null(f->tls->older);
}

static void an_unusable_file_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct vb_tls *first = f->tls;
    FILE *file = fopen(f->key, "w");

    assert_non_null(file);
    fputs("garbage", file);
    fclose(file);
    vb_certificate_renew(&f->settings, f->users, 2, &f->tls);
    assert_ptr_equal(f->tls, first);
    assert_ptr_equal(f->servers[1].tls, first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_http_has_no_certificate),
        cmocka_unit_test_setup_teardown(all_servers_get_the_renewed_certificate, setup, teardown),
        cmocka_unit_test_setup_teardown(one_refusal_does_not_keep_the_others_from_renewing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_certificate_that_all_refuse_is_freed, setup, teardown),
        cmocka_unit_test_setup_teardown(an_unusable_file_changes_nothing, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
