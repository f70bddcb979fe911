/* Fuzzes the XML reader with any bytes, and the writer with the text that the reader found: it must read back
 * the same. */
#include "s3/xml.h"

#include "base/memory.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The element that is looked for: its path and its text. */
struct wanted {
    const char *path, *text;
    bool found;
};

static int compare(void *context, const char *path, const char *text)
{
    struct wanted *wanted = context;

    if (strcmp(path, wanted->path) == 0) {
        vb_assert(strcmp(text, wanted->text) == 0);
        wanted->found = true;
    }
    return 0;
}

static bool has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' && !strchr("\t\r\n", *text))
            return true;
    return false;
}

static int on_end(void *context, const char *path, const char *text)
{
    struct wanted wanted = {.path = "R/T", .text = text};
    const struct vb_xml_reader reader = {
        .size_max = 1 << 20, .elements_max = 3, .on_end = compare, .context = &wanted};
    struct vb_strbuf out;
    int r;

    (void)context;
    vb_assert(strlen(path) > 0 && strlen(path) <= VB_XML_PATH_MAX && strlen(text) <= VB_XML_TEXT_MAX);
    vb_strbuf_init(&out, 1 << 20);
    vb_xml_declaration(&out);
    vb_xml_start(&out, "R", VB_XML_S3_NAMESPACE);
    vb_xml_element(&out, "T", text);
    vb_xml_end(&out, "R");
    r = vb_xml_read(&reader, out.data, out.length, NULL);
    vb_assert((r == 0 && wanted.found) || has_control(text));
    vb_strbuf_release(&out);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct vb_xml_reader reader = {.size_max = 64 * 1024, .elements_max = 200, .on_end = on_end};
    struct vb_strbuf out;

    vb_xml_read(&reader, (const char *)data, size, NULL);
    vb_strbuf_init(&out, 1 << 20);
    vb_xml_text(&out, (const char *)data, size);
    vb_assert(!memchr(out.data, '<', out.length));
    vb_strbuf_release(&out);
    return 0;
}
