/*
 * A user as everybody may see one: the owner of an activity or a story, and those in lists of people.
 */
#ifndef VB_DB_PERSON_H
#define VB_DB_PERSON_H

struct vb_person {
    const char *id; /* NULL: deleted */
    const char *name;
    const char *picture_s3_key, *picture_cdn_url;
};

/* A person in a list that is sorted by a time: PostgreSQL's text, UTC. */
struct vb_listed_person {
    struct vb_person person;
    const char *at;
};
typedef int vb_person_visit(void *context, const struct vb_listed_person *listed);

#endif
