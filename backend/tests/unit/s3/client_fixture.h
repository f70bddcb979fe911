/* An S3 client before a scripted S3. */
#ifndef VB_TESTS_CLIENT_FIXTURE_H
#define VB_TESTS_CLIENT_FIXTURE_H

#include "../support/scripted_server.h"
#include "s3/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define KEY_ID  "AKIDEXAMPLE"
#define SECRET  "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define REGION  "eu-central-1"
#define BUCKET  "vibe-app-production"
#define MIB     ((int64_t)1024 * 1024)
#define ETAG    "\"d41d8cd98f00b204e9800998ecf8427e\""
#define EMPTY   "Content-Length: 0\r\n\r\n"
#define PUT_OK  "HTTP/1.1 200 OK\r\nETag: " ETAG "\r\n" EMPTY
#define CLOSING "Connection: close\r\n\r\n" /* the body ends with the connection */
#define XML     "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define ERROR(status, code, message)                                                                         \
    {                                                                                                        \
        "HTTP/1.1 " status "\r\nContent-Type: application/xml\r\n" CLOSING XML "<Error><Code>" code          \
        "</Code><Message>" message "</Message></Error>",                                                     \
            0, SCRIPT_CLOSE                                                                                  \
    }

struct fixture {
    struct vb_http_client *http;
    struct vb_credentials_provider *credentials;
    struct vb_s3_client *s3;
    struct vb_error err;
};

/* timeout_ms, attempts: of each call; 0: the client's own. To be released. */
void fixture_init(struct fixture *f, const struct scripted_server *server, unsigned attempts,
                  unsigned timeout_ms);
void fixture_release(struct fixture *f);
/* Verifies the request's signature, and that the body is the one that was signed. */
void assert_signed(const struct script_request *request);

#endif
