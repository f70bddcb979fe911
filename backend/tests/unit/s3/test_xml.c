/* XML writer and bounded reader. */
#include "s3/xml.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Writes each event as a line, so that a whole reading is one string to compare. */
struct events {
    struct vb_strbuf log;
    const char *refuse; /* path at whose end the callback fails */
};

static int note_start(void *context, const char *path)
{
    struct events *events = context;

    vb_strbuf_addf(&events->log, "+%s\n", path);
    return 0;
}

static int note_end(void *context, const char *path, const char *text)
{
    struct events *events = context;

    vb_strbuf_addf(&events->log, "%s=%s\n", path, text);
    return events->refuse && strcmp(path, events->refuse) == 0 ? -ECANCELED : 0;
}

static int setup(void **state)
{
    struct events *events = calloc(1, sizeof(*events));

    vb_strbuf_init(&events->log, 1 << 20);
    *state = events;
    return 0;
}

static int teardown(void **state)
{
    struct events *events = *state;

    vb_strbuf_release(&events->log);
    free(events);
    return 0;
}

static int read_text(struct events *events, const char *text, struct vb_error *err)
{
    struct vb_xml_reader reader = {
        .size_max = 1 << 20, .elements_max = 100, .on_end = note_end, .context = events};

    return vb_xml_read(&reader, text, strlen(text), err);
}

static void assert_written(struct vb_strbuf *out, const char *expected)
{
    assert_false(vb_strbuf_failed(out));
    assert_string_equal(out->data, expected);
    vb_strbuf_release(out);
}

static void writer_escapes_markup_and_control_characters(void **state)
{
    struct vb_strbuf out;

    (void)state;
    vb_strbuf_init(&out, 1000);
    vb_xml_element(&out, "Key", "a&b<c>d\"e'\r\n\t\x01\x1f\x7f z");
    assert_written(&out, "<Key>a&amp;b&lt;c&gt;d&quot;e'&#xD;&#xA;&#x9;&#x1;&#x1F;&#x7F; z</Key>");
}

static void writer_keeps_utf8_and_replaces_what_is_not(void **state)
{
    struct vb_strbuf out;

    (void)state;
    vb_strbuf_init(&out, 1000);
    vb_xml_element(&out, "K", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    vb_xml_element(&out, "K", "\xc3");     /* cut */
    vb_xml_element(&out, "K", "\xc0\x80"); /* over-long */
    vb_xml_element(&out, "K",
                   "\xed\xa0\x80"
                   "x"); /* surrogate */
    assert_written(&out, "<K>\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80</K><K>\xef\xbf\xbd</K>"
                         "<K>\xef\xbf\xbd\xef\xbf\xbd</K><K>\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx</K>");
}

static void writer_makes_a_document(void **state)
{
    struct vb_strbuf out;

    (void)state;
    vb_strbuf_init(&out, 1000);
    vb_xml_declaration(&out);
    vb_xml_start(&out, "ListBucketResult", VB_XML_S3_NAMESPACE);
    vb_xml_element(&out, "Prefix", NULL);
    vb_xml_element_int(&out, "MaxKeys", 1000);
    vb_xml_element_int(&out, "Least", INT64_MIN);
    vb_xml_element_bool(&out, "IsTruncated", false);
    vb_xml_end(&out, "ListBucketResult");
    assert_written(&out,
                   "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                   "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Prefix></Prefix>"
                   "<MaxKeys>1000</MaxKeys><Least>-9223372036854775808</Least>"
                   "<IsTruncated>false</IsTruncated></ListBucketResult>");
}

static void reader_gives_back_what_the_writer_wrote(void **state)
{
    static const char key[] = "a&b<c>d\"e'\r\n\t \xc3\xa9 ]]> &amp; z";
    struct events *events = *state;
    struct vb_strbuf out, expected;

    vb_strbuf_init(&out, 1000);
    vb_strbuf_init(&expected, 1000);
    vb_xml_declaration(&out);
    vb_xml_start(&out, "R", VB_XML_S3_NAMESPACE);
    vb_xml_element(&out, "Key", key);
    vb_xml_end(&out, "R");
    assert_int_equal(read_text(events, out.data, NULL), 0);
    vb_strbuf_addf(&expected, "R/Key=%s\nR=\n", key);
    assert_string_equal(events->log.data, expected.data);
    vb_strbuf_release(&out);
    vb_strbuf_release(&expected);
}

static void reader_reports_paths_in_document_order(void **state)
{
    struct events *events = *state;
    struct vb_xml_reader reader = {
        .size_max = 1000, .elements_max = 100, .on_start = note_start, .on_end = note_end, .context = events};
    static const char text[] =
        "<?xml version='1.0'?>\n<Delete xmlns='http://s3.amazonaws.com/doc/2006-03-01/'>\n"
        "  <Object><Key>a</Key><VersionId/></Object> stray <Object><Key>b</Key></Object>\n"
        "  <Quiet a='1'>true<!-- c --></Quiet></Delete>\n";

    assert_int_equal(vb_xml_read(&reader, text, sizeof(text) - 1, NULL), 0);
    assert_string_equal(events->log.data,
                        "+Delete\n+Delete/Object\n+Delete/Object/Key\nDelete/Object/Key=a\n"
                        "+Delete/Object/VersionId\nDelete/Object/VersionId=\nDelete/Object=\n"
                        "+Delete/Object\n+Delete/Object/Key\nDelete/Object/Key=b\nDelete/Object=\n"
                        "+Delete/Quiet\nDelete/Quiet=true\nDelete=\n");
}

static void reader_ignores_namespaces_and_joins_text(void **state)
{
    struct events *events = *state;

    assert_int_equal(
        read_text(events,
                  "<s3:A xmlns:s3='urn:x' xmlns:i='urn:i'><s3:B i:type='t'>x &lt;<![CDATA[<y>]]>&#x7a;"
                  "</s3:B></s3:A>",
                  NULL),
        0);
    assert_string_equal(events->log.data, "A/B=x <<y>z\nA=\n");
}

static void reader_refuses_document_types_and_entities(void **state)
{
    static const char *const hostile[] = {
        "<!DOCTYPE a><a/>",
        "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
        "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>",
        "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>",
        "<a>&undeclared;</a>",
    };
    struct events *events = *state;

    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        struct vb_error err = {0};

        assert_int_equal(read_text(events, hostile[i], &err), -EINVAL);
        assert_int_equal(err.code, EINVAL);
        assert_true(strlen(err.message) > 0);
    }
    assert_string_equal(events->log.data, "");
}

