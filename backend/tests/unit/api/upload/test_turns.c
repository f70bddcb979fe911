/* How many turns one user may have at a time. */
#include "api/upload/turns.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static void each_user_has_a_limit_of_its_own(void **state)
{
    struct vb_turns *turns = vb_turns_create(2);
    struct vb_turn a[3], b[2];

    (void)state;
    assert_true(vb_turns_take(turns, "a", &a[0]));
    assert_true(vb_turns_take(turns, "a", &a[1]));
    assert_false(vb_turns_take(turns, "a", &a[2]));
    assert_true(vb_turns_take(turns, "b", &b[0]));
    assert_true(vb_turns_take(turns, "b", &b[1]));
    vb_turns_give_back(turns, &a[0]);
    assert_true(vb_turns_take(turns, "a", &a[2]));
    assert_false(vb_turns_take(turns, "a", &a[0]));
    vb_turns_give_back(turns, &a[1]);
    vb_turns_give_back(turns, &b[1]);
    vb_turns_give_back(turns, &b[0]);
    vb_turns_give_back(turns, &a[2]);
    vb_turns_destroy(turns);
    vb_turns_destroy(NULL);
}

static void *take_and_give_back(void *argument)
{
    intptr_t taken = 0;

    for (int i = 0; i < 2000; i++) {
        char user[8];
        struct vb_turn turn;

        snprintf(user, sizeof(user), "%d", i % 3);
        if (vb_turns_take(argument, user, &turn)) {
            taken++;
            vb_turns_give_back(argument, &turn);
        }
    }
    return (void *)taken;
}

static void threads_take_turns(void **state)
{
    struct vb_turns *turns = vb_turns_create(4);
    pthread_t threads[4];

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give_back, turns), 0);
    for (int i = 0; i < 4; i++) {
        void *taken;

        pthread_join(threads[i], &taken);
        assert_int_equal((intptr_t)taken, 2000); /* there are as many turns as threads, so each gets one */
    }
    vb_turns_destroy(turns); /* all turns were given back */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_user_has_a_limit_of_its_own),
        cmocka_unit_test(threads_take_turns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
