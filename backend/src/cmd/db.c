/* vibe db migrate | status: applies the migrations of the database, or shows which are applied. */
#include "app/system.h"
#include "cmd/command.h"
#include "db/migrate.h"

#include <stdio.h>

struct values {
    const char *database;
};

static void count_applied(void *context, const struct vb_migration_state *state)
{
    (void)state;
    ++*(unsigned *)context;
}

static void print_row(void *context, const struct vb_migration_state *state)
{
    bool *header_printed = context;

    if (!*header_printed)
        printf("version  migration                applied\n");
    *header_printed = true;
    printf("%04d     %-24s %s%s\n", state->version, state->name,
           state->applied_at ? state->applied_at : "pending",
           state->changed   ? "  (its text has changed since)"
           : state->unknown ? "  (of a newer vibe)"
                            : "");
}

static int print_table(const char *url, struct vb_error *err)
{
    bool header_printed = false;

    return vb_db_migration_status(url, print_row, &header_printed, err);
}

static int migrate(const char *url, struct vb_error *err)
{
    unsigned applied = 0;
    int r = vb_db_migrate(url, count_applied, &applied, err);

    if (applied > 0 || r == 0)
        printf("%u migration%s applied\n\n", applied, applied == 1 ? "" : "s");
    return r < 0 ? r : print_table(url, err);
}

static int on_database(const struct values *values, int (*act)(const char *url, struct vb_error *err))
{
    const char *url = NULL;
    struct vb_error err = {0};

    if (vb_system_database(values->database, &url, &err) < 0) {
        vb_cmd_fail(&err);
        return 2;
    }
    return act(url, &err) < 0 ? vb_cmd_fail(&err) : 0;
}

static int run_migrate(void *values)
{
    return on_database(values, migrate);
}

static int run_status(void *values)
{
    return on_database(values, print_table);
}

static const struct vb_option options[] = {
    {VB_STRING(struct values, database, "database", "URL", VB_SYSTEM_DATABASE_HELP)}, {.name = NULL}};

static const struct vb_subcommand subcommands[] = {
    {"migrate", "applies the migrations that are pending, then shows all of them", NULL, run_migrate},
    {"status", "shows which migrations are applied, and when, and changes nothing", NULL, run_status},
    {.name = NULL}};

const struct vb_command vb_cmd_db = {.name = "db",
                                     .summary = "show or apply the database's migrations",
                                     .options = options,
                                     .subcommands = subcommands,
                                     .values_size = sizeof(struct values)};
