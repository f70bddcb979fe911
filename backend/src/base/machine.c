/* What this process may use of its machine: see machine.h. */
#include "base/machine.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/number.h"

#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((size_t)64 * 1024)

unsigned vb_machine_cores(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

/* The text of a file below root; "" if there is none. */
static char *read_text(const char *root, const char *path)
{
    char *whole VB_CLEANUP(vb_freep) = vb_xasprintf("%s%s", root, path);
    struct vb_strbuf text;

    vb_strbuf_init(&text, FILE_MAX);
    vb_strbuf_adds(&text, "");
    if (vb_file_read(whole, &text, NULL) < 0) {
        vb_strbuf_release(&text);
        return vb_xstrdup("");
    }
    return vb_strbuf_detach(&text);
}

static uint64_t least(uint64_t one, uint64_t other)
{
    return one < other ? one : other;
}

/* The number that the text begins with. */
static bool first_number(const char *text, uint64_t *ret_number)
{
    return vb_uint_parse(text, vb_digits_length(text, SIZE_MAX), UINT64_MAX, ret_number) == 0;
}

static uint64_t memory_of_machine(const char *root)
{
    char *text VB_CLEANUP(vb_freep) = read_text(root, "/proc/meminfo");
    const char *total = strstr(text, "MemTotal:");
    uint64_t kib;

    if (!total)
        return UINT64_MAX;
    total += strlen("MemTotal:");
    total += strspn(total, " ");
    return first_number(total, &kib) ? kib * 1024 : UINT64_MAX;
}

/* The limit in one file, which may be the word "max". */
static uint64_t read_limit(const char *root, const char *folder, const char *group, const char *file)
{
    char *path VB_CLEANUP(vb_freep) = vb_xasprintf("%s%s/%s", folder, group, file);
    char *text VB_CLEANUP(vb_freep) = read_text(root, path);

    uint64_t limit;

    return first_number(text, &limit) ? limit : UINT64_MAX;
}

/* The least limit of the group and its ancestors; group is cut. In a container only the ancestors may be
 * visible. */
static uint64_t limit_of_group(const char *root, const char *folder, char *group, const char *file)
{
    uint64_t limit = read_limit(root, folder, group, file);

    for (char *slash; (slash = strrchr(group, '/'));) {
        *slash = '\0';
        limit = least(limit, read_limit(root, folder, group, file));
    }
    return limit;
}

static bool names_memory(const char *controllers)
{
    size_t length = strlen("memory");

    for (const char *at = controllers; (at = strstr(at, "memory")); at += length)
        if ((at == controllers || at[-1] == ',') && (at[length] == '\0' || at[length] == ','))
            return true;
    return false;
}

/* A line of /proc/self/cgroup is NUMBER:CONTROLLERS:/GROUP; the second version names no controllers. */
static uint64_t limit_of_line(const char *root, char *line)
{
    char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;

    if (!group)
        return UINT64_MAX;
    controllers++;
    *group++ = '\0';
    if (!*controllers)
        return limit_of_group(root, "/sys/fs/cgroup", group, "memory.max");
    if (names_memory(controllers))
        return limit_of_group(root, "/sys/fs/cgroup/memory", group, "memory.limit_in_bytes");
    return UINT64_MAX;
}

uint64_t vb_machine_memory(const char *root)
{
    char *text VB_CLEANUP(vb_freep) = read_text(root, "/proc/self/cgroup");
    uint64_t memory = memory_of_machine(root);

    for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
        memory = least(memory, limit_of_line(root, line));
    return memory;
}
