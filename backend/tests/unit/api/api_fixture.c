/* The API on a port of its own: see api_fixture.h. */
#include "api_fixture.h"
#include "keys_fixture.h"

#include "base/memory.h"
#include "http/problem.h"
#include "s3/credentials.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Port 1 (tcpmux) of the loopback: nobody listens there. */
#define AWAY_DATABASE "postgresql://nobody@127.0.0.1:1/nothing"
#define AWAY_STORAGE  "http://127.0.0.1:1"

void api_fixture_start(struct api_fixture *fixture, const char *database_url, bool follow)
{
    struct vb_error err = {0};

    *fixture = (struct api_fixture){0};
    fixture->pool = vb_pool_create("test", 8, 64);
    fixture->db =
        vb_db_pool_create(&(struct vb_db_config){.url = database_url ? database_url : AWAY_DATABASE});
    fixture->http = vb_http_client_create(&(struct vb_http_client_config){.connections_max = 8});
    fixture->credentials =
        vb_credentials_fixed("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    fixture->s3 = vb_s3_client_create(&(struct vb_s3_config){.region = "eu-central-1",
                                                             .bucket = "vibe-test",
                                                             .endpoint = AWAY_STORAGE,
                                                             .public_endpoint = "https://s3.example.com",
                                                             .credentials = fixture->credentials,
                                                             .http = fixture->http,
                                                             .attempts = 1});
    fixture->keys = keys_of(FIXTURE_SECRET, NULL);
    fixture->ingest = (struct vb_ingest){.db = fixture->db,
                                         .s3 = fixture->s3,
                                         .keys = fixture->keys,
                                         .cdn_base_url = "https://cdn.example.com"};
    fixture->api = vb_api_create(&(struct vb_api_config){.db = fixture->db,
                                                         .s3 = fixture->s3,
                                                         .keys = fixture->keys,
                                                         .ingest = &fixture->ingest,
                                                         .cdn_base_url = "https://cdn.example.com",
                                                         .follow_host_s3_port = follow ? 9000 : 0,
                                                         .follow_host_cdn_port = follow ? 8080 : 0});
    if (vb_http_server_start(&(struct vb_http_config){.name = "api",
                                                      .bind_address = "127.0.0.1",
                                                      .routes = vb_api_routes(fixture->api),
                                                      .app = fixture->api,
                                                      .threads = 1,
                                                      .pool = fixture->pool,
                                                      .error = vb_problem_error,
                                                      .no_access_log = true},
                             &fixture->server, &err) < 0) {
        fprintf(stderr, "the API does not start: %s\n", err.message);
        abort();
    }
}

void api_fixture_stop(struct api_fixture *fixture)
{
    vb_http_server_drain(fixture->server, 2000);
    vb_http_server_stop(fixture->server);
    vb_pool_destroy(fixture->pool);
    vb_api_destroy(fixture->api);
    vb_keys_destroy(fixture->keys);
    vb_s3_client_destroy(fixture->s3);
    vb_credentials_destroy(fixture->credentials);
    vb_http_client_destroy(fixture->http);
    vb_db_pool_destroy(fixture->db);
}

static int keep_header(void *context, const char *name, const char *value)
{
    char *headers = context;
    size_t length = strlen(headers);

    for (; *name && length + 1 < sizeof(((struct api_answer *)0)->headers); name++)
        headers[length++] = (char)tolower((unsigned char)*name);
    snprintf(headers + length, sizeof(((struct api_answer *)0)->headers) - length, ": %s\n", value);
    return 0;
}

struct api_answer api_call(struct api_fixture *fixture, const char *method, const char *path,
                           const char *token, const char *body, const char *header)
{
    char url[4096], authorization[2048];
    const char *headers[4] = {0};
    struct api_answer answer = {0};
    struct vb_error err = {0};
    size_t count = 0;

    snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", vb_http_server_port(fixture->server), path);
    snprintf(authorization, sizeof(authorization), "Authorization: Bearer %s", token ? token : "");
    if (token)
        headers[count++] = authorization;
    if (body)
        headers[count++] = "Content-Type: application/json";
    if (header)
        headers[count++] = header;

    struct vb_http_exchange exchange = {.method = method,
                                        .url = url,
                                        .headers = headers,
                                        .body = body,
                                        .body_size = body ? (int64_t)strlen(body) : 0,
                                        .timeout_ms = 30000,
                                        .on_header = keep_header,
                                        .context = answer.headers};
    vb_strbuf_init(&exchange.response, 1 << 20);
    if (vb_http_client_perform(fixture->http, &exchange, &err) < 0) {
        fprintf(stderr, "%s %s: %s\n", method, path, err.message);
        abort();
    }
    answer.status = exchange.status;
    answer.json = json_loadb(exchange.response.data, exchange.response.length, 0, NULL);
    vb_strbuf_release(&exchange.response);
    return answer;
}

void api_answer_release(struct api_answer *answer)
{
    json_decref(answer->json);
    answer->json = NULL;
}

const char *api_text(const struct api_answer *answer, const char *path)
{
    const json_t *at = answer->json;
    const char *text;

    while (at && *path) {
        char name[64];
        size_t length = strcspn(path, ".");

        snprintf(name, sizeof(name), "%.*s", (int)length, path);
        at = json_object_get(at, name);
        path += length + (path[length] == '.');
    }
    text = json_string_value(at);
    return text ? text : "";
}
