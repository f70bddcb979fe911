/*
 * vibe upload FILE --as KIND: does what the phone does. Asks for a ticket, PUTs the file to where it says,
 * completes the upload, prints the CDN address (and nothing else) on stdout.
 */
#include "app/system.h"
#include "base/cleanup.h"
#include "base/memory.h"
#include "base/number.h"
#include "client/account.h"
#include "client/upload.h"
#include "cmd/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct kind {
    const char *name, *path;
    bool activity, story; /* whether it may be for one */
} kinds[] = {
    {"profile-picture", "/api/upload/profile-picture", false, false},
    {"activity-image", "/api/upload/activity-image", true, false},
    {"story-media", "/api/upload/story-media", false, true},
};
#define KINDS "profile-picture, activity-image or story-media"

struct values {
    const char *file, *as, *activity, *slot, *index, *story;
    const char *api, *email, *password, *token;
};

static bool read_index(const char *text, uint64_t *ret_index)
{
    return vb_uint_parse(text, strlen(text), 999999999, ret_index) == 0;
}

/* What the ticket says of the place of the file: which activity and slot, or which story. */
static json_t *describe_place(const struct values *values)
{
    json_t *fields = json_object();
    uint64_t index;

    if (values->activity) {
        const char *slot = values->index ? "gallery" : "hero";

        json_object_set_new(fields, "activityId", json_string(values->activity));
        json_object_set_new(fields, "slot", json_string(values->slot ? values->slot : slot));
    }
    if (values->index && read_index(values->index, &index))
        json_object_set_new(fields, "index", json_integer((json_int_t)index));
    if (values->story)
        json_object_set_new(fields, "storyId", json_string(values->story));
    return fields;
}

static int log_in_as_demo(struct vb_client_session *session, struct vb_error *err)
{
    struct vb_demo_account account;
    int r = vb_demo_account_login(&account, session, err);

    if (r == 0 && account.registered)
        fprintf(stderr, "registered the demo account %s (kept in %s)\n", account.email, account.path);
    vb_demo_account_release(&account);
    return r;
}

static const char *or_environment(const char *option, const char *variable)
{
    return option ? option : getenv(variable);
}

static int log_in(struct vb_client_session *session, const struct values *values, struct vb_error *err)
{
    const char *token = or_environment(values->token, "VIBE_TOKEN");
    const char *email = or_environment(values->email, "VIBE_EMAIL");
    const char *password = or_environment(values->password, "VIBE_PASSWORD");

    if (token) {
        vb_client_session_use_token(session, token);
        return 0;
    }
    if (email && password)
        return vb_client_session_login(session, email, password, err);
    if (!email)
        return log_in_as_demo(session, err);
    vb_error_set(err, EINVAL, "there is no password for the account %s", email);
    return vb_error_hint(err, "set VIBE_PASSWORD or give --password");
}

static int send_file(const struct vb_client_session *session, const struct values *values,
                     const struct kind *kind, struct vb_source *source, struct vb_error *err)
{
    const char *cdn_url = NULL;
    json_t *answer = NULL;
    int r = vb_upload(session, kind->path, describe_place(values), source, &answer, err);

    vb_progress_bar_end(source->progress);
    if (r == 0)
        r = vb_answer_string(json_object_get(answer, "media"), "cdnUrl", &cdn_url, err);
    if (r == 0)
        printf("%s\n", cdn_url);
    json_decref(answer);
    return r;
}

static int upload(const struct values *values, const struct kind *kind, struct vb_error *err)
{
    struct vb_http_client *http = vb_http_client_create(&(struct vb_http_client_config){0});
    char *api VB_CLEANUP(vb_freep) = vb_system_api(values->api);
    struct vb_progress_bar progress = {0};
    struct vb_client_session session;
    struct vb_source source;
    int r = vb_source_open(&source, values->file, err);

    source.progress = &progress;
    vb_client_session_init(&session, http, api);
    if (r == 0)
        r = log_in(&session, values, err);
    if (r == 0)
        r = send_file(&session, values, kind, &source, err);
    vb_client_session_release(&session);
    vb_source_close(&source);
    vb_http_client_destroy(http);
    return r;
}

static const struct kind *find_kind(const char *name)
{
    for (size_t i = 0; i < VB_ARRAY_SIZE(kinds); i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

static const struct vb_option options[] = {
    {VB_REQUIRED_OPERAND(struct values, file, "FILE", "the file to upload")},
    {VB_STRING(struct values, as, "as", "KIND", "what the file becomes: " KINDS), .required = true},
    {VB_STRING(struct values, activity, "activity", "ID", "the activity that it is an image of")},
    {VB_STRING(struct values, slot, "slot", "SLOT",
               "where in the activity: hero (the default) or gallery (with --index)")},
    {VB_STRING(struct values, index, "index", "N", "where in the gallery: 0 to 9")},
    {VB_STRING(struct values, story, "story", "ID", "the story that it belongs to (default: a new one)")},
    {VB_STRING(struct values, api, "api", "URL", VB_SYSTEM_API_HELP)},
    {VB_STRING(struct values, email, "email", "ADDRESS", "log in with this account (VIBE_EMAIL)")},
    {VB_STRING(struct values, password, "password", "TEXT", "its password (better: VIBE_PASSWORD)")},
    {VB_STRING(struct values, token, "token", "TEXT",
               "an access token, in place of an account (VIBE_TOKEN)")},
    {.name = NULL}};

/* What does not fit together on the command line; NULL if all does. The API checks the values. */
static const char *check(const struct values *values, const struct kind *kind)
{
    uint64_t index;

    if (!kind)
        return "--as is one of " KINDS;
    if (kind->activity && !values->activity)
        return "an activity image needs its activity: say --activity ID";
    if (!kind->activity && (values->activity || values->slot || values->index))
        return "--activity, --slot and --index are for --as activity-image";
    if (!kind->story && values->story)
        return "--story is for --as story-media";
    if (values->index && !read_index(values->index, &index))
        return "--index must be a whole number";
    return NULL;
}

static int run_upload(void *context)
{
    const struct values *values = context;
    const struct kind *kind = find_kind(values->as);
    const char *problem = check(values, kind);
    struct vb_error err = {0};

    if (problem)
        return vb_command_misused(&vb_cmd_upload, NULL, "%s", problem);
    return upload(values, kind, &err) < 0 ? vb_cmd_fail(&err) : 0;
}

const struct vb_command vb_cmd_upload = {
    .name = "upload",
    .summary = "upload a file as the app would and print its CDN address",
    .description = "Uploads a file as the app does and prints its CDN address.",
    .footer = "Without an account or a token, it registers a demo account on first use and keeps it in the "
              "state folder.",
    .options = options,
    .values_size = sizeof(struct values),
    .run = run_upload};
