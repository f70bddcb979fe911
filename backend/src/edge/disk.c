/*
 * The disk of the edge: see disk.h. Here are its files; what makes room is in disk_room.c.
 */
#include "edge/disk.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/metrics.h"
#include "base/random.h"
#include "edge/disk_room.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER_MAGIC      "VIBECDN1"
#define DEFAULT_BYTES_MAX ((int64_t)2 * 1024 * 1024 * 1024)
#define KEY_MAX           1024 /* bytes, as in S3 */
#define TOUCH_AFTER_S     60   /* how precisely a file's time says when it was last read */
#define PATH_SIZE         192
#define FOLDER_SIZE       80 /* "3f/9a…": two and 62 digits */

/* The start of a file; the key and the body follow. In the byte order of this machine: no other reads it. */
struct header {
    char magic[8];
    unsigned char checksum[4]; /* CRC-32C of all that follows it */
    uint32_t key_size;
    uint64_t body_size;
    int64_t object_size, last_modified_s;
    char etag[128], content_type[64], source_etag[128];
};

_Static_assert(sizeof(((struct vb_cache_entry *)0)->etag) == 128, "as in the header");
_Static_assert(sizeof(((struct vb_cache_entry *)0)->content_type) == 64, "as in the header");

struct vb_disk {
    int folder, lock;
    struct vb_disk_room *room;
    struct vb_counter *errors;
};

static double read_bytes(void *context)
{
    return (double)vb_disk_bytes(context);
}

static void set_gauge(struct vb_disk *disk, bool present)
{
    vb_metrics_gauge("vibe_cdn_disk_bytes", "Disk that cached objects and variants take.", "",
                     present ? read_bytes : NULL, disk);
}

