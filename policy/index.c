/*
 * Building the index. Each table is a loop over the values of one condition and the rules that have it; what
 * a condition means is said in policy/match.c alone.
 */

#include "policy/index.h"

#include <errno.h>
#include <stdlib.h>

#include "policy/build.h"
#include "policy/match.h"

static int index_table(Build *build, size_t n_rows, size_t n_rules, BitTable *ret_table)
{
        ret_table->n_words = bits_words(n_rules);
        ret_table->bits = arena_new(build->arena, n_rows * ret_table->n_words, sizeof(uint64_t));
        return ret_table->bits ? 0 : -ENOMEM;
}

/* What the conditions of one rule look like, whatever its type. */
typedef struct IndexRule {
        uint32_t operations;
        const Set *purposes;
        const Set *galleries;
} IndexRule;

static IndexRule index_rule(const Policy *policy, ObjectType type, size_t i)
{
        if (type == OBJECT_ALLOW)
                return (IndexRule){policy->allows[i].operations, &policy->allows[i].purposes,
                                   &policy->allows[i].galleries};
        if (type == OBJECT_MORATORIUM)
                return (IndexRule){policy->moratoria[i].operations, &policy->moratoria[i].purposes,
                                   &policy->moratoria[i].galleries};
        return (IndexRule){policy->stand_downs[i].operations, &policy->stand_downs[i].purposes,
                           &policy->stand_downs[i].galleries};
}

static void index_add_rule(const Policy *policy, ObjectType type, size_t i, RuleIndex *index)
{
        const IndexRule rule = index_rule(policy, type, i);
        const size_t n_galleries = policy->objects[OBJECT_GALLERY].n;

        for (size_t k = 0; k < _OPERATION_MAX; k++)
                if (rule.operations & BIT(k))
                        bits_add(bit_table_row(&index->operations, k), i);
        for (size_t k = 0; k < policy->purposes.n; k++)
                if (type == OBJECT_ALLOW ? set_has_purpose(rule.purposes, policy, k)
                                         : set_may_have_purpose(rule.purposes, policy, k))
                        bits_add(bit_table_row(&index->purposes, k), i);
        for (size_t k = 0; k < n_galleries; k++)
                if (rule.galleries->any || bits_has(rule.galleries->bits, k))
                        bits_add(bit_table_row(&index->galleries, k), i);
        if (rule.galleries->any)
                bits_add(bit_table_row(&index->galleries, n_galleries), i);
}

static int index_rules(Build *build, ObjectType type, RuleIndex *index)
{
        const Policy *policy = build->policy;
        const size_t n = policy->objects[type].n;

        int r = index_table(build, _OPERATION_MAX, n, &index->operations);
        if (r == 0)
                r = index_table(build, policy->purposes.n, n, &index->purposes);
        if (r == 0)
                r = index_table(build, policy->objects[OBJECT_GALLERY].n + 1, n, &index->galleries);
        for (size_t i = 0; i < n && r == 0; i++)
                index_add_rule(policy, type, i, index);
        return r;
}

size_t index_party(const Policy *policy, bool is_class, size_t place)
{
        return is_class ? policy->objects[OBJECT_ORGANISATION].n + place : place;
}

static void index_add_party(const Policy *policy, Party party, Index *index)
{
        const size_t row = index_party(policy, party.is_class, party.place);

        for (size_t i = 0; i < policy->objects[OBJECT_ALLOW].n; i++) {
                const Allow *allow = &policy->allows[i];
                if (!party.is_class && party_set_has(&allow->askers, policy, party))
                        bits_add(bit_table_row(&index->askers, row), i);
                if (party_set_has(&allow->on_behalf_of, policy, party))
                        bits_add(bit_table_row(&index->on_behalf, row), i);
                if (party_set_has(&allow->recipients, policy, party))
                        bits_add(bit_table_row(&index->recipients, row), i);
        }
        for (size_t i = 0; i < policy->objects[OBJECT_MORATORIUM].n; i++)
                if (party_may_be_of(policy, party, policy->moratoria[i].classes))
                        bits_add(bit_table_row(&index->parties, row), i);
        for (size_t i = 0; i < policy->objects[OBJECT_STAND_DOWN].n && !party.is_class; i++) {
                const Set *organisations = &policy->stand_downs[i].organisations;
                if (organisations->any || bits_has(organisations->bits, party.place))
                        bits_add(bit_table_row(&index->stopped, row), i);
        }
}

