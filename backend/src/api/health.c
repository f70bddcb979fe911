/* Is the program alive, is what it depends on, and what does it count: for load balancers and Prometheus. */
#include "api/request.h"

#include "base/clock.h"

#define READINESS_KEPT_MS 1000

void vb_api_health(struct vb_http_request *request)
{
    static const char body[] = "{\"status\":\"ok\"}\n";

    vb_http_answer_static(request, 200, "application/json", body, sizeof(body) - 1, NULL, NULL);
}

static bool database_answers(struct vb_api *api)
{
    struct vb_db *db VB_CLEANUP(vb_db_releasep) = NULL;

    return vb_db_acquire(api->db, &db, NULL) == 0 && vb_db_execute(db, "SELECT 1", 0, NULL, NULL, NULL) == 0;
}

/* Brings the readiness up to date unless it is fresh, or somebody else is at it and an older answer can
 * serve. */
static void check_readiness(struct vb_api *api)
{
    struct vb_readiness *readiness = &api->readiness;
    bool known, fresh, database, bucket;

    pthread_mutex_lock(&readiness->lock);
    known = readiness->checked_ms != 0;
    pthread_mutex_unlock(&readiness->lock);
    if (known ? pthread_mutex_trylock(&readiness->checking) != 0
              : pthread_mutex_lock(&readiness->checking) != 0)
        return;

    pthread_mutex_lock(&readiness->lock);
    fresh = readiness->checked_ms != 0 && vb_clock_monotonic_ms() - readiness->checked_ms < READINESS_KEPT_MS;
    pthread_mutex_unlock(&readiness->lock);
    if (!fresh) {
        database = database_answers(api);
        bucket = vb_s3_head_bucket(api->s3, NULL) == 0;
        pthread_mutex_lock(&readiness->lock);
        readiness->database = database;
        readiness->bucket = bucket;
        readiness->checked_ms = vb_clock_monotonic_ms();
        pthread_mutex_unlock(&readiness->lock);
    }
    pthread_mutex_unlock(&readiness->checking);
}

void vb_api_ready(struct vb_http_request *request)
{
    struct vb_api *api = vb_api_of(request);
    bool database, bucket;
    struct vb_strbuf body;
    struct vb_json json;

    check_readiness(api);
    pthread_mutex_lock(&api->readiness.lock);
    database = api->readiness.database;
    bucket = api->readiness.bucket;
    pthread_mutex_unlock(&api->readiness.lock);

    vb_strbuf_init(&body, 256);
    vb_json_init(&json, &body);
    vb_json_object_begin(&json);
    vb_json_key_string(&json, "status", database && bucket ? "ok" : "unavailable");
    vb_json_key_string(&json, "database", database ? "ok" : "unavailable");
    vb_json_key_string(&json, "bucket", bucket ? "ok" : "unavailable");
    vb_json_object_end(&json);
    if (!database || !bucket)
        vb_http_add_header(request, "Retry-After", "1");
    vb_api_answer_json(request, database && bucket ? 200 : 503, &body);
}

void vb_api_metrics(struct vb_http_request *request)
{
    struct vb_strbuf body;

    vb_strbuf_init(&body, (size_t)4 * 1024 * 1024);
    vb_metrics_render(&body);
    vb_http_answer_strbuf(request, 200, "text/plain; version=0.0.4; charset=utf-8", &body);
}
