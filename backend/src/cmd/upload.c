/*
 * vibe upload FILE --as KIND: does what the phone does. Asks for a ticket, PUTs the file to where it says,
 * completes the upload, prints the CDN address (and nothing else) on stdout.
 */
#include "app/system.h"
#include "client/account.h"
#include "client/api_call.h"
#include "client/progress.h"
#include "client/upload.h"
#include "cmd/command.h"

#include "base/cleanup.h"
#include "base/encode.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "media/sniff.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct kind {
    const char *name, *path;
    bool activity, story; /* whether it may be for one */
} kinds[] = {
    {"profile-picture", "/api/upload/profile-picture", false, false},
    {"activity-image", "/api/upload/activity-image", true, false},
    {"story-media", "/api/upload/story-media", false, true},
};
#define KINDS "profile-picture, activity-image or story-media"

struct upload {
    const struct kind *kind;
    const char *activity, *slot, *index, *story; /* options; NULL: not given */
    const char *file;
    int fd;
    int64_t size;
    enum vb_media_type type;
    char checksum[VB_BASE64_SIZE(VB_SHA256_SIZE)];
    struct vb_progress progress;
};

/* Reads the file once, to know its type and its digest. */
static int examine(struct upload *upload, struct vb_error *err)
{
    unsigned char first[VB_SNIFF_SIZE], digest[VB_SHA256_SIZE];
    char *buffer VB_CLEANUP(vb_freep) = vb_xmalloc(65536);
    struct vb_hash hash;
    ssize_t got;

    vb_hash_init(&hash, VB_HASH_SHA256);
    upload->size = 0;
    while ((got = read(upload->fd, buffer, 65536)) > 0) {
        if (upload->size < VB_SNIFF_SIZE) {
            size_t room = (size_t)(VB_SNIFF_SIZE - upload->size);
            memcpy(first + upload->size, buffer, (size_t)got < room ? (size_t)got : room);
        }
        vb_hash_update(&hash, buffer, (size_t)got);
        upload->size += got;
    }
    vb_hash_final(&hash, digest);
    if (got < 0)
        return vb_error_set(err, errno, "%s cannot be read: %s", upload->file, strerror(errno));
    vb_base64_encode(digest, sizeof(digest), upload->checksum);
    upload->type = vb_sniff(first, upload->size < VB_SNIFF_SIZE ? (size_t)upload->size : VB_SNIFF_SIZE);
    if (upload->type == VB_MEDIA_UNKNOWN) {
        vb_error_set(err, EINVAL, "%s is no JPEG, PNG, WebP, HEIC or MP4 file", upload->file);
        return vb_error_hint(err, "its first bytes decide, not its name");
    }
    return 0;
}

