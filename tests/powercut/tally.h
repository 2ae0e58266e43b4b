#pragma once
/* Tally: states that were tried, each once however often it comes up, and what came of them. Shared between the
 * processes that try them. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "judge.h"

typedef struct Counts {
        size_t n_states; /* that came up */
        size_t n_tried;  /* different ones */
        size_t n_audited;
        size_t n_seeds; /* that hold the seed of an epoch that ended */
        size_t endings[_ENDING_MAX];
} Counts;

/* What is known of a state: it need not be opened again. */
typedef struct Known {
        Digest hash;
        Ending ending;
        uint64_t size;
} Known;

typedef struct Seen {
        Known *slots;
        size_t n, capacity;
} Seen;

void seen_deinit(Seen *seen);

/** seen_find() - Return: what came of this state, or NULL. */
const Known *seen_find(const Seen *seen, const Digest *hash);

void seen_add(Seen *seen, const Known *known);
