/* Opening PostgreSQL connections: see connect.h. */
#include "db/connect.h"
#include "db/pool.h"

#include "base/memory.h"
#include "base/strbuf.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define OPTIONS_MAX 4096

/* A dead peer is noticed after about 10 s on an idle connection (keepalives), and after 5 s when data that
 * was sent is not acknowledged. */
#define CONNECT_TIMEOUT_S   "3"
#define KEEPALIVES_IDLE_S   "5"
#define KEEPALIVES_EVERY_S  "2"
#define KEEPALIVES_COUNT    "3"
#define TCP_USER_TIMEOUT_MS "5000"

void vb_db_one_line(const char *message, char *buffer, size_t size)
{
    static const char *const severities[] = {"FATAL:  ", "ERROR:  "};
    size_t length = 0;

    vb_assert(size > 0);
    for (size_t i = 0; i < VB_ARRAY_SIZE(severities); i++)
        if (strncmp(message, severities[i], strlen(severities[i])) == 0)
            message += strlen(severities[i]);
    for (; *message && length + 1 < size; message++) {
        bool space = *message == '\n' || *message == '\t' || *message == '\r';

        if (!space)
            buffer[length++] = *message;
        else if (length > 0 && buffer[length - 1] != ' ')
            buffer[length++] = ' ';
    }
    while (length > 0 && (buffer[length - 1] == ' ' || buffer[length - 1] == '.'))
        length--;
    buffer[length] = '\0';
}

/* A password with an unescaped '/' or '@' makes libpq take pieces of it for a port or a host, and name them.
 */
static bool plausible(const PQconninfoOption *option)
{
    if (!option->val)
        return true;
    if (strcmp(option->keyword, "port") == 0)
        return option->val[strspn(option->val, "0123456789,")] == '\0';
    if (strcmp(option->keyword, "host") == 0)
        return !strpbrk(option->val, "@:? ") || option->val[0] == '/' ||
               strspn(option->val, "0123456789abcdefABCDEF:.,%") == strlen(option->val);
    return true;
}

/* Finds in the URL what we must add to (options), and refuses a URL that is none. */
static int read_url(const char *url, struct vb_strbuf *options, struct vb_error *err)
{
    PQconninfoOption *parsed = PQconninfoParse(url, NULL);
    bool good = parsed != NULL;

    for (PQconninfoOption *option = parsed; option && option->keyword; option++) {
        good = good && plausible(option);
        if (strcmp(option->keyword, "options") == 0 && option->val) {
            vb_strbuf_adds(options, option->val);
            vb_strbuf_addc(options, ' ');
        }
    }
    PQconninfoFree(parsed);
    if (good && !vb_strbuf_failed(options))
        return 0;
    vb_error_set(err, EINVAL, "the database URL (DATABASE_URL) is not the address of a PostgreSQL database");
    return vb_error_hint(err,
                         "it looks like postgresql://user:password@host:5432/database; in user and password, "
                         "characters such as / @ : # are written as %%2F %%40 %%3A %%23");
}

static int connection_failed(PGconn *connection, struct vb_error *err)
{
    char reason[VB_ERROR_MESSAGE_MAX - 64];

    vb_db_one_line(connection ? PQerrorMessage(connection) : "out of memory", reason, sizeof(reason));
    PQfinish(connection);
    return vb_error_set(err, ENOTCONN, "the database cannot be reached: %s", reason);
}

static void ignore_notice(void *context, const PGresult *result)
{
    (void)context;
    (void)result;
}

int vb_db_connect(const char *url, unsigned statement_timeout_ms, PGconn **ret_connection,
                  struct vb_error *err)
{
    struct vb_strbuf options;
    PGconn *connection;
    int r;

    vb_strbuf_init(&options, OPTIONS_MAX);
    r = read_url(url, &options, err);
    vb_strbuf_addf(&options, "-c statement_timeout=%u -c TimeZone=UTC -c client_min_messages=warning",
                   statement_timeout_ms);
    if (r < 0) {
        vb_strbuf_release(&options);
        return r;
    }
    /* The URL overrides what stands before dbname; what follows it overrides the URL. */
    connection = PQconnectdbParams(
        (const char *const[]){"connect_timeout", "keepalives", "keepalives_idle", "keepalives_interval",
                              "keepalives_count", "tcp_user_timeout", "application_name", "gssencmode",
                              "dbname", "options", "client_encoding", NULL},
        (const char *const[]){CONNECT_TIMEOUT_S, "1", KEEPALIVES_IDLE_S, KEEPALIVES_EVERY_S, KEEPALIVES_COUNT,
                              TCP_USER_TIMEOUT_MS, "vibe", "disable", url, options.data, "UTF8", NULL},
        1);
    vb_strbuf_release(&options);
    if (!connection || PQstatus(connection) != CONNECTION_OK)
        return connection_failed(connection, err);
    PQsetNoticeReceiver(connection, ignore_notice, NULL);
    *ret_connection = connection;
    return 0;
}

int vb_db_check_login(const char *url, struct vb_error *err)
{
    PGconn *connection = NULL;
    int r = vb_db_connect(url, 0, &connection, err);

    PQfinish(connection);
    return r;
}
