#pragma once
/*
 * Rebase: the administrator's word that the clock is right and the mark was wrong. Sets the mark back to the
 * wall time of a `jump` leaf that says who did so (matchguard-trail(7)).
 *
 * The mark is what a clock that is set back runs into (matchguard.policy(5)): so it goes back only by hand,
 * only where the clock is behind it and therefore everything is denied, and never without a record.
 */

#include <stdbool.h>
#include <stdint.h>

#include "guard/call.h"
#include "guard/recorder.h"

struct Guard;
struct Client;

typedef struct Rebase {
        struct Guard *guard;
        bool busy; /* its leaf is on its way */
        Waiter waiter;
        Call call;
} Rebase;

/** rebase_init() - None under way. */
void rebase_init(Rebase *rebase, struct Guard *guard);

/** rebase_by_admin() - Does one for a caller, who is answered when it is durable. Return: 0 or -errno. */
int rebase_by_admin(Rebase *rebase, struct Client *client, uint64_t serial);
