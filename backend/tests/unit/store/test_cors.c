/* A bucket's cross-origin rules: reading, refusing, writing and matching them. */
#include "store/cors.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define RULES(inner)                                                                                         \
    "<CORSConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" inner "</CORSConfiguration>"
#define RULE(inner)  "<CORSRule>" inner "</CORSRule>"
#define ORIGIN(text) "<AllowedOrigin>" text "</AllowedOrigin>"
#define METHOD(text) "<AllowedMethod>" text "</AllowedMethod>"
#define HEADER(text) "<AllowedHeader>" text "</AllowedHeader>"

static const char two_rules[] = RULES(
    RULE("<ID>app</ID>" ORIGIN("https://*.example.com") METHOD("PUT") METHOD("GET") HEADER("x-amz-*")
             HEADER("Content-Type") "<ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>3000</MaxAgeSeconds>")
        RULE(ORIGIN("*") METHOD("GET")));

struct fixture {
    struct vb_arena arena;
    struct vb_store_cors cors;
    struct vb_error err;
};

static int parse(struct fixture *fixture, const char *xml)
{
    memset(fixture, 0, sizeof(*fixture));
    vb_arena_init(&fixture->arena, 1024 * 1024);
    return vb_store_cors_parse(&fixture->arena, xml, strlen(xml), &fixture->cors, &fixture->err);
}

static void assert_refused(const char *xml, int code)
{
    struct fixture fixture;

    assert_int_equal(parse(&fixture, xml), code);
    assert_string_not_equal(fixture.err.message, "");
    vb_arena_release(&fixture.arena);
}

static void a_configuration_is_read_back_as_it_was_written(void **state)
{
    struct fixture fixture;
    struct vb_strbuf first, second;

    (void)state;
    assert_int_equal(parse(&fixture, two_rules), 0);
    assert_int_equal(fixture.cors.count, 2);
    assert_string_equal(fixture.cors.rules->id, "app");
    assert_int_equal(fixture.cors.rules->max_age_s, 3000);
    assert_int_equal(fixture.cors.rules->next->max_age_s, -1);
    vb_strbuf_init(&first, VB_STORE_CORS_SIZE_MAX);
    vb_strbuf_init(&second, VB_STORE_CORS_SIZE_MAX);
    vb_store_cors_write(&fixture.cors, &first);
    vb_arena_release(&fixture.arena);
    assert_int_equal(parse(&fixture, first.data), 0);
    vb_store_cors_write(&fixture.cors, &second);
    vb_arena_release(&fixture.arena);
    assert_string_equal(first.data, second.data);
    assert_non_null(strstr(first.data, "<AllowedOrigin>https://*.example.com</AllowedOrigin>"));
    vb_strbuf_release(&first);
    vb_strbuf_release(&second);
}

static void malformed_documents_are_refused(void **state)
{
    (void)state;
    assert_refused("", -EINVAL);
    assert_refused("<CORSConfiguration>", -EINVAL);
    assert_refused("<Other/>", -EINVAL);
    assert_refused(RULES(""), -EINVAL);
    assert_refused(RULES(RULE(ORIGIN("*"))), -EINVAL);
    assert_refused(RULES(RULE(METHOD("GET"))), -EINVAL);
    assert_refused(RULES(RULE(ORIGIN("*") METHOD("GET") "<MaxAgeSeconds>-1</MaxAgeSeconds>")), -EINVAL);
    assert_refused(RULES(RULE(ORIGIN("*") METHOD("GET") "<MaxAgeSeconds>99999999999</MaxAgeSeconds>")),
                   -EINVAL);
    assert_refused("<!DOCTYPE x [<!ENTITY a \"b\">]>" RULES(RULE(ORIGIN("&a;") METHOD("GET"))), -EINVAL);
}

