/* The XML of S3's bodies: see xml.h. */
#include "s3/xml.h"

#include "base/encode.h"

#include <errno.h>
#include <string.h>

#include <expat.h>

/* Between namespace and local name in expat's names; XML text can hold it only as a reference, names never.
 */
#define NAMESPACE_SEPARATOR '\n'

void vb_xml_declaration(struct vb_strbuf *out)
{
    vb_strbuf_adds(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
}

void vb_xml_start(struct vb_strbuf *out, const char *name, const char *xmlns)
{
    vb_strbuf_addc(out, '<');
    vb_strbuf_adds(out, name);
    if (xmlns) {
        vb_strbuf_adds(out, " xmlns=\"");
        vb_xml_text(out, xmlns, strlen(xmlns));
        vb_strbuf_addc(out, '"');
    }
    vb_strbuf_addc(out, '>');
}

void vb_xml_end(struct vb_strbuf *out, const char *name)
{
    vb_strbuf_adds(out, "</");
    vb_strbuf_adds(out, name);
    vb_strbuf_addc(out, '>');
}

/* Length of the well-formed UTF-8 sequence that text begins with; 0 when there is none. */
static size_t utf8_sequence(const char *text, size_t length)
{
    unsigned char c = (unsigned char)text[0];
    size_t size = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

    return size <= length && vb_utf8_valid(text, size) ? size : 0;
}

/* What stands for a single byte; NULL: the byte itself. */
static const char *escape(unsigned char c, char buffer[8])
{
    size_t at = 0;

    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    default:
        if (c >= 0x20 && c != 0x7f)
            return NULL;
    }
    memcpy(buffer, "&#x", 3);
    at = 3;
    if (c >> 4)
        buffer[at++] = vb_hex_upper[c >> 4];
    buffer[at++] = vb_hex_upper[c & 15];
    buffer[at++] = ';';
    buffer[at] = '\0';
    return buffer;
}

void vb_xml_text(struct vb_strbuf *out, const char *text, size_t length)
{
    size_t plain = 0; /* start of a run that is written as it is */

    for (size_t i = 0; i < length;) {
        size_t size = utf8_sequence(text + i, length - i);
        char buffer[8];
        const char *instead = size == 0   ? "\xef\xbf\xbd"
                              : size == 1 ? escape((unsigned char)text[i], buffer)
                                          : NULL;

        if (instead) {
            vb_strbuf_add(out, text + plain, i - plain);
            vb_strbuf_adds(out, instead);
            plain = i + 1;
        }
        i += size ? size : 1;
    }
    vb_strbuf_add(out, text + plain, length - plain);
}

void vb_xml_element(struct vb_strbuf *out, const char *name, const char *text)
{
    vb_xml_start(out, name, NULL);
    if (text)
        vb_xml_text(out, text, strlen(text));
    vb_xml_end(out, name);
}

void vb_xml_element_int(struct vb_strbuf *out, const char *name, int64_t value)
{
    vb_xml_start(out, name, NULL);
    vb_strbuf_addi(out, value);
    vb_xml_end(out, name);
}

void vb_xml_element_bool(struct vb_strbuf *out, const char *name, bool value)
{
    vb_xml_element(out, name, value ? "true" : "false");
}

struct reading {
    const struct vb_xml_reader *reader;
    struct vb_error *err;
    XML_Parser parser;
    struct vb_strbuf path;
    struct vb_strbuf text;            /* of the innermost open element, as long as it has no child */
    size_t lengths[VB_XML_DEPTH_MAX]; /* of the path before each open element was added */
    size_t depth, elements;
    bool leaf; /* the innermost open element has no child so far */
    int result;
};

static void stop(struct reading *reading, int result)
{
    reading->result = result;
    XML_StopParser(reading->parser, XML_FALSE);
}

static void on_doctype(void *context, const XML_Char *name, const XML_Char *system_id,
                       const XML_Char *public_id, int has_internal_subset)
{
    struct reading *reading = context;

    (void)name, (void)system_id, (void)public_id, (void)has_internal_subset;
    stop(reading,
         vb_error_set(reading->err, EINVAL, "the XML has a document type declaration, which is not allowed"));
}

