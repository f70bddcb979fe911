/* vibe db migrate | status: applies the migrations of the database, or shows which are applied. */
#include "cmd/command.h"
#include "app/env_file.h"
#include "base/options.h"

#include "db/migrate.h"

#include <stdio.h>
#include <string.h>

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
    int rc = vb_db_migrate(url, count_applied, &applied, err);

    if (applied > 0 || rc == 0)
        printf("%u migration%s applied\n\n", applied, applied == 1 ? "" : "s");
    return rc < 0 ? rc : print_table(url, err);
}

int vb_cmd_db(int argc, char **argv)
{
    const char *url = NULL, *action = NULL;
    const struct vb_option options[] = {
        {VB_OPTION_STRING, "database", "URL",
         "the PostgreSQL to use (default: DATABASE_URL, or of .vibe/env)", &url},
        {0},
    };
    const struct vb_usage usage = {
        .synopsis = "vibe db migrate | status [options]",
        .summary = "migrate applies the migrations that are pending, then shows all of them.\n"
                   "status shows which migrations are applied, and when, and changes nothing.",
        .options = options,
    };
    struct vb_error err = {0};
    int rc, count = vb_options_parse(&usage, argc, argv, &action, 1);

    if (count < 0)
        return count == -1 ? 0 : 2;
    if (count == 0 || (strcmp(action, "migrate") != 0 && strcmp(action, "status") != 0)) {
        fprintf(stderr, "vibe: db is followed by migrate or status\nusage: %s   (--help shows all)\n",
                usage.synopsis);
        return 2;
    }
    url = vb_env_file_database(url);
    if (!url)
        return 2;
    rc = strcmp(action, "migrate") == 0 ? migrate(url, &err) : print_table(url, &err);
    fflush(stdout);
    return rc < 0 ? vb_cmd_fail(&err) : 0;
}