static int index_parties(Build *build, Index *index)
{
        const Policy *policy = build->policy;
        const size_t n_organisations = policy->objects[OBJECT_ORGANISATION].n;
        const size_t n_parties = n_organisations + policy->classes.n;
        const size_t n_allows = policy->objects[OBJECT_ALLOW].n;

        int r = index_table(build, n_organisations, n_allows, &index->askers);
        if (r == 0)
                r = index_table(build, n_parties, n_allows, &index->on_behalf);
        if (r == 0)
                r = index_table(build, n_parties, n_allows, &index->recipients);
        if (r == 0)
                r = index_table(build, n_parties, policy->objects[OBJECT_MORATORIUM].n, &index->parties);
        if (r == 0)
                r = index_table(build, n_organisations, policy->objects[OBJECT_STAND_DOWN].n,
                                &index->stopped);
        for (size_t i = 0; i < n_parties && r == 0; i++) {
                bool is_class = i >= n_organisations;
                index_add_party(policy, (Party){is_class, is_class ? i - n_organisations : i}, index);
        }
        return r;
}

static int index_exceptions(Build *build, Index *index)
{
        const Policy *policy = build->policy;
        const size_t n_moratoria = policy->objects[OBJECT_MORATORIUM].n;

        int r = index_table(build, policy->objects[OBJECT_ALLOW].n, n_moratoria, &index->unpierced);
        for (size_t i = 0; i < policy->objects[OBJECT_ALLOW].n && r == 0; i++)
                for (size_t k = 0; k < n_moratoria; k++)
                        if (!bits_has(policy->moratoria[k].except, i))
                                bits_add(bit_table_row(&index->unpierced, i), k);
        return r;
}

static int peer_key_compare(const void *a, const void *b)
{
        const PeerKey *x = a, *y = b;

        if (x->id != y->id)
                return x->id < y->id ? -1 : 1;
        return x->organisation < y->organisation ? -1 : x->organisation > y->organisation;
}

static size_t peer_count_keys(const Policy *policy, bool users)
{
        size_t n = 0;

        for (size_t i = 0; i < policy->objects[OBJECT_ORGANISATION].n; i++)
                for (size_t k = 0; k < policy->organisations[i].n_peers; k++) {
                        const PeerRule *peer = &policy->organisations[i].peers[k];
                        n += users ? peer->n_users : peer->n_users == 0 ? peer->n_groups : 0;
                }
        return n;
}

static void peer_add_keys(const PeerRule *peer, size_t organisation, bool users, PeerKeys *keys)
{
        const uint32_t *ids = users ? peer->users : peer->groups;
        size_t n = users ? peer->n_users : peer->n_users == 0 ? peer->n_groups : 0;

        for (size_t i = 0; i < n; i++)
                keys->items[keys->n++] = (PeerKey){ids[i], (uint32_t)organisation};
}

static int index_peers(Build *build, bool users, PeerKeys *keys)
{
        const Policy *policy = build->policy;

        keys->items = arena_new(build->arena, peer_count_keys(policy, users), sizeof(PeerKey));
        if (!keys->items)
                return -ENOMEM;
        for (size_t i = 0; i < policy->objects[OBJECT_ORGANISATION].n; i++)
                for (size_t k = 0; k < policy->organisations[i].n_peers; k++)
                        peer_add_keys(&policy->organisations[i].peers[k], i, users, keys);
        if (keys->n > 1)
                qsort(keys->items, keys->n, sizeof(PeerKey), peer_key_compare);
        return 0;
}

const PeerKey *peer_keys_find(const PeerKeys *keys, uint32_t id, size_t *ret_n)
{
        size_t low = 0, high = keys->n, n = 0;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (keys->items[middle].id < id)
                        low = middle + 1;
                else
                        high = middle;
        }
        while (low + n < keys->n && keys->items[low + n].id == id)
                n++;
        *ret_n = n;
        return keys->items + low;
}

int index_build(Build *build)
{
        Index *index = &build->policy->index;

        int r = index_peers(build, true, &index->users);
        if (r == 0)
                r = index_peers(build, false, &index->groups);
        if (r == 0)
                r = index_rules(build, OBJECT_ALLOW, &index->allows);
        if (r == 0)
                r = index_rules(build, OBJECT_MORATORIUM, &index->moratoria);
        if (r == 0)
                r = index_rules(build, OBJECT_STAND_DOWN, &index->stand_downs);
        if (r == 0)
                r = index_parties(build, index);
        return r < 0 ? r : index_exceptions(build, index);
}
