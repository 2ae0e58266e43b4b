/*
 * What this process does when signals come.
 */

#include "worker/handlers.h"

void handlers_keep(Handlers *ret_handlers)
{
        for (int i = 1; i < NSIG; i++)
                (void)sigaction(i, NULL, &ret_handlers->actions[i]); /* Fails for the C library's own only. */
}

void handlers_restore(const Handlers *handlers)
{
        for (int i = 1; i < NSIG; i++)
                if (i != SIGKILL && i != SIGSTOP)
                        (void)sigaction(i, &handlers->actions[i], NULL); /* As above. */
}
