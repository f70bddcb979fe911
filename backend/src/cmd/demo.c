/*
 * vibe demo: fills a running system with a believable little world, so that there is something to see at
 * once: people, activities, joins and stories, all made through the public API, with pictures that it draws.
 */
#include "app/system.h"
#include "client/picture.h"
#include "client/upload.h"
#include "cmd/command.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/memory.h"
#include "base/random.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_MS       ((int64_t)3600 * 1000)
#define DAY_MS        (24 * HOUR_MS)
#define PHOTO_WIDTH   1200
#define PHOTO_HEIGHT  900
#define PORTRAIT_SIDE 640

static const struct {
    const char *name, *mailbox;
} people[] = {
    {"Mina Okafor", "mina"},  {"Jonas Lindqvist", "jonas"}, {"Sofía Álvarez", "sofia"},
    {"田中 雪", "yuki"},      {"Lena Hoffmann", "lena"},    {"أمير حسن", "amir"},
    {"Tomás Silva", "tomas"}, {"Priya Nair 🌿", "priya"},
};

#define PEOPLE VB_ARRAY_SIZE(people)

static const struct activity {
    const char *title, *description, *place;
    double latitude, longitude;
    unsigned owner, days, capacity; /* capacity 0: as many as like */
    enum vb_picture picture;
    unsigned gallery; /* pictures */
} activities[] = {
    {"Sunrise on the ridge",
     "We leave in the dark, with thermos flasks and head lamps, and are on top when the sun comes.",
     "Schauinsland", 47.9120, 7.8980, 0, 3, 8, VB_PICTURE_MOUNTAINS, 3},
    {"Evening swim", "The water still has 19 degrees. Towels, and somebody brings tea.", "Strandbad Wannsee",
     52.4376, 13.1780, 1, 1, 0, VB_PICTURE_SEA, 2},
    {"Rooftop film night", "A projector, a white wall, blankets. The film is put to the vote.",
     "Prenzlauer Berg", 52.5388, 13.4244, 2, 2, 25, VB_PICTURE_CITY, 1},
    {"Mushrooms for beginners", "What can be eaten, what must not, and soup for all afterwards.", "Grunewald",
     52.4731, 13.2250, 4, 5, 12, VB_PICTURE_FOREST, 2},
    {"Night photography walk", "Tripods welcome, telephones too. We end at the river.", "Museumsinsel",
     52.5169, 13.4010, 3, 4, 10, VB_PICTURE_CITY, 3},
    {"Sea kayaking ☀️", "Two hours along the coast in double kayaks. You need to be able to swim.",
     "Playa de la Concha", 43.3183, -1.9870, 6, 9, 6, VB_PICTURE_SEA, 2},
    {"Forest run, 8 km", "Slow enough to talk. Every Tuesday.", "Tiergarten", 52.5145, 13.3501, 7, 2, 0,
     VB_PICTURE_FOREST, 0},
    {"Bouldering outdoors", "Easy routes, pads are there.", "Blautal", 48.4107, 9.7810, 5, 6, 10,
     VB_PICTURE_MOUNTAINS, 1},
    {"Sketching the skyline", "Bring what you like to draw with. No experience needed.", "Oberbaumbrücke",
     52.5018, 13.4456, 2, 7, 15, VB_PICTURE_CITY, 1},
    {"Stargazing", "New moon, no lights, one good telescope.", "Westhavelland", 52.6930, 12.3130, 0, 11, 20,
     VB_PICTURE_MOUNTAINS, 1},
};

static const struct {
    unsigned author;
    const char *caption;
    enum vb_picture picture;
} stories[] = {
    {3, "first light", VB_PICTURE_MOUNTAINS}, {6, "low tide 🌊", VB_PICTURE_SEA},
    {0, "up early", VB_PICTURE_FOREST},       {2, "home", VB_PICTURE_CITY},
    {3, "and then this", VB_PICTURE_SEA},     {7, "smells like rain", VB_PICTURE_FOREST},
    {5, "مساء الخير", VB_PICTURE_CITY},
};

struct demo {
    const char *password; /* of everybody */
    char suffix[9];
    struct vb_client_session sessions[PEOPLE];
    char *activity_ids[VB_ARRAY_SIZE(activities)];
    unsigned pictures; /* drawn so far: the next one's seed */
};

