/*
 * One policy in a cell: whom it takes the caller for, which allows are viable, and who may be named under each.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/comparer.h"
#include "policy/match.h"

/* Tables over parties, turned round: by rule, in the order of the pair's parties. */
static int side_turn(const Pair *pair, int which, size_t n_rules, const BitTable *const tables[static 2],
                     BitTable *ret_table)
{
        const size_t n_parties = pair->parties.n;

        ret_table->n_words = bits_words(2 * n_parties);
        ret_table->bits = calloc(n_rules * ret_table->n_words + 1, sizeof(uint64_t));
        if (!ret_table->bits)
                return -ENOMEM;
        for (size_t i = 0; i < n_parties; i++) {
                int place = pair->parties.items[i].places[which];
                for (size_t rule = 0; rule < n_rules && place >= 0; rule++)
                        for (size_t list = 0; list < 2; list++)
                                if (bits_has(bit_table_row(tables[list], (size_t)place), rule))
                                        bits_add(bit_table_row(ret_table, rule), list * n_parties + i);
        }
        return 0;
}

static int side_touch(CompareSide *side)
{
        const Policy *policy = side->policy;
        const Index *index = &policy->index;
        const size_t n_allows = policy->objects[OBJECT_ALLOW].n;
        const size_t n_parties = policy->objects[OBJECT_ORGANISATION].n + policy->classes.n;

        side->touched.n_words = index->parties.n_words;
        side->touched.bits = calloc(n_allows * side->touched.n_words + 1, sizeof(uint64_t));
        if (!side->touched.bits)
                return -ENOMEM;
        for (size_t party = 0; party < n_parties; party++) {
                const uint64_t *behalf = bit_table_row(&index->on_behalf, party);
                const uint64_t *recipients = bit_table_row(&index->recipients, party);
                for (size_t i = 0; i < n_allows; i++)
                        if (bits_has(behalf, i) || bits_has(recipients, i))
                                bits_join(bit_table_row(&side->touched, i),
                                          bit_table_row(&index->parties, party), side->touched.n_words);
        }
        return 0;
}

int side_init(CompareSide *side, const Pair *pair, int which)
{
        const Policy *policy = pair->policies[which];
        const Index *index = &policy->index;
        const size_t n_allows = policy->objects[OBJECT_ALLOW].n, n_words = bits_words(2 * pair->parties.n);

        side->policy = policy;
        side->allows = calloc(n_allows + 1, sizeof(size_t));
        side->free = calloc(n_allows + 1, sizeof(uint64_t *));
        side->room = calloc(n_allows * n_words + 1, sizeof(uint64_t));
        if (!side->allows || !side->free || !side->room)
                return -ENOMEM;
        int r = side_turn(pair, which, n_allows,
                          (const BitTable *const[]){&index->on_behalf, &index->recipients}, &side->admitted);
        if (r == 0)
                r = side_turn(pair, which, policy->objects[OBJECT_MORATORIUM].n,
                              (const BitTable *const[]){&index->parties, &index->parties}, &side->covered);
        return r < 0 ? r : side_touch(side);
}

void side_deinit(CompareSide *side)
{
        free(side->allows);
        free(side->free);
        free(side->room);
        free(side->admitted.bits);
        free(side->covered.bits);
        free(side->touched.bits);
}

bool side_take_caller(Comparer *comparer, int which)
{
        const CompareSide *side = &comparer->sides[which];
        const Index *index = &side->policy->index;
        const uint64_t *matches = comparer->group->caller->matches[which];
        const size_t n_match_words = bits_words(side->policy->objects[OBJECT_ORGANISATION].n);
        const size_t n_moratoria_words = index->parties.n_words, n_allow_words = index->askers.n_words;
        uint64_t *asked = comparer->asked[which], *harmful = comparer->harmful[which];
        uint64_t own[BITS_WORDS_MAX] = {};
        bool any = false;

        memset(asked, 0, n_allow_words * sizeof(uint64_t));
        memset(harmful, 0, n_moratoria_words * sizeof(uint64_t));
        for (size_t i = 0; (i = bits_next(matches, n_match_words, i)) != BITS_NONE; i++) {
                bits_join(asked, bit_table_row(&index->askers, i), n_allow_words);
                bits_join(own, bit_table_row(&index->parties, i), n_moratoria_words);
        }
        bits_keep(asked, comparer->allows[which], n_allow_words);
        for (size_t i = 0; (i = bits_next(asked, n_allow_words, i)) != BITS_NONE; i++) {
                const uint64_t *unpierced = bit_table_row(&index->unpierced, i);
                const uint64_t *touched = bit_table_row(&side->touched, i);
                any = true;
                for (size_t k = 0; k < n_moratoria_words; k++)
                        harmful[k] |= unpierced[k] & (touched[k] | own[k]);
        }
        bits_keep(harmful, comparer->moratoria[which], n_moratoria_words);
        return any;
}

