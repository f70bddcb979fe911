/*
 * How much of something one user may have under way at a time, so that nobody takes what is there for all.
 * Thread-safe.
 */
#ifndef VB_API_UPLOAD_TURNS_H
#define VB_API_UPLOAD_TURNS_H

#include <stdbool.h>

struct vb_turns;

/* One that is under way; on the stack of whoever it is. */
struct vb_turn {
    struct vb_turn *next;
    const char *user_id;
};

struct vb_turns *vb_turns_create(unsigned each_max);
/* None may be under way. NULL is fine. */
void vb_turns_destroy(struct vb_turns *turns);

/* Returns whether the user has less than each_max under way; then vb_turns_give_back() is to follow. user_id
 * must live until then. */
bool vb_turns_take(struct vb_turns *turns, const char *user_id, struct vb_turn *turn);
void vb_turns_give_back(struct vb_turns *turns, const struct vb_turn *turn);

#endif
