#pragma once
/*
 * Reload: another policy, or none. It is read, proved, compared with the one in force and its text archived
 * in a helper thread; then, in one step of the loop, its leaf is made and it takes effect for the next
 * decision. A request that was decided before ends under the policy that decided it. Whatever comes of it is
 * recorded. LogLevel= of matchguard.conf is read, too, and all the rest of that file at the next start; a fault in it
 * keeps no policy back.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "base/diag.h"
#include "guard/call.h"
#include "guard/recorder.h"
#include "guard/wider.h"
#include "policy/policy.h"

struct Guard;

/* Who asked for it. */
typedef struct ReloadAsker {
        const char *via; /* "admin", "signal" */
        bool has_by;
        uid_t by;
        bool has_loginuid;
        uint32_t loginuid;
} ReloadAsker;

enum {
        RELOAD_E_UNCOUNTED = POLICY_E_INVALID + 1, /* it is sound, but its rates cannot be told */
};

typedef struct Reload {
        struct Guard *guard;
        bool busy;  /* from the thread's start until the leaf is durable */
        bool again; /* asked for by a signal meanwhile */
        ReloadAsker again_asker;
        ReloadAsker asker;
        bool running; /* the thread has not been joined */
        pthread_t thread;
        int done_fd; /* the thread says that it is done */
        sd_event_source *done;
        sd_event_source *reader_gone; /* no account can be looked up any more */

        /* What the new policy is compared with. It stays in force until this reload ends, because nothing
         * but a reload changes the policy, and one comes after the other. */
        Policy *old;

        /* what the thread found; the loop looks only after joining it */
        int result; /* 0, POLICY_E_INVALID, RELOAD_E_UNCOUNTED, or -errno */
        Policy *policy;
        PolicyFaults faults;
        const char *unreached; /* a policy folder that confine() keeps it from; NULL: none; borrowed */
        Wider wider;
        char *why;             /* the faults as one text */
        int config_result;     /* of matchguard.conf: 0, CONFIG_E_INVALID, or -errno */
        bool config_unreached; /* confine() keeps it from that file */
        DiagLevel log_level;
        PolicyFaults config_faults;

        Waiter waiter;
        bool has_call;
        Call call;
} Reload;

/** reload_init() - Nothing under way. Return: 0 or -errno. */
int reload_init(Reload *reload, struct Guard *guard);

/** reload_deinit() - Waits for the thread, forgets what it found; safe when all zero. */
void reload_deinit(Reload *reload);

/** reload_by_signal() - Begins one, or has one follow the one under way. Return: 0 or -errno. */
int reload_by_signal(Reload *reload, const ReloadAsker *asker);

/** reload_by_admin() - Begins one for a caller, who is answered when it is recorded. Return: 0 or -errno. */
int reload_by_admin(Reload *reload, struct Client *client, uint64_t serial);
