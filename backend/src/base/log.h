/*
 * The log: one event a line on stderr, as JSON in production and readable on a terminal.
 *
 * Only programs and request handlers log; library code returns errors. Never pass a secret: no token, no
 * password, no signature, no presigned URL. Thread-safe; a line is written with one write() and has at most
 * 4096 bytes, so that lines stay whole in a pipe that others write to. In an event that is longer the texts
 * are cut.
 */
#ifndef VB_BASE_LOG_H
#define VB_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum vb_log_level { VB_LOG_DEBUG, VB_LOG_INFO, VB_LOG_WARN, VB_LOG_ERROR, VB_LOG_OFF };
enum vb_log_format { VB_LOG_JSON, VB_LOG_TEXT };

struct vb_log_field {
    const char *name; /* camelCase; NULL ends a list */
    const char *text; /* NULL: the field is `number` */
    int64_t number;
};

static inline const char *vb_log_text(const char *text)
{
    return text ? text : "";
}

#define VB_LOG_STR(name, value) ((struct vb_log_field){(name), vb_log_text(value), 0})
#define VB_LOG_INT(name, value) ((struct vb_log_field){(name), NULL, (int64_t)(value)})

/* To be called before threads start. The default is VB_LOG_INFO and text when stderr is a terminal, JSON
 * otherwise. */
void vb_log_configure(enum vb_log_level level, enum vb_log_format format);
/* Reads "debug", "info", "warn", "error", "off". Returns 0 or -EINVAL. */
int vb_log_parse_level(const char *text, enum vb_log_level *ret_level);
bool vb_log_enabled(enum vb_log_level level);
/* Whether lines are read by a person, who wants them short. */
bool vb_log_is_text(void);

/* fields: up to one without a name, or NULL. Leaves errno as it was. */
void vb_log_write(enum vb_log_level level, const char *message, const struct vb_log_field *fields);

/* vb_log(VB_LOG_INFO, "bucket created", VB_LOG_STR("bucket", name)); at least one field. */
#define vb_log(level, message, ...)                                                                          \
    do {                                                                                                     \
        if (vb_log_enabled(level))                                                                           \
            vb_log_write(level, message, (const struct vb_log_field[]){__VA_ARGS__, {0}});                   \
    } while (0)

#endif
