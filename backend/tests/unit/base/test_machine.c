/* What a process may use of its machine, as proc and control groups tell it. */
#include "base/machine.h"

#include "base/file.h"
#include "base/memory.h"
#include "support.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char root[64];

static int make_root(void **state)
{
    (void)state;
    snprintf(root, sizeof(root), "/tmp/vibe-test-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static int remove_root(void **state)
{
    (void)state;
    return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void put(const char *path, const char *text)
{
    char folder[512], file[512];

    snprintf(file, sizeof(file), "%s%s", root, path);
    snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(file, '/') - file), file);
    assert_int_equal(vb_mkdir_parents(folder, 0700, NULL), 0);
    assert_int_equal(vb_file_write_durable(file, text, strlen(text), 0600, NULL), 0);
}

#define MIB ((uint64_t)1024 * 1024)

static void a_machine_without_limits_has_all_of_its_memory(void **state)
{
    (void)state;
    assert_true(vb_machine_memory(root) == UINT64_MAX);
    put("/proc/meminfo", "MemFree:  1 kB\nMemTotal:        4096 kB\nBuffers: 3 kB\n");
    assert_int_equal(vb_machine_memory(root), 4 * MIB);
    put("/proc/self/cgroup", "0::/\n");
    put("/sys/fs/cgroup/memory.max", "max\n");
    assert_int_equal(vb_machine_memory(root), 4 * MIB);
}

static void a_group_of_either_version_limits_it(void **state)
{
    (void)state;
    put("/proc/meminfo", "MemTotal: 4096000 kB\n");
    put("/proc/self/cgroup", "0::/system.slice/vibe.service\n");
    put("/sys/fs/cgroup/system.slice/vibe.service/memory.max", "536870912\n");
    assert_int_equal(vb_machine_memory(root), 512 * MIB);
    put("/sys/fs/cgroup/system.slice/memory.max", "268435456\n"); /* one above it */
    assert_int_equal(vb_machine_memory(root), 256 * MIB);
    put("/proc/self/cgroup", "12:cpu,cpuacct:/x\n3:hugetlb,memory:/docker/3f2a\n1:name=systemd:/y\n0::/\n");
    put("/sys/fs/cgroup/memory.max", "max\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "134217728\n"); /* in a container, which does not see its path */
    assert_int_equal(vb_machine_memory(root), 128 * MIB);
    put("/sys/fs/cgroup/memory/docker/3f2a/memory.limit_in_bytes", "67108864\n");
    assert_int_equal(vb_machine_memory(root), 64 * MIB);
}

static void nonsense_limits_nothing(void **state)
{
    static const char *const cases[] = {
        "", "\n\n", "0", "0:", "0::", "::", "1:memory", "1:memoryless:/x", "x::/../..\n"};

    (void)state;
    put("/proc/meminfo", "MemTotal: 4096 kB\n");
    put("/sys/fs/cgroup/memory.max", "lots\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "-1\n");
    for (size_t i = 0; i < VB_ARRAY_SIZE(cases); i++) {
        put("/proc/self/cgroup", cases[i]);
        assert_int_equal(vb_machine_memory(root), 4 * MIB);
    }
}

static void this_machine_has_some(void **state)
{
    (void)state;
    assert_true(vb_machine_memory("") > 64 * MIB && vb_machine_memory("") < UINT64_MAX);
    assert_true(vb_machine_cores() >= 1 && vb_machine_cores() <= (unsigned)sysconf(_SC_NPROCESSORS_CONF));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_machine_without_limits_has_all_of_its_memory, make_root,
                                        remove_root),
        cmocka_unit_test_setup_teardown(a_group_of_either_version_limits_it, make_root, remove_root),
        cmocka_unit_test_setup_teardown(nonsense_limits_nothing, make_root, remove_root),
        cmocka_unit_test(this_machine_has_some),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
