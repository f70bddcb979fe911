/*
 * Settings from the environment. A reader collects every problem, so that a start which cannot succeed names
 * all missing and malformed variables at once. Values are never part of a message: they may be secrets.
 */
#ifndef VB_BASE_CONFIG_H
#define VB_BASE_CONFIG_H

#include "base/error.h"
#include "base/strbuf.h"

#include <stdint.h>

struct vb_config {
    struct vb_strbuf problems; /* "NAME: what is wrong", a line each; each line starts with "\n  " */
    unsigned problem_count;
};

void vb_config_init(struct vb_config *config);
void vb_config_release(struct vb_config *config);

/* Marks a variable as wrong for a reason of the caller's. */
void vb_config_problem(struct vb_config *config, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Each returns the value, or the fallback for a variable that is unset or empty. vb_config_required notes a
 * problem for a missing one (what: "the PostgreSQL to use, e.g. postgresql://…") and returns NULL. Strings
 * belong to the environment. */
const char *vb_config_string(struct vb_config *config, const char *name, const char *fallback);
const char *vb_config_required(struct vb_config *config, const char *name, const char *what);
int64_t vb_config_int(struct vb_config *config, const char *name, int64_t min, int64_t max, int64_t fallback);
/* As vb_config_string, for http:// and https:// URLs without user, query or fragment. */
const char *vb_config_url(struct vb_config *config, const char *name, const char *fallback);

/* Returns 0, or -EINVAL with all problems in err; should they be too many for its message, with the names of
 * all the variables (config->problems then still has the details). */
int vb_config_finish(const struct vb_config *config, struct vb_error *err);

#endif
