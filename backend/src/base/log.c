/* The log: see log.h. */
#include "base/log.h"

#include "base/clock.h"
#include "base/encode.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/strbuf.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/* The most that POSIX writes to a pipe as one piece while others write to it, too. */
#define LINE_MAX_BYTES PIPE_BUF
#define TEXT_CUT_BYTES 256

static const char *const level_names[] = {"debug", "info", "warn", "error"};

static struct {
    enum vb_log_level level;
    enum vb_log_format format;
    bool configured;
} settings = {VB_LOG_INFO, VB_LOG_JSON, false};

void vb_log_configure(enum vb_log_level level, enum vb_log_format format)
{
    settings.level = level;
    settings.format = format;
    settings.configured = true;
}

int vb_log_parse_level(const char *text, enum vb_log_level *ret_level)
{
    for (int i = VB_LOG_DEBUG; i < VB_LOG_OFF; i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *ret_level = (enum vb_log_level)i;
            return 0;
        }
    }
    if (strcmp(text, "off") == 0) {
        *ret_level = VB_LOG_OFF;
        return 0;
    }
    return -EINVAL;
}

bool vb_log_is_text(void)
{
    return settings.configured ? settings.format == VB_LOG_TEXT : isatty(STDERR_FILENO) == 1;
}

bool vb_log_enabled(enum vb_log_level level)
{
    return level >= settings.level && level < VB_LOG_OFF;
}

/* Each form cuts every text after text_max bytes. */
static void add_json(struct vb_strbuf *line, const char *time, enum vb_log_level level, const char *message,
                     const struct vb_log_field *fields, size_t text_max)
{
    struct vb_json json;

    vb_json_init(&json, line);
    vb_json_object_begin(&json);
    vb_json_key_string(&json, "time", time);
    vb_json_key_string(&json, "level", level_names[level]);
    vb_json_key(&json, "message");
    vb_json_stringn(&json, message, strnlen(message, text_max));
    for (; fields->name; fields++) {
        vb_json_key(&json, fields->name);
        if (fields->text)
            vb_json_stringn(&json, fields->text, strnlen(fields->text, text_max));
        else
            vb_json_int(&json, fields->number);
    }
    vb_json_object_end(&json);
}

/* Control characters would let a peer forge lines or steer the terminal: the log shows them as '?'. That
 * includes those of Unicode (U+0080-U+009F) and stray bytes that a terminal may take for them. */
static void add_printable(struct vb_strbuf *line, const char *text, size_t text_max)
{
    const size_t length = strnlen(text, text_max);
    const bool is_utf8 = vb_utf8_valid(text, length);

    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c < 0x20 || c == 0x7f || (c >= 0x80 && !is_utf8)) {
            vb_strbuf_addc(line, '?');
        } else if (c == 0xc2 && (unsigned char)text[i + 1] < 0xa0) {
            vb_strbuf_addc(line, '?');
            i++;
        } else {
            vb_strbuf_addc(line, (char)c);
        }
    }
}

static void add_text(struct vb_strbuf *line, const char *time, enum vb_log_level level, const char *message,
                     const struct vb_log_field *fields, size_t text_max)
{
    vb_strbuf_addf(line, "%.8s %-5s ", time + 11, level_names[level]);
    add_printable(line, message, text_max);
    for (; fields->name; fields++) {
        vb_strbuf_addf(line, "  %s=", fields->name);
        if (fields->text)
            add_printable(line, fields->text, text_max);
        else
            vb_strbuf_addi(line, fields->number);
    }
}

/* Builds the line: in full, or with its texts cut short, or without its fields, whichever fits first. */
static void add_line(struct vb_strbuf *line, enum vb_log_format format, enum vb_log_level level,
                     const char *message, const struct vb_log_field *fields)
{
    static const struct vb_log_field none[] = {{0}};
    void (*add)(struct vb_strbuf *, const char *, enum vb_log_level, const char *,
                const struct vb_log_field *, size_t) = format == VB_LOG_JSON ? add_json : add_text;
    char time[VB_CLOCK_ISO8601_SIZE];

    vb_clock_format_iso8601(vb_clock_realtime_ms(), time);
    if (!fields)
        fields = none;
    add(line, time, level, message, fields, SIZE_MAX);
    if (vb_strbuf_failed(line)) {
        vb_strbuf_clear(line);
        add(line, time, level, message, fields, TEXT_CUT_BYTES);
    }
    if (vb_strbuf_failed(line)) {
        vb_strbuf_clear(line);
        add(line, time, level, message, none, TEXT_CUT_BYTES);
    }
}

void vb_log_write(enum vb_log_level level, const char *message, const struct vb_log_field *fields)
{
    static const char lost[] = "{\"level\":\"error\",\"message\":\"a log line was lost: memory is out\"}\n";
    const int errno_before = errno;
    enum vb_log_format format = vb_log_is_text() ? VB_LOG_TEXT : VB_LOG_JSON;
    struct vb_strbuf line;

    vb_assert((unsigned)level < VB_LOG_OFF);
    vb_strbuf_init(&line, LINE_MAX_BYTES - 1);
    add_line(&line, format, level, message, fields);
    line.max++; /* room kept for the end of the line */
    vb_strbuf_addc(&line, '\n');
    if (vb_strbuf_failed(&line))
        (void)vb_write_all(STDERR_FILENO, lost, sizeof(lost) - 1);
    else
        (void)vb_write_all(STDERR_FILENO, line.data,
                           line.length); /* if that fails, there is nowhere left to say so */
    vb_strbuf_release(&line);
    errno = errno_before;
}
