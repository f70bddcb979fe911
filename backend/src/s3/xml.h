/*
 * The XML of S3's bodies: a writer into a string builder, and a bounded reader over expat that reports
 * elements by their path. No attributes but xmlns, no mixed content, no DTD: S3 uses none of them.
 */
#ifndef VB_S3_XML_H
#define VB_S3_XML_H

#include "base/error.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VB_XML_S3_NAMESPACE "http://s3.amazonaws.com/doc/2006-03-01/"

/*
 * Writing. The caller balances the tags. Names are trusted, text is escaped: & < > " and every control
 * character, as S3 does (&#xD; and so on). Bytes that are not UTF-8 become U+FFFD. Characters that XML 1.0
 * cannot hold even as a reference (U+0001 …) are written as one all the same, as S3 does; clients that meet
 * such keys ask for encoding-type=url.
 */
void vb_xml_declaration(struct vb_strbuf *out); /* <?xml version="1.0" encoding="UTF-8"?> and a line feed */
/* xmlns: VB_XML_S3_NAMESPACE, or NULL for an element without one (all but the root; the root of Error). */
void vb_xml_start(struct vb_strbuf *out, const char *name, const char *xmlns);
void vb_xml_end(struct vb_strbuf *out, const char *name);
void vb_xml_text(struct vb_strbuf *out, const char *text, size_t length);
/* <name>text</name>; a text of NULL or "" writes <name></name>. */
void vb_xml_element(struct vb_strbuf *out, const char *name, const char *text);
void vb_xml_element_int(struct vb_strbuf *out, const char *name, int64_t value);
void vb_xml_element_bool(struct vb_strbuf *out, const char *name, bool value);

/*
 * Reading a whole document. Paths are local names from the root, joined by '/': "Delete/Object/Key".
 * Namespaces and attributes are ignored, and so is text beside child elements.
 *
 *     static int on_end(void *context, const char *path, const char *text)
 *     {
 *         if (strcmp(path, "Delete/Object/Key") == 0) …       text: what is between the tags
 *         if (strcmp(path, "Delete/Object") == 0) …           the object is complete
 *         return 0;                                           unknown elements are ignored
 *     }
 */
#define VB_XML_DEPTH_MAX 12
#define VB_XML_PATH_MAX  256                 /* bytes */
#define VB_XML_TEXT_MAX  ((size_t)16 * 1024) /* bytes of text in one element */

struct vb_xml_reader {
    size_t size_max;     /* bytes of the document */
    size_t elements_max; /* elements in all */
    /* Each may be NULL; a negative result ends the reading and is returned. */
    int (*on_start)(void *context, const char *path);
    int (*on_end)(void *context, const char *path,
                  const char *text); /* UTF-8; "" for an element with children */
    void *context;
};

/* Returns 0, -EINVAL (not well-formed, or a DTD: S3's MalformedXML), -E2BIG (a limit: MalformedXML too),
 * -ENOMEM, or the callback's result. Callbacks may have run before a failure is found. */
int vb_xml_read(const struct vb_xml_reader *reader, const char *data, size_t size, struct vb_error *err);

#endif
