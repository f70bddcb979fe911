/* The program's entry: finds the command and runs it. */
#include "cmd/command.h"

#include "base/memory.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <sodium.h>

static const struct vb_command *const commands[] = {&vb_cmd_up, &vb_cmd_serve, &vb_cmd_upload, &vb_cmd_demo,
                                                    &vb_cmd_db, &vb_cmd_media, &vb_cmd_user};

static void print_commands(FILE *out)
{
    fprintf(out, "vibe %s: the media back end of Vibe App\n\nusage: vibe COMMAND [options]\n\n",
            VIBE_VERSION);
    for (size_t i = 0; i < VB_ARRAY_SIZE(commands); i++)
        fprintf(out, "  %-8s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(out, "\n'vibe COMMAND --help' shows a command's options.\n");
}

/* NULL after saying that there is no such command. */
static const struct vb_command *find(const char *name)
{
    for (size_t i = 0; i < VB_ARRAY_SIZE(commands); i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    fprintf(stderr, "vibe: there is no command '%s'; 'vibe help' lists them\n", name);
    return NULL;
}

/* vibe help [COMMAND [SUBCOMMAND]] */
static bool is_help(const char *word)
{
    return strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int help(const char *command_name, const char *subcommand)
{
    const struct vb_command *command;

    if (!command_name || is_help(command_name)) {
        print_commands(stdout);
        return 0;
    }
    command = find(command_name);
    return command ? vb_command_help(command, subcommand) : 2;
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
    const struct vb_command *command;

    if (argc < 2) {
        print_commands(stderr);
        return 2;
    }
    if (is_help(argv[1]))
        return help(argc > 2 ? argv[2] : NULL, argc > 3 ? argv[3] : NULL);
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
        printf("vibe %s\n", VIBE_VERSION);
        return 0;
    }
    command = find(argv[1]);
    if (!command)
        return 2;
    return initialise() < 0 ? 1 : vb_command_run(command, argc - 1, argv + 1);
}
