/*
 * Room on the edge's disk: see disk_room.h.
 */
#include "edge/disk_room.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/wait.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_BYTES  ((int64_t)4096)
#define KEEP_PERCENT 90 /* of bytes_max stay when room is made, so that not every file makes room anew */
#define FILES_MAX    ((size_t)100000) /* visited in one run: the next visits more */
#define PATH_SIZE    320

struct vb_disk_room {
    int folder;
    int64_t bytes_max;
    struct timespec started;
    _Atomic int64_t used;
    bool counted; /* the janitor's own: what was there at the start has been counted */
    struct vb_periodic janitor;
};

static int64_t in_blocks(int64_t size)
{
    return (size + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES;
}

int64_t vb_disk_room_used(const struct vb_disk_room *room)
{
    return atomic_load_explicit(&room->used, memory_order_relaxed);
}

void vb_disk_room_used_more(struct vb_disk_room *room, int64_t file_size)
{
    int64_t size = in_blocks(file_size);

    if (atomic_fetch_add_explicit(&room->used, size, memory_order_relaxed) + size > room->bytes_max)
        vb_periodic_wake(&room->janitor);
}

void vb_disk_room_freed(struct vb_disk_room *room, int64_t file_size)
{
    atomic_fetch_sub_explicit(&room->used, in_blocks(file_size), memory_order_relaxed);
}

static void remove_file(struct vb_disk_room *room, const char *path, int64_t size)
{
    if (unlinkat(room->folder, path, 0) == 0)
        vb_disk_room_freed(room, size);
}

/* A walk through all files. */
struct walk {
    struct vb_disk_room *room;
    /* false ends the walk */
    bool (*visit)(struct walk *walk, const char *path, const char *name, const struct stat *status);
    void *context;
};

static DIR *open_folder(int above, const char *path)
{
    int folder = openat(above, path, O_DIRECTORY | O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    DIR *entries = folder < 0 ? NULL : fdopendir(folder);

    if (!entries && folder >= 0)
        close(folder);
    return entries;
}

static bool walk_files(struct walk *walk, const char *path)
{
    DIR *entries = open_folder(walk->room->folder, path);
    const struct dirent *entry;
    bool goes_on = true;

    while (entries && goes_on && (entry = readdir(entries))) {
        char file[PATH_SIZE];
        struct stat status;

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            snprintf(file, sizeof(file), "%s/%s", path, entry->d_name) >= (int)sizeof(file) ||
            fstatat(walk->room->folder, file, &status, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        goes_on = walk->visit(walk, file, entry->d_name, &status);
    }
    if (entries)
        closedir(entries);
    return goes_on;
}

static bool is_hex(const char *name, size_t length)
{
    return strlen(name) == length && strspn(name, "0123456789abcdef") == length;
}

/* The folders of one shard; those that are empty go. */
static bool walk_shard(struct walk *walk, const char *shard)
{
    DIR *entries = open_folder(walk->room->folder, shard);
    const struct dirent *entry;
    bool goes_on = true;

    while (entries && goes_on && (entry = readdir(entries))) {
        char path[PATH_SIZE];

        if (!is_hex(entry->d_name, 62))
            continue;
        snprintf(path, sizeof(path), "%s/%s", shard, entry->d_name);
        goes_on = walk_files(walk, path);
        unlinkat(walk->room->folder, path, AT_REMOVEDIR); /* fails unless it is empty */
    }
    if (entries)
        closedir(entries);
    return goes_on;
}

static void walk_all(struct walk *walk)
{
    char shard[3];

    for (unsigned i = 0; i < 256 && !vb_periodic_stopping(&walk->room->janitor); i++) {
        snprintf(shard, sizeof(shard), "%02x", i);
        if (!walk_shard(walk, shard))
            return;
    }
}

static bool is_unfinished(const char *name)
{
    return strncmp(name, VB_DISK_UNFINISHED, strlen(VB_DISK_UNFINISHED)) == 0;
}

static bool is_before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

/* At the start: counts the files that earlier processes finished, and removes those that they did not finish.
 * Files of this process, which may have come meanwhile, have been counted. */
static bool count(struct walk *walk, const char *path, const char *name, const struct stat *status)
{
    if (!S_ISREG(status->st_mode) || !is_before(&status->st_ctim, &walk->room->started))
        return true;
    if (is_unfinished(name))
        unlinkat(walk->room->folder, path, 0);
    else
        vb_disk_room_used_more(walk->room, status->st_size);
    return true;
}

struct candidate {
    int64_t read_s, size;
    char *path;
};

struct candidates {
    struct candidate *list;
    size_t count, room;
};

static bool collect(struct walk *walk, const char *path, const char *name, const struct stat *status)
{
    struct candidates *all = walk->context;

    if (!S_ISREG(status->st_mode) || is_unfinished(name))
        return true;
    if (all->count == all->room) {
        all->room = all->room ? 2 * all->room : 1024;
        all->list = vb_xrealloc(all->list, all->room * sizeof(*all->list));
    }
    all->list[all->count++] = (struct candidate){status->st_mtim.tv_sec, status->st_size, vb_xstrdup(path)};
    return all->count < FILES_MAX;
}

static int by_time(const void *a, const void *b)
{
    const struct candidate *one = a, *other = b;

    return one->read_s < other->read_s ? -1 : one->read_s > other->read_s;
}

/* A file that comes or goes during the walk makes the sum wrong by its size; the next walk corrects it. */
static void correct_sum(struct vb_disk_room *room, const struct candidates *all)
{
    int64_t used = 0;

    for (size_t i = 0; i < all->count; i++)
        used += in_blocks(all->list[i].size);
    atomic_store_explicit(&room->used, used, memory_order_relaxed);
}

static void make_room(struct vb_disk_room *room)
{
    struct candidates all = {0};
    struct walk walk = {.room = room, .visit = collect, .context = &all};
    int64_t goal = room->bytes_max / 100 * KEEP_PERCENT;
    size_t removed = 0;

    walk_all(&walk);
    if (all.count < FILES_MAX && !vb_periodic_stopping(&room->janitor))
        correct_sum(room, &all);
    if (all.count > 0)
        qsort(all.list, all.count, sizeof(*all.list), by_time);
    for (size_t i = 0; i < all.count; i++) {
        if (vb_disk_room_used(room) > goal) {
            remove_file(room, all.list[i].path, all.list[i].size);
            removed++;
        }
        free(all.list[i].path);
    }
    free(all.list);
    vb_log(VB_LOG_DEBUG, "the disk cache made room", VB_LOG_INT("files", (int64_t)removed));
}

/* Runs at the start, and whenever a new file makes it too much. */
static int64_t tidy(void *context)
{
    struct vb_disk_room *room = context;
    struct walk walk = {.room = room, .visit = count};

    if (!room->counted)
        walk_all(&walk);
    room->counted = true;
    if (vb_disk_room_used(room) > room->bytes_max && !vb_periodic_stopping(&room->janitor))
        make_room(room);
    return VB_NO_DEADLINE;
}

int vb_disk_room_create(int folder, int64_t bytes_max, struct vb_disk_room **ret_room)
{
    struct vb_disk_room *room = vb_xcalloc(1, sizeof(*room));
    int r;

    room->folder = folder;
    room->bytes_max = bytes_max;
    clock_gettime(CLOCK_REALTIME_COARSE, &room->started); /* the clock of files */
    r = vb_periodic_start(&room->janitor,
                          &(struct vb_periodic_config){.name = "cdn-disk", .run = tidy, .context = room});
    if (r < 0) {
        free(room);
        return r;
    }
    *ret_room = room;
    return 0;
}

void vb_disk_room_destroy(struct vb_disk_room *room)
{
    if (!room)
        return;
    vb_periodic_stop(&room->janitor);
    free(room);
}

static bool clear(struct walk *walk, const char *path, const char *name, const struct stat *status)
{
    (void)name;
    remove_file(walk->room, path, S_ISREG(status->st_mode) ? status->st_size : 0);
    return true;
}

void vb_disk_room_clear_folder(struct vb_disk_room *room, const char *folder)
{
    struct walk walk = {.room = room, .visit = clear};

    walk_files(&walk, folder);
    unlinkat(room->folder, folder, AT_REMOVEDIR);
}
