/*
 * The OpenAPI document and the page made of it. openapi/embed.py compiles both into the program from
 * docs/openapi.yaml. Static; never changes.
 */
#ifndef VB_API_EMBEDDED_H
#define VB_API_EMBEDDED_H

#include <stddef.h>

struct vb_embedded {
    const char *content_type;
    const char *content_security_policy;
    const char *etag; /* with its quotes */
    const char *text;
    size_t size;
};

extern const struct vb_embedded vb_embedded_openapi, vb_embedded_docs;

#endif