static void reader_refuses_what_is_not_well_formed(void **state)
{
    static const char *const broken[] = {"",
                                         " ",
                                         "a",
                                         "<a>",
                                         "<a></b>",
                                         "<a/><b/>",
                                         "<a>\x01</a>",
                                         "<a>\xff</a>",
                                         "<a>&#0;</a>",
                                         "<p:a/>",
                                         "{\"json\": true}"};
    struct events *events = *state;

    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        assert_int_equal(read_text(events, broken[i], NULL), -EINVAL);
}

/* Every beginning of a document that is not the whole of it is refused. */
static void reader_refuses_every_truncation(void **state)
{
    static const char text[] = "<?xml version='1.0' encoding='UTF-8'?><A><B>\xc3\xa9&amp;</B><C/></A>";
    struct events *events = *state;
    struct vb_xml_reader reader = {
        .size_max = 1000, .elements_max = 10, .on_end = note_end, .context = events};

    for (size_t size = 0; size < sizeof(text) - 1; size++)
        assert_int_equal(vb_xml_read(&reader, text, size, NULL), -EINVAL);
    assert_int_equal(vb_xml_read(&reader, text, sizeof(text) - 1, NULL), 0);
}

static void reader_limits_size_depth_elements_and_text(void **state)
{
    struct events *events = *state;
    struct vb_xml_reader reader = {.size_max = 100, .elements_max = 3, .context = events};
    struct vb_error err = {0};
    static char text[VB_XML_TEXT_MAX + 100];

    assert_int_equal(vb_xml_read(&reader, "<a><b/><b/></a>", 15, &err), 0);
    assert_int_equal(vb_xml_read(&reader, "<a><b/><b/><b/></a>", 19, &err), -E2BIG);
    memset(text, ' ', 101);
    memcpy(text, "<a/>", 4);
    assert_int_equal(vb_xml_read(&reader, text, 100, &err), 0);
    assert_int_equal(vb_xml_read(&reader, text, 101, &err), -E2BIG);

    text[0] = '\0';
    for (int i = 0; i < VB_XML_DEPTH_MAX; i++)
        strcat(text, "<a>");
    strcpy(text + strlen(text), "</a>");
    for (int i = 1; i < VB_XML_DEPTH_MAX; i++)
        strcat(text, "</a>");
    assert_int_equal(read_text(events, text, &err), 0);
    memmove(text + 3, text, strlen(text) + 1);
    strcat(text, "</a>");
    assert_int_equal(read_text(events, text, &err), -E2BIG);

    for (int over = 0; over <= 1; over++) {
        size_t size = VB_XML_TEXT_MAX + (size_t)over;

        memcpy(text, "<a>", 3);
        memset(text + 3, 'x', size);
        strcpy(text + 3 + size, "</a>");
        assert_int_equal(read_text(events, text, &err), over ? -E2BIG : 0);
    }
    memset(text, 'n', VB_XML_PATH_MAX + 2);
    text[0] = '<';
    strcpy(text + VB_XML_PATH_MAX + 2, "/>");
    assert_int_equal(read_text(events, text, &err), -E2BIG);
}

static void reader_stops_where_the_callback_says(void **state)
{
    struct events *events = *state;

    events->refuse = "A/B";
    assert_int_equal(read_text(events, "<A><B>1</B><C>2</C></A>", NULL), -ECANCELED);
    assert_string_equal(events->log.data, "A/B=1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writer_escapes_markup_and_control_characters),
        cmocka_unit_test(writer_keeps_utf8_and_replaces_what_is_not),
        cmocka_unit_test(writer_makes_a_document),
        cmocka_unit_test_setup_teardown(reader_gives_back_what_the_writer_wrote, setup, teardown),
        cmocka_unit_test_setup_teardown(reader_reports_paths_in_document_order, setup, teardown),
        cmocka_unit_test_setup_teardown(reader_ignores_namespaces_and_joins_text, setup, teardown),
        cmocka_unit_test_setup_teardown(reader_refuses_document_types_and_entities, setup, teardown),
        cmocka_unit_test_setup_teardown(reader_refuses_what_is_not_well_formed, setup, teardown),
        cmocka_unit_test_setup_teardown(reader_refuses_every_truncation, setup, teardown),
        cmocka_unit_test_setup_teardown(reader_limits_size_depth_elements_and_text, setup, teardown),
        cmocka_unit_test_setup_teardown(reader_stops_where_the_callback_says, setup, teardown),
    };

    return cmocka_run_group_tests_name("s3/xml", tests, NULL, NULL);
}