static void values_that_s3_refuses_are_refused(void **state)
{
    (void)state;
    assert_refused(RULES(RULE(ORIGIN("https://*.*.com") METHOD("GET"))), -EDOM);
    assert_refused(RULES(RULE(ORIGIN("*") METHOD("PATCH"))), -EDOM);
    assert_refused(RULES(RULE(ORIGIN("*") METHOD("GET") HEADER("*-*"))), -EDOM);
    assert_refused(RULES(RULE(ORIGIN("*") METHOD("GET") "<ExposeHeader>x-*</ExposeHeader>")), -EDOM);
}

static void a_configuration_has_at_most_100_rules(void **state)
{
    struct vb_strbuf xml;

    (void)state;
    vb_strbuf_init(&xml, VB_STORE_CORS_SIZE_MAX);
    vb_strbuf_adds(&xml, "<CORSConfiguration>");
    for (int i = 0; i < 101; i++)
        vb_strbuf_adds(&xml, RULE(ORIGIN("*") METHOD("GET")));
    vb_strbuf_adds(&xml, "</CORSConfiguration>");
    assert_refused(xml.data, -EINVAL);
    vb_strbuf_release(&xml);
}

/* The index of the rule that allows the request, or -1. */
static int matching(const char *origin, const char *method, const char *headers)
{
    struct fixture fixture;
    const struct vb_store_cors_rule *rule;
    int index;

    assert_int_equal(parse(&fixture, two_rules), 0);
    rule = vb_store_cors_match(&fixture.cors, origin, method, headers);
    index = !rule ? -1 : rule == fixture.cors.rules ? 0 : 1;
    vb_arena_release(&fixture.arena);
    return index;
}

static void the_first_rule_that_allows_origin_method_and_headers_is_taken(void **state)
{
    (void)state;
    assert_int_equal(matching("https://app.example.com", "PUT", NULL), 0);
    assert_int_equal(matching("https://app.example.com", "PUT", "content-type, X-AMZ-Date"), 0);
    assert_int_equal(matching("https://app.example.com", "GET", "authorization"), -1);
    assert_int_equal(matching("https://elsewhere.org", "GET", NULL), 1);
    assert_int_equal(matching("https://elsewhere.org", "PUT", NULL), -1);
    assert_int_equal(matching("https://app.example.com", "DELETE", NULL), -1);
    assert_int_equal(matching("https://elsewhere.org", "get", NULL), -1);
}

static void a_wildcard_matches_any_text_in_its_place(void **state)
{
    (void)state;
    assert_int_equal(matching("https://.example.com", "PUT", NULL), 0);
    assert_int_equal(matching("https://a.b.example.com", "PUT", NULL), 0);
    assert_int_equal(matching("https://example.com", "PUT", NULL), -1);
    assert_int_equal(matching("https://app.example.com.evil.org", "PUT", NULL), -1);
    assert_int_equal(matching("http://app.example.com", "PUT", NULL), -1);
    assert_int_equal(matching("https:/", "PUT", NULL), -1);
}

static void a_rule_for_any_origin_answers_a_star_and_others_the_origin(void **state)
{
    struct fixture fixture;

    (void)state;
    assert_int_equal(parse(&fixture, two_rules), 0);
    assert_string_equal(vb_store_cors_allowed_origin(fixture.cors.rules, "https://a.example.com"),
                        "https://a.example.com");
    assert_string_equal(vb_store_cors_allowed_origin(fixture.cors.rules->next, "https://a.example.com"), "*");
    assert_string_equal(vb_store_cors_join(&fixture.arena, fixture.cors.rules->methods), "PUT, GET");
    assert_null(vb_store_cors_join(&fixture.arena, fixture.cors.rules->next->expose));
    vb_arena_release(&fixture.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_configuration_is_read_back_as_it_was_written),
        cmocka_unit_test(malformed_documents_are_refused),
        cmocka_unit_test(values_that_s3_refuses_are_refused),
        cmocka_unit_test(a_configuration_has_at_most_100_rules),
        cmocka_unit_test(the_first_rule_that_allows_origin_method_and_headers_is_taken),
        cmocka_unit_test(a_wildcard_matches_any_text_in_its_place),
        cmocka_unit_test(a_rule_for_any_origin_answers_a_star_and_others_the_origin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