/* Draws a picture and uploads it for the purpose of that path, with these fields beside the picture's own. */
static int upload_picture(struct demo *demo, unsigned person, enum vb_picture kind, const char *path,
                          json_t *fields, struct vb_error *err)
{
    bool portrait = kind == VB_PICTURE_PORTRAIT;
    struct vb_source source;
    json_t *answer = NULL;
    size_t size;
    int r;
    unsigned char *file VB_CLEANUP(vb_freep) =
        vb_picture_draw(kind, demo->pictures++, portrait ? PORTRAIT_SIDE : PHOTO_WIDTH,
                        portrait ? PORTRAIT_SIDE : PHOTO_HEIGHT, &size);

    vb_source_memory(&source, file, size);
    r = vb_upload(&demo->sessions[person], path, fields, &source, &answer, err);
    json_decref(answer);
    return r;
}

/* POSTs, and keeps the id of the answer's object of that name. */
static int create(struct demo *demo, unsigned person, const char *path, json_t *body, const char *name,
                  char **ret_id, struct vb_error *err)
{
    json_t *answer = NULL;
    const char *id = NULL;
    int r = vb_client_session_post(&demo->sessions[person], path, body, &answer, err);

    if (r == 0)
        r = vb_answer_string(json_object_get(answer, name), "id", &id, err);
    if (r == 0)
        *ret_id = vb_xstrdup(id);
    json_decref(answer);
    return r;
}

static int register_person(struct demo *demo, unsigned person, struct vb_error *err)
{
    char *email VB_CLEANUP(vb_freep) =
        vb_xasprintf("%s.%s@example.com", people[person].mailbox, demo->suffix);
    int r =
        vb_client_session_register(&demo->sessions[person], email, demo->password, people[person].name, err);

    return r < 0
               ? r
               : upload_picture(demo, person, VB_PICTURE_PORTRAIT, "/api/upload/profile-picture", NULL, err);
}

static json_t *describe_activity(const struct activity *activity)
{
    /* the evening of a day to come */
    int64_t starts_ms = (vb_clock_realtime_ms() / DAY_MS + activity->days) * DAY_MS + 17 * HOUR_MS;
    char starts[VB_CLOCK_ISO8601_SIZE], ends[VB_CLOCK_ISO8601_SIZE];
    json_t *body;

    vb_clock_format_iso8601(starts_ms, starts);
    vb_clock_format_iso8601(starts_ms + 3 * HOUR_MS, ends);
    body = json_pack("{s:s, s:s, s:s, s:s, s:{s:s, s:f, s:f}}", "title", activity->title, "description",
                     activity->description, "startsAt", starts, "endsAt", ends, "place", "name",
                     activity->place, "latitude", activity->latitude, "longitude", activity->longitude);
    if (activity->capacity)
        json_object_set_new(body, "capacity", json_integer(activity->capacity));
    return body;
}

static int upload_activity_picture(struct demo *demo, size_t which, const char *slot, unsigned index,
                                   struct vb_error *err)
{
    const struct activity *activity = &activities[which];
    json_t *fields = json_pack("{s:s, s:s}", "activityId", demo->activity_ids[which], "slot", slot);

    if (strcmp(slot, "gallery") == 0)
        json_object_set_new(fields, "index", json_integer(index));
    return upload_picture(demo, activity->owner, activity->picture, "/api/upload/activity-image", fields,
                          err);
}

static int make_activity(struct demo *demo, size_t which, struct vb_error *err)
{
    const struct activity *activity = &activities[which];
    int r = create(demo, activity->owner, "/api/activities", describe_activity(activity), "activity",
                   &demo->activity_ids[which], err);

    if (r == 0)
        r = upload_activity_picture(demo, which, "hero", 0, err);
    for (unsigned i = 0; r == 0 && i < activity->gallery; i++)
        r = upload_activity_picture(demo, which, "gallery", i, err);
    return r;
}

/* Lets some of the others join, at most as many as there is room for. */
static int join_activity(struct demo *demo, size_t which, struct vb_error *err)
{
    char *path VB_CLEANUP(vb_freep) = vb_xasprintf("/api/activities/%s/join", demo->activity_ids[which]);
    unsigned count = (unsigned)(which * 5 % PEOPLE);
    int r = 0;

    for (unsigned i = 1;
         r == 0 && i <= count && (!activities[which].capacity || i <= activities[which].capacity); i++) {
        const struct vb_client_session *session =
            &demo->sessions[(activities[which].owner + i) % (unsigned)PEOPLE];
        json_t *answer = NULL;

        r = vb_client_session_post(session, path, json_object(), &answer, err);
        json_decref(answer);
    }
    return r;
}

