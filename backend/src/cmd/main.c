/* The program's entry: finds the subcommand and runs it. */
#include "cmd/command.h"

#include "base/memory.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <sodium.h>

static const struct command {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"up", "run everything on this machine: API, object store, CDN and PostgreSQL", vb_cmd_up},
    {"serve", "run the API in production, configured by the environment", vb_cmd_serve},
    {"upload", "upload a file as the app would and print its CDN address", vb_cmd_upload},
    {"demo", "fill a running system with a little world to look at", vb_cmd_demo},
    {"db", "show or apply the database's migrations", vb_cmd_db},
    {"media", "show what the media pipeline sees in a file, or makes of it", vb_cmd_media},
    {"user", "list, disable, enable, reset or export accounts", vb_cmd_user},
};

static void print_usage(FILE *out)
{
    fprintf(out, "vibe %s: the media back end of Vibe App\n\nusage: vibe COMMAND [options]\n\n",
            VIBE_VERSION);
    for (size_t i = 0; i < VB_ARRAY_SIZE(commands); i++)
        fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].summary);
    fprintf(out, "\n'vibe COMMAND --help' shows a command's options.\n");
}

int vb_cmd_fail(const struct vb_error *err)
{
    fprintf(stderr, "vibe: %s\n", err->message);
    if (err->hint[0])
        fprintf(stderr, "      %s\n", err->hint);
    return 1;
}

/* Each connection is a descriptor: the usual soft limit of 1024 is far below what the servers take. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int initialise(void)
{
    signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    mallopt(M_ARENA_MAX, 4); /* many workers, few of them busy: fewer arenas keep resident memory small */
    if (sodium_init() < 0) {
        fprintf(stderr, "vibe: libsodium cannot be initialised\n");
        return -1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_usage(stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_usage(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
        printf("vibe %s\n", VIBE_VERSION);
        return 0;
    }
    for (size_t i = 0; i < VB_ARRAY_SIZE(commands); i++) {
        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        if (initialise() < 0)
            return 1;
        return commands[i].run(argc - 1, argv + 1);
    }
    fprintf(stderr, "vibe: there is no command '%s'; 'vibe help' lists them\n", argv[1]);
    return 2;
}
