#pragma once
/*
 * A part of a gallery, scanned by a device in rounds: what a round found raises the thresholds of the next, which is larger for it.
 *
 * A round takes its blocks from all over the part, in steps of the golden section (worker/pass.c says why). The first is so small that nothing
 * overflows though every row is found; how large the others are follows from what is to be expected of thresholds after so many rows, and from
 * what the last round found. A query of which a round finds more than can be handed out has the round's blocks scanned by the
 * processor; one that bounds are not worth it for (a gallery of near-duplicates) stays with the processor from then on.
 */

#include "worker/copies.h"
#include "worker/queries.h"

typedef struct Rounds Rounds;

/* Above what engine_search() ends with. */
enum {
        ROUNDS_E_FAILED = 20, /* the device has: it is not to be used any more */
        ROUNDS_E_NO_ROOM = 21 /* the device has none for this search */
};

/** rounds_new() - @device: open, borrowed. Return: 0 or -ENOMEM. */
int rounds_new(const DeviceDriver *driver, Device *device, Rounds **ret_rounds);
Rounds *rounds_free(Rounds *rounds);

/* A search. All is borrowed until its last round. */
typedef struct RoundsWork {
        Queries *
                queries; /* with digits of a device; they are written anew where the processor's are to be others */
        const Pass *pass; /* for what the processor scans: all but its queries and range filled in */
        Pool *pool;
} RoundsWork;

/** rounds_begin() - The probes of a search, which the device has. Return: 0 or -ENOMEM. */
int rounds_begin(Rounds *rounds, const RoundsWork *work);

/** rounds_are_over() - Whether all queries were told to stop: nothing is to be scanned any more. */
bool rounds_are_over(Rounds *rounds);

/** rounds_run() - Shows a part to all queries. Return: 0, ENGINE_E_DAMAGED, or ROUNDS_E_* with @ret_why filled in. */
int rounds_run(Rounds *rounds, const CopiesPart *part, DeviceWhy *ret_why);

/** rounds_nanoseconds() - How long the device has worked on the search, by its own clock. */
uint64_t rounds_nanoseconds(const Rounds *rounds);
