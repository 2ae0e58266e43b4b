/*
 * worker/handlers.h.
 */

#include <criterion/criterion.h>
#include <unistd.h>

#include "worker/handlers.h"

static volatile sig_atomic_t ours, theirs;

static void on_ours(int number)
{
        ours++;
}

static void on_theirs(int number)
{
        theirs++;
}

Test(handlers, what_another_takes_meanwhile_is_taken_back)
{
        Handlers handlers;

        cr_assert_neq(signal(SIGXFSZ, SIG_IGN), SIG_ERR);
        cr_assert_neq(signal(SIGBUS, on_ours), SIG_ERR);
        handlers_keep(&handlers);
        for (int i = 1; i < SIGRTMIN; i++)
                (void)signal(i, on_theirs); /* Two of them cannot be taken. */
        handlers_restore(&handlers);
        cr_expect_eq(raise(SIGXFSZ), 0);
        cr_expect_eq(raise(SIGBUS), 0);
        cr_expect_eq(ours, 1);
        cr_expect_eq(theirs, 0);
}

Test(handlers, what_ended_the_process_does_so_again, .signal = SIGUSR2)
{
        Handlers handlers;

        handlers_keep(&handlers);
        cr_assert_neq(signal(SIGUSR2, on_theirs), SIG_ERR);
        handlers_restore(&handlers);
        (void)raise(SIGUSR2); /* It does not return. */
}
