/*
 * A limit for each user on requests of one kind in flight, so that nobody takes all workers. Thread-safe.
 */
#ifndef VB_API_UPLOAD_TURNS_H
#define VB_API_UPLOAD_TURNS_H

#include <stdbool.h>

struct vb_turns;

/* A request in flight; on its own stack. */
struct vb_turn {
    struct vb_turn *next;
    const char *user_id;
};

struct vb_turns *vb_turns_create(unsigned each_max);
/* No turn may be taken. NULL is fine. */
void vb_turns_destroy(struct vb_turns *turns);

/* Takes a turn; false if the user has each_max already. Give it back with vb_turns_give_back(); user_id must
 * live until then. */
bool vb_turns_take(struct vb_turns *turns, const char *user_id, struct vb_turn *turn);
void vb_turns_give_back(struct vb_turns *turns, const struct vb_turn *turn);

#endif