static int open_file(struct upload *upload, struct vb_error *err)
{
    struct stat status;

    upload->fd = open(upload->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (upload->fd < 0 || fstat(upload->fd, &status) < 0)
        return vb_error_set(err, errno, "%s cannot be opened: %s", upload->file, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return vb_error_set(err, EINVAL, "%s is not a file", upload->file);
    return examine(upload, err);
}

static int64_t read_file(void *context, char *buffer, size_t capacity)
{
    struct upload *upload = context;
    ssize_t got = read(upload->fd, buffer, capacity);

    if (got > 0)
        vb_progress_add(&upload->progress, got);
    return got;
}

static int seek_file(void *context, int64_t offset)
{
    struct upload *upload = context;

    if (offset == 0)
        vb_progress_start(&upload->progress, upload->size);
    upload->progress.done = offset;
    return lseek(upload->fd, offset, SEEK_SET) < 0 ? -errno : 0;
}

/* What the ticket is to be for, beside the file itself. */
static json_t *describe_place(const struct upload *upload)
{
    json_t *fields = json_object();

    if (upload->activity) {
        const char *slot = upload->index ? "gallery" : "hero";

        json_object_set_new(fields, "activityId", json_string(upload->activity));
        json_object_set_new(fields, "slot", json_string(upload->slot ? upload->slot : slot));
    }
    if (upload->index)
        json_object_set_new(fields, "index", json_integer(atoi(upload->index)));
    if (upload->story)
        json_object_set_new(fields, "storyId", json_string(upload->story));
    return fields;
}

static int run(const struct vb_api_call *call, struct upload *upload, struct vb_error *err)
{
    struct vb_phone_file file = {.size = upload->size,
                                 .type = upload->type,
                                 .checksum = upload->checksum,
                                 .read = read_file,
                                 .seek = seek_file,
                                 .context = upload};
    const char *cdn_url = NULL;
    json_t *answer = NULL;
    int rc = vb_phone_upload(call, upload->kind->path, describe_place(upload), &file, &answer, err);

    vb_progress_end(&upload->progress);
    if (rc == 0)
        rc = vb_api_answer_string(json_object_get(answer, "media"), "cdnUrl", &cdn_url, err);
    if (rc == 0)
        printf("%s\n", cdn_url);
    json_decref(answer);
    return rc;
}

struct login {
    const char *email, *password, *token;
};

static int log_in(const struct vb_api_call *call, const struct login *login, struct vb_strbuf *ret_token,
                  struct vb_error *err)
{
    if (login->token) {
        vb_strbuf_adds(ret_token, login->token);
        return 0;
    }
    if (login->email && login->password)
        return vb_account_login(call, login->email, login->password, ret_token, err);
    if (login->email) {
        vb_error_set(err, EINVAL, "An account without a password was given");
        return vb_error_hint(err, "set VIBE_PASSWORD or give --password");
    }
    return vb_demo_account_login(call, ret_token, err);
}

static int upload_as(const char *api, const struct login *login, struct upload *upload, struct vb_error *err)
{
    struct vb_api_call call = {.base_url = api};
    struct vb_strbuf token;
    int rc = open_file(upload, err);

    if (rc < 0)
        return rc;
    vb_strbuf_init(&token, 16384);
    call.http = vb_http_client_create(&(struct vb_http_client_config){0});
    rc = log_in(&call, login, &token, err);
    call.token = token.data;
    if (rc == 0)
        rc = run(&call, upload, err);
    vb_http_client_destroy(call.http);
    vb_strbuf_release(&token);
    return rc;
}

static const struct kind *find_kind(const char *name)
{
    for (size_t i = 0; i < VB_ARRAY_SIZE(kinds); i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

struct values {
    struct upload upload;
    struct login login;
    const char *as, *api;
};

static const struct vb_option options[] = {
    {VB_REQUIRED_OPERAND(struct values, upload.file, "FILE", "the file to upload")},
    {VB_STRING(struct values, as, "as", "KIND", "what the file is to be: " KINDS), .required = true},
    {VB_STRING(struct values, upload.activity, "activity", "ID", "the activity that it is an image of")},
    {VB_STRING(struct values, upload.slot, "slot", "SLOT",
               "where in the activity: hero (the default) or gallery (with --index)")},
    {VB_STRING(struct values, upload.index, "index", "N", "where in the gallery: 0 to 9")},
    {VB_STRING(struct values, upload.story, "story", "ID",
               "the story that it belongs to (default: a new one)")},
    {VB_STRING(struct values, api, "api", "URL", VB_SYSTEM_API_HELP)},
    {VB_STRING(struct values, login.email, "email", "ADDRESS", "log in with this account (VIBE_EMAIL)")},
    {VB_STRING(struct values, login.password, "password", "TEXT", "its password (better: VIBE_PASSWORD)")},
    {VB_STRING(struct values, login.token, "token", "TEXT",
               "an access token, in place of an account (VIBE_TOKEN)")},
    {.name = NULL}};

/* What does not fit together on the command line; NULL if all does. What values may be is for the API to say. */
static const char *check(const struct upload *upload)
{
    if (!upload->kind)
        return "--as is one of " KINDS;
    if (upload->kind->activity && !upload->activity)
        return "of which activity is it to be an image? Say --activity ID";
    if (!upload->kind->activity && (upload->activity || upload->slot || upload->index))
        return "--activity, --slot and --index are for --as activity-image";
    if (!upload->kind->story && upload->story)
        return "--story is for --as story-media";
    if (upload->index &&
        (!*upload->index || strlen(upload->index) > 9 || upload->index[strspn(upload->index, "0123456789")]))
        return "--index must be a whole number";
    return NULL;
}

static int run_upload(void *context)
{
    struct values *values = context;
    struct login *login = &values->login;
    char *api VB_CLEANUP(vb_freep) = NULL;
    struct vb_error err = {0};
    const char *problem;
    int r;

    login->email = login->email ? login->email : getenv("VIBE_EMAIL");
    login->password = login->password ? login->password : getenv("VIBE_PASSWORD");
    login->token = login->token ? login->token : getenv("VIBE_TOKEN");
    values->upload.kind = find_kind(values->as);
    problem = check(&values->upload);
    if (problem)
        return vb_command_misused(&vb_cmd_upload, NULL, "%s", problem);
    api = vb_system_api(values->api);
    values->upload.fd = -1;
    r = upload_as(api, login, &values->upload, &err);
    if (values->upload.fd >= 0)
        close(values->upload.fd);
    return r < 0 ? vb_cmd_fail(&err) : 0;
}

const struct vb_command vb_cmd_upload = {
    .name = "upload",
    .summary = "upload a file as the app would and print its CDN address",
    .description = "Uploads a file as the app does and prints its CDN address.",
    .footer = "Without an account or a token, a demo account is registered on first use and kept in the "
              "state folder.",
    .options = options,
    .values_size = sizeof(struct values),
    .run = run_upload};
