/*
 * Finding callers. Exhaustive over the atoms of an organisation's [Peer]s; the answer is the decision's own.
 */

#include "policy/caller.h"

uint32_t caller_free_uid(const Policy *policy)
{
        uint32_t uid = 65534; /* what "nobody" is called, so that examples look like it */
        size_t n = 1;

        while (n > 0) {
                (void)peer_keys_find(&policy->index.users, uid, &n);
                uid -= n > 0;
        }
        return uid;
}

/* One entry of a list, or, where there is no list, once without. */
static size_t atom_choices(size_t n)
{
        return n > 0 ? n : 1;
}

bool caller_each_atom(const PeerRule *rule, uint32_t free_uid,
                      bool (*each)(const Caller *caller, void *userdata), void *userdata)
{
        for (size_t u = 0; u < atom_choices(rule->n_users); u++)
                for (size_t g = 0; g < atom_choices(rule->n_groups); g++)
                        for (size_t i = 0; i < atom_choices(rule->n_units); i++) {
                                Caller caller = {
                                        .uid = rule->n_users > 0 ? rule->users[u] : free_uid,
                                        .n_groups = rule->n_groups > 0,
                                        .unit = rule->n_units > 0 ? rule->units[i].text : NULL,
                                        .label = rule->label,
                                };
                                if (caller.n_groups > 0)
                                        caller.groups[0] = rule->groups[g];
                                if (each(&caller, userdata))
                                        return true;
                        }
        return false;
}

typedef struct CallerSearch {
        const Policy *policy;
        size_t organisation;
        Instant at;
        Caller *caller;
} CallerSearch;

static bool caller_is_taken_for(const Caller *caller, void *userdata)
{
        const CallerSearch *search = userdata;
        uint64_t organisations[BITS_WORDS_MAX];
        Peer peer = caller_peer(caller);
        size_t asker = 0;

        policy_match_peer(search->policy, &peer, organisations);
        if (policy_asker(search->policy, organisations, search->at, &asker) != REASON_NONE ||
            asker != search->organisation)
                return false;
        *search->caller = *caller;
        return true;
}

bool caller_find(const Policy *policy, size_t organisation, Instant at, Caller *ret_caller)
{
        const Organisation *wanted = &policy->organisations[organisation];
        CallerSearch search = {policy, organisation, at, ret_caller};
        uint32_t free_uid = caller_free_uid(policy);

        for (size_t i = 0; i < wanted->n_peers; i++)
                if (caller_each_atom(&wanted->peers[i], free_uid, caller_is_taken_for, &search))
                        return true;
        return false;
}