int vb_disk_open(const struct vb_disk_config *config, struct vb_disk **ret_disk, struct vb_error *err)
{
    struct vb_disk *disk = vb_xcalloc(1, sizeof(*disk));
    char *lock VB_CLEANUP(vb_freep) = vb_xasprintf("%s/lock", config->directory);
    int r = vb_mkdir_parents(config->directory, 0700, err);

    disk->folder = disk->lock = -1;
    if (r == 0) {
        disk->lock = vb_file_lock(lock, err);
        r = disk->lock < 0 ? disk->lock : 0;
    }
    if (r == 0) {
        disk->folder = open(config->directory, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
        if (disk->folder < 0)
            r = vb_error_set(err, errno, "the folder %s cannot be opened: %s", config->directory,
                             strerror(errno));
    }
    if (r == 0) {
        r = vb_disk_room_create(disk->folder, config->bytes_max ? config->bytes_max : DEFAULT_BYTES_MAX,
                                &disk->room);
        if (r < 0)
            vb_error_set(err, -r, "the thread that makes room in %s cannot be started: %s", config->directory,
                         strerror(-r));
    }
    if (r < 0) {
        vb_disk_close(disk);
        return r;
    }
    disk->errors = vb_metrics_counter("vibe_cdn_disk_errors_total",
                                      "Objects and variants that could not be kept on disk.", "");
    set_gauge(disk, true);
    *ret_disk = disk;
    return 0;
}

void vb_disk_close(struct vb_disk *disk)
{
    if (!disk)
        return;
    if (disk->room)
        set_gauge(disk, false);
    vb_disk_room_destroy(disk->room);
    if (disk->folder >= 0)
        close(disk->folder);
    if (disk->lock >= 0)
        close(disk->lock);
    free(disk);
}

int64_t vb_disk_bytes(struct vb_disk *disk)
{
    return vb_disk_room_used(disk->room);
}

/* Both within the cache's folder. */
static void name_folder(const char *key, char folder[FOLDER_SIZE])
{
    char hex[2 * VB_SHA256_SIZE + 1];

    vb_sha256_hex(key, strlen(key), hex);
    snprintf(folder, FOLDER_SIZE, "%.2s/%s", hex, hex + 2);
}

static void name_file(const char *key, const char *part, char path[PATH_SIZE])
{
    char folder[FOLDER_SIZE];
    int length;

    name_folder(key, folder);
    length = snprintf(path, PATH_SIZE, "%s/%s", folder, part);
    vb_assert(length < PATH_SIZE);
}

static void sum(const struct header *header, const char *key, const char *body, unsigned char checksum[4])
{
    struct vb_hash hash;
    size_t from = offsetof(struct header, key_size);

    vb_hash_init(&hash, VB_HASH_CRC32C);
    vb_hash_update(&hash, (const char *)header + from, sizeof(*header) - from);
    vb_hash_update(&hash, key, header->key_size);
    vb_hash_update(&hash, body, (size_t)header->body_size);
    vb_hash_final(&hash, checksum);
}

/* Whether the sizes in the header may be trusted. */
static bool has_these_sizes(const struct header *header, const char *key, off_t file_size)
{
    return memcmp(header->magic, HEADER_MAGIC, sizeof(header->magic)) == 0 &&
           header->key_size == strlen(key) &&
           (uint64_t)file_size == sizeof(*header) + header->key_size + header->body_size &&
           memchr(header->etag, 0, sizeof(header->etag)) && memchr(header->content_type, 0, 64) &&
           memchr(header->source_etag, 0, sizeof(header->source_etag));
}

static void describe(const struct header *header, struct vb_cache_entry *ret)
{
    *ret = (struct vb_cache_entry){.size = header->object_size, .last_modified_s = header->last_modified_s};
    vb_clock_format_http_date(header->last_modified_s, ret->last_modified);
    memcpy(ret->etag, header->etag, sizeof(ret->etag));
    memcpy(ret->content_type, header->content_type, sizeof(ret->content_type));
    memcpy(ret->source_etag, header->source_etag, sizeof(ret->source_etag));
}

/* Returns -EBADMSG for a damaged file. */
static int read_file(int file, const char *key, size_t body_max, const struct stat *status,
                     struct header *header, char **ret_body)
{
    char stored_key[KEY_MAX], *body;
    unsigned char checksum[4];

    if (vb_pread_all(file, header, sizeof(*header), 0) < 0 || !has_these_sizes(header, key, status->st_size))
        return -EBADMSG;
    if (header->body_size > body_max)
        return -EFBIG;
    body = malloc((size_t)header->body_size + 1);
    if (!body)
        return -ENOMEM;
    if (vb_pread_all(file, stored_key, header->key_size, sizeof(*header)) == 0 &&
        memcmp(stored_key, key, header->key_size) == 0 &&
        vb_pread_all(file, body, (size_t)header->body_size, (off_t)(sizeof(*header) + header->key_size)) ==
            0) {
        sum(header, key, body, checksum);
        if (memcmp(checksum, header->checksum, sizeof(checksum)) == 0) {
            *ret_body = body;
            return 0;
        }
    }
    free(body);
    return -EBADMSG;
}

int vb_disk_load(struct vb_disk *disk, const char *key, const char *part, size_t body_max,
                 struct vb_cache_entry *ret_description, char **ret_body, size_t *ret_body_size)
{
    char path[PATH_SIZE], *body = NULL;
    struct header header;
    struct stat status;
    int r, file VB_CLEANUP(vb_closep) = -1;

    if (strlen(key) > KEY_MAX)
        return -ENOENT;
    name_file(key, part, path);
    file = openat(disk->folder, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (file < 0 || fstat(file, &status) < 0)
        return -ENOENT;
    r = read_file(file, key, body_max, &status, &header, &body);
    if (r == -EBADMSG && unlinkat(disk->folder, path, 0) == 0)
        vb_disk_room_freed(disk->room, status.st_size);
    if (r < 0)
        return r == -EFBIG ? r : -ENOENT;
    if (status.st_mtim.tv_sec + TOUCH_AFTER_S < vb_clock_realtime_s())
        futimens(file, NULL);
    describe(&header, ret_description);
    *ret_body_size = (size_t)header.body_size;
    if (header.body_size == 0 && header.object_size > 0) {
        free(body);
        body = NULL;
    }
    *ret_body = body;
    return 0;
}

bool vb_disk_has(struct vb_disk *disk, const char *key, const char *part)
{
    char path[PATH_SIZE];

    name_file(key, part, path);
    return faccessat(disk->folder, path, F_OK, 0) == 0;
}

static int write_file(int file, const struct header *header, const char *key, const char *body)
{
    int r = vb_write_all(file, header, sizeof(*header));

    if (r == 0)
        r = vb_write_all(file, key, header->key_size);
    return r == 0 ? vb_write_all(file, body, (size_t)header->body_size) : r;
}

/* Opens a new file under a random name, so that a rename can give it its own name in one step. */
static int open_new(struct vb_disk *disk, const char *folder, char path[PATH_SIZE])
{
    int file = -1;

    for (int attempt = 0; attempt < 3 && file < 0; attempt++) {
        uint64_t number;

        vb_random_bytes(&number, sizeof(number));
        snprintf(path, PATH_SIZE, "%s/" VB_DISK_UNFINISHED "%016" PRIx64, folder, number);
        file = openat(disk->folder, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (file < 0 && errno == ENOENT) { /* the folder is new, or was just found empty and removed */
            char above[3] = {folder[0], folder[1], 0};

            mkdirat(disk->folder, above, 0700);
            mkdirat(disk->folder, folder, 0700);
        }
    }
    return file;
}

void vb_disk_store(struct vb_disk *disk, const char *key, const char *part,
                   const struct vb_cache_entry *description, const char *body, size_t body_size)
{
    struct header header = {.magic = HEADER_MAGIC,
                            .key_size = (uint32_t)strlen(key),
                            .body_size = body_size,
                            .object_size = description->size,
                            .last_modified_s = description->last_modified_s};
    char folder[FOLDER_SIZE], unfinished[PATH_SIZE], path[PATH_SIZE];
    struct stat before = {0};
    int file VB_CLEANUP(vb_closep) = -1;
    bool replaces;

    if (header.key_size > KEY_MAX)
        return;
    memcpy(header.etag, description->etag, sizeof(header.etag));
    memcpy(header.content_type, description->content_type, sizeof(header.content_type));
    memcpy(header.source_etag, description->source_etag, sizeof(header.source_etag));
    sum(&header, key, body, header.checksum);
    name_folder(key, folder);
    name_file(key, part, path);
    file = open_new(disk, folder, unfinished);
    replaces = fstatat(disk->folder, path, &before, AT_SYMLINK_NOFOLLOW) == 0;
    if (file < 0 || write_file(file, &header, key, body) < 0 ||
        renameat(disk->folder, unfinished, disk->folder, path) < 0) {
        vb_counter_add(disk->errors, 1);
        if (file >= 0)
            unlinkat(disk->folder, unfinished, 0);
        return;
    }
    if (replaces)
        vb_disk_room_freed(disk->room, before.st_size);
    vb_disk_room_used_more(disk->room, (int64_t)(sizeof(header) + header.key_size + body_size));
}

void vb_disk_purge(struct vb_disk *disk, const char *key)
{
    char folder[FOLDER_SIZE];

    name_folder(key, folder);
    vb_disk_room_clear_folder(disk->room, folder);
}
