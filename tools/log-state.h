#pragma once
/*
 * What the leaves of a log so far say about the next one: log time, mark, policy in force (matchguard-trail(7),
 * I2, I7, I10). Pure; knows no rule.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "tools/leaf-entry.h"

typedef struct LogState {
        uint64_t time_usec; /* of the last leaf; 0 before the first */
        bool has_mark;
        uint64_t mark_usec;
        bool has_policy;
        char policy[DIGEST_HEX_SIZE];
} LogState;

#define LOG_STATE_INIT ((LogState){})

/** log_state_take() - Goes on by one leaf. */
void log_state_take(LogState *state, const LeafEntry *entry);

/** log_state_loaded() - The digest of the policy that a leaf says was loaded, NULL where it says no such thing. */
const char *log_state_loaded(const LeafEntry *entry);
