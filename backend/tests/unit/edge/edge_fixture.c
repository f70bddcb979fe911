/* The parts of an edge before a scripted origin: see edge_fixture.h. */
#include "edge_fixture.h"

#include "base/memory.h"
#include "base/metrics.h"

#include <ftw.h>

void fixture_init(struct fixture *f, const struct fixture_config *config)
{
    const struct vb_http_client_config http_config = {0};
    struct vb_error err;
    char endpoint[64];

    *f = (struct fixture){.http = vb_http_client_create(&http_config),
                          .credentials = vb_credentials_fixed("key", "secret")};
    /* port 1 is a privileged one at which nothing listens */
    snprintf(endpoint, sizeof(endpoint), "http://127.0.0.1:%u", config->origin ? config->origin->port : 1);
    f->s3 = vb_s3_client_create(
        &(struct vb_s3_config){.region = "us-east-1",
                               .bucket = "bucket",
                               .endpoint = endpoint,
                               .credentials = f->credentials,
                               .http = f->http,
                               .attempts = config->attempts ? config->attempts : 1,
                               .timeout_ms = config->timeout_ms ? config->timeout_ms : 20000});
    assert_non_null(f->s3);
    f->fetch = (struct vb_fetch){
        .s3 = f->s3,
        .cache = vb_cache_create(&(struct vb_cache_config){.bytes_max = config->memory_bytes}),
        .fetches = vb_metrics_counter("test_fetches", "", ""),
        .errors = vb_metrics_counter("test_errors", "", "")};
    if (!config->disk)
        return;
    snprintf(f->folder, sizeof(f->folder), "/tmp/vibe-test-edge-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    if (vb_disk_open(&(struct vb_disk_config){.directory = f->folder}, &f->fetch.disk, &err) < 0)
        fail_msg("%s", err.message);
}

void fixture_restart(struct fixture *f)
{
    vb_cache_destroy(f->fetch.cache);
    f->fetch.cache = vb_cache_create(&(struct vb_cache_config){0});
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status, (void)type, (void)where;
    return remove(path);
}

void fixture_release(struct fixture *f)
{
    vb_cache_destroy(f->fetch.cache);
    vb_disk_close(f->fetch.disk);
    if (*f->folder)
        nftw(f->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    vb_s3_client_destroy(f->s3);
    vb_credentials_destroy(f->credentials);
    vb_http_client_destroy(f->http);
}

bool fixture_remembers(struct fixture *f, const char *name)
{
    enum vb_cache_source source;
    struct vb_cache_entry *entry = vb_cache_lookup(f->fetch.cache, name, vb_clock_monotonic_ms(), &source);

    vb_cache_entry_release(entry);
    return entry != NULL;
}

char byte_at(int64_t n)
{
    return (char)(n * 31 + n / 1000);
}

struct script_step piece_step(const char *etag, int64_t offset, size_t size, int64_t total)
{
    char *answer = vb_xmalloc(size + 512);
    int head =
        snprintf(answer, 512,
                 "HTTP/1.1 206 Partial Content\r\nETag: \"%s\"\r\n" DATED
                 "Content-Range: bytes %lld-%lld/%lld\r\nContent-Length: %zu\r\n\r\n",
                 etag, (long long)offset, (long long)offset + (long long)size - 1, (long long)total, size);

    for (size_t i = 0; i < size; i++)
        answer[(size_t)head + i] = byte_at(offset + (int64_t)i);
    return (struct script_step){.answer = answer, .size = (size_t)head + size};
}
