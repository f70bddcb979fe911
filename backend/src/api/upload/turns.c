/* Turns: see turns.h. There are never more turns than workers, so a list is quick enough. */
#include "api/upload/turns.h"

#include "base/memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct vb_turns {
    pthread_mutex_t lock;
    struct vb_turn *taken;
    unsigned each_max;
};

struct vb_turns *vb_turns_create(unsigned each_max)
{
    struct vb_turns *turns = vb_xcalloc(1, sizeof(*turns));

    pthread_mutex_init(&turns->lock, NULL);
    turns->each_max = each_max;
    return turns;
}

void vb_turns_destroy(struct vb_turns *turns)
{
    if (!turns)
        return;
    vb_assert(!turns->taken);
    pthread_mutex_destroy(&turns->lock);
    free(turns);
}

bool vb_turns_take(struct vb_turns *turns, const char *user_id, struct vb_turn *turn)
{
    unsigned count = 0;
    bool taken;

    pthread_mutex_lock(&turns->lock);
    for (const struct vb_turn *other = turns->taken; other; other = other->next)
        count += strcmp(other->user_id, user_id) == 0;
    taken = count < turns->each_max;
    if (taken) {
        *turn = (struct vb_turn){.next = turns->taken, .user_id = user_id};
        turns->taken = turn;
    }
    pthread_mutex_unlock(&turns->lock);
    return taken;
}

void vb_turns_give_back(struct vb_turns *turns, const struct vb_turn *turn)
{
    struct vb_turn **at;

    pthread_mutex_lock(&turns->lock);
    for (at = &turns->taken; *at != turn; at = &(*at)->next)
        vb_assert(*at);
    *at = turn->next;
    pthread_mutex_unlock(&turns->lock);
}