static void on_start(void *context, const XML_Char *name, const XML_Char **attributes)
{
    struct reading *reading = context;
    const struct vb_xml_reader *reader = reading->reader;
    const char *separator = strrchr(name, NAMESPACE_SEPARATOR);
    int result;

    (void)attributes;
    if (reading->result < 0)
        return;
    if (++reading->elements > reader->elements_max) {
        stop(reading,
             vb_error_set(reading->err, E2BIG, "the XML has more than %zu elements", reader->elements_max));
        return;
    }
    if (reading->depth == VB_XML_DEPTH_MAX) {
        stop(reading, vb_error_set(reading->err, E2BIG, "the XML is nested deeper than %d elements",
                                   VB_XML_DEPTH_MAX));
        return;
    }
    reading->lengths[reading->depth++] = reading->path.length;
    if (reading->path.length > 0)
        vb_strbuf_addc(&reading->path, '/');
    vb_strbuf_adds(&reading->path, separator ? separator + 1 : name);
    if (vb_strbuf_failed(&reading->path)) {
        stop(reading, vb_error_set(reading->err, E2BIG, "the XML has element names that are too long"));
        return;
    }
    vb_strbuf_clear(&reading->text);
    reading->leaf = true;
    result = reader->on_start ? reader->on_start(reader->context, reading->path.data) : 0;
    if (result < 0)
        stop(reading, result);
}

static void on_text(void *context, const XML_Char *text, int length)
{
    struct reading *reading = context;

    if (reading->result < 0 || !reading->leaf)
        return;
    vb_strbuf_add(&reading->text, text, (size_t)length);
    if (vb_strbuf_failed(&reading->text))
        stop(reading, vb_error_set(reading->err, E2BIG,
                                   "an element of the XML has more than %zu bytes of text", VB_XML_TEXT_MAX));
}

static void on_end(void *context, const XML_Char *name)
{
    struct reading *reading = context;
    const struct vb_xml_reader *reader = reading->reader;
    int result;

    (void)name;
    if (reading->result < 0)
        return;
    result = reader->on_end ? reader->on_end(reader->context, reading->path.data,
                                             reading->leaf ? reading->text.data : "")
                            : 0;
    if (result < 0) {
        stop(reading, result);
        return;
    }
    reading->path.length = reading->lengths[--reading->depth];
    reading->path.data[reading->path.length] = '\0';
    reading->leaf = false;
    vb_strbuf_clear(&reading->text);
}

static int parse(struct reading *reading, const char *data, size_t size)
{
    if (XML_Parse(reading->parser, data, (int)size, XML_TRUE) == XML_STATUS_OK)
        return 0;
    if (reading->result < 0)
        return reading->result;
    if (XML_GetErrorCode(reading->parser) == XML_ERROR_NO_MEMORY)
        return vb_error_set(reading->err, ENOMEM, "memory ran out while reading XML");
    return vb_error_set(reading->err, EINVAL, "the XML is not well-formed at line %lu: %s",
                        (unsigned long)XML_GetCurrentLineNumber(reading->parser),
                        XML_ErrorString(XML_GetErrorCode(reading->parser)));
}

int vb_xml_read(const struct vb_xml_reader *reader, const char *data, size_t size, struct vb_error *err)
{
    struct reading reading = {.reader = reader, .err = err};
    int result;

    if (size > reader->size_max || size > INT32_MAX)
        return vb_error_set(err, E2BIG, "the XML is %zu bytes long; at most %zu are read", size,
                            reader->size_max);
    reading.parser = XML_ParserCreateNS(NULL, NAMESPACE_SEPARATOR);
    if (!reading.parser)
        return vb_error_set(err, ENOMEM, "memory ran out while reading XML");
    vb_strbuf_init(&reading.path, VB_XML_PATH_MAX);
    vb_strbuf_init(&reading.text, VB_XML_TEXT_MAX);
    XML_SetUserData(reading.parser, &reading);
    XML_SetElementHandler(reading.parser, on_start, on_end);
    XML_SetCharacterDataHandler(reading.parser, on_text);
    XML_SetStartDoctypeDeclHandler(reading.parser, on_doctype);
    result = parse(&reading, data, size);
    vb_strbuf_release(&reading.path);
    vb_strbuf_release(&reading.text);
    XML_ParserFree(reading.parser);
    return result;
}
