/*
 * Callers that are alike: each of one organisation, the same in both policies, which no rule tells apart
 * and no allow admits beside somebody else. One stands for all.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/comparer.h"

/* The only organisation in a set, or BITS_NONE. */
static size_t bits_only(const uint64_t *bits, size_t n_words)
{
        size_t first = bits_next(bits, n_words, 0);

        return first != BITS_NONE && bits_next(bits, n_words, first + 1) == BITS_NONE ? first : BITS_NONE;
}

static bool rows_equal(const BitTable *table, size_t a, size_t b)
{
        return memcmp(bit_table_row(table, a), bit_table_row(table, b), table->n_words * sizeof(uint64_t)) ==
               0;
}

/* Whether some allow admits an organisation beside the asker. Who is named matters then, and to itself it does not. */
static bool organisation_is_named(const Policy *policy, size_t organisation)
{
        const Index *index = &policy->index;

        return bits_next(bit_table_row(&index->on_behalf, organisation), index->on_behalf.n_words, 0) !=
                       BITS_NONE ||
               bits_next(bit_table_row(&index->recipients, organisation), index->recipients.n_words, 0) !=
                       BITS_NONE;
}

/* Whether two callers, each of one organisation that is the same in both policies, are alike to every rule. */
static bool callers_alike(const Pair *pair, const PairCaller *a, const PairCaller *b)
{
        for (int side = 0; side < 2; side++) {
                const Policy *policy = pair->policies[side];
                const size_t n_words = bits_words(policy->objects[OBJECT_ORGANISATION].n);
                size_t x = bits_only(a->matches[side], n_words), y = bits_only(b->matches[side], n_words);
                if (a->changed || b->changed || x == BITS_NONE || y == BITS_NONE ||
                    policy->organisations[x].span.from != policy->organisations[y].span.from ||
                    policy->organisations[x].span.until != policy->organisations[y].span.until ||
                    !rows_equal(&policy->index.askers, x, y) || !rows_equal(&policy->index.parties, x, y) ||
                    !rows_equal(&policy->index.stopped, x, y) || organisation_is_named(policy, x) ||
                    organisation_is_named(policy, y))
                        return false;
        }
        return true;
}

static int comparer_join_group(Comparer *comparer, const PairCaller *caller)
{
        const Policy *policy = comparer->pair->policies[0];
        const size_t n_words = bits_words(policy->objects[OBJECT_ORGANISATION].n);
        size_t i = 0;

        while (i < comparer->n_groups && !callers_alike(comparer->pair, comparer->groups[i].caller, caller))
                i++;
        CompareGroup *group = &comparer->groups[i];
        if (i == comparer->n_groups) {
                group->caller = caller;
                comparer->n_groups++;
        }
        size_t only = bits_only(caller->matches[0], n_words);
        if (caller->changed || only == BITS_NONE)
                return 0;
        if (!group->askers)
                group->askers = calloc(bits_words(comparer->pair->parties.n), sizeof(uint64_t));
        if (!group->askers)
                return -ENOMEM;
        bits_add(group->askers, pair_find(&comparer->pair->parties, policy->organisations[only].name));
        return 0;
}

int comparer_group_callers(Comparer *comparer)
{
        comparer->groups = calloc(comparer->pair->n_callers + 1, sizeof(CompareGroup));
        int r = comparer->groups ? 0 : -ENOMEM;

        for (size_t i = 0; i < comparer->pair->n_callers && r == 0; i++)
                r = comparer_join_group(comparer, &comparer->pair->callers[i]);
        return r;
}
