/* The database of `vibe up`: see database.h. */
#include "app/database.h"

#include "base/memory.h"
#include "db/migrate.h"
#include "ops/postgres/postgres.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

struct vb_database {
    char *directory, *log_path, *url;
    const char *password;
    struct vb_postgres *postgres; /* NULL: a database that is given, or none */
    bool private;
};

static int start_postgres(struct vb_database *database, struct vb_error *err)
{
    return vb_postgres_start(&(struct vb_postgres_config){.directory = database->directory,
                                                          .password = database->password,
                                                          .log_path = database->log_path},
                             &database->postgres, err);
}

int vb_database_start(const struct vb_data_dir *dir, const char *url, struct vb_database **ret_database,
                      struct vb_error *err)
{
    struct vb_database *database = vb_xcalloc(1, sizeof(*database));
    int r;

    database->directory = vb_data_dir_path(dir, "postgres");
    database->log_path = vb_data_dir_path(dir, "postgres.log");
    database->password = dir->database_password;
    database->private = !url;
    r = database->private ? start_postgres(database, err) : 0;
    if (r == 0) {
        database->url = vb_xstrdup(url ? url : vb_postgres_url(database->postgres));
        r = vb_db_migrate(database->url, NULL, NULL, err);
    }
    if (r < 0)
        vb_database_stop(database);
    else
        *ret_database = database;
    return r < 0 ? r : 0;
}

const char *vb_database_url(const struct vb_database *database)
{
    return database->url;
}

bool vb_database_is_private(const struct vb_database *database)
{
    return database->private;
}

const char *vb_database_log_path(const struct vb_database *database)
{
    return database->log_path;
}

bool vb_database_has_ended(const struct vb_database *database)
{
    siginfo_t info = {0};

    return database->postgres &&
           waitid(P_PID, (id_t)vb_postgres_pid(database->postgres), &info, WEXITED | WNOHANG | WNOWAIT) ==
               0 &&
           info.si_pid != 0;
}

int vb_database_restart(struct vb_database *database, struct vb_error *err)
{
    struct vb_postgres *ended = database->postgres;
    int r;

    database->postgres = NULL;
    r = start_postgres(database, err);
    vb_postgres_stop(ended);
    if (r == 0 && strcmp(vb_postgres_url(database->postgres), database->url) != 0)
        r = vb_error_set(err, EADDRINUSE, "another program has taken the port of PostgreSQL; start again");
    return r;
}

void vb_database_stop(struct vb_database *database)
{
    if (!database)
        return;
    vb_postgres_stop(database->postgres);
    if (database->url)
        explicit_bzero(database->url, strlen(database->url)); /* it holds the password */
    free(database->url);
    free(database->directory);
    free(database->log_path);
    free(database);
}