static int make_story(struct demo *demo, size_t which, struct vb_error *err)
{
    char *id VB_CLEANUP(vb_freep) = NULL;
    int r = create(demo, stories[which].author, "/api/stories",
                   json_pack("{s:s}", "caption", stories[which].caption), "story", &id, err);

    if (r == 0)
        r = upload_picture(demo, stories[which].author, stories[which].picture, "/api/upload/story-media",
                           json_pack("{s:s}", "storyId", id), err);
    return r;
}

/* People first: activities, joins and stories need them. */
static int make_world(struct demo *demo, struct vb_error *err)
{
    int r = 0;

    fprintf(stderr, "people …\n");
    for (unsigned i = 0; r == 0 && i < PEOPLE; i++)
        r = register_person(demo, i, err);
    fprintf(stderr, "%s", r == 0 ? "activities …\n" : "");
    for (size_t i = 0; r == 0 && i < VB_ARRAY_SIZE(activities); i++)
        r = make_activity(demo, i, err);
    for (size_t i = 0; r == 0 && i < VB_ARRAY_SIZE(activities); i++)
        r = join_activity(demo, i, err);
    fprintf(stderr, "%s", r == 0 ? "stories …\n" : "");
    for (size_t i = 0; r == 0 && i < VB_ARRAY_SIZE(stories); i++)
        r = make_story(demo, i, err);
    return r;
}

static void print_summary(const struct demo *demo)
{
    printf("%zu people, %zu activities, %zu stories, %u pictures.\n\n", PEOPLE, VB_ARRAY_SIZE(activities),
           VB_ARRAY_SIZE(stories), demo->pictures);
    printf("Log in as any of them, for example\n  e-mail    %s.%s@example.com\n  password  %s\n\n",
           people[0].mailbox, demo->suffix, demo->password);
    printf("and look around:\n  curl -s %s/api/activities -H 'Authorization: Bearer %s'\n",
           demo->sessions[0].api_url, demo->sessions[0].token.data);
}

static int run(const char *api, struct vb_error *err)
{
    unsigned char suffix[4], secret[9];
    char password[2 * sizeof(secret) + 1];
    struct vb_http_client *http = vb_http_client_create(&(struct vb_http_client_config){0});
    struct demo demo = {.password = password};
    int r;

    /* new people each time: the e-mail addresses of an earlier demo are taken */
    vb_random_bytes(suffix, sizeof(suffix));
    vb_hex_encode(suffix, sizeof(suffix), demo.suffix);
    vb_random_bytes(secret, sizeof(secret));
    vb_hex_encode(secret, sizeof(secret), password);
    for (size_t i = 0; i < PEOPLE; i++)
        vb_client_session_init(&demo.sessions[i], http, api);
    r = make_world(&demo, err);
    if (r == 0)
        print_summary(&demo);
    for (size_t i = 0; i < PEOPLE; i++)
        vb_client_session_release(&demo.sessions[i]);
    for (size_t i = 0; i < VB_ARRAY_SIZE(activities); i++)
        free(demo.activity_ids[i]);
    vb_http_client_destroy(http);
    return r;
}

struct values {
    const char *api;
};

static int run_demo(void *context)
{
    const struct values *values = context;
    char *api VB_CLEANUP(vb_freep) = vb_system_api(values->api);
    struct vb_error err = {0};

    return run(api, &err) < 0 ? vb_cmd_fail(&err) : 0;
}

static const struct vb_option options[] = {{VB_STRING(struct values, api, "api", "URL", VB_SYSTEM_API_HELP)},
                                           {.name = NULL}};

const struct vb_command vb_cmd_demo = {
    .name = "demo",
    .summary = "fill a running system with demo people, activities and stories",
    .description =
        "Fills a running system with demo people, activities and stories. It draws their pictures itself.\n"
        "Each run adds new ones.",
    .options = options,
    .values_size = sizeof(struct values),
    .run = run_demo};
