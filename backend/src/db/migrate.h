/*
 * Migrations: sql/NNNN_name.sql, compiled into the program. Each runs once per database, in a transaction
 * of its own. The table vibe_schema_migrations records it with its checksum. Copies of the program that
 * start together take turns under an advisory lock. (The table is not named schema_migrations: an adopted
 * database may hold another tool's.)
 */
#ifndef VB_DB_MIGRATE_H
#define VB_DB_MIGRATE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct vb_migration {
    int version;
    const char *name;
    const char *sql; /* any number of statements, without BEGIN and COMMIT */
};

extern const struct vb_migration vb_migrations[];
extern const size_t vb_migration_count;

/* One migration as a database has it. */
struct vb_migration_state {
    int version;
    const char *name;
    const char *applied_at; /* "2026-11-22T21:40:00Z"; NULL: pending. Valid during the visit only */
    bool changed;           /* applied, but from another text than this program's */
    bool unknown;           /* applied by a newer program; not one of ours */
};
typedef void vb_migration_visit(void *context, const struct vb_migration_state *state);

/* Applies pending migrations in order, and visits each after it is applied (visit may be NULL). Ignores
 * migrations of a newer program, so that an older copy can still start. A migration that fails leaves
 * nothing; those before it stay. Returns 0 or:
 *
 *   -EINVAL     malformed URL
 *   -ENOTCONN   the database cannot be reached
 *   -EBUSY      another copy is migrating for longer than 60 s, or a table is locked for longer than 10 s
 *   -ESTALE     an applied migration has changed
 *   -EIO        with PostgreSQL's words and hint */
int vb_db_migrate(const char *url, vb_migration_visit *visit, void *context, struct vb_error *err);
/* The same with another list, for tests. */
int vb_db_migrate_list(const char *url, const struct vb_migration *migrations, size_t count,
                       vb_migration_visit *visit, void *context, struct vb_error *err);

/* Visits every migration, applied or pending, by version. Changes nothing. Errors as above. */
int vb_db_migration_status(const char *url, vb_migration_visit *visit, void *context, struct vb_error *err);

#endif
