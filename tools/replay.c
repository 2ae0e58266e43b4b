/* Decisions made anew, one leaf after the other. */

#include "tools/replay.h"

#include <errno.h>
#include <string.h>

#include "base/macro.h"

void replay_deinit(Replay *replay)
{
        policy_shelf_deinit(&replay->policies);
        permit_counts_deinit(&replay->permits);
        decision_deinit(&replay->decision);
        key_differences_deinit(&replay->differences);
        buffer_deinit(&replay->fault);
}

uint64_t replay_used(void *userdata, const char *allow, const char *organisation, uint64_t window_usec)
{
        const ReplayUsed *used = userdata;
        uint64_t after_usec = used->time_usec > window_usec ? used->time_usec - window_usec : 0;

        return permit_counts_above(used->permits, (PermitOf){organisation, allow}, after_usec);
}

/* What the earlier leaves say, and not the leaf itself: the mark, and whether the clock is behind it. */
static void add_time(const LogState *state, RequestLeaf *request)
{
        Facts *facts = &request->facts;
        bool synchronised =
                strcmp(request_leaf_text(request, REQUEST_CLOCK), facts_clock_name(CLOCK_SYNCHRONISED)) == 0;

        facts->has_mark = state->has_mark;
        facts->mark_usec = state->mark_usec;
        facts->clock = facts_clock(synchronised, facts->time_usec, state->has_mark, state->mark_usec);
}

static int decide(Replay *replay, const LogState *state)
{
        Facts *facts = &replay->request.facts;
        ReplayUsed used = {&replay->permits, facts->time_usec};
        const Remade remade = {replay->policy, state->policy, facts, &replay->decision};

        decision_deinit(&replay->decision);
        facts->used = replay_used;
        facts->used_userdata = &used;
        int r = policy_decide(replay->policy, facts, &replay->decision);
        facts->used = NULL;
        facts->used_userdata = NULL;
        if (r == 0)
                r = decided_keys_compare(&replay->request, &remade, &replay->differences);
        if (r < 0)
                return r;
        if (replay->differences.n == 0)
                replay->n_same++;
        else
                replay->n_differing++;
        key_differences_words(&replay->differences, &replay->fault);
        return replay->fault.failed ? -ENOMEM : 0;
}

/* A rate counts what was given, as it stands in the log, whether it should have been or not. */
static int count_permit(Replay *replay, const LeafEntry *entry)
{
        const PermitOf of = {request_leaf_text(&replay->request, REQUEST_ORGANISATION),
                             request_leaf_text(&replay->request, REQUEST_RULE)};

        if (!entry->permit || !of.organisation || !of.rule)
                return 0;
        return permit_counts_add(&replay->permits, of, replay->request.facts.time_usec);
}

/* Return: 0, or what policy_shelf_get() said. */
static int find_policy(Replay *replay, const LogState *state, const Policy **ret_policy)
{
        int r = POLICY_SHELF_E_AGAIN;

        if (state->has_policy)
                r = policy_shelf_get(&replay->policies, state->policy, ret_policy, &replay->fault);
        else
                buffer_append_text(&replay->fault, "no policy was loaded before it");
        if (r == POLICY_SHELF_E_FAULT)
                buffer_append_text(&replay->fault,
                                   "; this decision and the others under it were not recomputed");
        if (r > 0)
                replay->n_without_policy++;
        return r;
}

int replay_request(Replay *replay, const LogState *state, const LeafEntry *entry, const char **ret_fault)
{
        replay->policy = NULL;
        *ret_fault = request_leaf_read(&entry->leaf, &replay->request);
        replay->readable = !*ret_fault;
        if (*ret_fault) {
                replay->n_differing++;
                return 0;
        }
        buffer_clear(&replay->fault);
        add_time(state, &replay->request);
        int r = find_policy(replay, state, &replay->policy);
        if (r == 0)
                r = decide(replay, state);
        if (r >= 0)
                r = count_permit(replay, entry);
        if (r == 0 && replay->fault.n > 0)
                *ret_fault = buffer_text(&replay->fault);
        return r;
}
