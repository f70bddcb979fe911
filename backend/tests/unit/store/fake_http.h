/*
 * A request without a server, for the parts of the store that read its headers and answer it. Fakes replace
 * the functions of the HTTP server that need a connection (--wrap, see meson.build), and keep the answer for
 * the test.
 */
#ifndef VB_TESTS_STORE_FAKE_HTTP_H
#define VB_TESTS_STORE_FAKE_HTTP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FAKE_HEADERS_MAX 8

struct fake_http {
    struct vb_http_request request; /* first: a request is its fake */
    struct vb_http_header headers[FAKE_HEADERS_MAX];
    size_t header_count;
    int status; /* of the answer; 0: none yet */
    char content_type[64];
    struct vb_strbuf answer_headers; /* "Name: value\n" each */
    struct vb_strbuf answer;
};

static inline struct fake_http *fake_of(const struct vb_http_request *request)
{
    return (struct fake_http *)(uintptr_t)request;
}

static inline void fake_init(struct fake_http *fake, enum vb_http_method method, const char *query)
{
    *fake = (struct fake_http){.request = {.method = method,
                                           .method_name = "PUT",
                                           .path = "/photos/a.jpg",
                                           .query = query,
                                           .host = "localhost",
                                           .id = "0123456789abcdef",
                                           .content_length = 0}};
    vb_arena_init(&fake->request.arena, VB_HTTP_ARENA_MAX);
    vb_strbuf_init(&fake->answer_headers, 4096);
    vb_strbuf_init(&fake->answer, (size_t)1024 * 1024);
}

static inline void fake_release(struct fake_http *fake)
{
    vb_arena_release(&fake->request.arena);
    vb_strbuf_release(&fake->answer_headers);
    vb_strbuf_release(&fake->answer);
}

static inline void fake_header(struct fake_http *fake, const char *name, const char *value)
{
    assert_true(fake->header_count < FAKE_HEADERS_MAX);
    fake->headers[fake->header_count++] = (struct vb_http_header){name, value};
}

static inline void assert_answer_has(const struct fake_http *fake, const char *text)
{
    if (!fake->answer.length || !strstr(fake->answer.data, text))
        fail_msg("\"%s\" is not in the answer %d: %s", text, fake->status,
                 fake->answer.length ? fake->answer.data : "");
}

/* The fake of the server. */

const char *__wrap_vb_http_header(const struct vb_http_request *request, const char *name);
void __wrap_vb_http_headers(const struct vb_http_request *request,
                            bool (*visit)(void *context, const char *name, const char *value), void *context);
void __wrap_vb_http_add_header(struct vb_http_request *request, const char *name, const char *value);
void __wrap_vb_http_add_headerf(struct vb_http_request *request, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void __wrap_vb_http_answer(struct vb_http_request *request, int status, const char *content_type,
                           const void *data, size_t size);
void __wrap_vb_http_answer_strbuf(struct vb_http_request *request, int status, const char *content_type,
                                  struct vb_strbuf *body);
bool __wrap_vb_http_answered(const struct vb_http_request *request);

const char *__wrap_vb_http_header(const struct vb_http_request *request, const char *name)
{
    const struct fake_http *fake = fake_of(request);

    for (size_t i = 0; i < fake->header_count; i++)
        if (strcasecmp(fake->headers[i].name, name) == 0)
            return fake->headers[i].value;
    return NULL;
}

void __wrap_vb_http_headers(const struct vb_http_request *request,
                            bool (*visit)(void *context, const char *name, const char *value), void *context)
{
    const struct fake_http *fake = fake_of(request);

    for (size_t i = 0; i < fake->header_count; i++)
        if (!visit(context, fake->headers[i].name, fake->headers[i].value))
            return;
}

void __wrap_vb_http_add_header(struct vb_http_request *request, const char *name, const char *value)
{
    if (value)
        vb_strbuf_addf(&fake_of(request)->answer_headers, "%s: %s\n", name, value);
}

void __wrap_vb_http_add_headerf(struct vb_http_request *request, const char *name, const char *format, ...)
{
    struct vb_strbuf *headers = &fake_of(request)->answer_headers;
    va_list args;

    vb_strbuf_addf(headers, "%s: ", name);
    va_start(args, format);
    vb_strbuf_vaddf(headers, format, args);
    va_end(args);
    vb_strbuf_addc(headers, '\n');
}

void __wrap_vb_http_answer(struct vb_http_request *request, int status, const char *content_type,
                           const void *data, size_t size)
{
    struct fake_http *fake = fake_of(request);

    assert_int_equal(fake->status, 0); /* one answer a request */
    fake->status = status;
    snprintf(fake->content_type, sizeof(fake->content_type), "%s", content_type ? content_type : "");
    vb_strbuf_add(&fake->answer, data, size);
}

void __wrap_vb_http_answer_strbuf(struct vb_http_request *request, int status, const char *content_type,
                                  struct vb_strbuf *body)
{
    __wrap_vb_http_answer(request, status, content_type, body->data, body->length);
    vb_strbuf_release(body);
}

bool __wrap_vb_http_answered(const struct vb_http_request *request)
{
    return fake_of(request)->status != 0;
}

#endif