void side_bounds(const Comparer *comparer, int which, size_t *n, size_t *n_loosening)
{
        const Policy *policy = comparer->pair->policies[which];
        const uint64_t *matches = comparer->group->caller->matches[which];
        const size_t n_match_words = bits_words(policy->objects[OBJECT_ORGANISATION].n);
        const size_t n_allow_words = policy->index.askers.n_words;
        const size_t n_moratoria_words = policy->index.parties.n_words;

        for (size_t i = 0; (i = bits_next(matches, n_match_words, i)) != BITS_NONE; i++) {
                instants_add(comparer->bounds, n, policy->organisations[i].span);
                instants_add(comparer->loosening, n_loosening, policy->organisations[i].span);
        }
        for (size_t i = 0; (i = bits_next(comparer->asked[which], n_allow_words, i)) != BITS_NONE; i++) {
                instants_add(comparer->bounds, n, policy->allows[i].span);
                comparer->loosening[(*n_loosening)++] = policy->allows[i].span.from;
        }
        for (size_t i = 0; (i = bits_next(comparer->harmful[which], n_moratoria_words, i)) != BITS_NONE;
             i++) {
                instants_add(comparer->bounds, n, policy->moratoria[i].span);
                comparer->loosening[(*n_loosening)++] = policy->moratoria[i].span.until;
        }
}

/* The free parties of an allow while these moratoria cover whom they cover. */
static void side_add_allow(Comparer *comparer, CompareSide *side, size_t allow, const uint64_t *harmful)
{
        const size_t n_words = comparer->n_named_words, n_parties = comparer->pair->parties.n;
        const size_t n_moratoria_words = side->policy->index.parties.n_words;
        uint64_t *free = side->room + side->n * n_words;
        const size_t own = pair_find(&comparer->pair->parties, side->policy->organisations[side->asker].name);

        memcpy(free, bit_table_row(&side->admitted, allow), n_words * sizeof(uint64_t));
        for (size_t i = 0; (i = bits_next(harmful, n_moratoria_words, i)) != BITS_NONE; i++) {
                const uint64_t *covered = bit_table_row(&side->covered, i);
                for (size_t k = 0; k < n_words; k++)
                        free[k] &= ~covered[k];
        }
        /* The asker may name itself. */
        bits_add(free, own);
        bits_add(free, n_parties + own);
        side->allows[side->n] = allow;
        side->free[side->n++] = free;
}

static bool side_is_stopped(const Comparer *comparer, int which)
{
        const CompareSide *side = &comparer->sides[which];
        const Index *index = &side->policy->index;

        return bits_meet(comparer->stand_downs[which], bit_table_row(&index->stopped, side->asker),
                         index->stopped.n_words);
}

static void side_find_in_force(const Comparer *comparer, int which, CompareSide *side)
{
        const size_t n_words = side->policy->index.parties.n_words;

        memcpy(side->in_force, comparer->harmful[which], n_words * sizeof(uint64_t));
        for (size_t i = 0; (i = bits_next(side->in_force, n_words, i)) != BITS_NONE; i++)
                if (!moratorium_in_force(&side->policy->moratoria[i], comparer->at))
                        bits_drop(side->in_force, i);
}

void side_look(Comparer *comparer, int which)
{
        CompareSide *side = &comparer->sides[which];
        const Policy *policy = side->policy;
        const Index *index = &policy->index;
        const uint64_t *matches = comparer->group->caller->matches[which];
        const size_t n_words = index->parties.n_words;
        uint64_t harmful[BITS_WORDS_MAX];

        side->n = 0;
        side_find_in_force(comparer, which, side);
        side->known = policy_asker(policy, matches, comparer->at, &side->asker) == REASON_NONE;
        if (!side->known || side_is_stopped(comparer, which))
                return;
        for (size_t i = 0; (i = bits_next(comparer->asked[which], index->askers.n_words, i)) != BITS_NONE;
             i++) {
                if (!bits_has(bit_table_row(&index->askers, side->asker), i) ||
                    !span_is_valid(policy->allows[i].span, comparer->at))
                        continue;
                memcpy(harmful, bit_table_row(&index->unpierced, i), n_words * sizeof(uint64_t));
                bits_keep(harmful, side->in_force, n_words);
                if (!bits_meet(harmful, bit_table_row(&index->parties, side->asker), n_words))
                        side_add_allow(comparer, side, i, harmful);
        }
}
