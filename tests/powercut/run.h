#pragma once
/*
 * Run: one run of the log as the guard makes it: its leaves, its order (what was found is closed first, the
 * policy before the requests), its loop. The clock is given: a second a leaf.
 */

#include <systemd/sd-event.h>

#include "book.h"
#include "guard/ledger.h"
#include "policy/policy.h"
#include "trail/trail.h"

typedef struct Run {
        const char *state_dir;
        const Policy *policy; /* borrowed */
        Book *book;           /* borrowed: gets every leaf */
        Ledger ledger;
        Trail *trail;
        sd_event *event;
        uint64_t told;
} Run;

/** run_policy() - A small policy: an organisation that may search, and one under a moratorium. */
Policy *run_policy(void);

/** run_begin() - Opens the log, records what was found and the policy, and waits until that is durable. */
void run_begin(Run *run);

/** run_permit() - A request that is permitted, durable. Return: its index. */
uint64_t run_permit(Run *run);

/** run_outcome() - Its outcome, durable. */
void run_outcome(Run *run, uint64_t of);

/** run_deny() - A request that is denied, durable. */
void run_deny(Run *run);

/** run_beats() - Leaves without requests up to a size, durable. */
void run_beats(Run *run, uint64_t size);

/** run_epoch() - The last leaf of an epoch, durable, and with it the key of the next one. */
void run_epoch(Run *run);

/** run_erase() - Erases the details of two leaves, durable, and waits until no file holds them. */
void run_erase(Run *run, const uint64_t leaves[static 2]);

/** run_settle() - Waits until the export has caught up and the database has rested. */
void run_settle(Run *run);

/** run_end() - A clean stop. */
void run_end(Run *run);
