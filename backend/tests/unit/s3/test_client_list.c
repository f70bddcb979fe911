/* What a bucket holds, page by page. */
#include "client_fixture.h"

#include "base/memory.h"

#include <errno.h>
#include <signal.h>

struct listing {
    char text[1024];
    int stop_after; /* objects */
};

static int note_object(void *context, const struct vb_s3_listed *object)
{
    struct listing *listing = context;
    size_t at = strlen(listing->text);

    snprintf(listing->text + at, sizeof(listing->text) - at, "%s %lld %lld %s\n", object->key,
             (long long)object->size, (long long)object->last_modified_s, object->etag);
    return --listing->stop_after == 0 ? -1 : 0;
}

#define OBJECT(key, size)                                                                                    \
    "<Contents><Key>" key "</Key><LastModified>1994-11-06T08:49:37.000Z</LastModified><ETag>&quot;e&quot;"   \
    "</ETag><Size>" size "</Size><StorageClass>STANDARD</StorageClass></Contents>"
#define LISTING(contents)                                                                                    \
    {                                                                                                        \
        "HTTP/1.1 200 OK\r\n" CLOSING XML                                                                    \
        "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"                               \
        "<Name>b</Name>" contents "</ListBucketResult>",                                                     \
            0, SCRIPT_CLOSE                                                                                  \
    }
#define URL_ENCODED "<EncodingType>url</EncodingType>"

static void a_listing_goes_through_all_pages(void **state)
{
    struct listing listing = {0};
    struct fixture f;

    (void)state;
    SCRIPT(server,
           LISTING(OBJECT("p/a+b%2Bc%C3%BC", "1") OBJECT(
               "p/%01", "5368709120") "<IsTruncated>true</IsTruncated>"
                                      "<NextContinuationToken>t/1+=</NextContinuationToken>" URL_ENCODED),
           LISTING(URL_ENCODED "<IsTruncated>false</IsTruncated>" OBJECT("p/z", "0")));
    fixture_init(&f, server, 0, 0);
    assert_int_equal(vb_s3_list(f.s3, "p/ \xc3\xbc", note_object, &listing, &f.err), 0);
    assert_string_equal(listing.text, "p/a b+c\xc3\xbc 1 784111777 \"e\"\np/\x01 5368709120 784111777 \"e\"\n"
                                      "p/z 0 784111777 \"e\"\n");
    assert_string_equal(script_request(server, 0)->target,
                        "/" BUCKET "?encoding-type=url&list-type=2&prefix=p%2F%20%C3%BC");
    assert_non_null(strstr(script_request(server, 1)->target, "continuation-token=t%2F1%2B%3D&"));
    assert_signed(script_request(server, 0));
    assert_signed(script_request(server, 1));
    fixture_release(&f);
    script_stop(server);
}

static void keys_are_decoded_only_if_they_are_encoded(void **state)
{
    struct listing listing = {0};
    struct fixture f;

    (void)state;
    SCRIPT(server, LISTING(OBJECT("a+b%41&amp;", "1")), LISTING(""));
    fixture_init(&f, server, 0, 0);
    assert_int_equal(vb_s3_list(f.s3, NULL, note_object, &listing, &f.err), 0);
    assert_string_equal(listing.text, "a+b%41& 1 784111777 \"e\"\n");
    assert_int_equal(vb_s3_list(f.s3, NULL, note_object, &listing, &f.err), 0);
    fixture_release(&f);
    script_stop(server);
}

static void a_listing_can_be_cancelled(void **state)
{
    struct listing listing = {.stop_after = 1};
    struct fixture f;

    (void)state;
    SCRIPT(server, LISTING(OBJECT("a", "1") OBJECT("b", "1") "<IsTruncated>true</IsTruncated>"));
    fixture_init(&f, server, 0, 0);
    assert_int_equal(vb_s3_list(f.s3, "", note_object, &listing, &f.err), -ECANCELED);
    assert_string_equal(listing.text, "a 1 784111777 \"e\"\n");
    assert_int_equal(script_requests(server), 1);
    fixture_release(&f);
    script_stop(server);
}

static void malformed_listings_are_errors(void **state)
{
    static const struct script_step steps[] = {
        LISTING("<IsTruncated>true</IsTruncated>"), /* how does it go on? */
        LISTING(
            "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"), /* for ever */
        LISTING(OBJECT("a", "-1")),
        LISTING(OBJECT("a", "many")),
        LISTING(OBJECT("", "1")),
        LISTING(URL_ENCODED OBJECT("a%zz", "1")),
        LISTING(URL_ENCODED OBJECT("a%00b", "1")),
        LISTING("<Contents><Size>1</Size></Contents>"),
        {"HTTP/1.1 200 OK\r\n" CLOSING "<ListBucketResult><Contents>", 0, SCRIPT_CLOSE},
        {"HTTP/1.1 200 OK\r\n" CLOSING "<!DOCTYPE x [<!ENTITY a \"b\">]><ListBucketResult/>", 0,
         SCRIPT_CLOSE},
    };

    (void)state;
    for (size_t i = 0; i < VB_ARRAY_SIZE(steps); i++) {
        struct scripted_server *server = script_start(&steps[i], 1);
        struct listing listing = {0};
        struct fixture f;

        server->repeat_last = true;
        fixture_init(&f, server, 2, 0);
        assert_int_equal(vb_s3_list(f.s3, "", note_object, &listing, &f.err), -EIO);
        assert_string_equal(listing.text, "");
        assert_true(script_requests(server) <= 2);
        fixture_release(&f);
        script_stop(server);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_listing_goes_through_all_pages),
        cmocka_unit_test(keys_are_decoded_only_if_they_are_encoded),
        cmocka_unit_test(a_listing_can_be_cancelled),
        cmocka_unit_test(malformed_listings_are_errors),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
