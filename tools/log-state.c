/* The state that a log has reached. Pure. */

#include "tools/log-state.h"

#include <string.h>

#include "base/text.h"
#include "policy/decide.h"

const char *log_state_loaded(const LeafEntry *entry)
{
        const char *new = entry->kind == LEAF_POLICY ? leaf_text(&entry->leaf, "new") : NULL;
        Digest digest;

        if (!new || !leaf_is(&entry->leaf, "result", "loaded") || !digest_from_hex(new, &digest))
                return NULL;
        return new;
}

/* The largest synchronised wall time, since an administrator set it back. */
static void take_mark(LogState *state, const LeafEntry *entry)
{
        bool rebase = entry->kind == LEAF_JUMP && leaf_number(&entry->leaf, "by", &(uint64_t){0});
        uint64_t wall;

        if (!leaf_entry_number(entry, LEAF_KEY_WALL, &wall))
                return;
        if (rebase || (leaf_entry_is(entry, LEAF_KEY_CLOCK, facts_clock_name(CLOCK_SYNCHRONISED)) &&
                       (!state->has_mark || wall > state->mark_usec))) {
                state->has_mark = true;
                state->mark_usec = wall;
        }
}

/* A policy whose digest is none is in force all the same: what was before is not. */
static void take_policy(LogState *state, const LeafEntry *entry)
{
        const char *new = log_state_loaded(entry);

        if (entry->kind != LEAF_POLICY || !leaf_is(&entry->leaf, "result", "loaded"))
                return;
        state->has_policy = new != NULL;
        if (new)
                memcpy(state->policy, new, DIGEST_HEX_SIZE);
}

void log_state_take(LogState *state, const LeafEntry *entry)
{
        uint64_t time;

        if (leaf_entry_number(entry, LEAF_KEY_TIME, &time))
                state->time_usec = time;
        take_mark(state, entry);
        take_policy(state, entry);
}
