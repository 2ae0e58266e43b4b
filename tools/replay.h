#pragma once
/*
 * Replay: every decision of a log made anew from its leaf, the earlier leaves and the archived policy
 * (matchguard-trail(7), I9). Reads the export's archive of policies, and nothing of this machine. Memory does
 * not grow with the log, but for the windows of rates (tools/permit-counts.h) and a line a policy.
 */

#include "tools/decided-keys.h"
#include "tools/log-state.h"
#include "tools/permit-counts.h"
#include "tools/policy-shelf.h"
#include "tools/request-leaf.h"

typedef struct Replay {
        PolicyShelf policies;
        PermitCounts permits; /* as the leaves say */
        RequestLeaf request;
        bool readable;        /* `request` holds the last leaf's keys and facts */
        const Policy *policy; /* that it was decided by; NULL: not to be had. Borrowed until the next leaf */
        Decision decision;
        KeyDifferences differences;
        Buffer fault;
        uint64_t n_same, n_differing, n_without_policy;
} Replay;

#define REPLAY_INIT(export_dir)                                                                              \
        ((Replay){.policies = POLICY_SHELF_INIT(export_dir),                                                 \
                  .permits = PERMIT_COUNTS_INIT,                                                             \
                  .differences = KEY_DIFFERENCES_INIT})

void replay_deinit(Replay *replay);

/**
 * replay_request() - Makes the decision of the next `request` leaf anew.
 * @state:      what the leaves before it say
 * @entry:      of the kind LEAF_REQUEST; each one of the log, in order
 * @ret_fault:  NULL where all is the same; else what differs, good until the next call. Of a policy that is
 *              not to be had only the first leaf says so: the others are counted in `n_without_policy`
 *
 * A leaf that cannot be read as a request is a fault too. Return: 0 or -ENOMEM.
 */
int replay_request(Replay *replay, const LogState *state, const LeafEntry *entry, const char **ret_fault);

/* What `used` is answered from. */
typedef struct ReplayUsed {
        const PermitCounts *permits;
        uint64_t time_usec;
} ReplayUsed;

/** replay_used() - Facts.used over a ReplayUsed: permits with wall above time - window. */
uint64_t replay_used(void *userdata, const char *allow, const char *organisation, uint64_t window_usec);
