/* RFC 9457 problem details: see problem.h. */
#include "http/problem.h"

#include "base/json.h"

#include <stdio.h>

static const char *title_of(int status)
{
    switch (status) {
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 409:
        return "Conflict";
    case 411:
        return "Length Required";
    case 413:
        return "Content Too Large";
    case 415:
        return "Unsupported Media Type";
    case 422:
        return "Unprocessable Content";
    case 429:
        return "Too Many Requests";
    case 431:
        return "Request Header Fields Too Large";
    case 503:
        return "Service Unavailable";
    default:
        return status >= 500 ? "Internal Server Error" : "Error";
    }
}

static void answer(struct vb_http_request *request, int status, const char *code, const char *field,
                   const char *detail)
{
    struct vb_strbuf body;
    struct vb_json json;

    vb_strbuf_init(&body, 8192);
    vb_json_init(&json, &body);
    vb_json_object_begin(&json);
    vb_json_key_string(&json, "type", "about:blank");
    vb_json_key_string(&json, "title", title_of(status));
    vb_json_key_int(&json, "status", status);
    vb_json_key_string(&json, "code", code);
    vb_json_key_string(&json, "detail", detail);
    if (field) {
        vb_json_key(&json, "errors");
        vb_json_array_begin(&json);
        vb_json_object_begin(&json);
        vb_json_key_string(&json, "field", field);
        vb_json_key_string(&json, "detail", detail);
        vb_json_object_end(&json);
        vb_json_array_end(&json);
    }
    vb_json_key_string(&json, "requestId", request->id);
    vb_json_object_end(&json);
    vb_strbuf_addc(&body, '\n');
    vb_http_add_header(request, "Cache-Control", "no-store");
    vb_http_answer_strbuf(request, status, "application/problem+json", &body);
}

void vb_problem(struct vb_http_request *request, int status, const char *code, const char *detail_format, ...)
{
    char detail[1024];
    va_list args;

    va_start(args, detail_format);
    vsnprintf(detail, sizeof(detail), detail_format, args);
    va_end(args);
    if ((status == 503 || status == 429) && !vb_http_has_header(request, "Retry-After"))
        vb_http_add_header(request, "Retry-After", "1");
    answer(request, status, code, NULL, detail);
}

void vb_problem_field(struct vb_http_request *request, int status, const char *code, const char *field,
                      const char *detail_format, ...)
{
    char detail[1024];
    va_list args;

    va_start(args, detail_format);
    vsnprintf(detail, sizeof(detail), detail_format, args);
    va_end(args);
    answer(request, status, code, field, detail);
}

void vb_problem_error(struct vb_http_request *request, int status, const char *code, const char *detail)
{
    vb_problem(request, status, code, "%s", detail);
}
